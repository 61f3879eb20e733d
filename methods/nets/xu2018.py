"""Sharp edges by a network, the kernel from them, and a deconvolution: Xu, Pan, Zhang and Yang, in our reading.

"Motion Blur Kernel Estimation via Deep Learning", IEEE Transactions on Image Processing 27(1), 2018. Of the paper we
had the abstract; Lin et al. 2020, who compare with it, add that its kernels are normalised to sum 1. The layout of the
authors' weights is not known here, so they are not read.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import (
    BETAS,
    PRECISION,
    STEPS,
    TAPERS,
    threshold,
)
from facedeblur.methods.nets.blocks import check_images, check_until, conv, he_initialise
from facedeblur.methods.nets.lin2020 import estimate_kernel, grey, tapered

ALPHA = 2 / 3
"""Exponent of the hyper-Laplacian prior."""


class EdgeStage(nn.Module):
    """Convolutions, instance normalisation and ReLU in turn, whose result is added to the grey image that they read.

    Without the normalisation a narrow second stage learned a fifth as much in a hundred steps.

    Parameters
    ----------
    taken : int
        Channels that it reads.
    width, depth : int
        Channels of the hidden layers; convolutions, at least 2.
    size : int
        Side of all convolutions but the first, which is 9x9; odd.
    """

    def __init__(self, taken: int, *, width: int, depth: int, size: int):
        super().__init__()
        # No biases: instance normalisation takes the mean away again.
        layers: list[nn.Module] = [conv(taken, width, 9, bias=False), nn.InstanceNorm2d(width), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [conv(width, width, size, bias=False), nn.InstanceNorm2d(width), nn.ReLU()]
        end = conv(width, 1, size)
        self.body = nn.Sequential(*layers, end)
        he_initialise(self)
        # Training begins near the image itself.
        nn.init.normal_(end.weight, std=1e-3)

    def forward(self, images: Tensor) -> Tensor:
        """(N, taken, H, W), RGB or grey, to grey images (N, 1, H, W), not clipped."""
        base: Tensor = grey(images) if images.shape[1] == 3 else images
        return base + self.body(images)


class Xu2018(nn.Module):
    """Two networks for sharp edges, then kernel and image in closed steps; our reading, see the assumptions below.

    1,399,170 parameters: 163,585 of the first stage and 1,235,585 of the second. Stated in the abstract: a deep
    convolutional network extracts sharp edges from the blurred image in two stages, which suppress extraneous details
    and enhance sharp edges, after the example of filters; the kernel follows from these edges without a coarse-to-fine
    strategy and without a selection of edges.

    Assumed, since not known:

    * Edges are those of a grey image, whose gradients the kernel estimate reads. Each stage adds the result of its
      convolutions to what it reads: 6 convolutions, of 3x3 behind a first of 9x9, for the details; 14 of 5x5 behind a
      first of 9x9 for the edges, which in the end see 79x79 pixels. Instance normalisation and ReLU
      behind all but the last of a stage; 64 channels.
    * The first stage learns what the L0 filter of Xu et al. 2011 keeps of the blurred image, the second what it keeps
      of the sharp one (targets ``smooth`` and ``edges``).
    * The kernel is the least-squares one of `estimate_kernel`, which compares gradients under a squared norm of the
      kernel; `beta` is 0.6, the best of 0.03, 0.1, 0.3, 0.6 and 1 for edges of the sharp face itself.
    * The image is restored by the hyper-Laplacian deconvolution of Krishnan and Fergus 2009 with the data weight 500
      that our other blind methods have (`hyper_laplacian`). What the authors deconvolve with is not known.

    Parameters
    ----------
    width : int
        Channels of the hidden layers of both stages.
    details, edges : int
        Convolutions of the first and of the second stage.
    kernel_size : int
        Side of the estimated kernel, odd; images must be as large at least.
    beta : float
        Weight of the kernel's squared norm, see `estimate_kernel`.
    weight : float
        Data weight of the deconvolution.

    Raises
    ------
    InputError
        For a width below 1, fewer than two convolutions, or a data weight that is not above 0.
    """

    name = "xu2018"
    multiple = 1
    parts = ("suppress", "enhance")

    def __init__(
        self,
        *,
        width: int = 64,
        details: int = 6,
        edges: int = 14,
        kernel_size: int = 51,
        beta: float = 0.6,
        weight: float = 500.0,
    ) -> None:
        super().__init__()
        for key, value, least in (("width", width, 1), ("details", details, 2), ("edges", edges, 2)):
            if value < least:
                raise InputError(f"{key} of xu2018", expected=f"{least} or more", found=str(value))
        if not weight > 0:
            raise InputError("weight of xu2018", expected="a number above 0", found=f"{weight}")
        self.suppress = EdgeStage(3, width=width, depth=details, size=3)
        self.enhance = EdgeStage(1, width=width, depth=edges, size=5)
        self.smallest, self.beta, self.weight = kernel_size, beta, weight

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped."""
        return self.outputs(blurred)["restored"]

    def outputs(
        self,
        blurred: Tensor,
        *,
        labels: Tensor | None = None,
        kernels: Tensor | None = None,
        until: str | None = None,
    ) -> dict[str, Tensor]:
        """Restore, with what the losses read.

        Parameters
        ----------
        blurred : (N, 3, H, W) float
            RGB in [0, 1], H and W `kernel_size` at least.
        labels, kernels : Tensor, optional
            Not used.
        until : {'smooth'}, optional
            Stop there, for the first training stage; the blurred image is then the restored one.

        Returns
        -------
        dict
            ``smooth`` and ``edges`` (N, 1, H, W), not clipped; ``kernel`` (N, k, k) and ``restored`` (N, 3, H, W),
            through which no gradient passes.

        Raises
        ------
        InputError
            For other channels or smaller images.
        """
        check_images(blurred, net=self.name, multiple=self.multiple, smallest=self.smallest)
        check_until(until, net=self.name, parts=("smooth",))
        smooth = self.suppress(blurred)
        if until == "smooth":
            return {"smooth": smooth, "restored": blurred}
        edges = self.enhance(smooth)
        # Only the edges are learned: the rest of the method follows from them.
        with torch.no_grad():
            kernel = estimate_kernel(grey(blurred), edges.detach(), size=self.smallest, beta=self.beta)
            restored = deconvolve(blurred, kernel, weight=self.weight).to(blurred.dtype)
        return {"smooth": smooth, "edges": edges, "kernel": kernel, "restored": restored}


