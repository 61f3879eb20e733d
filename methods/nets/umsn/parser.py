"""S-Net of UMSN as a parser of faces."""

from __future__ import annotations

from torch import Tensor, nn


class SegmentationParser(nn.Module):
    """S-Net by itself, for pictures in [0, 1].

    Parameters
    ----------
    segmentation : nn.Module
        The part ``segmentation`` of the network, see `facedeblur.methods.nets.umsn.parts.SegmentationNet`.
    """

    multiple = 4

    def __init__(self, segmentation: nn.Module):
        super().__init__()
        self.segmentation = segmentation

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to logits (N, 4, H, W) of background, skin, parts and hair."""
        signed = 2 * pictures - 1
        logits: Tensor = self.segmentation(signed, signed[:, :, ::2, ::2])[0]
        return logits
