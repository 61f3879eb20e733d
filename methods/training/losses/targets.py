"""What outputs are compared with besides the sharp face: drawings of it or of the blurred face, and deep features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.methods.nets.lin2020 import grey
from facedeblur.methods.training.recipe import Stage


def shading(images: Tensor, *, sigma: float = 32.0) -> Tensor:
    """A tone-preserving drawing of each image: half its luma divided by its own wide blur.

    The "dodge" by which photographs are made into pencil drawings, `Y / (1 - G * (1 - Y))`, at half brightness so that
    nothing brighter than its surroundings is lost as white paper. Unlike the lines of `xdog` its gradients are nearly
    those of the photograph (correlation 0.96 on aligned faces, 0.61 for `xdog`), which is what the kernel estimate of
    Lin et al. compares. It stands for the sketches drawn or synthesised that they train on.

    Parameters
    ----------
    images : (N, 3, H, W) float RGB in [0, 1]
    sigma : float
        Standard deviation of the blur, pixels: half the distance of the eyes in a face of 240x200.

    Returns
    -------
    (N, 1, H, W) float in [0, 1]
        0.5 where the image is as bright as its surroundings.
    """
    luma = grey(images)
    return (luma / (2 * _blurred(luma, sigma) + 1e-3)).clamp(0, 1)


def l0_smoothed(images: Tensor, *, weight: float = 0.02, factor: float = 2.0, most: float = 1e5) -> Tensor:
    """The strong edges of each image, by the filter that minimises the number of gradients that are not 0.

    Xu, Lu, Xu and Jia, "Image smoothing via L0 gradient minimization", SIGGRAPH Asia 2011, algorithm 1, on the torus.
    It gives the local structures that the row "L_0" of Lin et al.'s Table 2 is supervised by.

    Parameters
    ----------
    images : (N, 3, H, W) float RGB in [0, 1]
    weight, factor, most : float
        lambda, kappa and the largest beta of the paper.

    Returns
    -------
    (N, 1, H, W) float in [0, 1]
    """
    luma = grey(images).float()
    height, width = int(luma.shape[-2]), int(luma.shape[-1])
    rows = 2 - 2 * torch.cos(2 * torch.pi * torch.fft.fftfreq(height, device=luma.device))
    columns = 2 - 2 * torch.cos(2 * torch.pi * torch.fft.rfftfreq(width, device=luma.device))
    laplacian = rows[:, None] + columns
    given, smooth, beta = torch.fft.rfft2(luma), luma, 2 * weight
    while beta < most:
        across, down = (smooth.roll(-1, axis) - smooth for axis in (-1, -2))
        kept = across.square() + down.square() >= weight / beta
        across, down = across * kept, down * kept
        divergence = across.roll(1, -1) - across + down.roll(1, -2) - down
        smooth = torch.fft.irfft2(
            (given + beta * torch.fft.rfft2(divergence)) / (1 + beta * laplacian), s=(height, width)
        )
        beta *= factor
    return smooth.clamp(0, 1)


def xdog(
    images: Tensor, *, sigma: float = 1.0, ratio: float = 1.6, strength: float = 12.0, level: float = 0.65,
    slope: float = 6.0,
) -> Tensor:  # fmt: skip
    """A pencil drawing of each image, by extended differences of Gaussians.

    Winnemoeller, Kyprianidis and Olsen, "XDoG: An eXtended difference-of-Gaussians compendium", Computers & Graphics
    2012, eqs. 5 and 7: ``S = (1 + p) G_s * I - p G_ks * I``, then 1 where S is at least `level`, else
    ``1 + tanh(slope (S - level))``. Dark photographs become black areas.

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


STRUCTURE = 0.002
"""Weight of the L0 filter for the targets of Xu et al. 2018. It keeps more than the 0.02 of the filter's authors: on 12
faces of CelebAMask-HQ, blurred by Levin's kernels with noise of 0.01, what the filter keeps of the sharp face gives
kernels (`estimate_kernel` with a beta of 0.3) that restore 27.1, 25.4 and 23.7 dB with weights of 0.002, 0.01 and 0.02;
the true kernels restore 27.5 dB."""

DRAWINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "sketch": shading,
    "xdog": xdog,
    "l0": l0_smoothed,
    "edges": partial(l0_smoothed, weight=STRUCTURE),
    "smooth": partial(l0_smoothed, weight=STRUCTURE),
}
"""Names that a recipe's ``target`` may have, and what is drawn from the sharp faces where a batch has none."""

OF_BLURRED = ("smooth",)
"""Those that are drawn from the blurred faces."""


class Targets:
    """Adds to a batch the targets of a stage that are made from the sharp faces.

    ``sketch``, ``xdog``, ``l0``, ``edges`` and ``smooth``: see `DRAWINGS`; what a batch holds already, such as the
    sketches of a user, stays.
    ``priors1``, ...: the features that the loss ``feature-priors``
    compares with, where a discriminator judges features.

    Parameters
    ----------
    stage : Stage
    losses : sequence of nn.Module
        Of the stage, made.
    """

    def __init__(self, stage: Stage, losses: Sequence[nn.Module]):
        names = stage.targets
        self.drawings = {name: draw for name, draw in DRAWINGS.items() if name in names}
        self.priors = [loss for loss in losses if any(name.startswith(f"{_of(loss)}1") for name in names)]

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch together with its targets."""
        whole = dict(batch)
        whole |= {
            name: draw(batch["blurred" if name in OF_BLURRED else "sharp"])
            for name, draw in self.drawings.items()
            if name not in batch
        }
        for loss in self.priors:
            whole |= loss.priors(batch)  # type: ignore[operator]
        return whole


def _of(loss: nn.Module) -> str:
    from facedeblur.methods.training.losses.perceptual import FeaturePriors

    return loss.of if isinstance(loss, FeaturePriors) else "\0"
