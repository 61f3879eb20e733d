"""PSNR and SSIM between a restored image and its sharp one, each in the definitions that face papers used.

Sources: Wang et al. 2004 (SSIM); MathWorks `psnr`, `ssim`, `rgb2ycbcr`; scikit-image `structural_similarity`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics import fidelity_kernels as kernels
from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.luma import LUMA, frozen, luma, luma_squared_error
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.metrics.uniform_kernels import uniform_ssim

SPACES = {"rgb": "PSNR", "y-limited": "PSNR Y", "y-full": "PSNR Y-full"}
"""Where PSNR looks for the error, all three channels or a luma of BT.601 (see `luma`), and the column heading."""

_GAUSSIAN = ("s1.5", "w11")
DEFINITIONS: dict[str, tuple[str, tuple[str, str]]] = {
    "matlab3d": ("SSIM", _GAUSSIAN),
    "perchannel": ("SSIM RGB", _GAUSSIAN),
    "perchannel-replicate": ("SSIM RGB rep", _GAUSSIAN),
    "y-limited": ("SSIM Y", _GAUSSIAN),
    "y-limited-replicate": ("SSIM Y rep", _GAUSSIAN),
    "y-full": ("SSIM Y-full", _GAUSSIAN),
    "y-full-replicate": ("SSIM Y-full rep", _GAUSSIAN),
    "skimage": ("SSIM 7x7", ("uniform", "w7")),
}
"""SSIM definitions, each with its column heading and the window that belongs to it."""

_TAPS, _MIX, _NO_MIX = kernels.gaussian_taps(), kernels.channel_mix(), np.empty((0, 0))


def psnr(restored: np.ndarray, sharp: np.ndarray, *, space: str = "rgb", cap: float | None = None) -> float:
    """Peak signal-to-noise ratio of 8-bit images in dB.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images; exchanging them changes nothing.
    space : {"rgb", "y-limited", "y-full"}
        ``rgb``: one mean squared error over all samples of all three channels, as MATLAB's `psnr` does.
        ``y-*``: over the unrounded luma (see `luma`), 1.3 to 1.5 dB higher for ``y-limited``.
    cap : float, optional
        Largest value returned, in dB (public code uses 100).

    Returns
    -------
    float
        ``10 log10(255^2 / MSE)``, with an exact integer error. Infinite for identical images unless `cap` is given:
        an infinite value is shown as such by every statistic, so that it is seen and not averaged away.

    Raises
    ------
    InputError
        When shape or type are not those above, or `space` is unknown.
    """
    check_images(restored, sharp)
    if space == "rgb":
        error = float(kernels.squared_error(frozen(restored).reshape(-1), frozen(sharp).reshape(-1))) / sharp.size
    elif space in SPACES:
        error = luma_squared_error(restored, sharp, space) / (sharp.size // 3)
    else:
        raise InputError(f"PSNR space '{space}'", expected=f"one of {', '.join(SPACES)}", do=suggest(space, SPACES))
    value = math.inf if error == 0 else 10 * math.log10(255**2 / error)
    return value if cap is None else min(value, cap)


def ssim(restored: np.ndarray, sharp: np.ndarray, *, definition: str = "matlab3d") -> float:
    """Mean structural similarity of 8-bit images; K = (0.01, 0.03), L = 255, float64.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images; exchanging them changes nothing, not even the last bit.
    definition : str
        ``matlab3d``: what MATLAB's `ssim` does to an RGB array: an 11x11x11 Gaussian window, sigma 1.5, that also runs
        across the channels, replicated borders on all three axes, biased moments, mean of the full map.
        ``perchannel``: Wang's: 11x11 Gaussian, sigma 1.5, biased moments, valid region, mean over the channels
        (BasicSR; scikit-image with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``).
        ``perchannel-replicate``: the same with replicated borders and the full map.
        ``y-limited``, ``y-full``: the same on the unrounded luma, valid region; ``...-replicate``: full map.
        ``skimage``: scikit-image's default: 7x7 uniform window, sample covariance, valid region, mean over channels.
        On the same images they differ by up to 0.12: never compare across definitions.

    Returns
    -------
    float
        At most 1, which is reached by identical images only; can be slightly negative.

    Raises
    ------
    InputError
        When shape or type are not those above, the definition is unknown, or the image is smaller than the window.
    """
    check_images(restored, sharp)
    if definition not in DEFINITIONS:
        raise InputError(
            f"SSIM definition '{definition}'",
            expected=f"one of {', '.join(DEFINITIONS)}",
            do=suggest(definition, DEFINITIONS),
        )
    window = int(DEFINITIONS[definition][1][1].removeprefix("w"))
    height, width = sharp.shape[:2]
    if min(height, width) < window:
        raise InputError(
            f"image of {width}x{height} pixels",
            expected=f"at least {window}x{window} for ssim[{definition}]",
            do="score larger images, or use psnr",
        )
    if definition == "skimage":
        return float(uniform_ssim(frozen(restored), frozen(sharp)))
    volume, border = definition == "matlab3d", definition.endswith("-replicate")
    range_ = definition.removesuffix("-replicate")
    x, y = (luma(image, range_) if range_ in LUMA else frozen(image) for image in (restored, sharp))
    return float(kernels.gaussian_ssim(x, y, 5 if volume or border else 0, _MIX if volume else _NO_MIX, _TAPS))


def check_images(restored: np.ndarray, sharp: np.ndarray) -> None:
    """Refuse anything but two (H, W, 3) uint8 RGB images of one shape.

    Raises
    ------
    InputError
        Naming both shapes and types.
    """
    for name, image in (("restored", restored), ("sharp", sharp)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise InputError(
                f"{name} image", expected="(H, W, 3) uint8 RGB", found=f"{image.shape} {image.dtype}", do="convert it"
            )
    if restored.shape != sharp.shape:
        raise InputError(
            "restored image", expected=f"the shape of the sharp image, {sharp.shape}", found=f"{restored.shape}"
        )


@dataclass(frozen=True)
class Fidelity:
    """A metric that compares two images sample by sample (see `Metric`).

    A failed pair counts as the bottom of the scale, 0 dB (black against white) or an SSIM of -1 (the negative): nothing
    is gained by failing. Nothing is prepared for the sharp image: reading its stored moments back saves less than a
    tenth of the time, costs 0.7 MB an image of 128x128, and would end the exact symmetry.
    """

    signature: Signature
    label: str
    unit: str
    worst: float
    limits: tuple[float, float]
    compare: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool = True
    needs_sharp: bool = True

    def prepare(self, sharp: np.ndarray) -> Any:
        """Return None: see the note above."""
        return None

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Any = None) -> np.ndarray:
        """Return `compare` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB; (N,) float64, never NaN."""
        return np.array([self.compare(image, sharp) for image in restored], dtype=np.float64)


def psnr_metric(*args: str) -> Fidelity:
    """Peak signal-to-noise ratio: ``psnr[rgb,255]``, or ``y-limited``, ``y-full``; a cap in dB such as ``cap100``."""
    caps = [arg for arg in args if re.fullmatch(r"cap\d+(\.\d+)?", arg)]
    space, peak = fill("psnr", [arg for arg in args if arg not in caps], tuple(SPACES), ("255",))
    if len(caps) > 1:
        raise InputError(f"argument '{caps[1]}' of metric 'psnr'", expected="one cap", found=f"'{caps[0]}' as well")
    cap = float(caps[0][3:]) if caps else None
    return Fidelity(
        signature=Signature("psnr", (space, peak, *(f"cap{float(value[3:]):g}" for value in caps))),
        label=SPACES[space],
        unit="dB",
        worst=0.0,
        limits=(0.0, math.inf if cap is None else cap),
        compare=partial(psnr, space=space, cap=cap),
    )


def ssim_metric(*args: str) -> Fidelity:
    """Structural similarity: ``ssim[matlab3d]``, or ``perchannel``, ``skimage``, ...; each with its window."""
    definition = next((arg for arg in args if arg in DEFINITIONS), "matlab3d")
    label, parts = DEFINITIONS[definition]
    definition, *window = fill("ssim", args, (definition, *DEFINITIONS), *((part,) for part in parts))
    return Fidelity(
        signature=Signature("ssim", (definition, *window)),
        label=label,
        unit="",
        worst=-1.0,
        limits=(-1.0, 1.0),
        compare=partial(ssim, definition=definition),
    )
