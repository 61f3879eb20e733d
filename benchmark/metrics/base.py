"""What every metric is, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.registry import Registry


@runtime_checkable
class Metric(Protocol):
    """One column of a score table.

    An implementation is picklable, keeps no state between calls and gives the same values for a
    batch as for its images one by one.

    A metric that looks at semantic classes has a further attribute ``needs_label = True``: its
    ``prepare(sharp, label)`` is also given the labels of the sharp image, (H, W) uint8 classes of
    Helen, or None for an image that has none; then, and where its class is absent, it measures NaN.

    A metric whose values have bounds gives them as ``limits``, the least and the greatest: intervals
    of means are cut to them. Without the attribute values can be any number.

    A metric of estimated kernels has ``needs_kernel = True`` and is asked for
    ``measure_kernels(pairs)``, one value a pair (estimated, true) of (k, k) float64 point spread
    functions; NaN where either is None.
    """

    @property
    def signature(self) -> Signature:
        """Complete definition: every default filled in, versions and hashes where they matter."""

    @property
    def label(self) -> str:
        """Short column heading, e.g. ``PSNR``."""

    @property
    def unit(self) -> str:
        """``dB``, ``fraction``, or empty for a plain number."""

    @property
    def higher_is_better(self) -> bool:
        """Which way is good."""

    @property
    def worst(self) -> float:
        """What a failed pair counts as where the protocol names nothing else."""

    @property
    def needs_sharp(self) -> bool:
        """False for a metric of the restored image alone; it is given None in place of a missing sharp image."""

    def prepare(self, sharp: np.ndarray) -> Any:
        """Compute once per sharp image what all its restored versions share.

        Parameters
        ----------
        sharp : ndarray, (H, W, 3) uint8 RGB
            The sharp image.

        Returns
        -------
        object
            Anything picklable; handed back to `measure` as it is.
        """

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Any) -> np.ndarray:
        """Compare restored images with their sharp one.

        Parameters
        ----------
        restored : ndarray, (N, H, W, 3) uint8 RGB
            Restored versions of one image.
        sharp : ndarray, (H, W, 3) uint8 RGB
            That image.
        prepared : object
            What `prepare` returned for `sharp`.

        Returns
        -------
        ndarray, (N,) float64
            One value each; NaN where the measurement failed (no face found, for instance).

        Raises
        ------
        InputError
            When a shape or type is wrong: that is not a failed measurement.
        """


METRICS: Registry[Callable[..., Metric]] = Registry("metric", group="facedeblur.metrics")
"""Family name -> factory(*args) -> Metric. The factory fills in defaults and refuses what it does not know."""

METRICS.add("psnr", "facedeblur.benchmark.metrics.fidelity.psnr_ssim:psnr_metric")
METRICS.add("ssim", "facedeblur.benchmark.metrics.fidelity.psnr_ssim:ssim_metric")
METRICS.add("ms-ssim", "facedeblur.benchmark.metrics.fidelity.ms_ssim:ms_ssim_metric")
METRICS.add("psnr-crop", "facedeblur.benchmark.metrics.fidelity.crop:psnr_crop_metric")
METRICS.add("ssim-crop", "facedeblur.benchmark.metrics.fidelity.crop:ssim_crop_metric")
METRICS.add("psnr-shift", "facedeblur.benchmark.metrics.fidelity.shift:psnr_shift_metric")
METRICS.add("ssim-shift", "facedeblur.benchmark.metrics.fidelity.shift:ssim_shift_metric")
METRICS.add("psnr-class", "facedeblur.benchmark.metrics.fidelity.semantic:class_psnr_metric")
METRICS.add("ssim-class", "facedeblur.benchmark.metrics.fidelity.semantic:class_ssim_metric")
METRICS.add("kernel-similarity", "facedeblur.benchmark.metrics.kernels:kernel_similarity_metric")
METRICS.add("kernel-error", "facedeblur.benchmark.metrics.kernels:kernel_error_metric")
METRICS.add("identity", "facedeblur.benchmark.metrics.faces.identity:identity_metric")
METRICS.add("dvgg", "facedeblur.benchmark.metrics.perceptual.dvgg:dvgg_metric")
METRICS.add("detection", "facedeblur.benchmark.metrics.faces.detection:detection_metric")
METRICS.add("landmarks", "facedeblur.benchmark.metrics.faces.landmarks:landmark_metric")
METRICS.add("lpips", "facedeblur.benchmark.metrics.perceptual.lpips:lpips_metric")
METRICS.add("dists", "facedeblur.benchmark.metrics.perceptual.dists:dists_metric")
METRICS.add("niqe", "facedeblur.benchmark.metrics.perceptual.niqe:niqe_metric")


def metric(text: str) -> Metric:
    """Return the metric that a name or signature stands for.

    Parameters
    ----------
    text : str
        A family (``ssim``), a family with some arguments (``ssim[skimage]``) or a whole signature.
        What is left out takes the family's default; ``metric(str(m.signature))`` is `m` again.

    Raises
    ------
    InputError
        When the family or an argument is unknown (with the nearest name), or a package it needs is missing.
    """
    wanted = Signature.parse(text)
    return METRICS.get(wanted.name)(*wanted.args)


def fill(family: str, args: Sequence[str], *slots: Sequence[str]) -> tuple[str, ...]:
    """Sort arguments into slots and fill the empty ones with their defaults.

    Parameters
    ----------
    family : str
        Name of the metric, for the error line.
    args : sequence of str
        What was written between the brackets, in any order.
    *slots : sequence of str
        The values that each slot takes, its default first. A slot of one value is a fixed part of the definition.

    Returns
    -------
    tuple of str
        One value a slot, in the order of the slots.

    Raises
    ------
    InputError
        When an argument fits no slot (with the nearest that would), or two fit the same one.
    """
    chosen: list[str | None] = [None] * len(slots)
    for arg in args:
        place = next((i for i, slot in enumerate(slots) if arg in slot), None)
        if place is None:
            known = [value for slot in slots for value in slot]
            raise InputError(
                f"argument '{arg}' of metric '{family}'", expected=f"one of {', '.join(known)}", do=suggest(arg, known)
            )
        if chosen[place] is not None:
            raise InputError(
                f"argument '{arg}' of metric '{family}'",
                expected=f"one of {', '.join(slots[place])}",
                found=f"'{chosen[place]}' as well",
            )
        chosen[place] = arg
    return tuple(slot[0] if value is None else value for value, slot in zip(chosen, slots, strict=True))
