"""BiSeNet as it is used for face parsing: Yu et al., ECCV 2018, with ResNet-18 as its only path.

Layer names are those of the published PyTorch weights of face parsing (zllrunning/face-parsing.PyTorch, MIT), so that
their state dict loads as it is; the spatial path of the paper is replaced there by the ResNet's features at 1/8.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, max_pool2d, relu

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
