"""Pan, Dong, Tai, Su & Yang, Learning discriminative data fitting functions for blind image deblurring, ICCV 2017.

Which differences between the blurred image and the model count is learned instead of chosen. With the linear filters
``f_i`` of order 0 (the image), 1 (its gradient) and 2 (its second derivatives) and weights ``w_i >= 0``

    min over I, k  sum_i w_i |f_i * (I * k - B)|^2 + weight |grad I|_0 + ridge |k|^2

is solved by alternation. Given I the kernel has the closed form (M is linear in the weights, and so is b)

    k(w) = M(w)^-1 b(w),   M = sum_i w_i A_i + ridge,   b = sum_i w_i b_i,
    A_i = (f_i * I)' (f_i * I),   b_i = (f_i * I)' (f_i * B)

and the weights minimise ``sum |k(w) - k_true|^2 / 2`` over images with known kernels, by gradient descent with
``dk / dw_i = M^-1 (b_i - A_i k)``: see `facedeblur.methods.training.data_fitting`, which found those below.

Our reading, where the paper leaves it open or we deviate:

- Filters of one order share a weight.
- Learned are the weights of the kernel step; the latent image is that of Xu et al. 2013, which compares intensities.
- The kernel is fitted to strong gradients, as in other programs of these authors, and thresholded as in ours.
- The weights are learned on generated portraits with motion blur and noise of this toolkit. With that noise, up to 1 %,
  second derivatives got no weight, and the image itself next to none; without the choice of strong gradients, too.
- The final deconvolution has the hyper-Laplacian prior and the plain data term; the paper learns one for it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import HyperLaplacianBlind
from facedeblur.methods.classical.blind.l0_gradient import DECAY, L0Latent
from facedeblur.methods.classical.blind.scales import COUNT, Salient, derivatives

WEIGHT = 8e-3
"""Weight of the gradient's L0 norm in the first iteration."""
ORDERS = (0.001, 0.807, 0.0)
"""Learned weights of the data terms on derivatives of order 0, 1 and 2, for a ridge of 20.

They are what `learn_weights` gives for ``faker:FOLDER,train``: portraits that are not test faces of the recipe `open`.
"""
PARTS = (slice(0, 1), slice(1, 3), slice(3, 6))
"""Maps of each order in the result of `filtered`."""


class FittedLatent(L0Latent):
    """Latent image of one scale under the L0 gradient, compared with the blurred one through weighted filters.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    before : FittedLatent or None
        Latent image of the coarser scale, whose weight and threshold continue to fall.
    orders : (3,) float
        Weights of the data terms.
    """

    def __init__(self, blurred: np.ndarray, size: int, before: FittedLatent | None, orders: Sequence[float] = ORDERS):
        super().__init__(blurred, size, WEIGHT if before is None else before.weight)
        self.salient: Salient = Salient(self.blurred, COUNT * size, 1 / DECAY) if before is None else before.salient
        self.level, self._roots = float(blurred.mean()), root_weights(orders)
        self.seen = filtered(blurred - self.level, self.blurred)
        self.blurred = self._weighted(self.seen)

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Weighted filter responses (C, H - 1, W - 1) float64 of the latent image under `kernel`."""
        return self._weighted(self.responses(kernel))

    def responses(self, kernel: np.ndarray) -> np.ndarray:
        """All filter responses (6, H - 1, W - 1) float64, without weights."""
        self._solver.see(kernel)
        x = self._solver.solve(self.weight)
        maps = self.salient(self._ended(x))
        height, width = maps.shape[1:]
        return filtered(x[: height + 1, : width + 1] - self.level, maps)

    def _weighted(self, responses: np.ndarray) -> np.ndarray:
        return (responses * self._roots[:, None, None])[self._roots > 0]


def root_weights(orders: Sequence[float]) -> np.ndarray:
    """Roots of the weights of three orders, one for each of the six maps of `filtered`; (6,) float64."""
    roots = np.empty(6)
    for part, weight in zip(PARTS, orders, strict=True):
        roots[part] = np.sqrt(weight)
    return roots


def filtered(image: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The image (h + 1, w + 1) without its last row and column, its gradients (2, h, w) and their derivatives.

    Returns
    -------
    (6, h, w) float64
    """
    return np.concatenate([image[None, :-1, :-1], derivatives(maps, 1.0, 1.0)])


@method("pan-2017")
class Pan2017(HyperLaplacianBlind):
    """Learned data fitting: the kernel is fitted to filter responses with learned weights (Pan et al. 2017).

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    weight : float
        Data weight of the final hyper-Laplacian deconvolution (alpha 2/3).
    """

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> FittedLatent:
        """The latent image of a scale."""
        return FittedLatent(blurred, size, before)
