"""Shan, Jia & Agarwala, High-quality motion deblurring from a single image, SIGGRAPH 2008.

The energy of the paper, for a blurred image I, a latent image L and a kernel f:

    sum over D of w(D) |D L * f - D I|^2  +  l1 |Phi(grad L)|_1  +  l2 |M (grad L - grad I)|^2  +  |f|_1

- D are the image itself and its first and second derivatives: noise is independent at every pixel, which its
  derivatives should show, too. w is 50 / 2^order.
- Phi is the logarithm of the density of gradients in natural images, fitted in two pieces for levels x of [0, 255]:
  -k |x| up to the level at which both meet, and -(a x^2 + b) beyond it.
- M is 1 where the blurred image is smooth: there the latent image is smooth, too, so that ringing costs.

Latent image: Psi replaces the gradients of L at the cost gamma |Psi - grad L|^2, while gamma doubles.
Given L, Psi is the best of two closed forms per pixel; given Psi, L is one division of spectra. Kernel:
least squares with f >= 0 and the sum of f as its cost.

Where the paper is silent, or used otherwise, this is our reading:

- Quadratic terms are of grey values in [0, 1], Phi is of levels in [0, 255]. With both in levels the prior would weigh
  next to nothing at the printed l1.
- Kernels are found from coarse to fine, as by the other methods of this folder; the paper starts from a rough kernel
  that the user gives. l1 and l2 keep falling from scale to scale.
- The printed ranges are 0.002 to 0.5 for l1 and 1.1 to 1.4 for what divides it after each iteration. The kernel is
  estimated with the largest l1 and the smallest divisor: with 0.2 and 1.2 kernels stay close to a single tap.
- gamma ends at 512; the paper stops when nothing changes any more.
- The kernel step leaves out the intensities, which are cut off at the image's border, where gradients are small. It
  removes weak taps, and it is solved by L-BFGS-B instead of an interior-point method.
"""

from __future__ import annotations

from typing import Any, ClassVar

import cv2
import numpy as np
from scipy import fft, optimize

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import WEAK, Blind, Schedule
from facedeblur.methods.classical.blind.kernel_step import NormalEquations, cut_weak
from facedeblur.methods.classical.blind.scales import derivatives, differences
from facedeblur.methods.classical.nonblind.boundary import fast_shape, gradient_power, transfer, wrap_pad

ORDERS = (50.0, 25.0, 12.5)
"""Weights w of derivatives of order 0, 1 and 2."""
LEVELS = 255.0
SLOPE, CURVE, FLOOR = 2.7, 6.1e-4, 5.0
"""k, a and b of the gradient prior, for grey levels in [0, 255]."""
MEETING = (SLOPE - (SLOPE**2 - 4 * CURVE * FLOOR) ** 0.5) / (2 * CURVE)
"""Level at which both pieces meet, 1.85."""
SMOOTH = 5.0
"""Standard deviation, in grey levels, under which a window of the kernel's size is smooth."""
GAMMA, GROWTH, LAST = 2.0, 2.0, 512.0
"""The price of the splitting: first, factor, end."""
SPARSE, SPARSE_FALL = 0.5, 1.1
"""l1 of the first iteration, and what divides it after each."""
LOCAL_FALL = 1.5
"""What divides l2 after each iteration."""
ITERATIONS = 60
"""Of L-BFGS-B in one kernel step."""


