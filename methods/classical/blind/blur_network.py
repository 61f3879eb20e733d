"""The classifier of `li_2018`: a small network that tells blurred grey images from sharp ones, and its derivative."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.weights import read_card

SHIPPED = Path(__file__).parent / "weights" / "li-2018.safetensors"
"""The weights of the classifier, which come with the package."""
WIDTH = 64
"""Channels of every convolution but the last."""


class BlurClassifier(nn.Module):
    """Tells blurred grey images from sharp ones, of any size from 8x8 pixels.

    Convolutions of 3x3, each with a ReLU, two at full size and one at 1/2, 1/4 and 1/8, between them maxima of 2x2; one
    more convolution to a single channel, and its mean over the image (global average pooling), of which the sigmoid is
    taken.

    Parameters
    ----------
    width : int
    """

    def __init__(self, *, width: int = WIDTH):
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for level in range(4):
            for _ in range(1 if level else 2):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
                before = width
            if level < 3:
                layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) float in [0, 1] to the logits (N,): over 0 for blurred, under 0 for sharp."""
        mean: torch.Tensor = self.layers(images).mean((1, 2, 3))
        return mean


@lru_cache(maxsize=1)
def classifier() -> BlurClassifier:
    """Return the classifier with the weights that come with the package, in double precision.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    read_card(SHIPPED)  # which compares the hash
    network = BlurClassifier()
    load_exactly(network, read_state(SHIPPED), str(SHIPPED), "install facedeblur again")
    return network.eval().requires_grad_(False).double()


def blurriness(image: np.ndarray, network: nn.Module) -> tuple[float, np.ndarray]:
    """f of an image and its derivative by each pixel times the number of pixels.

    Parameters
    ----------
    image : (H, W) float64
        Grey, in [0, 1].
    network : nn.Module
        In double precision: in single precision processors differ, and the iteration amplifies that.

    Returns
    -------
    value : float
        From 0 (sharp) to 1 (blurred).
    slope : (H, W) float64
    """
    with torch.enable_grad():
        given = torch.from_numpy(np.ascontiguousarray(image))[None, None].requires_grad_()
        value = torch.sigmoid(network(given))
        (slope,) = torch.autograd.grad(value.sum(), given)
    return value.item(), slope[0, 0].numpy() * image.size
