"""UMSN's S-Net, which finds the four classes, B-Net, which restores the picture, and the confidence network.

Yasarla, Perazzi, Patel, TIP 2020, sections III-A, III-B and III-E, and the authors' code for what only it says.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.methods.nets.umsn_parts import CLASSES, DenseBlock, Finish, Sides, Step, Transition, difference


class SegmentationNet(nn.Module):
    """S-Net: logits of the four classes at full and at half size.

    Parameters
    ----------
    width : int
        Channels of the trunk, 64 in the paper.
    batch_norm : bool
        Batch normalisation in the six smoothed blocks, as in the code; the paper's Fig. 3 says instance normalisation.
    """

    def __init__(self, *, width: int = 64, batch_norm: bool = True):
        super().__init__()

        def step(inputs: int, resize: str = "keep") -> Step:
            return Step(inputs, width, width, kind="wide", resize=resize, batch_norm=batch_norm)

        self.enter = Step(3, width - 3, width, kind="dilated", resize="half")
        self.down = step(width + 3, "half")
        self.deep = nn.ModuleList(step(width) for _ in range(3))
        self.climb = step(2 * width, "repeat")
        self.merge = DenseBlock(2 * width, width, dilations=(2, 2), smooth=True, expansion=4, batch_norm=batch_norm)
        self.up = Transition(3 * width + CLASSES, width, resize="repeat")
        self.last = Step(width, width, width // 4, kind="dilated")
        self.sides = Sides([width] * 7)
        self.squeeze = nn.Conv2d(width // 4 + 7, width // 4, 3, padding=1)
        self.squeeze_half = nn.Conv2d(3 * width, width // 4, 3, padding=1)
        self.logits = nn.Conv2d(width // 4, CLASSES, 3, padding=1)
        self.logits_half = nn.Conv2d(width // 4, CLASSES, 3, padding=1)
        self.exclusive = not batch_norm

    def probabilities(self, logits: Tensor) -> Tensor:
        """Masks (N, 4, H, W) in [0, 1]: the code's sigmoid, each class by itself, or the softmax of cross-entropy."""
        return torch.softmax(logits, 1) if self.exclusive else torch.sigmoid(logits)

    def forward(self, picture: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 4, H, W) and (N, 4, H/2, W/2) of a picture, with `half` its half."""
        first = self.enter(picture)
        features = [first, self.down(torch.cat([first, half], 1))]
        for step in self.deep:
            features.append(step(features[-1]))
        features.append(self.climb(torch.cat([features[-1], features[1]], 1)))
        merged = self.merge(torch.cat([features[-1], first], 1))
        small = self.logits_half(functional.leaky_relu(self.squeeze_half(merged), 0.2))
        features.append(self.up(torch.cat([merged, self.probabilities(small)], 1)))
        dense = self.sides(self.last(features[-1]), features)
        return self.logits(functional.leaky_relu(self.squeeze(dense), 0.2)), small


class BaseNet(nn.Module):
    """B-Net: the restored picture, from the blurred one, its masks and the features of the four F-Nets.

    Parameters
    ----------
    width : int
        Channels of the trunk, 64 in the paper.
    stream : int
        Channels of the features of each F-Net, 16 in the paper.
    """

    def __init__(self, *, width: int = 64, stream: int = 16):
        super().__init__()
        inputs = 3 + CLASSES
        self.fuse = DenseBlock(CLASSES * stream, width // 2, dilations=(1, 1), dense=False)
        self.enter = Step(inputs, width - inputs, width // 2, resize="half")
        self.deep = nn.ModuleList(
            [
                Step(width + 3, width, width, kind="dilated"),
                *(Step(width, width, width, kind="smoothed") for _ in range(4)),
            ]
        )
        self.merge = DenseBlock(2 * width, width, dilations=(1, 2, 1))
        self.up = Transition(3 * width + 3, width, resize="linear")
        self.last = Step(width + inputs, width, width // 4)
        self.sides = Sides([width] * 7)
        self.skip = nn.Conv2d(inputs, width // 4, 3, padding=1)
        self.subtract = nn.Conv2d(width // 4 + 7, width // 4, 3, padding=1)
        self.skip_half = nn.Conv2d(3, width // 4, 3, padding=1)
        self.subtract_half = nn.Conv2d(3 * width, width // 4, 3, padding=1)
        self.finish = Finish(width // 4)

    def forward(self, picture: Tensor, half: Tensor, masks: Tensor, streams: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Restored pictures at full and half size, in [-1, 1].

        Parameters
        ----------
        picture, half : (N, 3, H, W) and (N, 3, H/2, W/2)
            Blurred.
        masks : (N, 4, H, W)
            Of the classes.
        streams : sequence of 4 (N, stream, H/2, W/2)
            Features of the F-Nets.
        """
        guided = torch.cat([picture, masks], 1)
        classes = self.fuse(torch.cat(list(streams), 1))
        first = self.enter(guided)
        features = [torch.cat([first, classes], 1)]
        inner = torch.cat([first, half, classes], 1)
        for step in self.deep:
            inner = step(inner)
            features.append(inner)
        merged = self.merge(torch.cat([inner, first, classes], 1))
        blur_half = self.finish.blur_in(difference(self.skip_half(half), self.subtract_half(merged)))
        features.append(self.up(torch.cat([merged, blur_half], 1)))
        dense = self.sides(self.last(torch.cat([features[-1], guided], 1)), features)
        blur = self.finish.blur_in(difference(self.skip(guided), self.subtract(dense)))
        return self.finish.clean(picture - blur), self.finish.clean(half - blur_half)


class ConfidenceNet(nn.Module):
    """CN (section III-E): how well a class is restored, a number in (0, 1) (or one a colour channel).

    Parameters
    ----------
    width : int
        Channels after each step.
    values : int
        Numbers a class: 3 in the code, one a colour channel; 1 in eq. 4.
    repeat : bool
        The code applies its third block twice and leaves the fourth out; without `repeat` there is a fourth.
    """

    def __init__(self, *, width: int = 16, values: int = 3, repeat: bool = True):
        super().__init__()
        self.enter = nn.Conv2d(6, width, 3, padding=1)
        self.downs = nn.ModuleList(Transition(inputs, width, resize="half") for inputs in (width, 2 * width, 2 * width))
        self.blocks = nn.ModuleList(
            DenseBlock(width, 2 * width, dilations=(1, 1), shortcut=False, dense=False)
            for _ in range(2 if repeat else 3)
        )
        self.last = Transition(2 * width, width)
        self.values = nn.Conv2d(width, values, 1)

    def forward(self, restored: Tensor, sharp: Tensor, mask: Tensor | None = None) -> Tensor:
        """Confidence (N, values) of the restored picture in one class.

        Parameters
        ----------
        restored, sharp : (N, 3, H, W) float RGB in [0, 1]
            Masked: m x^ and m x.
        mask : (N, 1, H, W) float in [0, 1], optional
            By which they were multiplied: with it, what is outside is 0 after the change to [-1, 1], as in the code.
        """
        # m (2 x - 1) of the masked m x.
        outside: Tensor | float = 1.0 if mask is None else mask
        features = self.downs[0](self.enter(torch.cat([2 * restored - outside, 2 * sharp - outside], 1)))
        features = self.downs[1](self.blocks[0](features))
        features = self.downs[2](self.blocks[1](features))
        features = self.last(self.blocks[-1](features))
        return torch.sigmoid(self.values(torch.sigmoid(features.mean((2, 3), keepdim=True)))).flatten(1)
