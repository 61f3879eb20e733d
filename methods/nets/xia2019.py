"""The image estimator of Xia and Chakrabarti: the U-Net of pix2pix, and the blurred image added to what it makes.

Xia, Chakrabarti: "Training Image Estimators without Image Ground-Truth", NeurIPS 2019.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.arrays import read_npz
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Plain, check_images

EPSILON = 1e-8
"""Added to variances in the authors' code."""


class Layer(nn.Module):
    """A 4x4 convolution that halves the size, or one that doubles it, batch norm, biases and ReLU.

    Parameters
    ----------
    taken, made : int
        Channels.
    up : bool
        Whether the size is doubled.
    last : bool
        Whether norm and ReLU are left out.
    grown : int
        If above 0, the convolution is a transposed one without stride, of this size, which adds ``grown - 1`` pixels;
        1 keeps the size.
    """

    def __init__(self, taken: int, made: int, *, up: bool = False, last: bool = False, grown: int = 0):
        super().__init__()
        kind = nn.ConvTranspose2d if up or grown else nn.Conv2d
        side, stride, padding = (grown, 1, 0) if grown else (4, 2, 1)
        self.conv = kind(taken, made, side, stride=stride, padding=padding, bias=False)
        self.norm = None if last else nn.BatchNorm2d(made, eps=EPSILON, momentum=0.01, affine=False)
        self.bias = nn.Parameter(torch.zeros(made))
        bound = (3 / (side**2 * taken)) ** 0.5
        nn.init.uniform_(self.conv.weight, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """(N, taken, H, W) to (N, made, H / 2, W / 2), (N, made, 2 H, 2 W), or as `grown` says."""
        features = self.conv(features)
        if self.norm is None:
            return features + self.bias[:, None, None]
        return torch.relu(self.norm(features) + self.bias[:, None, None])


class KernelBranch(nn.Module):
    """Estimates the kernel from the features of the U-Net on the way down.

    Transposed convolutions lead back to an eighth of the image, each followed by the features of the same size; three
    of 4x4 and one of 3x3 without stride add 11 pixels, so that an image of 128x128 has a kernel of 27x27; behind a
    convolution of 1x1 a softmax over the kernel.

    Parameters
    ----------
    widths : list of int
        Channels on the way down, at least three.
    """

    def __init__(self, widths: list[int]):
        super().__init__()
        deepest, width = len(widths) - 1, widths[0]
        self.up = nn.ModuleList(
            Layer(widths[i] * (1 if i == deepest else 2), widths[i - 1], up=True) for i in range(deepest, 2, -1)
        )
        taken = widths[2] * (2 if deepest > 2 else 1)
        self.grow = nn.ModuleList(
            Layer(before, made, grown=side)
            for before, made, side in (
                (taken, 2 * width, 4), (2 * width, width, 4), (width, width, 4), (width, width, 3),
            )
        )  # fmt: skip
        self.last = Layer(width, 1, last=True, grown=1)

    def forward(self, down: list[Tensor]) -> Tensor:
        """The features of each layer on the way down to kernels, (N, H / 8 + 11, W / 8 + 11) that sum to 1."""
        features = down[-1]
        for layer, skip in zip(self.up, reversed(down[2:-1]), strict=True):
            features = torch.cat([layer(features), skip], 1)
        for layer in self.grow:
            features = layer(features)
        values = self.last(features)[:, 0]
        return torch.softmax(values.flatten(1), 1).reshape(values.shape)


class Xia2019(Plain):
    """U-Net for 128x128 images, residual.

    41,825,667 parameters (167.3 MB in float32), as printed (41.8 M in DFPG table 6). Seven 4x4 convolutions of stride 2
    from 64 channels to 512, seven transposed ones back, each but the first of which also reads the features of the
    same size on the way down; behind each but the last batch norm without scale, biases and ReLU. What it makes is
    added to the blurred image. The last features are 1x1, so a training needs several images in a batch.

    The network works in [0, 1].

    Parameters
    ----------
    width : int
        Channels of the first convolution, doubled by each up to eightfold.
    depth : int
        Convolutions that halve the size; sides are multiples of ``2 ** depth``.
    blind : bool
        With a second branch that estimates the kernel, for training without kernels; restoring does not use it.

    Raises
    ------
    InputError
        For a width below 1, a depth below 2, or below 3 with `blind`.
    """

    def __init__(self, *, width: int = 64, depth: int = 7, blind: bool = False) -> None:
        super().__init__()
        for name, value, least in (("width", width, 1), ("depth", depth, 3 if blind else 2)):
            if value < least:
                raise InputError(f"{name} of xia2019", expected=f"{least} or more", found=str(value))
        self.multiple = 2**depth
        widths = [width * min(8, 2**level) for level in range(depth)]
        self.down = nn.ModuleList(Layer(widths[i - 1] if i else 3, widths[i]) for i in range(depth))
        self.up = nn.ModuleList(
            Layer(widths[i] * (1 if i == depth - 1 else 2), widths[i - 1] if i else 3, up=True, last=not i)
            for i in reversed(range(depth))
        )
        self.kernel = KernelBranch(widths) if blind else None
        self.parts = ("down", "up", "kernel") if blind else ("down", "up")

    @staticmethod
    def read_released(file: Path) -> tuple[dict[str, Any], State]:
        """Read ``iter_NUMBER.model.npz`` of likesum/unsupimg: supervised, or without ground truth, blind or not.

        Of the blind one the part that estimates kernels is left out, as when the authors test it.

        Raises
        ------
        InputError
            When it is another network.
        """
        arrays = read_npz(file, "weights of Xia and Chakrabarti's network", do="download it again")
        depth = sum(name.startswith("econv_") and name.endswith("_w") for name in arrays)
        state: dict[str, Tensor] = {}
        for old, new in _authors_names(depth).items():
            if old not in arrays:
                raise InputError(str(file), expected="Xia and Chakrabarti's U-Net", found=f"no '{old}'")
            tensor = torch.from_numpy(arrays[old])
            # TensorFlow has (height, width, in, out), or (height, width, out, in) in transposed convolutions.
            state[new] = tensor.permute(3, 2, 0, 1) if tensor.dim() == 4 else tensor
        return {"width": len(state["down.0.bias"]), "depth": depth}, lambda net: state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels, or a height or width that is not a multiple of 128 (of ``2 ** depth``).
        """
        return self._restored(blurred, self._down(blurred))

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``restored``, and with `blind` also ``kernel``, (N, K, K) of sum 1: the kernel that it estimates.

        `labels` and `kernels` are not used. K is an eighth of the side of the images plus 11, 27 for 128x128.

        Raises
        ------
        InputError
            As of ``forward``; with `blind` also for images that are not square.
        """
        down = self._down(blurred)
        outputs = {"restored": self._restored(blurred, down)}
        if self.kernel is not None:
            height, width = blurred.shape[-2:]
            if height != width:
                raise InputError("input of network 'xia2019'", expected="square images, whose kernel it estimates",
                                 found=f"{width}x{height}", do="train on square crops")  # fmt: skip
            outputs["kernel"] = self.kernel(down)
        return outputs

    def _down(self, blurred: Tensor) -> list[Tensor]:
        """Features of each layer on the way down."""
        check_images(blurred, net="xia2019", multiple=self.multiple)
        features, found = blurred, []
        for layer in self.down:
            features = layer(features)
            found.append(features)
        return found

    def _restored(self, blurred: Tensor, down: list[Tensor]) -> Tensor:
        features, skips = down[-1], down[:-1]
        for number, layer in enumerate(self.up, 1):
            features = layer(features)
            if number < len(self.up):
                features = torch.cat([features, skips[-number]], 1)
        return blurred + features


def _authors_names(depth: int) -> dict[str, str]:
    """Names of the arrays of the authors, and of our tensors; 2 halvings are the least."""
    names: dict[str, str] = {}
    parts = {"_w": "conv.weight", "_b": "bias", "_mu": "norm.running_mean", "_var": "norm.running_var"}
    for at in range(max(depth, 2)):
        for part, ours in parts.items():
            names[f"econv_{at + 1}{part}"] = f"down.{at}.{ours}"
            if at < depth - 1 or part in ("_w", "_b"):
                names[f"dconv_{at + 1}{part}"] = f"up.{at}.{ours}"
    return names
