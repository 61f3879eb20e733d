"""The multi-scale network of Nah et al., three residual networks in a row, each for twice the size.

Nah, Kim, Lee: "Deep Multi-Scale Convolutional Neural Network for Dynamic Scene Deblurring", CVPR 2017. Its
code is called DeepDeblur, as is the network of Wang et al. (`facedeblur.methods.nets.deepdeblur`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_torch
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Halve, Residual, check_images, conv
from facedeblur.methods.nets.multiscale.scales import SCALES, MultiScale


class Nah2017(MultiScale):
    """Multi-scale convolutional network, 40 convolutions at each of three scales.

    11,721,321 parameters, 46.9 MB in float32. SHEN's table 12 prints "303.6 M" for it, which is the size of a file.
    At each scale a 5x5 convolution to 64 channels, 19 residual blocks and a 5x5 convolution to RGB; the restored
    image of a scale is enlarged by a 5x5 convolution to twelve channels, whose values become 2x2 pixels, and
    joins the blurred image of the next. There is no skip from the blurred image to the restored one. Smaller images are
    those of a Gaussian pyramid, as in the authors' code for PyTorch. Half of white is subtracted inside.

    Parameters
    ----------
    width : int
        Channels.
    blocks : int
        Residual blocks at each scale.
    white : float
        Value of white inside: 1 in the paper's code, 255 in the models of the authors' code for PyTorch.

    Raises
    ------
    InputError
        For a width or number of blocks below 1, or a value of white that is not above 0.
    """

    multiple = 4
    smallest = 8
    parts = ("scales", "ups")

    def __init__(self, *, width: int = 64, blocks: int = 19, white: float = 1.0) -> None:
        super().__init__()
        for name, value in (("width", width), ("blocks", blocks)):
            if value < 1:
                raise InputError(f"{name} of nah2017", expected="1 or more", found=str(value))
        if not white > 0:
            raise InputError("white of nah2017", expected="above 0", found=str(white))
        self.white = white
        self.scales = nn.ModuleList(
            nn.Sequential(
                conv(6 if place else 3, width, 5), *(Residual(width, size=5) for _ in range(blocks)), conv(width, 3, 5)
            )
            for place in range(len(SCALES))
        )
        self.ups = nn.ModuleList(nn.Sequential(conv(3, 12, 5), nn.PixelShuffle(2)) for _ in SCALES[1:])
        self.halve = Halve("gaussian")

    @staticmethod
    def read_released(file: Path) -> tuple[dict[str, Any], State]:
        """Read ``model-1000.pt`` (GOPRO) or ``model-200.pt`` (REDS) of SeungjunNah/DeepDeblur-PyTorch.

        Raises
        ------
        InputError
            When it is another network.
        """
        found = read_torch(file)
        inside = found.get("G") if isinstance(found, dict) else None
        theirs: dict[str, Tensor] = inside if isinstance(inside, dict) else {}
        names = {name: _our_name(name) for name in theirs}
        state = {new: theirs[old] for old, new in names.items()}
        if "scales.2.0.weight" not in state:
            raise InputError(str(file), expected="the multi-scale network of Nah et al. under 'G'", found="none")
        layers = {name.split(".")[2] for name in names.values() if name.startswith("scales.2.")}
        config = {"width": len(state["scales.2.0.weight"]), "blocks": len(layers) - 2, "white": 255.0}
        return config, lambda net: state

    def scales_of(self, blurred: Tensor) -> dict[str, Tensor]:
        """The images of each scale, see `MultiScale`."""
        check_images(blurred, net="nah2017", multiple=self.multiple, smallest=self.smallest)
        pyramid = [blurred]
        for _ in self.ups:
            pyramid.insert(0, self.halve(pyramid[0]))
        found: dict[str, Tensor] = {}
        restored = blurred
        for place, (name, image) in enumerate(zip(SCALES, pyramid, strict=True)):
            read = self.white * (image - 0.5)
            if place:
                read = torch.cat([read, self.ups[place - 1](restored)], 1)
            restored = self.scales[place](read)
            found[name] = restored / self.white + 0.5
        return found


def _our_name(name: str) -> str:
    """The name of a tensor of the authors, whose finest scale is the first; other names stay."""
    found = re.fullmatch(r"(body_models\.(\d)\.body|conv_end_models\.(\d)\.uppath)\.(.+)", name)
    if found is None:
        return name
    _, scale, up, rest = found.groups()
    return f"ups.{2 - int(up)}.{rest}" if scale is None else f"scales.{2 - int(scale)}.{rest}"
