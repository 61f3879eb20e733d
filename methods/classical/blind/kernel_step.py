"""The kernel step of blind deconvolution: least squares on gradients, and constraints of a point spread function."""

from __future__ import annotations

import copy

import numpy as np
from scipy import fft, ndimage

from facedeblur.methods.classical.nonblind.boundary import fast_shape

STEPS = 20
"""Conjugate-gradient steps of `least_squares`."""
_EIGHT = np.ones((3, 3), dtype=int)


class NoKernel(Exception):
    """Nothing is left of the kernel; the message says why."""


class NormalEquations:
    """``(X'X) k = X'y`` of ``x * k = y`` over a k x k kernel, summed over gradient maps.

    X'X holds the autocorrelation of x, a function of the lag alone, so that it is applied by a transform of
    (2 size - 1)^2 samples instead of one of the image's size: the same product, some ten times faster.

    Parameters
    ----------
    latent, blurred : (C, H, W)
        Gradient maps; outside them both are taken as 0.
    size : int
        Side of the kernel, odd.

    Attributes
    ----------
    lags : (2 size - 1, 2 size - 1) float64
        Autocorrelation of `latent`, lag 0 in the middle.
    right : (size, size) float64
        ``X'y``.
    """

    def __init__(self, latent: np.ndarray, blurred: np.ndarray | Spectra, size: int):
        seen = blurred if isinstance(blurred, Spectra) else Spectra(blurred, size)
        spectrum = fft.rfft2(latent, s=seen.shape)
        power = (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
        cross = (spectrum.conj() * seen.maps).sum(axis=0)
        self.size, radius = size, (size - 1) // 2
        self.lags = _middle(fft.irfft2(power, s=seen.shape), size - 1)
        self.right = _middle(fft.irfft2(cross, s=seen.shape), radius)
        self._transform()

    def _transform(self) -> None:
        side = fft.next_fast_len(2 * self.size - 1, real=True)
        self._room = (side, side)
        room = np.zeros(self._room)
        room[: 2 * self.size - 1, : 2 * self.size - 1] = self.lags
        self._otf = fft.rfft2(np.roll(room, (1 - self.size, 1 - self.size), axis=(0, 1)))

    def __call__(self, kernel: np.ndarray) -> np.ndarray:
        """``X'X kernel``."""
        whole = fft.irfft2(fft.rfft2(kernel, s=self._room) * self._otf, s=self._room)
        return whole[: self.size, : self.size]

    def of_filtered(self, taps: np.ndarray) -> NormalEquations:
        """Return the equations for the same x and for y convolved with `taps`, (m, m), of size ``size - m + 1``.

        Convolutions commute, so the filter is applied to ``X'y``, which is far smaller than y.
        """
        # Imported here, because it imports scipy.stats.
        from scipy.signal import convolve

        found = copy.copy(self)
        found.right = convolve(self.right, taps, "valid")
        found.size = found.right.shape[0]
        less = self.size - found.size
        found.lags = self.lags[less : self.lags.shape[0] - less, less : self.lags.shape[1] - less]
        found._transform()
        return found


class Spectra:
    """Transforms of the blurred gradient maps (C, H, W), which one scale needs many times."""

    def __init__(self, maps: np.ndarray, size: int):
        self.shape = fast_shape((maps.shape[1], maps.shape[2]), size)
        self.maps = fft.rfft2(maps, s=self.shape)


def least_squares(
    equations: NormalEquations,
    *,
    ridge: float | np.ndarray,
    start: np.ndarray,
    steps: int = STEPS,
    tolerance: float = 1e-5,
) -> np.ndarray:
    """Solve ``(X'X + diag(ridge)) k = X'y`` by conjugate gradients.

    Parameters
    ----------
    equations : NormalEquations
    ridge : float or (size, size)
        Weight of ``|k|^2``; an array weighs each tap (iteratively reweighted l1).
    start : (size, size)
        First guess.
    steps : int
    tolerance : float
        Residual norm, relative to that of the right-hand side, at which the iteration ends.
    """
    kernel = start.astype(np.float64)
    residual = equations.right - equations(kernel) - ridge * kernel
    direction, square = residual, float((residual**2).sum())
    enough = tolerance**2 * float((equations.right**2).sum())
    for _ in range(steps):
        if square <= enough:
            break
        image = equations(direction) + ridge * direction
        bend = float((direction * image).sum())
        if not bend > 0:
            # Gradients too faint to square: the length of the step is undefined.
            break
        step = square / bend
        kernel = kernel + step * direction
        residual = residual - step * image
        before, square = square, float((residual**2).sum())
        direction = residual + (square / before) * direction
    return kernel


def normalised(kernel: np.ndarray) -> np.ndarray:
    """Set negative values to 0 and the sum to 1.

    Raises
    ------
    NoKernel
        If no value is positive, or one is not finite.
    """
    kernel = np.maximum(kernel, 0)
    total = float(kernel.sum())
    if not (np.isfinite(total) and total > 0):
        raise NoKernel("no tap of the estimated kernel is positive")
    return kernel / total


def cut_weak(kernel: np.ndarray, share: float) -> np.ndarray:
    """Set taps under `share` of the largest to 0 and the sum to 1; raises as `normalised`."""
    return normalised(np.where(kernel < share * kernel.max(), 0, kernel))


def cut_islands(kernel: np.ndarray, mass: float) -> np.ndarray:
    """Set 8-connected components with less than `mass` of the kernel to 0, the largest excepted, and the sum to 1."""
    parts, count = ndimage.label(kernel > 0, structure=_EIGHT)
    if count < 2:
        return normalised(kernel)
    masses = ndimage.sum_labels(kernel, parts, np.arange(count + 1))
    masses[0] = 0
    keep = masses >= mass * masses.sum()
    keep[np.argmax(masses)] = True
    return normalised(np.where(keep[parts], kernel, 0))


def offset(kernel: np.ndarray) -> tuple[int, int]:
    """Whole pixels (down, right) from the middle to the barycentre of a kernel of sum 1."""
    middle = (kernel.shape[0] - 1) / 2
    grid = np.arange(kernel.shape[0]) - middle
    return round(float(kernel.sum(axis=1) @ grid)), round(float(kernel.sum(axis=0) @ grid))


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move the last two axes by whole pixels, filled with 0."""
    out = np.zeros_like(image)
    height, width = image.shape[-2:]
    if abs(down) < height and abs(right) < width:
        out[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
            ..., max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
        ]
    return out


def _middle(correlation: np.ndarray, radius: int) -> np.ndarray:
    """Lags -radius..radius of a circular correlation with lag 0 at the corner, float64."""
    at = np.arange(-radius, radius + 1)
    return correlation[np.ix_(at, at)].astype(np.float64)
