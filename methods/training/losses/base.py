"""Training losses: what every loss shares, and how one is made by its name.

A loss is made with keyword options, as a recipe states them, and called as ``loss(outputs, batch)`` with the named
tensors of a network and of a batch: images (N, 3, H, W) float RGB in [0, 1], labels (N, H, W) integers of Helen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import make, one_of
from facedeblur.methods.nets.blocks import Halve
from facedeblur.methods.training.losses.registry import LOSSES

REDUCTIONS = ("mean", "sum")
SIZES = {"half": 1, "quarter": 2}
"""Endings of the names of smaller images, and how often these are halved."""

HALVINGS = ("bicubic", "area", "nearest", "gaussian")


class Loss(nn.Module, ABC):
    """A term of a training objective: ``loss(outputs, batch)`` is a scalar tensor.

    Parameters
    ----------
    of : str
        Name of the network output it judges.
    target : str
        Name in the batch of what the output should be. Where ``NAME_half`` or ``NAME_quarter`` is missing it is made
        from ``NAME``.
    reduction : {"mean", "sum"}
        ``"mean"`` of all values, or ``"sum"`` over an image and mean over the batch, as SHEN's norms are.
    half : {"bicubic", "area", "nearest", "gaussian"}
        How these are made, see `halved`; a quarter is a half of the half.

    Raises
    ------
    InputError
        For an unknown option value; in the call, for a missing name or two shapes that differ.
    """

    def __init__(
        self, *, of: str = "restored", target: str = "sharp", reduction: str = "mean", half: str = "bicubic"
    ) -> None:
        super().__init__()
        self.of, self.target = of, target
        self.reduction = one_of("reduction", reduction, REDUCTIONS)
        self.halving = one_of("half", half, HALVINGS)

    notes: tuple[str, ...] = ()
    """Names of what the loss has to say besides its value, for the log: the numbers that `noted` returns."""

    def noted(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return a scalar for each of `notes`, given what `forward` is given."""
        return ()

    def bind(self, net: nn.Module) -> None:
        """Take what the loss needs from the network in training; most losses need nothing.

        The trainer calls it once, after both are made and before the first step.
        """

    @abstractmethod
    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of `outputs` given `batch`, a scalar."""

    def pair(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The judged output and its target, of one shape."""
        output = fetch(outputs, self.of, "network output")
        target = fetch_target(batch, self.target, self.halving)
        if output.shape != target.shape:
            raise InputError(
                f"output '{self.of}'", expected=f"the shape of '{self.target}', {tuple(target.shape)}",
                found=str(tuple(output.shape)), do="name the target of the same scale",
            )  # fmt: skip
        return output, target

    def reduce(self, values: Tensor) -> Tensor:
        """Reduce `values`, batch first, to a scalar as `reduction` says."""
        return values.mean() if self.reduction == "mean" else values.sum() / values.shape[0]


def fetch(tensors: Mapping[str, Tensor], name: str, kind: str) -> Tensor:
    """Return ``tensors[name]``, or raise InputError with the names there are."""
    return tensors[one_of(kind, name, tensors)]


def fetch_target(batch: Mapping[str, Tensor], name: str, half: str) -> Tensor:
    """Return ``batch[name]``, made at half or a quarter of the size from the full one where only that is there."""
    whole, _, size = name.rpartition("_")
    if name in batch or size not in SIZES or whole not in batch:
        return fetch(batch, name, "batch entry")
    target = batch[whole]
    for _ in range(SIZES[size]):
        target = halved(target, half)
    return target


def halved(images: Tensor, how: str = "bicubic") -> Tensor:
    """Images ``(N, C, H, W)``, H and W even, at half their size; values stay in [0, 1].

    ``"bicubic"`` is MATLAB's imresize, the way of SHEN's code; ``"area"`` is the mean of
    2 x 2 pixels; ``"nearest"`` keeps every second pixel, as the codes of UMSN and SRN do; ``"gaussian"`` is a
    step of the Gaussian pyramid of Nah et al. 2017.
    """
    height, width = images.shape[-2:]
    if height % 2 or width % 2 or min(height, width) < 4:
        raise InputError(
            "target at half size", expected="an even height and width of at least 4", found=f"{height}x{width}"
        )
    if one_of("half", how, HALVINGS) == "nearest":
        return images[..., ::2, ::2]
    if how == "area":
        return functional.avg_pool2d(images, 2)
    # Mixed precision would round what outputs are compared with.
    with torch.autocast(images.device.type, enabled=False):
        return _halver(how, images.device)(images).clamp(0, 1)


@lru_cache(maxsize=8)
def _halver(kind: str, device: torch.device) -> Halve:
    return Halve(kind).to(device)


def make_loss(name: str, options: Mapping[str, Any] | None = None) -> Loss:
    """Make the loss called `name` with `options`, as a recipe's table gives them.

    Raises
    ------
    InputError
        For an unknown name, an option that the loss does not have, or one of a wrong value.
    """
    return make(LOSSES.get(name), options or {}, f"loss '{name}'")
