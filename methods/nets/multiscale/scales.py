"""What networks have in common that restore small images first."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

SCALES = ("restored_quarter", "restored_half", "restored")
"""Outputs in the order in which they are restored."""


class MultiScale(nn.Module, ABC):
    """Base of networks that restore at a quarter of the size, at half of it, and whole; a subclass has `scales_of`."""

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels, or a height or width that is under ``smallest`` or not a multiple of ``multiple``.
        """
        return self.outputs(blurred)["restored"]

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return what each scale restores.

        Parameters
        ----------
        blurred : (N, 3, H, W) float RGB in [0, 1]
        labels, kernels : ignored

        Returns
        -------
        dict
            ``restored_quarter``, ``restored_half`` and ``restored``, (N, 3, h, w) each.

        Raises
        ------
        InputError
            As `forward`.
        """
        return self.scales_of(blurred)

    @abstractmethod
    def scales_of(self, blurred: Tensor) -> dict[str, Tensor]:
        """The images of `SCALES`; parameters and errors as `outputs`."""
