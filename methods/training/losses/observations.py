"""Losses without a sharp image: two blurred images of a face, and estimates of it that are blurred again.

Xia and Chakrabarti, "Training Image Estimators without Image Ground-Truth", NeurIPS 2019. With measurements ``y1``,
``y2`` of an image, kernels ``k1``, ``k2`` and estimates ``x1 = f(y1)``, ``x2 = f(y2)``, all by absolute errors, each
averaged over pixels and batch (their code for faces):

    swap              |k2 * x1 - y2| + |k1 * x2 - y1|
    self-measurement  |k1 * x1 - y1| + |k2 * x2 - y2|
    proxy             |f(k * x1 + noise) - x1| + |f(k' * x2 + noise') - x2|, x1 and x2 without gradient
    proxy-kernel      |g(k * x1 + noise) - k| + |g(k' * x2 + noise') - k'|, g the estimate of the kernel

Names in outputs and batches are those of `facedeblur.methods.training.observed`. A pixel whose blur reads what lies
beyond the image is left out, unless the image was mirrored there when it was blurred.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.training.losses.base import Loss, fetch

KERNELS = ("true", "estimated")
SIDES = ("", "second_")
"""Beginnings of the names of what belongs to the first and to the second blurred image."""


def blurred_by(images: Tensor, kernels: Tensor) -> Tensor:
    """Images (N, C, H, W) convolved with a kernel each, (N, K, K) with odd K, and mirrored at their borders.

    The blur of `facedeblur.generators.blur.convolve` with the border ``reflect``, in float and with gradients.

    Raises
    ------
    InputError
        When a kernel is larger than the images.
    """
    height, width = images.shape[-2:]
    side, reach = kernels.shape[-1], kernels.shape[-1] // 2
    if reach >= min(height, width):
        raise InputError(f"kernels of {side}x{side}", expected="smaller than the images", found=f"{width}x{height}")
    # Mixed precision would round what measurements are compared with.
    with torch.autocast(images.device.type, enabled=False):
        padded = functional.pad(images.float(), (reach,) * 4, mode="reflect")
        size = (height + 2 * reach, width + 2 * reach)
        spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels.float(), s=size)[:, None]
        # What wraps around falls on the first rows and columns, which the reflection is for.
        return torch.fft.irfft2(spectrum, s=size)[..., 2 * reach :, 2 * reach :]


class Measurement(Loss):
    """What the losses of measurements share: which kernels they blur by.

    Parameters
    ----------
    kernels : {"true", "estimated"}
        Those of the data, or those that the network estimates, without their gradient.
    """

    swapped: bool

    def __init__(self, *, kernels: str = "true") -> None:
        super().__init__()
        self.kernels = one_of("kernels", kernels, KERNELS)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        total = outputs["restored"].new_zeros(())
        for side, other in (SIDES, SIDES[::-1]):
            image = fetch(outputs, f"{other if self.swapped else side}restored", "network output")
            if self.kernels == "true":
                kernel = fetch(batch, f"{side}kernels", "batch entry")
            else:
                kernel = fetch(outputs, f"{side}kernel", "network output").detach()
            error = (blurred_by(image, kernel) - fetch(batch, f"{side}blurred", "batch entry")).abs()
            total = total + _within(error, fetch(batch, f"{side}edge", "batch entry"))
        return total


class SwapMeasurement(Measurement):
    """The swap loss of Xia and Chakrabarti: each estimate, blurred as the other image was, is that image."""

    swapped = True


class SelfMeasurement(Measurement):
    """The self-measurement loss of Xia and Chakrabarti: each estimate, blurred as its own image was, is that image."""

    swapped = False


class Proxy(Loss):
    """Proxy loss of the image, after Xia and Chakrabarti: an estimate, blurred again, is restored to itself."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        errors = [
            fetch(outputs, f"{side}proxy_restored", "network output") - outputs[f"{side}restored"].detach()
            for side in SIDES
        ]
        return errors[0].abs().mean() + errors[1].abs().mean()


class ProxyKernel(Loss):
    """Proxy loss of the kernel, after Xia and Chakrabarti: the kernel that an estimate was blurred by is found."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        total = outputs["restored"].new_zeros(())
        for side in SIDES:
            found = fetch(outputs, f"{side}proxy_kernel", "network output")
            true = fetch(batch, f"{side}proxy_kernels", "batch entry")
            edge = (found.shape[-1] - true.shape[-1]) // 2
            if edge < 0:
                raise InputError(
                    f"estimated kernels of {found.shape[-1]}x{found.shape[-1]}",
                    expected=f"{true.shape[-1]}x{true.shape[-1]} or more, as the data have",
                    do="train on smaller kernels, or on larger images",
                )  # fmt: skip
            total = total + (found - functional.pad(true, (edge,) * 4)).abs().mean()
        return total


def _within(error: Tensor, edge: Tensor) -> Tensor:
    """Mean of `error` (N, C, H, W) over the pixels that are `edge` (N,) pixels or more from the border."""
    height, width = error.shape[-2:]
    rows, columns = (torch.arange(side, device=error.device) for side in (height, width))
    far = torch.minimum(
        torch.minimum(rows, height - 1 - rows)[:, None], torch.minimum(columns, width - 1 - columns)[None, :]
    )
    counted = (far[None] >= edge[:, None, None])[:, None].to(error.dtype).expand_as(error)
    return (error * counted).sum() / counted.sum().clamp(min=1)
