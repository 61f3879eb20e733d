"""What outputs are compared with besides the sharp face: line drawings of it, and its deep features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.methods.nets.lin2020 import grey
from facedeblur.methods.training.recipe import Stage


def drawing(
    images: Tensor, *, sigma: float = 1.0, ratio: float = 1.6, strength: float = 12.0, level: float = 0.65,
    slope: float = 6.0,
) -> Tensor:  # fmt: skip
    """A pencil drawing of each image, by extended differences of Gaussians.

    Winnemoeller, Kyprianidis and Olsen, "XDoG: An eXtended difference-of-Gaussians compendium", Computers & Graphics
    2012, eqs. 5 and 7: ``S = (1 + p) G_s * I - p G_ks * I``, then 1 where S is at least `level`, else
    ``1 + tanh(slope (S - level))``. It stands for the sketches drawn or synthesised that LIN trains on.

    Parameters
    ----------
    images : (N, 3, H, W) float RGB in [0, 1]
    sigma, ratio : float
        Standard deviation of the narrower Gaussian, pixels, and how much wider the other is.
    strength, level, slope : float
        p, epsilon and phi of the paper.

    Returns
    -------
    (N, 1, H, W) float in [0, 1]
        1 is paper.
    """
    luma = grey(images)
    sharpened = (1 + strength) * _blurred(luma, sigma) - strength * _blurred(luma, ratio * sigma)
    dark = 1 + torch.tanh(slope * (sharpened - level))
    return torch.where(sharpened >= level, torch.ones_like(dark), dark).clamp(0, 1)


def _blurred(luma: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(3 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=luma.dtype, device=luma.device)
    taps = torch.exp(-(at**2) / (2 * sigma**2))
    taps = taps / taps.sum()
    padded = functional.pad(luma, (radius,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


class Targets:
    """Adds to a batch the targets of a stage that are made from the sharp faces.

    ``sketch``: the `drawing`. ``priors1``, ...: the features that the loss ``feature-priors`` compares with, where a
    discriminator judges features.

    Parameters
    ----------
    stage : Stage
    losses : sequence of nn.Module
        Of the stage, made.
    """

    def __init__(self, stage: Stage, losses: Sequence[nn.Module]):
        names = [str(term.options.get("target", "sharp")) for term in stage.losses]
        names += stage.adversary.target if stage.adversary is not None else ()
        self.sketch = "sketch" in names
        self.priors = [loss for loss in losses if any(name.startswith(f"{_of(loss)}1") for name in names)]

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch together with its targets."""
        whole = dict(batch)
        if self.sketch:
            whole["sketch"] = drawing(batch["sharp"])
        for loss in self.priors:
            whole |= loss.priors(batch)  # type: ignore[operator]
        return whole


def _of(loss: nn.Module) -> str:
    from facedeblur.methods.training.losses.perceptual import FeaturePriors

    return loss.of if isinstance(loss, FeaturePriors) else "\0"
