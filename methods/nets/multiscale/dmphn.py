"""DMPHN: a network that restores ever larger patches, each level with weights of its own.

Zhang, Dai, Li, Koniusz: "Deep Stacked Hierarchical Multi-patch Network for Image Deblurring", CVPR 2019. Written from
the paper; the authors' code has no licence and was not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Plain, Residual, check_images, conv

GRIDS = ((1, 1), (2, 1), (2, 2), (4, 2))
"""Rows and columns of patches at each level, the whole image first."""


class Dmphn(Plain):
    """Multi-patch network: at each level an encoder and a decoder, for 1, 2, 4 and 8 patches of the image.

    7,232,524 parameters (28.9 MB; printed 29.0), and 5,424,393 (21.7 MB, as printed) with three levels. An encoder has
    15 convolutions, six residual links and six ReLU, a decoder the same with two transposed convolutions in it; they
    are 3x3, of 32, 64 and 128 channels. The sides of the transposed ones, 4x4, follow from the printed sizes.

    From the smallest patches on: the features of neighbouring patches are joined to those of a patch of the next
    level, where they are added to the new features, and decoded to a correction that is added to the image that the
    next level reads. Images are halved first in height, then in width, then in height again. The first level decodes
    the restored image, without a skip from the blurred one. Images have a half subtracted inside.

    Parameters
    ----------
    levels : {4, 3, 2}
        4 is the paper's 1-2-4-8, 3 its 1-2-4, 2 its 1-2.
    width : int
        Channels at full size, doubled at a half and a quarter of it.

    Raises
    ------
    InputError
        For other numbers of levels or a width below 1.
    """

    parts = ("encoders", "decoders")

    def __init__(self, *, levels: int = 4, width: int = 32) -> None:
        super().__init__()
        if levels not in (2, 3, 4):
            raise InputError("levels of dmphn", expected="2, 3 or 4", found=str(levels))
        if width < 1:
            raise InputError("width of dmphn", expected="1 or more", found=str(width))
        self.grids = GRIDS[:levels]
        self.multiple = 4 * self.grids[-1][0]
        self.encoders = nn.ModuleList(_encoder(width) for _ in self.grids)
        self.decoders = nn.ModuleList(_decoder(width) for _ in self.grids)

    @staticmethod
    def read_released(*files: Path) -> tuple[dict[str, Any], State]:
        """Read ``encoder_lv1.pkl`` to ``decoder_lv4.pkl`` of the authors' folder ``DMPHN_1_2_4_8``.

        Names of tensors are not published. They are taken to be numbered in the order in which an image passes them,
        and every shape is compared.

        Raises
        ------
        InputError
            When a file is of another network.
        """
        halves = len(files) // 2
        config = {"levels": halves, "width": 32}
        state: dict[str, Tensor] = {}
        wanted = Dmphn(**config).state_dict()
        for at, file in enumerate(files):
            ours = f"encoders.{at}." if at < halves else f"decoders.{at - halves}."
            names = [name for name in wanted if name.startswith(ours)]
            theirs = read_state(file)
            if len(theirs) != len(names):
                raise InputError(str(file), expected=f"{len(names)} tensors of DMPHN", found=str(len(theirs)))
            state |= {new: theirs[old] for new, old in zip(names, sorted(theirs, key=_numbers), strict=True)}
        return config, lambda net: state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels, or sides that are not multiples of 16 (of 8 with fewer levels than four).
        """
        check_images(blurred, net="dmphn", multiple=self.multiple)
        images = read = blurred - 0.5
        features: Tensor | None = None
        for level in reversed(range(len(self.grids))):
            grid, larger = self.grids[level], self.grids[max(level - 1, 0)]
            found = joined(self.encoders[level](divided(read, grid)), grid)
            features = found if features is None else found + features
            change = joined(self.decoders[level](divided(features, larger)), larger)
            read = images + change
        return change + 0.5


def divided(images: Tensor, grid: Sequence[int]) -> Tensor:
    """Patches of (N, C, H, W) as more images: (N rows columns, C, H / rows, W / columns)."""
    rows, columns = grid
    patches = images.unflatten(3, (columns, -1)).unflatten(2, (rows, -1))
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def joined(patches: Tensor, grid: Sequence[int]) -> Tensor:
    """The images that `divided` made patches of."""
    rows, columns = grid
    images = patches.unflatten(0, (-1, rows, columns))
    return images.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _chain(width: int) -> list[nn.Module]:
    return [Residual(width), Residual(width)]


def _encoder(width: int) -> nn.Sequential:
    layers: list[nn.Module] = [conv(3, width), *_chain(width)]
    for wide in (2 * width, 4 * width):
        layers += [conv(wide // 2, wide, stride=2), *_chain(wide)]
    return nn.Sequential(*layers)


def _decoder(width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for wide in (4 * width, 2 * width):
        layers += [*_chain(wide), nn.ConvTranspose2d(wide, wide // 2, 4, stride=2, padding=1)]
    return nn.Sequential(*layers, *_chain(width), conv(width, 3))


def _numbers(name: str) -> tuple[list[int], bool]:
    """The numbers in the name of a tensor, and whether it is a bias."""
    return [int(number) for number in re.findall(r"\d+", name)], name.endswith("bias")
