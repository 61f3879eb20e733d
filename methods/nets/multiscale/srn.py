"""SRN-DeblurNet: one network at three scales in a row, with a memory between them.

Tao, Gao, Shen, Wang, Jia: "Scale-recurrent Network for Deep Image Deblurring", CVPR 2018.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.tensorflow import read_checkpoint
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Residual, check_images, conv
from facedeblur.methods.nets.multiscale.scales import SCALES, MultiScale

LEVELS = 3


class Memory(nn.Module):
    """Convolutional LSTM (Shi et al. 2015) without peepholes; the gate that forgets starts open (bias 1).

    Parameters
    ----------
    width : int
        Channels of what is read, of the cell and of what is given on.
    """

    def __init__(self, width: int):
        super().__init__()
        self.gates = conv(2 * width, 4 * width)
        nn.init.trunc_normal_(self.gates.weight, std=1e-3, a=-2e-3, b=2e-3)
        nn.init.zeros_(self.gates.bias)  # type: ignore[arg-type]  # conv has biases

    def forward(self, features: Tensor, cell: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next cell and the next hidden state, (N, width, H, W) as all that it reads."""
        enter, new, forget, leave = self.gates(torch.cat([features, hidden], 1)).chunk(4, 1)
        cell = cell * torch.sigmoid(forget + 1) + torch.sigmoid(enter) * torch.tanh(new)
        return cell, torch.tanh(cell) * torch.sigmoid(leave)


