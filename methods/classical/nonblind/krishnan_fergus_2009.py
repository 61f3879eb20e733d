"""Krishnan & Fergus, Fast image deconvolution using hyper-Laplacian priors, NIPS 2009.

The latent image x minimises ``weight / 2 |k conv x - y|^2 + sum |D x|^alpha`` over both directions
of circular forward differences D, by half-quadratic splitting: for a growing beta the gradients are
shrunk on their own, then x is one division of spectra.

A gradient v is shrunk to the w that minimises ``|w|^alpha + beta / 2 (w - v)^2``, in loops compiled by numba.
For alpha 1/2 and 2/3 a root of w = t^2 or w = t^3 is the largest zero of a cubic or quartic in t,

    t^3 - |v| t + 1 / (2 beta) = 0,        t^4 - |v| t + 2 / (3 beta) = 0,

which Newton's steps reach from the right in five; it is taken where |v| is over the threshold
at which the minimum jumps from 0 (Xu et al. 2012 for 1/2, Cao et al. 2013 for 2/3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import method
from facedeblur.methods.classical.nonblind.boundary import Periodic, gradient_power

ALPHAS = {"1/2": (0.5, 2), "2/3": (2 / 3, 3), "1": (1.0, 1)}
"""Name -> (alpha, the power of t by which the shrinkage is a polynomial)."""
BETAS = tuple(2.0 ** (1.5 * step) for step in range(6))
"""1, times the root of 8 while under 256."""
TAPERS = 4
PRECISION = 1e-6
"""Least |K|^2 that counts next to the gradients: keeps the division by spectra finite."""


def hyper_laplacian(
    blurred: np.ndarray,
    kernel: np.ndarray | Sequence[np.ndarray],
    *,
    alpha: float = 2 / 3,
    weight: float = 2000.0,
    betas: Sequence[float] = BETAS,
    tapers: int = TAPERS,
    border: str = "taper",
) -> np.ndarray:
    """Deconvolve with a known kernel under a hyper-Laplacian prior on the gradients.

    Parameters
    ----------
    blurred : (H, W, C) or (N, H, W, C) float
        Values in [0, 1]; each channel is restored separately; C is 3 for RGB and 1 for grey.
    kernel : (k, k) float or sequence of N such
        Point spread function of odd size, which is normalised to sum 1; one for all images or one per image.
    alpha : {1/2, 2/3, 1}
        Exponent of the prior.
    weight : float
        Weight of the data term (lambda); 2000 to 3000 for noise of a standard deviation near 0.01.
    betas : sequence of float
        Schedule of the splitting, one shrinkage and one division each.
    tapers : int
        Rounds of edge tapering after replication.
    border : {'taper', 'wrap'}
        See `boundary`.

    Returns
    -------
    np.ndarray
        Shape of `blurred`, float32, not clipped.

    Raises
    ------
    InputError
        For another alpha, a weight or beta that is not positive, or an unusable kernel.
    """

    exponent, power = _read_alpha(alpha)
    for name, value in (("weight", weight), *(("betas", beta) for beta in betas)):
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"hyper-Laplacian, '{name}'", expected="a number above 0", found=f"{value}")
    images = blurred if blurred.ndim == 4 else blurred[None]
    kernels = [kernel] * len(images) if isinstance(kernel, np.ndarray) and kernel.ndim == 2 else list(kernel)
    restored = np.empty(images.shape, np.float32)
    for at, (image, spread) in enumerate(zip(images, kernels, strict=True)):
        ground = Periodic(image, checked_kernel(spread), rounds=tapers, border=border)
        power_of_kernel = ground.otf.real**2 + ground.otf.imag**2
        gradients = gradient_power(ground.shape).astype(np.float32)
        data = ground.otf.conj() * ground.transform(ground.image)
        estimate = ground.image
        for beta in betas:
            limit = np.float32(threshold(exponent, beta))
            shrunk = shrunk_divergence(estimate, power, np.float32(beta), limit)
            ratio = np.float32(weight / beta)
            below = gradients + ratio * np.maximum(power_of_kernel, np.float32(PRECISION))
            estimate = ground.inverse((ground.transform(shrunk) + ratio * data) / below)
        restored[at] = ground.crop(estimate)
    return restored.reshape(blurred.shape)


def checked_kernel(kernel: np.ndarray) -> np.ndarray:
    """The kernel as float64 of sum 1.

    Raises
    ------
    InputError
        If it is not square, has an even size or a value that is not finite, or does not sum to a positive number.
    """
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise InputError("kernel", expected="(k, k) with k odd", found=f"shape {kernel.shape}")
    total = float(kernel.sum())
    if not math.isfinite(total) or total <= 0:
        raise InputError("kernel", expected="finite values with a positive sum", found=f"a sum of {total:g}")
    return kernel / total


def _read_alpha(alpha: float) -> tuple[float, int]:
    for exponent, power in ALPHAS.values():
        if math.isclose(alpha, exponent, abs_tol=1e-3):
            return exponent, power
    raise InputError("option 'alpha'", expected=", ".join(ALPHAS), found=f"{alpha}")


@method("krishnan-fergus-2009", oracle=True)
class KrishnanFergus:
    """Hyper-Laplacian prior with the true kernel (Krishnan & Fergus 2009).

    Parameters
    ----------
    alpha : {'2/3', '1/2', '1'}
        Exponent of the prior.
    weight : float
        Weight of the data term.
    """

    parameters = 0

    def __init__(self, *, alpha: str = "2/3", weight: float = 2000.0):
        found = ALPHAS.get(str(alpha))
        if found is None:
            raise InputError(
                "method 'krishnan-fergus-2009', option 'alpha'", expected=", ".join(ALPHAS), found=f"{alpha}"
            )
        if not weight > 0:
            raise InputError(
                "method 'krishnan-fergus-2009', option 'weight'", expected="a number above 0", found=f"{weight}"
            )
        self.alpha, self.weight = found[0], weight

    def restore(self, blurred: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1] with one (k, k) float64 kernel per image."""
        return hyper_laplacian(blurred, kernels, alpha=self.alpha, weight=self.weight)


