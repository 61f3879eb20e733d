"""Content losses: how far an output is from its target, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.losses.base import Loss


class L1(Loss):
    """Absolute error ``||y - y_GT||_1``: SHEN eq. 5, LIN eqs. 6 and 12, UMSN's L below eq. 1."""

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        return self.reduce((output - target).abs())


class L2(Loss):
    """Squared error ``||y - y_GT||_2^2``: DeepDeblur's ``||F(y) - x||``, DeblurGAN-v2's MSE."""

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        return self.reduce((output - target).square())


class Charbonnier(Loss):
    """Smoothed absolute error ``sqrt((y - y_GT)^2 + eps^2)`` (Charbonnier et al., ICIP 1994).

    Parameters
    ----------
    eps : float
        Where the error turns from squared to absolute, in the units of the images.
    **options
        Of `Loss`.
    """

    def __init__(self, *, eps: float = 1e-3, **options: Any) -> None:
        super().__init__(**options)
        if eps <= 0:
            raise InputError("eps of loss 'charbonnier'", expected="a number above 0", found=str(eps))
        self.eps = eps

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        return self.reduce(((output - target).square() + self.eps**2).sqrt())


class GradientL1(Loss):
    """Absolute error of the differences of neighbours along x and along y, added, as in UMSN's code.

    With ``"mean"`` each direction is averaged over its own ``H (W - 1)`` or ``(H - 1) W`` pixels.

    Parameters
    ----------
    magnitude : bool
        Compare the absolute differences, as that code does, so that an edge of the wrong sign
        costs nothing; otherwise the signed ones.
    **options
        Of `Loss`.
    """

    def __init__(self, *, magnitude: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.magnitude = magnitude

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        loss = output.new_zeros(())
        for axis in (-1, -2):
            ours, theirs = torch.diff(output, dim=axis), torch.diff(target, dim=axis)
            if self.magnitude:
                ours, theirs = ours.abs(), theirs.abs()
            loss = loss + self.reduce((ours - theirs).abs())
        return loss
