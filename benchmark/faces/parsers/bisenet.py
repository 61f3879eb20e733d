"""BiSeNet as it is used for face parsing, with the user's weights: Yu et al., ECCV 2018, ResNet-18 as its only path.

Layer names are those of the published PyTorch weights of face parsing (zllrunning/face-parsing.PyTorch, MIT), so that
their state dict loads as it is; the spatial path of the paper is replaced there by the ResNet's features at 1/8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, max_pool2d, relu

from facedeblur.benchmark.faces.base import Parser
from facedeblur.benchmark.faces.inference import labelled
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.sets.classes import CLASS_LISTS, HELEN
from facedeblur.benchmark.tensors import torch_device
from facedeblur.benchmark.weights import Located, locate

_WIDTHS = (64, 128, 256, 512)


class _ConvNorm(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.bn(self.conv(x)))


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.downsample(x) + self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))


class _Resnet18(nn.Module):
    """Features at 1/8, 1/16 and 1/32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for number, width in enumerate(_WIDTHS, start=1):
            blocks = [_BasicBlock(before, width, 1 if number == 1 else 2), _BasicBlock(width, width, 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            before = width

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = max_pool2d(relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        found = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            found.append(x)
        return found[1:]


class _Attention(nn.Module):
    """The paper's attention refinement module (Fig. 2b)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = _ConvNorm(inputs, outputs)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(adaptive_avg_pool2d(x, 1))))


class _ContextPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resnet = _Resnet18()
        self.arm16, self.arm32 = _Attention(256, 128), _Attention(512, 128)
        self.conv_head32, self.conv_head16 = _ConvNorm(128, 128), _ConvNorm(128, 128)
        self.conv_avg = _ConvNorm(512, 128, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        eighth, sixteenth, last = self.resnet(x)
        whole = self.conv_avg(adaptive_avg_pool2d(last, 1))
        deep = self.conv_head32(interpolate(self.arm32(last) + whole, size=sixteenth.shape[2:], mode="nearest"))
        deep = interpolate(self.arm16(sixteenth) + deep, size=eighth.shape[2:], mode="nearest")
        return eighth, self.conv_head16(deep)


class _Fusion(nn.Module):
    """The paper's feature fusion module (Fig. 2c)."""

    def __init__(self, channels: int):
        super().__init__()
        self.convblk = _ConvNorm(channels, channels, 1)
        self.conv1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, near: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        x = self.convblk(torch.cat([near, deep], 1))
        return x + x * torch.sigmoid(self.conv2(relu(self.conv1(adaptive_avg_pool2d(x, 1)))))


class _Output(nn.Module):
    def __init__(self, inputs: int, inner: int, classes: int):
        super().__init__()
        self.conv = _ConvNorm(inputs, inner)
        self.conv_out = nn.Conv2d(inner, classes, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.conv_out(self.conv(x))
        return found


class BiSeNet(nn.Module):
    """Class scores of every pixel of a face; 13.0 million parameters without the two training heads.

    Parameters
    ----------
    classes : int
        19 for CelebAMask-HQ.
    """

    def __init__(self, *, classes: int = 19):
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _Fusion(256)
        self.conv_out = _Output(256, 256, classes)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) float, RGB standardised by ImageNet's mean and deviation, to (N, classes, H, W) scores."""
        scores = self.conv_out(self.ffm(*self.cp(faces)))
        return interpolate(scores, size=faces.shape[2:], mode="bilinear", align_corners=True)


SIDE = 512


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> nn.Module:
    # The two other heads serve training only.
    heads = ("conv_out16.", "conv_out32.")
    state = {name: one for name, one in read_state(path).items() if not name.startswith(heads)}
    network = BiSeNet()
    load_exactly(network, state, path, "give its own weights")
    return network.eval().requires_grad_(False).to(device)


@dataclass(frozen=True)
class BiSeNetParser(Parser):
    """BiSeNet for face parsing, its 19 classes of CelebAMask-HQ taken together to the 11 of Helen.

    Images are resized so that the shorter side has 512 pixels, what the published weights were trained on.

    Parameters
    ----------
    weights : Located
        ``79999_iter.pth`` of zllrunning/face-parsing.PyTorch, or a file of its layout.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    device: str = "cpu"
    classes: tuple[str, ...] = HELEN

    name = "bisenet"
    choices = "@1234abcd to pin the weights"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the parser with the user's weights; ``@1234abcd`` pins them."""
        return cls(locate("bisenet-celebamask", sha=pin_of(fill("parser 'bisenet'", options, PIN)[0])))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"bisenet@{self.weights.short}",)

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 places in ``classes``.

        Raises
        ------
        InputError
            When `faces` is not a batch of RGB images, the weight file is not BiSeNet's, or the device is missing.
        """
        device = torch_device(self.device)
        network = _network(str(self.weights.path), self.weights.sha256, device)
        found = labelled(network, faces, side=SIDE, multiple=32, device=device, standardise=True)
        return np.array(CLASS_LISTS["bisenet19"], np.uint8)[found]
