"""DeepDeblur: one-step blurry face images restoration (Wang et al. 2017), as Anand et al. describe it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import Plain, check_images

SIZES = (1, 3, 5, 7, 14)


class Inception(nn.Module):
    """Five convolutions of different size side by side, joined by a 1x1 convolution (ANAND Fig. 2).

    Parameters
    ----------
    width : int
        Channels in and out.
    reduced : int
        Channels of each branch, after its own 1x1 convolution.
    """

    def __init__(self, width: int, *, reduced: int):
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(width, reduced, 1) for _ in SIZES)
        self.branches = nn.ModuleList(nn.Conv2d(reduced, reduced, size) for size in SIZES)
        self.join = nn.Conv2d(len(SIZES) * reduced, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        found = []
        for size, reduce, branch in zip(SIZES, self.reduce, self.branches, strict=True):
            # An even kernel has no middle: 14 takes 6 pixels before and 7 after.
            before, after = (size - 1) // 2, size // 2
            padded = functional.pad(functional.relu(reduce(features)), (before, after, before, after))
            found.append(functional.relu(branch(padded)))
        return functional.relu(self.join(torch.cat(found, 1)))


class DeepDeblur(Plain):
    """3x3 convolution to 64 channels, six inception modules, 1x1 convolution to RGB.

    1,847,491 parameters (7.4 MB); neither paper prints a number and no code is public, so there is nothing to compare.
    The papers name the sizes 1, 3, 5 and 14 of the five branches and neither the fifth (7 here), nor the channels of a
    branch (32 here), nor the place of the activations (ReLU after every convolution but the last). No skip
    from the blurred picture is mentioned, so it is left out. Not the network of Nah et al., which is also called so.

    The network works in [0, 1].

    Parameters
    ----------
    width : int
        Channels between modules.
    reduced : int
        Channels of a branch.
    modules : int
        Inception modules.

    Raises
    ------
    InputError
        For numbers below 1.
    """

    multiple = 1
    parts = ("enter", "body", "leave")

    def __init__(self, *, width: int = 64, reduced: int = 32, modules: int = 6) -> None:
        super().__init__()
        for name, value in (("width", width), ("reduced", reduced), ("modules", modules)):
            if value < 1:
                raise InputError(f"{name} of deepdeblur", expected="1 or more", found=str(value))
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(Inception(width, reduced=reduced) for _ in range(modules)))
        self.leave = nn.Conv2d(width, 3, 1)
        # Glorot's start: from He's, RMSProp at the published rate of 1e-3 throws the weights beyond recovery.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.constant_(cast(Tensor, module.bias), 0.0)

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored pictures, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels.
        """
        check_images(blurred, net="deepdeblur", multiple=self.multiple)
        return self.leave(self.body(functional.relu(self.enter(blurred))))
