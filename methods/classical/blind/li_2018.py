"""Li, Pan, Lai, Gao, Sang & Yang, Learning a discriminative prior for blind image deblurring, CVPR 2018.

The prior is a classifier f of whole images, near 0 for sharp ones and near 1 for blurred ones:

    min over I, k  |I * k - B|^2 + prior f(I) + gradient |grad I|_0 + ridge |k|^2

Half-quadratic splitting: u replaces I in f at the cost ``price |I - u|^2``, and g replaces grad I as in `l0_gradient`.
While the price grows, gradient descent lowers ``price |I - u|^2 + prior f(u)``, starting from I,

    u <- u - pace (2 price (u - I) + prior f'(u)),   f' by back-propagation,

and with u held the L0 gradient is solved. The kernel step is that of the other methods.

Our reading, where the paper leaves it open or we deviate:

- The layers of the classifier, from what we know of the paper: see `blur_network`. It has 148,929 parameters, 596 kB in
  single precision; Table 12 of Shen et al. 2020 prints "558 K" for this method.
- f(I) counts once per pixel, as ``|grad I|_0`` does: taken literally, f is at most 1 for the whole image, and with the
  paper's weight of 0.004 it would not move a grey level.
- One step of descent for each price, of half the inverse of its curvature, 1 / (2 price), from 2 prior to 8; the price
  grows by a factor of 8, because back-propagation is what takes time. u is held in [0, 1].
- The first weight of the gradient (8e-3) and the ridge (20) are those of `xu_2013`, the paper has 4e-3 and 2; both
  weights fall as in the other programs of these authors, and the kernel is fitted to strong gradients.
- The classifier is trained by `facedeblur.methods.training.blur_classifier` on generated portraits, and the final
  deconvolution has the hyper-Laplacian prior.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.methods.base import method
from facedeblur.methods.classical.blind.coarse_to_fine import HyperLaplacianBlind
from facedeblur.methods.classical.blind.l0_gradient import DECAY, L0Latent, fallen
from facedeblur.methods.classical.blind.scales import COUNT, Salient

if TYPE_CHECKING:
    from torch import nn

LEAST = 8
"""Least side of an image that the classifier takes, in pixels."""
GRADIENT, PRIOR = 8e-3, 4e-3
"""Weights of both priors in the first iteration."""
HIGHEST, GROWTH = 8.0, 8.0
"""Price at which the splitting ends, and its factor from step to step."""


def sharpened(image: np.ndarray, price: float, prior: float, network: nn.Module) -> np.ndarray:
    """Return u: one step of gradient descent on ``price |u - image|^2 + prior N f(u)``, N pixels, in [0, 1].

    It starts at the image, where the first term has no slope. Images too small for the classifier are left as they are.
    """
    # With torch, which listing methods does without.
    from facedeblur.methods.classical.blind.blur_network import blurriness

    if min(image.shape) < LEAST:
        return image
    return np.clip(image - prior / (2 * price) * blurriness(image, network)[1], 0, 1)


class DiscriminativeLatent(L0Latent):
    """Latent image of one scale under the L0 gradient and the classifier.

    Parameters
    ----------
    blurred : (H, W) float64
        Grey image in [0, 1].
    size : int
        Side of the kernel.
    before : DiscriminativeLatent or None
        Latent image of the coarser scale, whose weights and threshold continue to fall.
    """

    def __init__(self, blurred: np.ndarray, size: int, before: DiscriminativeLatent | None):
        super().__init__(blurred, size, GRADIENT if before is None else before.weight)
        self.prior: float = PRIOR if before is None else before.prior
        self.salient: Salient = Salient(self.blurred, COUNT * size, 1 / DECAY) if before is None else before.salient

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Strong gradients (2, H - 1, W - 1) float64 of the latent image under `kernel`."""
        from facedeblur.methods.classical.blind.blur_network import classifier

        self._solver.see(kernel)
        height, width = (side + 1 for side in self.blurred.shape[1:])
        x, price = self._solver.image, 2 * self.prior
        while price < HIGHEST:
            near = x.copy()
            near[:height, :width] = sharpened(x[:height, :width], price, self.prior, classifier())
            x = self._solver.solve(self.weight, start=x, near=near, price=price)
            price *= GROWTH
        self.prior = fallen(self.prior)
        return self.salient(self._ended(x))


@method("li-2018", trained_on=["faker portraits"], licence="MIT")
class Li2018(HyperLaplacianBlind):
    """A learned classifier of blurred and sharp images as prior, and the L0 gradient (Li et al. 2018), in our reading.

    Parameters
    ----------
    size : int
        Side of the kernel, odd.
    weight : float
        Data weight of the final hyper-Laplacian deconvolution (alpha 2/3).
    """

    parameters = 148_929

    def latent(self, blurred: np.ndarray, size: int, before: Any) -> DiscriminativeLatent:
        """The latent image of a scale."""
        return DiscriminativeLatent(blurred, size, before)