class Srn(MultiScale):
    """Scale-recurrent network: encoder, convolutional LSTM and decoder, the same weights at each of three scales.

    8,061,411 parameters, 32.25 MB in float32: table 12 of SHEN prints "32.2 M", which are the megabytes. Each scale
    reads the blurred image at its size and the image that the scale before restored, and gives on what its LSTM keeps.
    Three levels of 32, 64 and 128 channels, three residual blocks each, 5x5 convolutions; 4x4 transposed
    convolutions and sums for skips on the way up; no activation at the end and no skip from the blurred image.

    As in the authors' code, smaller images are every second pixel, enlarged ones have the means of neighbours between
    them (TensorFlow's old bilinear resizing), strided convolutions pad one pixel before and two behind, and no
    gradient goes from one scale to the one before through the image, only through the LSTM. Weights start as Glorot
    and Bengio's, those of the LSTM from a narrow normal distribution.

    The network works in [0, 1].

    Parameters
    ----------
    width : int
        Channels of the first level; the others have two and four times as many.
    blocks : int
        Residual blocks at each level of encoder and decoder.
    channels : {3, 1}
        1 restores each colour by itself, as the models ``lstm`` and ``gray`` that the authors released.
    memory : bool
        Whether there is an LSTM. Their models ``gray`` and ``color`` have none.

    Raises
    ------
    InputError
        For numbers below 1 or another number of channels.
    """

    multiple = 16

    def __init__(self, *, width: int = 32, blocks: int = 3, channels: int = 3, memory: bool = True) -> None:
        super().__init__()
        for name, value in (("width", width), ("blocks", blocks)):
            if value < 1:
                raise InputError(f"{name} of srn", expected="1 or more", found=str(value))
        if channels not in (1, 3):
            raise InputError("channels of srn", expected="3, or 1 for each colour by itself", found=str(channels))
        self.channels = channels
        widths = [width << level for level in range(LEVELS)]
        self.parts = ("encoder", "memory", "decoder") if memory else ("encoder", "decoder")
        self.encoder = nn.ModuleList(
            _down(widths[level - 1] if level else 2 * channels, widths[level], blocks, stride=2 if level else 1)
            for level in range(LEVELS)
        )
        self.decoder = nn.ModuleList(
            _up(widths[level], widths[level - 1] if level else channels, blocks, last=not level)
            for level in reversed(range(LEVELS))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # all have biases
        self.memory = Memory(widths[-1]) if memory else None

    @staticmethod
    def read_released(index: Path, data: Path) -> tuple[dict[str, Any], State]:
        """Read a checkpoint of jiangsutx/SRN-Deblur: of its models ``lstm``, ``gray`` or ``color``.

        Raises
        ------
        InputError
            When it is another network.
        """
        theirs = {name: torch.from_numpy(array) for name, array in read_checkpoint(index, data).items()}
        memory = "g_net/convLSTM/LSTM_conv/weights" in theirs
        names = _authors_names(memory=memory)
        for name in names:
            if name not in theirs:
                raise InputError(str(index), expected="SRN-DeblurNet", found=f"no '{name}'")
        *_, read, width = theirs["g_net/enc1_1/weights"].shape
        config = {"width": width, "channels": read // 2, "memory": memory}
        # TensorFlow has filters as (height, width, in, out), of transposed convolutions as (height, width, out, in).
        state = {
            new: theirs[old].permute(3, 2, 0, 1) if theirs[old].dim() == 4 else theirs[old]
            for old, new in names.items()
        }
        return config, lambda net: state

    def scales_of(self, blurred: Tensor) -> dict[str, Tensor]:
        """The images of each scale, see `MultiScale`."""
        check_images(blurred, net="srn", multiple=self.multiple)
        images = blurred if self.channels == 3 else blurred.flatten(0, 1).unsqueeze(1)
        found: dict[str, Tensor] = {}
        guess = cell = hidden = None
        for place, name in enumerate(SCALES):
            step = 2 ** (len(SCALES) - 1 - place)
            small = images[..., ::step, ::step]
            guess = small if guess is None else doubled(guess.detach())
            skips, features = [], torch.cat([small, guess], 1)
            for level in self.encoder:
                features = level(features)
                skips.append(features)
            if self.memory is not None:
                none = torch.zeros_like(features)
                cell, hidden = self.memory(
                    features,
                    none if cell is None else doubled(cell),
                    none if hidden is None else doubled(hidden),
                )  # fmt: skip
                features = hidden
            for at, level in enumerate(self.decoder):
                features = level(features if not at else features + skips[-1 - at])
            guess = features
            found[name] = guess if self.channels == 3 else guess.squeeze(1).unflatten(0, (-1, 3))
        return found


def doubled(images: Tensor) -> Tensor:
    """Enlarge (N, C, H, W) to twice the size: pixel 2i is pixel i, pixel 2i + 1 the mean of i and its next."""
    rows = torch.cat([images[..., 1:, :], images[..., -1:, :]], 2)
    images = torch.stack([images, (images + rows) / 2], 3).flatten(2, 3)
    columns = torch.cat([images[..., 1:], images[..., -1:]], 3)
    return torch.stack([images, (images + columns) / 2], 4).flatten(3, 4)


def _chain(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(width, size=5) for _ in range(blocks)))


def _down(before: int, after: int, blocks: int, *, stride: int) -> nn.Sequential:
    pad = nn.ZeroPad2d((2, 2, 2, 2) if stride == 1 else (1, 2, 1, 2))
    enter = nn.Conv2d(before, after, 5, stride=stride)
    return nn.Sequential(OrderedDict(pad=pad, enter=enter, relu=nn.ReLU(), blocks=_chain(after, blocks)))


def _up(before: int, after: int, blocks: int, *, last: bool) -> nn.Sequential:
    if last:
        return nn.Sequential(OrderedDict(blocks=_chain(before, blocks), leave=conv(before, after, 5)))
    leave = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
    return nn.Sequential(OrderedDict(blocks=_chain(before, blocks), leave=leave, relu=nn.ReLU()))


def _authors_names(*, memory: bool, blocks: int = 3) -> dict[str, str]:
    """Names of TensorFlow's variables, and ours."""
    layers: dict[str, str] = {}
    for level in range(LEVELS):
        deep, rising = level + 1, LEVELS - 1 - level
        layers[f"enc{deep}_1"] = f"encoder.{level}.enter"
        layers[f"dec{level}_4" if level else "dec1_0"] = f"decoder.{rising}.leave"
        for block in range(blocks):
            for at, name in ((0, "conv1"), (2, "conv2")):
                layers[f"enc{deep}_{block + 2}/{name}"] = f"encoder.{level}.blocks.{block}.body.{at}"
                layers[f"dec{deep}_{blocks - block}/{name}"] = f"decoder.{rising}.blocks.{block}.body.{at}"
    if memory:
        layers["convLSTM/LSTM_conv"] = "memory.gates"
    kinds = {"weights": "weight", "biases": "bias"}
    return {f"g_net/{old}/{their}": f"{new}.{our}" for old, new in layers.items() for their, our in kinds.items()}