STEPS = 5
"""Newton's steps; the start is at most 1.6 times the root where the minimum is not 0."""


def threshold(alpha: float, beta: float) -> float:
    """Greatest |v| whose minimiser is 0: (2 - alpha) / (2 - 2 alpha) times the minimiser at the jump.

    At the jump |w| = (2 (1 - alpha) / beta)^(1 / (2 - alpha)), where both minima are equally low.
    """
    if alpha == 1:
        return 1 / beta
    at_jump = (2 * (1 - alpha) / beta) ** (1 / (2 - alpha))
    return float(at_jump * (2 - alpha) / (2 - 2 * alpha))


@njit(cache=True, nogil=True, error_model="numpy")
def shrink(v: np.float32, power: int, beta: np.float32, limit: np.float32) -> np.float32:
    """Minimiser for one gradient; `power` is 1, 2 or 3 for alpha 1, 1/2 or 2/3, w = t^power."""
    size = abs(v)
    if size <= limit:
        return np.float32(0)
    if power == 1:
        w = size - np.float32(1) / beta
    elif power == 2:
        t = np.sqrt(size)
        c = np.float32(0.5) / beta
        for _ in range(STEPS):
            square = t * t
            t = (np.float32(2) * square * t - c) / (np.float32(3) * square - size)
        w = t * t
    else:
        quarter = np.sqrt(np.sqrt(size))
        # |v|^(5/16) is near |v|^(1/3) and needs square roots only.
        t = quarter * np.sqrt(np.sqrt(quarter))
        c = np.float32(2) / (np.float32(3) * beta)
        for _ in range(STEPS):
            cube = t * t * t
            t = (np.float32(3) * cube * t - c) / (np.float32(4) * cube - size)
        w = t * t * t
    return w if v > 0 else -w


@njit(cache=True, nogil=True, error_model="numpy")
def shrunk_divergence(image: np.ndarray, power: int, beta: np.float32, limit: np.float32) -> np.ndarray:
    """D^T shrink(D x) of (C, P, Q) float32 for the circular forward differences D in both directions.

    One pass: the shrunk gradients are kept for two rows only.
    """
    channels, height, width = image.shape
    out = np.empty_like(image)
    above = np.empty(width, np.float32)
    for c in range(channels):
        for x in range(width):
            above[x] = shrink(image[c, 0, x] - image[c, height - 1, x], power, beta, limit)
        for y in range(height):
            below = y + 1 if y + 1 < height else 0
            left = shrink(image[c, y, 0] - image[c, y, width - 1], power, beta, limit)
            for x in range(width):
                here = image[c, y, x]
                right = shrink(image[c, y, x + 1 if x + 1 < width else 0] - here, power, beta, limit)
                down = shrink(image[c, below, x] - here, power, beta, limit)
                out[c, y, x] = left - right + above[x] - down
                left = right
                above[x] = down
    return out
