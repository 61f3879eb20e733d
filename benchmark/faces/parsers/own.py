"""facedeblur's own face parser, which comes with it: a small residual U-Net."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from facedeblur.benchmark.faces.base import Parser
from facedeblur.benchmark.faces.inference import labelled
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.tensors import torch_device
from facedeblur.benchmark.weights import Located, check_pin, read_card, sha256_of

SIDE = 128

SHIPPED = Path(__file__).parents[1] / "weights" / "parser.safetensors"
"""The weights that come with the package."""

WIDTHS = (16, 32, 64, 112, 160)
DEPTHS = (1, 1, 2, 2, 3)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation, added to the identity, (N, C, H, W) to the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``relu(x + F(x))``."""
        inner = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return functional.relu(x + self.norm2(self.conv2(inner)), inplace=True)


def _convolution(inputs: int, outputs: int, *, stride: int = 1, size: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class ParsingNetwork(nn.Module):
    """Labels every pixel of a face of about 128x128 pixels with one of the 11 classes of Helen.

    Parameters
    ----------
    widths : sequence of int
        Channels at full size, 1/2, 1/4, 1/8 and 1/16.
    depths : sequence of int
        Residual blocks on the way down at each of them; the way up has one each, full size a convolution.
    """

    multiple = 16

    def __init__(self, *, widths: tuple[int, ...] = WIDTHS, depths: tuple[int, ...] = DEPTHS):
        super().__init__()
        self.down = nn.ModuleList()
        before = 3
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [ResidualBlock(width) for _ in range(depth)]
            self.down.append(nn.Sequential(_convolution(before, width, stride=2 if level else 1), *blocks))
            before = width
        self.across = nn.ModuleList()
        self.up = nn.ModuleList()
        for level in range(len(widths) - 2, -1, -1):
            self.across.append(_convolution(widths[level + 1], widths[level], size=1))
            width = widths[level]
            self.up.append(ResidualBlock(width) if level else _convolution(width, width))
        self.head = nn.Conv2d(widths[0], len(HELEN), 1)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) float RGB in [0, 1], H and W multiples of 16, to (N, 11, H, W) logits."""
        x, skips = faces * 4 - 2, []
        for level in self.down:
            x = level(x)
            skips.append(x)
        for across, up, skip in zip(self.across, self.up, skips[-2::-1], strict=True):
            x = up(functional.interpolate(across(x), scale_factor=2.0, mode="bilinear") + skip)
        logits: torch.Tensor = self.head(x)
        return logits


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> ParsingNetwork:
    network = ParsingNetwork()
    load_exactly(network, read_state(path), path, "give its own weights")
    return network.eval().requires_grad_(False).to(device)


@dataclass(frozen=True)
class OwnParser(Parser):
    """facedeblur's own parser: all 11 classes of Helen, trained on 1,898 faces of CelebAMask-HQ.

    Images are resized so that the shorter side has 128 pixels and the scores are resized back; the face is expected to
    fill the image as the crops of the templates do. What it was trained on and what it reaches is in its model
    card, ``facedeblur/benchmark/faces/weights/parser.md``.

    Parameters
    ----------
    weights : Located
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    device: str = "cpu"
    classes: tuple[str, ...] = HELEN

    name = "facedeblur"
    choices = "@1234abcd to pin the weights"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the parser; ``@1234abcd`` pins its weights."""
        pinned = pin_of(fill("parser 'facedeblur'", options, PIN)[0])
        read_card(SHIPPED)  # which compares the hash
        found = Located("facedeblur-parser", SHIPPED, sha256_of(SHIPPED))
        check_pin(
            "parser 'facedeblur'", pinned, found.sha256,
            do="install the version of facedeblur that the scores were made with",
        )  # fmt: skip
        return cls(found)

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"facedeblur@{self.weights.short}",)

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 places in ``classes``.

        Raises
        ------
        InputError
            When `faces` is not a batch of RGB images, or the device is missing.
        """
        device = torch_device(self.device)
        network = _network(str(self.weights.path), self.weights.sha256, device)
        return labelled(network, faces, side=SIDE, multiple=network.multiple, device=device)
