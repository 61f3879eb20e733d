"""facedeblur-base: the compact deblurring network that ships with the toolkit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from facedeblur.methods.nets.blocks import Plain, check_images

WIDTHS = (32, 96, 128, 160)
DEPTHS = (1, 2, 2, 3)


class _Block(nn.Module):
    """Two 3x3 convolutions added to the identity, without normalisation; (N, C, H, W) to the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x + F(x)``."""
        inner: torch.Tensor = self.conv2(functional.leaky_relu(self.conv1(x), 0.1, inplace=True))
        return x + inner


class FacedeblurBase(Plain):
    """A residual U-Net on 2x2 blocks of pixels, made to be trained and run on a processor without a GPU.

    The image is taken apart into 12 channels at half size, so that most arithmetic is done at 1/4 to 1/16 of the
    image's size, where one 3x3 convolution sees further than a blur kernel; what is predicted is the difference
    from the blurred image. Ours, of no paper: the layout follows the residual U-Nets of Nah et al. (CVPR 2017)
    and Shen et al. (IJCV 2020) in having no normalisation and additive skips.

    3,560,428 parameters with the usual configuration, 7.1 MB in half precision.

    Parameters
    ----------
    widths : sequence of int
        Channels at 1/2, 1/4, 1/8 and 1/16 of the image's size.
    depths : sequence of int
        Residual blocks at each of them on the way down; the way up has as many.
    """

    multiple = 16
    parts = ("head", "down", "up", "tail")

    def __init__(self, *, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS):
        super().__init__()
        self.head = nn.Conv2d(12, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            first = [nn.Conv2d(widths[level - 1], width, 2, stride=2)] if level else []
            self.down.append(nn.Sequential(*first, *(_Block(width) for _ in range(depth))))
        self.up = nn.ModuleList()
        for level in range(len(widths) - 2, -1, -1):
            widen = nn.Conv2d(widths[level + 1], 4 * widths[level], 1)
            blocks = nn.Sequential(*(_Block(widths[level]) for _ in range(depths[level])))
            self.up.append(nn.ModuleList([widen, blocks]))
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1)
        for parameter in self.tail.parameters():
            nn.init.zeros_(parameter)
        for module in self.modules():
            if isinstance(module, _Block):
                with torch.no_grad():
                    module.conv2.weight.mul_(0.1)

    def forward(self, blurred: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) float RGB in [0, 1], H and W multiples of 16, to the restored images, not clipped.

        Raises
        ------
        InputError
            When the batch is of another shape.
        """
        check_images(blurred, net="facedeblur-base", multiple=self.multiple)
        x = self.head(functional.pixel_unshuffle(blurred, 2) - 0.5)
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        for level, skip in zip(self.up, skips[-2::-1], strict=True):
            widen, blocks = cast(nn.ModuleList, level)
            x = blocks(functional.pixel_shuffle(widen(x), 2) + skip)
        return blurred + functional.pixel_shuffle(self.tail(x), 2)
