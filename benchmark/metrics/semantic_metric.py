"""Score-table columns of PSNR and SSIM by semantic class; see `facedeblur.benchmark.metrics.semantic`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from facedeblur.benchmark.classes import GROUPS
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.semantic import (
    NORMALISATIONS,
    SSIM_DEFINITIONS,
    Region,
    locate,
    psnr_within,
    ssim_within,
)
from facedeblur.benchmark.metrics.signature import Signature


class _Compare(Protocol):
    def __call__(self, restored: np.ndarray, sharp: np.ndarray, region: Region | None, /) -> float: ...


@dataclass(frozen=True)
class ClassFidelity:
    """A fidelity metric of one semantic class (see `Metric`); one column a class.

    The classes are those of the sharp image. A failed pair counts as the bottom of the scale, as with `Fidelity`.
    """

    signature: Signature
    label: str
    unit: str
    worst: float
    limits: tuple[float, float]
    classes: tuple[int, ...]
    compare: _Compare
    higher_is_better: bool = True
    needs_sharp: bool = True
    needs_label: bool = True

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> Region | None:
        """Find the class in the labels of the sharp image.

        Parameters
        ----------
        sharp : ndarray, (H, W, 3) uint8 RGB
        label : ndarray, (H, W) uint8, or None
            Classes of Helen; None for an image without labels.

        Returns
        -------
        Region or None
            None where the class is absent or nothing is known.

        Raises
        ------
        InputError
            When the labels have another size or unknown classes.
        """
        return None if label is None else locate(sharp, label, self.classes)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Region | None) -> np.ndarray:
        """Return one value for each of (N, H, W, 3) uint8 RGB; (N,) float64, all NaN without the class."""
        return np.array([self.compare(image, sharp, prepared) for image in restored], dtype=np.float64)


def class_psnr_metric(*args: str) -> ClassFidelity:
    """PSNR of a class of the face: ``psnr-class[rgb,255,masked,umsn4,skin]``; a class, its partition, ``region``."""
    caps = [arg for arg in args if re.fullmatch(r"cap\d+(\.\d+)?", arg)]
    if len(caps) > 1:
        raise InputError(f"argument '{caps[1]}' of metric 'psnr-class'", expected="one cap", found=f"'{caps[0]}' too")
    space, peak, how, partition, group = _slots(
        "psnr-class", [arg for arg in args if arg not in caps], ("rgb",), ("255",)
    )
    cap = float(caps[0][3:]) if caps else math.inf
    return ClassFidelity(
        Signature("psnr-class", (space, peak, how, partition, group, *(f"cap{float(cap[3:]):g}" for cap in caps))),
        _heading("PSNR", how, partition, group),
        "dB",
        0.0,
        (0.0, cap),
        GROUPS[partition][group],
        partial(psnr_within, definition=how, cap=cap),
    )


def class_ssim_metric(*args: str) -> ClassFidelity:
    """SSIM of a class of the face: ``ssim-class[matlab3d,masked,umsn4,skin]``; class, partition, ``perchannel``."""
    window, how, partition, group = _slots("ssim-class", args, tuple(SSIM_DEFINITIONS))
    return ClassFidelity(
        Signature("ssim-class", (window, how, partition, group)),
        _heading(SSIM_DEFINITIONS[window], how, partition, group),
        "",
        -1.0,
        (-1.0, 1.0),
        GROUPS[partition][group],
        partial(ssim_within, definition=how, window=window),
    )


def _slots(family: str, args: Sequence[str], *slots: tuple[str, ...]) -> tuple[str, ...]:
    """Sort the arguments; the partition is the first that has the class, unless it is named."""
    named = [arg for arg in args if arg in GROUPS]
    groups = {group: None for partition in named or GROUPS for group in GROUPS[partition]}
    chosen = [arg for arg in args if arg in groups]
    filled = fill(family, args, *slots, NORMALISATIONS, tuple(GROUPS), tuple(groups))
    if not chosen:
        raise InputError(f"metric '{family}'", expected=f"a class: {', '.join(groups)}", found="none", do="name one")
    partition = named[0] if named else next(name for name, some in GROUPS.items() if chosen[0] in some)
    return (*filled[:-2], partition, chosen[0])


def _heading(measure: str, how: str, partition: str, group: str) -> str:
    note = partition if how == "masked" else f"{partition}, region"
    return f"{measure} {group.replace('-', ' ')} ({note})"
