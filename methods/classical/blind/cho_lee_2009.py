"""Cho & Lee, Fast motion deblurring, SIGGRAPH Asia 2009: predicted edges in place of a prior.

Each iteration deconvolves with a Gaussian prior in one division, sharpens the result by a bilateral and a shock filter,
keeps the strongest gradients of each of four directions, and fits the kernel to first and second derivatives of the
rest.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy import fft

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.options import one_of
from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import HyperLaplacianBlind, Schedule
from facedeblur.methods.classical.blind.scales import COUNT, MARGIN, Salient, derivatives, differences
from facedeblur.methods.classical.nonblind.boundary import fast_shape, gradient_power, transfer, wrap_pad

ORDERS = (50.0, 25.0, 12.5)
"""Weights of the data terms on derivatives of order 0, 1 and 2."""
SMOOTHNESS = 0.1
"""Weight of the Gaussian prior on the latent gradients."""
SUPPORT, SPACE, RANGE = 5, 2.0, 0.5
"""Bilateral filter: side, and standard deviations in pixels and in grey values of [0, 1]."""
STEP = 1.0
"""Time step of the shock filter."""
FINALS = ("hyper-laplacian", "gaussian")
DECAY = 0.9
"""Factor of the bilateral range, the time step and the gradient threshold per iteration."""


class Predicted:
    """Predicted gradients at one scale.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    first : bool
        Whether no kernel is known yet: the first iteration then predicts from the blurred image itself.
    """

    def __init__(self, blurred: np.ndarray, size: int, *, first: bool):
        self.blurred = derivatives(differences(blurred), *ORDERS[1:])
        self._image, self._first, self._count = blurred, first, COUNT * size
        self._shape = fast_shape((blurred.shape[0], blurred.shape[1]), size)
        periodic = wrap_pad(blurred, self._shape)
        self._slope = gradient_power(self._shape)
        self._orders = np.polynomial.polynomial.polyval(self._slope, ORDERS)
        self._spectrum = fft.rfft2(periodic) * self._orders
        self._range, self._step = RANGE, STEP
        self._salient: Salient | None = None

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Weighted derivatives (5, H - 1, W - 1) float64 of the prediction."""
        image = self._image if self._first else self.deconvolved(kernel)
        self._first = False
        maps = differences(shocked(bilateral(image, self._range), self._step))
        if self._salient is None:
            self._salient = Salient(maps, self._count, DECAY)
        self._range *= DECAY
        self._step *= DECAY
        return derivatives(self._salient(maps), *ORDERS[1:])

    def deconvolved(self, kernel: np.ndarray) -> np.ndarray:
        """``F^-1[conj(K) Y D / (|K|^2 D + smoothness |F(grad)|^2)]``, D the sum of `ORDERS` over their derivatives."""
        otf = transfer(kernel, self._shape)
        power = (otf.real**2 + otf.imag**2) * self._orders + SMOOTHNESS * self._slope
        image = fft.irfft2(otf.conj() * self._spectrum / power, s=self._shape)
        height, width = self._image.shape
        return np.ascontiguousarray(image[:height, :width])

    def move(self, down: int, right: int) -> None:
        """Do nothing: no image is kept from one iteration to the next."""


def gaussian(blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Deconvolve every channel of (H, W, C) in [0, 1] as `Predicted` does in each iteration; float32, not clipped."""
    channels = np.moveaxis(blurred.astype(np.float64), 2, 0)
    restored = [Predicted(one, kernel.shape[0], first=False).deconvolved(kernel) for one in channels]
    return np.stack(restored, axis=2).astype(np.float32)


@njit(cache=True, error_model="numpy")
def bilateral(image: np.ndarray, spread: float) -> np.ndarray:
    """Mean of (H, W) float64 over a disc of diameter `SUPPORT`, weighted by two Gaussians (Tomasi & Manduchi 1998).

    Their standard deviations are `SPACE` pixels of distance and `spread` of difference in value. Mirrored at the border
    without repeating it.
    """
    height, width = image.shape
    radius = SUPPORT // 2
    out = np.empty_like(image)
    for i in range(height):
        for j in range(width):
            here = image[i, j]
            total, mass = 0.0, 0.0
            for down in range(-radius, radius + 1):
                y = min(abs(i + down), 2 * height - 2 - abs(i + down))
                for right in range(-radius, radius + 1):
                    distance = down * down + right * right
                    if distance <= radius * radius:
                        x = min(abs(j + right), 2 * width - 2 - abs(j + right))
                        step = image[y, x] - here
                        weight = np.exp(-distance / (2 * SPACE * SPACE) - step * step / (2 * spread * spread))
                        total += weight * step
                        mass += weight
            out[i, j] = here + total / mass
    return out


@njit(cache=True, error_model="numpy")
def shocked(image: np.ndarray, step: float) -> np.ndarray:
    """One step of the shock filter, ``I - sign(Laplacian I) |grad I| step`` (Osher & Rudin 1990).

    The gradient is the smaller of both one-sided differences, 0 where their signs differ, so that no extremum grows.
    """
    height, width = image.shape
    out = np.empty_like(image)
    for i in range(height):
        up, down = max(i - 1, 0), min(i + 1, height - 1)
        for j in range(width):
            left, right = max(j - 1, 0), min(j + 1, width - 1)
            here = image[i, j]
            a, b = image[i, right] - here, here - image[i, left]
            c, d = image[down, j] - here, here - image[up, j]
            bend = a - b + c - d
            x = min(abs(a), abs(b)) if a * b > 0 else 0.0
            y = min(abs(c), abs(d)) if c * d > 0 else 0.0
            length = step * np.sqrt(x * x + y * y)
            # Straight ramps are frequent between grey levels, and only rounding gives them a sign.
            out[i, j] = here - length if bend > MARGIN else here + length if bend < -MARGIN else here
    return out


@method("cho-lee-2009", version="2")
class ChoLee2009(HyperLaplacianBlind):
    """Predicted edges: bilateral and shock filters in place of a prior (Cho & Lee 2009).

    Weights and factors follow the paper; the number of gradients is that of later code by the authors of other papers.

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    weight : float
        Data weight of the hyper-Laplacian deconvolution (alpha 2/3).
    final : {'hyper-laplacian', 'gaussian'}
        Prior of the final deconvolution. The paper's is Gaussian, as in every iteration; it amplifies noise and is some
        9 dB worse on faces with noise of 0.01.
    """

    schedule: ClassVar[Schedule] = Schedule(turns=7, coarsest=3)
    ridge: ClassVar[float] = 5.0

    def __init__(self, *, size: int = 27, weight: float = 500.0, final: str = FINALS[0]):
        super().__init__(size=size, weight=weight)
        one_of("final", final, FINALS, of="method 'cho-lee-2009'")
        self.final = final

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> Predicted:
        """The prediction of a scale."""
        return Predicted(blurred, size, first=before is None)

    def deconvolve(self, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Restore (H, W, 3) float32 RGB in [0, 1] with the estimated kernel."""
        return gaussian(blurred, kernel) if self.final == "gaussian" else super().deconvolve(blurred, kernel)