class LocalPrior:
    """The latent image of one blurred image, for changing kernels.

    Parameters
    ----------
    blurred : (H, W) or (H, W, C) float
        Values in [0, 1].
    size : int
        Side of the kernel and of the windows in which smoothness is judged.

    Attributes
    ----------
    image : (C, P, Q) float64
        The blurred image, continued so that it is periodic.
    smooth : (P, Q) bool
        M.
    """

    def __init__(self, blurred: np.ndarray, size: int):
        self._inside = (blurred.shape[0], blurred.shape[1])
        self.shape = fast_shape(self._inside, size)
        whole = wrap_pad(np.atleast_3d(blurred), self.shape)
        self.image = np.ascontiguousarray(whole.transpose(2, 0, 1))
        self.smooth = smooth_region(self.image, size)
        down, across = gradient_power((self.shape[0], 1)), gradient_power((1, self.shape[1]))
        self._slope = down + across
        self._orders = ORDERS[0] + ORDERS[1] * self._slope + ORDERS[2] * (down**2 + down * across + across**2)
        self._spectrum = fft.rfft2(self.image) * self._orders

    def solve(self, kernel: np.ndarray, sparse: float, local: float, *, last: float = LAST) -> np.ndarray:
        """Return L, (C, P, Q), under a kernel of sum 1.

        Parameters
        ----------
        kernel : (k, k) float64
        sparse, local : float
            l1 and l2.
        last : float
            End of gamma, which starts at `GAMMA` and grows by `GROWTH`.
        """
        otf = transfer(kernel, self.shape)
        data, power = otf.conj() * self._spectrum, (otf.real**2 + otf.imag**2) * self._orders
        latent, gamma = self.image, GAMMA
        while gamma < last:
            pull = pulled(latent, self.image, self.smooth, sparse, local, gamma)
            latent = fft.irfft2((data + gamma * fft.rfft2(pull)) / (power + gamma * self._slope), s=self.shape)
            gamma *= GROWTH
        return latent

    def crop(self, latent: np.ndarray) -> np.ndarray:
        """Cut (C, P, Q) back to the (H, W, C) of the blurred image."""
        height, width = self._inside
        return latent[:, :height, :width].transpose(1, 2, 0)


def smooth_region(image: np.ndarray, size: int) -> np.ndarray:
    """Where every channel of (C, P, Q) in [0, 1] has a small standard deviation in windows of `size`, (P, Q) bool."""
    smooth = np.ones(image.shape[1:], bool)
    for levels in image * LEVELS:
        mean, square = (cv2.blur(one, (size, size), borderType=cv2.BORDER_REFLECT_101) for one in (levels, levels**2))
        smooth &= square - mean**2 < SMOOTH**2
    return smooth


@njit(cache=True, error_model="numpy")
def best_gradient(near: float, price: float, sparse: float) -> float:
    """Return the g of least ``sparse |Phi(255 g)| + price (g - near)^2``.

    It has the sign of `near`. On each piece of Phi the cost is a parabola: its vertex, moved to the end of the piece
    if it lies outside, is a candidate, and the better one is the minimiser.
    """
    size, meeting = abs(near), MEETING / LEVELS
    slope, curve = sparse * SLOPE * LEVELS, sparse * CURVE * LEVELS * LEVELS
    low = min(max(size - slope / (2 * price), 0.0), meeting)
    high = max(price * size / (price + curve), meeting)
    cost = slope * low + price * (low - size) ** 2
    if curve * high * high + sparse * FLOOR + price * (high - size) ** 2 < cost:
        low = high
    return low if near >= 0 else -low


@njit(cache=True, error_model="numpy")
def pulled(
    latent: np.ndarray, image: np.ndarray, smooth: np.ndarray, sparse: float, local: float, gamma: float
) -> np.ndarray:
    """Return the adjoint gradient of Psi, (C, P, Q), for circular forward differences of the latent and blurred image.

    Psi minimises ``l1 |Phi(Psi)| + l2 M (Psi - grad I)^2 + gamma (Psi - grad L)^2``; both squares are one about their
    weighted mean.
    """
    channels, height, width = latent.shape
    out = np.zeros_like(latent)
    for c in range(channels):
        for i in range(height):
            below = i + 1 if i + 1 < height else 0
            for j in range(width):
                beside = j + 1 if j + 1 < width else 0
                held = local if smooth[i, j] else 0.0
                price = held + gamma
                x, y = latent[c, i, j], image[c, i, j]
                h = held * (image[c, i, beside] - y) + gamma * (latent[c, i, beside] - x)
                v = held * (image[c, below, j] - y) + gamma * (latent[c, below, j] - x)
                h, v = best_gradient(h / price, price, sparse), best_gradient(v / price, price, sparse)
                out[c, i, j] -= h + v
                out[c, i, beside] += h
                out[c, below, j] += v
    return out


