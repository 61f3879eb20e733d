"""UMSN's F-Net and B-Net as the paper prints them: Appendix A, sections III-B and III-C, Figs. 4 and 5.

RB(m, n) is a `Step` of the block of Fig. 4: m channels come in, the block adds n to them, and a 1x1 convolution makes n
of both, for "all convolutional layers are densely connected". Every convolution has instance normalisation and a ReLU
before it. Pictures are (N, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.methods.nets.umsn.parts import CLASSES, Restored, Step


class Nested(nn.Module):
    """Nested residual learning: a residual of the last features and of a 1x1 convolution of picture and masks.

    Parameters
    ----------
    given : int
        Channels of picture and masks.
    width : int
        Channels of the last features.
    """

    def __init__(self, given: int, width: int):
        super().__init__()
        self.norm, self.last_norm = nn.InstanceNorm2d(given), nn.InstanceNorm2d(width)
        self.skip = nn.Conv2d(given, width, 1, bias=False)
        self.residual = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, given: Tensor, features: Tensor) -> Tensor:
        """What is added to the picture, (N, 3, H, W)."""
        nested = features + self.skip(functional.relu(self.norm(given)))
        return self.residual(functional.relu(self.last_norm(nested)))


class PrintedStage(nn.Module):
    """F-Net of one class: RB(4, 16), average pooling, three RB(16, 16), RB(16, 8); and what makes a picture of it.

    Parameters
    ----------
    width : int
        16 in the paper; half of that comes out.
    """

    features = ("enter", "deep", "last")
    """F-Net: what makes features; the rest is for training it by itself."""

    def __init__(self, *, width: int = 16):
        super().__init__()
        self.enter = printed(4, width, resize="half")
        self.deep = nn.Sequential(*(printed(width, width) for _ in range(3)))
        self.last = printed(width, width // 2)
        self.nested = Nested(4, width // 2)

    def forward(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Features (N, width / 2, H / 2, W / 2) of a picture and the (N, 1, H, W) mask of the class."""
        return self.last(self.deep(self.enter(torch.cat([picture, mask], 1))))

    def picture(self, picture: Tensor, mask: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The picture that the features represent, and the residual that is taken off for it, (N, 3, H, W) each."""
        added = self.nested(torch.cat([picture, mask], 1), _doubled(features))
        return picture + added, -added


class PrintedNet(nn.Module):
    """B-Net: RB(3, 64), average pooling, six RB(64, 64), upsampling, RB(64, 16), a 3x3 convolution to RGB.

    The features of the four F-Nets join before the second block, which therefore is an RB(96, 64).

    Parameters
    ----------
    width : int
        64 in the paper.
    stream : int
        Channels of the features of each F-Net, 8 in the paper.
    """

    def __init__(self, *, width: int = 64, stream: int = 8):
        super().__init__()
        self.enter = printed(3, width, resize="half")
        joined = width + CLASSES * stream
        self.deep = nn.Sequential(printed(joined, width), *(printed(width, width) for _ in range(5)))
        self.last = printed(width, width // 4)
        self.nested = Nested(3 + CLASSES, width // 4)

    def forward(self, picture: Tensor, half: Tensor, masks: Tensor, streams: Sequence[Tensor]) -> Restored:
        """Restore a blurred picture, by the (N, 4, H, W) masks and the four F-Nets' features; `half` is not used."""
        inner = self.deep(torch.cat([self.enter(picture), *streams], 1))
        added = self.nested(torch.cat([picture, masks], 1), self.last(_doubled(inner)))
        return Restored(picture + added, None, added)


def printed(inputs: int, outputs: int, *, resize: str = "keep") -> Step:
    """RB(inputs, outputs), and average pooling behind it with ``resize="half"``."""
    return Step(inputs, outputs, outputs, kind="printed", resize=resize)


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=True)