def deconvolve(blurred: Tensor, kernels: Tensor, *, weight: float, betas: Sequence[float] = BETAS) -> Tensor:
    """Restore under a hyper-Laplacian prior of exponent 2/3, a batch at once.

    `facedeblur.methods.classical.nonblind.krishnan_fergus_2009.hyper_laplacian`, which has the formulas, for tensors.

    Parameters
    ----------
    blurred : (N, C, H, W) float
        Each channel is restored separately.
    kernels : (N, k, k) float
        Odd size, sum 1.
    weight : float
        Weight of the data term.
    betas : sequence of float
        Schedule of the splitting.

    Returns
    -------
    (N, C, H, W) float, 32 bits or more
        Not clipped.
    """
    image, otf, margin = tapered(blurred, kernels, rounds=TAPERS)
    power = (otf.real**2 + otf.imag**2).clamp_min(PRECISION)
    rows, columns = (
        2 - 2 * torch.cos(2 * torch.pi * frequencies(int(side), device=image.device, dtype=image.dtype))
        for side, frequencies in zip(image.shape[2:], (torch.fft.fftfreq, torch.fft.rfftfreq), strict=True)
    )
    gradients = rows[:, None] + columns
    data, estimate = otf.conj() * torch.fft.rfft2(image), image
    for beta in betas:
        across, down = (shrink(estimate.roll(-1, axis) - estimate, beta) for axis in (3, 2))
        divergence = across.roll(1, 3) - across + down.roll(1, 2) - down
        ratio = weight / beta
        spectrum = (torch.fft.rfft2(divergence) + ratio * data) / (gradients + ratio * power)
        estimate = torch.fft.irfft2(spectrum, s=image.shape[2:])
    return estimate[:, :, margin : margin + int(blurred.shape[2]), margin : margin + int(blurred.shape[3])]


def shrink(values: Tensor, beta: float) -> Tensor:
    """The w that minimise ``|w|^(2/3) + beta / 2 (w - v)^2``: for w = t^3 Newton's steps from the right, or 0."""
    size = values.abs()
    large = size > threshold(ALPHA, beta)
    # Where 0 is the answer anything keeps the steps finite.
    size = torch.where(large, size, torch.ones_like(size))
    t = size ** (5 / 16)
    for _ in range(STEPS):
        cube = t**3
        t = (3 * cube * t - 2 / (3 * beta)) / (4 * cube - size)
    return torch.where(large, t**3 * values.sign(), torch.zeros_like(t))
