"""Krishnan, Tay & Fergus, Blind deconvolution using a normalized sparsity measure, CVPR 2011.

On the gradients g of the blurred image, ``min fidelity |x * k - g|^2 + |x|_1 / |x|_2``: with the norm in
the denominator held, x follows by iterative shrinkage, then k by conjugate gradients; the two alternate from coarse to
fine, and x is kept from scale to scale.
"""

from __future__ import annotations

from typing import Any, ClassVar

import cv2
import numpy as np
from scipy import fft

from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import HyperLaplacianBlind, Schedule
from facedeblur.methods.classical.blind.kernel_step import NormalEquations, cut_weak, least_squares, moved
from facedeblur.methods.classical.blind.scales import differences
from facedeblur.methods.classical.nonblind.boundary import fast_shape, transfer

SPARSITY = 0.45
"""Shrinkage in the first iteration, in units of the gradients' root mean square; replaces the paper's fidelity."""
PACE = 0.6
"""Step of the shrinkage: the code's fidelity 100 x norm 6 x 0.001."""
SHRINKAGES = 4
"""Steps per iteration: 2 inner in 2 outer; the norm is taken again in each."""
STEPS = 5
"""Conjugate-gradient steps per iteration."""
WEAK = 0.03
"""Taps under this share of the largest are set to 0 in every iteration."""
TINY = 1e-9


class NormalisedSparse:
    """Sparse gradients at one scale.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image.
    size : int
        Side of the kernel.
    before : NormalisedSparse or None
        Latent image of the coarser scale, whose enlarged gradients are the start.
    """

    def __init__(self, blurred: np.ndarray, size: int, before: NormalisedSparse | None):
        self.blurred = unit(differences(blurred))
        height, width = self.blurred.shape[1:]
        if before is None:
            self.x = self.blurred
        else:
            larger = [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in before.x]
            self.x = unit(np.stack(larger))
        self._shape = fast_shape((height, width), size)
        self._spectrum = fft.rfft2(self.blurred, s=self._shape)

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Sparse gradients (2, H - 1, W - 1) float64, also kept in `x`."""
        otf = transfer(kernel, self._shape)
        data, power = otf.conj() * self._spectrum, otf.real**2 + otf.imag**2
        height, width = self.blurred.shape[1:]
        for _ in range(SHRINKAGES):
            rest = fft.irfft2(data - power * fft.rfft2(self.x, s=self._shape), s=self._shape)[:, :height, :width]
            # 1 / (fidelity |x|): where x has lost half its norm the prior weighs twice.
            limit = SPARSITY / np.maximum(root_mean_square(self.x), TINY)
            self.x = soft(self.x + PACE * rest, PACE * limit)
        return self.x

    def move(self, down: int, right: int) -> None:
        """Move the gradients by whole pixels against the kernel; 0 comes in."""
        self.x = moved(self.x, down, right)


def soft(values: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """``sign(v) max(|v| - limit, 0)``, which minimises ``limit |x| + (x - v)^2 / 2``."""
    return np.sign(values) * np.maximum(np.abs(values) - limit, 0)


def root_mean_square(maps: np.ndarray) -> np.ndarray:
    """Return the root mean square of each map of (C, H, W), as (C, 1, 1)."""
    return np.sqrt((maps**2).mean(axis=(1, 2), keepdims=True))


def unit(maps: np.ndarray) -> np.ndarray:
    """Maps (C, H, W) scaled to a root mean square of 1."""
    return np.asarray(maps / np.maximum(root_mean_square(maps), TINY))


@method("krishnan-2011", version="2")
class Krishnan2011(HyperLaplacianBlind):
    """Normalised sparsity l1 / l2 of the gradients (Krishnan et al. 2011).

    The code scales gradients to a norm of 6 whatever the size of the image, so that its fidelity of 100 means another
    sparsity at every scale; on 255x255 pixels, with one conjugate-gradient step per iteration it left broad kernels and
    error ratios over 3 for 15 of 16 blurs of Levin's set. We scale to a root mean square of 1 instead, take 5 steps,
    and remove weak taps in every iteration.

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    weight : float
        Data weight of the final deconvolution with total variation (alpha 1), 3000 in the code.
    """

    schedule: ClassVar[Schedule] = Schedule(turns=21, coarsest=3)
    alpha: ClassVar[float] = 1.0

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> NormalisedSparse:
        """The gradients of a scale."""
        return NormalisedSparse(blurred, size, before)

    def fit(self, equations: NormalEquations, kernel: np.ndarray) -> np.ndarray:
        """Return the next kernel, of sum 1, by conjugate gradients that start from `kernel`."""
        return cut_weak(least_squares(equations, ridge=0.0, start=kernel, steps=STEPS), WEAK)
