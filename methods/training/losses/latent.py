"""Losses of what a network describes by numbers, not by an image (Lu et al., CVPR 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from facedeblur.methods.training.losses.base import Loss, fetch


class NormalDivergence(Loss):
    """Divergence of estimated normal distributions from the standard one: Lu et al. 2019.

    ``-1/2 sum(1 + v - m^2 - exp v)`` over the values of an image, with mean m and logarithm of the variance v; the mean
    over the batch (Kingma and Welling, ICLR 2014, appendix B).

    Parameters
    ----------
    of : str
        The outputs ``OF_mean`` and ``OF_log_variance``, (N, values) each, are read.
    """

    def __init__(self, *, of: str = "blur") -> None:
        super().__init__(of=of)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        mean, logs = (fetch(outputs, f"{self.of}_{name}", "network output") for name in ("mean", "log_variance"))
        return -0.5 * (1 + logs - mean.square() - logs.exp()).sum(1).mean()


class BetweenOutputs(Loss):
    """Mean absolute difference of two outputs of the network.

    Parameters
    ----------
    to : str
        The output that `of` should be.
    **options
        Of `Loss`; ``target`` is not read.
    """

    def __init__(self, *, to: str, **options: Any) -> None:
        super().__init__(**options)
        self.to_output = to

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        found, wanted = (fetch(outputs, name, "network output") for name in (self.of, self.to_output))
        return self.reduce((found - wanted).abs())