def sparse_kernel(equations: NormalEquations, start: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """Minimise ``|X k - y|^2 + weight sum(k)`` over kernels without negative taps, (size, size).

    Parameters
    ----------
    equations : NormalEquations
        Of X and y.
    start : (size, size)
    weight : float
    """
    scale = 1 / max(float(equations.lags.max()), np.finfo(float).tiny)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        kernel = flat.reshape(start.shape)
        image = equations(kernel)
        slope = 2 * (image - equations.right) + weight
        value = float((kernel * (image - 2 * equations.right + weight)).sum())
        return scale * value, scale * slope.ravel()

    found = optimize.minimize(
        cost,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * start.size,
        options={"maxiter": ITERATIONS},
    )
    return np.asarray(found.x).reshape(start.shape)


class TailedLatent:
    """Latent image of one scale; both weights fall with each iteration.

    Parameters
    ----------
    blurred : (H, W) float
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    sparse, local : float
        l1 and l2 of the first iteration.
    """

    def __init__(self, blurred: np.ndarray, size: int, sparse: float, local: float):
        self.blurred = derivatives(differences(blurred), *ORDERS[1:])
        self.sparse, self.local = sparse, local
        self._solver = LocalPrior(blurred, size)

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Weighted derivatives (5, H - 1, W - 1) of the latent image under `kernel`."""
        latent = self._solver.crop(self._solver.solve(kernel, self.sparse, self.local))[..., 0]
        self.sparse /= SPARSE_FALL
        self.local /= LOCAL_FALL
        return derivatives(differences(latent), *ORDERS[1:])

    def move(self, down: int, right: int) -> None:
        """Do nothing: no image is kept from one iteration to the next."""


@method("shan-2008")
class Shan2008(Blind):
    """Heavy-tailed gradient prior, and smooth regions that stay smooth (Shan et al. 2008), in our reading.

    The kernel is estimated with the paper's largest weight of the gradient prior; the restored image has the weights
    given here, which the paper leaves to the user. Of Levin's 32 blurs, 21 have an error ratio up to 3.

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    sparse : float
        Weight of the gradient prior on the restored image, from 0.002 to 0.5 in the paper.
    local : float
        Weight of the smooth regions, from 10 to 25 in the paper; 0 lets the image ring.
    """

    schedule: ClassVar[Schedule] = Schedule(turns=5, coarsest=3)

    def __init__(self, *, size: int = 27, sparse: float = 0.002, local: float = 10.0):
        super().__init__(size=size)
        for name, value in (("sparse", sparse), ("local", local)):
            if not 0 <= value < float("inf"):
                raise InputError(f"method 'shan-2008', option '{name}'", expected="a number from 0", found=f"{value}")
        self.sparse, self.local = sparse, local

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> TailedLatent:
        """The latent image of a scale; the weights keep falling from those of the scale before."""
        weights = (SPARSE, self.local) if before is None else (before.sparse, before.local)
        return TailedLatent(blurred, size, *weights)

    def fit(self, equations: NormalEquations, kernel: np.ndarray) -> np.ndarray:
        """Return the next kernel, of sum 1: sparse least squares without negative taps, then a threshold."""
        return cut_weak(sparse_kernel(equations, kernel), WEAK)

    def deconvolve(self, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Restore (H, W, 3) float32 RGB in [0, 1] with the estimated kernel."""
        solver = LocalPrior(blurred, kernel.shape[0])
        return solver.crop(solver.solve(kernel, self.sparse, self.local)).astype(np.float32)
