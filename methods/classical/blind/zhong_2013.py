"""Zhong, Cho, Metaxas, Paris & Wang, Handling noise in single image deblurring using directional filters, CVPR 2013.

A low-pass filter h along a direction removes most noise and keeps the blur across it: for y = x * k + n,

    y * h = x * (k * h) + n * h,

and the sums of k * h along that direction are those of k, because h sums to 1 and moves mass along these lines only.
So a kernel is estimated under each of many filters, its sums are one projection of the true kernel, and the inverse
Radon transform makes the kernel of all projections. Coarse scales have little noise and are those of Cho & Lee 2009.
The noise-aware deconvolution minimises

    |x * k - y|^2  +  w |x - NLM(x)|^2,

NLM being the non-local means, by turns: with NLM(x) held, x is one division of spectra.

Where the paper is silent, or we do not know it better, this is our reading:

- The directional kernels of an iteration are all fitted to one latent image: the noise-aware deconvolution with the
  kernel of the iteration before, sharpened and thresholded as by Cho & Lee.
- There are 36 filters, Gaussians with a standard deviation of 2 pixels. Convolutions commute, so they are applied to
  the correlation of both images in place of the blurred image.
- A filtered kernel is wider than the kernel by the filter's reach. It is made non-negative, and loses its weak taps.
- w is (noise / `DETAIL`)^2, with the noise measured in the blurred image, whose finest detail is nothing else.
- The iterations take one turn of the noise-aware deconvolution, from that of Cho & Lee; the restored image takes
  `TURNS`, from the hyper-Laplacian prior.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from scipy import fft
from skimage.restoration import denoise_nl_means
from skimage.transform import iradon, radon

from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.cho_lee_2009 import Predicted
from facedeblur.methods.classical.blind.coarse_to_fine import ISLAND, WEAK, Blind, Schedule
from facedeblur.methods.classical.blind.kernel_step import NormalEquations, cut_islands, cut_weak, least_squares
from facedeblur.methods.classical.nonblind.boundary import fast_shape, transfer, wrap_pad
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import hyper_laplacian

DIRECTIONS = 36
"""Filters, at equal angles in half a turn."""
WIDTH, REACH = 2.0, 5
"""Standard deviation of a filter and where it ends, in pixels."""
SAMPLES = 4
"""Of a filter per pixel."""
DETAIL = 0.04
"""Standard deviation that is expected of x - NLM(x)."""
STRENGTH = 0.6
"""Of the non-local means: its h, in units of `DETAIL`."""
PATCH, DISTANCE = 5, 6
"""Side of the patches that it compares, and how far apart they are."""
TURNS = 3
LEAST_NOISE = 0.015
"""What the noise counts as where there is less, because kernels are not quite right, either."""
MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""


class NoiseAware:
    """Deconvolution of one image by turns with the non-local means.

    Parameters
    ----------
    blurred : (H, W, C) float
        Values in [0, 1].
    size : int
        Side of the kernel, odd.
    noise : float
        Standard deviation.
    """

    def __init__(self, blurred: np.ndarray, size: int, noise: float):
        self._inside = (blurred.shape[0], blurred.shape[1])
        self._shape = fast_shape(self._inside, size)
        self._spectrum = self._transform(blurred)
        self.weight = (max(noise, LEAST_NOISE) / DETAIL) ** 2

    def _transform(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(fft.rfft2(wrap_pad(image, self._shape), axes=(0, 1)))

    def given(self, kernel: np.ndarray, calm: np.ndarray) -> np.ndarray:
        """Return the (H, W, C) of least ``|x * k - y|^2 + w |x - calm|^2``."""
        otf = transfer(kernel, self._shape)[..., None]
        power = otf.real**2 + otf.imag**2
        spectrum = otf.conj() * self._spectrum + self.weight * self._transform(calm)
        whole = fft.irfft2(spectrum / (power + self.weight), s=self._shape, axes=(0, 1))
        return np.asarray(whole[: self._inside[0], : self._inside[1]])

    def solve(self, kernel: np.ndarray, start: np.ndarray, turns: int) -> np.ndarray:
        """Return x, (H, W, C), after some turns that begin with the non-local means of `start`."""
        x = start
        for _ in range(turns):
            calm = denoise_nl_means(x, PATCH, DISTANCE, h=STRENGTH * DETAIL, fast_mode=True, channel_axis=-1)
            x = self.given(kernel, calm.reshape(x.shape))
        return x


def noise_of(grey: np.ndarray) -> float:
    """Standard deviation of white noise in (H, W), by the median of the finest diagonal Haar wavelets (Donoho 1995)."""
    finest = (grey[1:, 1:] - grey[1:, :-1] - grey[:-1, 1:] + grey[:-1, :-1]) / 2
    return float(np.median(np.abs(finest))) / MEDIAN


def directional(angle: float, width: float = WIDTH, reach: int = REACH) -> np.ndarray:
    """Return a Gaussian along (cos, sin) of `angle`, to the right and down: (2 reach + 1)^2 bilinear taps of sum 1."""
    along = np.arange(-reach * SAMPLES, reach * SAMPLES + 1) / SAMPLES
    mass = np.exp(-(along**2) / (2 * width**2))
    grid = np.arange(-reach, reach + 1)
    down, right = (np.maximum(1 - np.abs(grid[:, None] - f(angle) * along), 0) for f in (math.sin, math.cos))
    taps = (down * mass) @ right.T
    return np.asarray(taps / taps.sum())


def projection(kernel: np.ndarray, angle: float) -> np.ndarray:
    """Return the (k,) sums along (cos, sin) of `angle` of (k, k), which is 0 outside its inscribed circle."""
    return np.asarray(radon(kernel, theta=[90 - math.degrees(angle)], circle=True)[:, 0])


def from_projections(lines: np.ndarray, angles: np.ndarray, size: int) -> np.ndarray:
    """Return the middle, (size, size), of the inverse Radon transform of n projections (k, n); both are odd."""
    whole = iradon(lines, theta=90 - np.degrees(angles), circle=True)
    cut = (whole.shape[0] - size) // 2
    return np.asarray(whole[cut : cut + size, cut : cut + size])


class CalmPredicted(Predicted):
    """Predicted gradients of a noisy image: the deconvolution before the prediction is noise-aware.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    first : bool
        See `Predicted`.
    """

    def __init__(self, blurred: np.ndarray, size: int, *, first: bool):
        super().__init__(blurred, size, first=first)
        self._solver = NoiseAware(blurred[..., None], size, noise_of(blurred))

    def deconvolved(self, kernel: np.ndarray) -> np.ndarray:
        """One turn of the noise-aware deconvolution, from that with the Gaussian prior."""
        start = super().deconvolved(kernel)[..., None]
        return np.ascontiguousarray(self._solver.solve(kernel, start, 1)[..., 0])


@method("zhong-2013")
class Zhong2013(Blind):
    """Directional filters against noise, kernels by the inverse Radon transform (Zhong et al. 2013), in our reading.

    Built on `cho-lee-2009`, as in the paper. Of 12 of Levin's blurs with noise of 0.05, 9 have kernels with an error
    ratio up to 2, and 4 have them by `cho-lee-2009`. Without noise the kernels of the latter are better.

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    """

    schedule: ClassVar[Schedule] = Schedule(turns=7, coarsest=3)
    ridge: ClassVar[float] = 5.0

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> Predicted:
        """The prediction of a scale, which is noise-aware at the finest one."""
        kind = Predicted if size < self.size else CalmPredicted
        return kind(blurred, size, first=before is None)

    def margin(self, scale: float) -> int:
        """At the finest scale twice the reach: filtered kernels are wider, and the filter takes in what is around."""
        return 2 * REACH if scale == 1 else 0

    def fit(self, equations: NormalEquations, kernel: np.ndarray) -> np.ndarray:
        """Return the next kernel, of sum 1; at the finest scale by one projection per direction."""
        if equations.size == kernel.shape[0]:
            return super().fit(equations, kernel)
        angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        lines = []
        for angle in angles:
            filtered = equations.of_filtered(directional(float(angle)))
            size = filtered.size
            one = cut_weak(least_squares(filtered, ridge=self.ridge, start=np.full((size, size), 1 / size**2)), WEAK)
            # The square is to lie in the circle of the transform.
            lines.append(projection(np.pad(one, math.ceil((math.sqrt(2) - 1) * size / 2) + 1), float(angle)))
        found = from_projections(np.stack(lines, axis=1), angles, kernel.shape[0])
        return cut_islands(cut_weak(found, WEAK), ISLAND)

    def deconvolve(self, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Restore (H, W, 3) float32 RGB in [0, 1] with the estimated kernel."""
        noise = float(np.mean([noise_of(blurred[..., channel]) for channel in range(blurred.shape[2])]))
        start = hyper_laplacian(blurred, kernel, weight=0.25 / max(noise, LEAST_NOISE) ** 2)
        solver = NoiseAware(blurred, kernel.shape[0], noise)
        return solver.solve(kernel, start, TURNS).astype(np.float32)
