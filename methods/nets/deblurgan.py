"""DeblurGAN's generator: a residual image-to-image network.

Kupyn et al., "DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial Networks", CVPR 2018, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Plain, check_images, normal_initialise


def _relu(leak: float) -> nn.Module:
    return nn.LeakyReLU(leak) if leak else nn.ReLU()


class Block(nn.Module):
    """Residual block conv3 - norm - ReLU - dropout - conv3 - norm, plus its input.

    Parameters
    ----------
    channels : int
    dropout : float
        Share of values dropped while training.
    leak : float
        Slope of the ReLU for negative values.
    norm : callable
        Makes the normalisation of a number of channels.
    """

    def __init__(
        self, channels: int, dropout: float, *, leak: float = 0.0, norm: Callable[[int], nn.Module] = nn.InstanceNorm2d
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm(channels), _relu(leak),
            nn.Dropout(dropout),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), norm(channels),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        summed: Tensor = features + self.body(features)
        return summed


class DeblurGan(Plain):
    """DeblurGAN's generator.

    Parameters
    ----------
    width : int
        Channels after the first convolution; four times as many in the residual blocks.
    blocks : int
        Residual blocks.
    dropout : float
        Share of values dropped in each block while training.
    leak : float
        Slope of the activations for negative values; 0.2 in the network as Anand et al. describe it.

    Raises
    ------
    InputError
        For a slope that is not in [0, 1).

    Notes
    -----
    11,378,179 parameters, 45.51 MB in float32. SHEN's table 12 prints "45.5 M" for it: that figure is the
    megabytes. The authors' code as stored since December 2019 builds each block with one convolution by a
    slip (6.07 M parameters); here each has two, as in the paper.

    Layout: conv7 to 64, two strided conv3 to 128 and 256, nine residual blocks, two transposed conv3 back to
    64, conv7 to RGB, tanh, plus the input. Instance norm has no weights. Inside, images are in [-1, 1], and
    the sum is cut to it; while training it is not cut, so that every pixel has a gradient (the authors' code
    cuts it then too). Weights start from N(0, 0.02), as in their code.
    """

    multiple = 4
    smallest = 8
    parts = ("down", "body", "up")

    def __init__(self, *, width: int = 64, blocks: int = 9, dropout: float = 0.5, leak: float = 0.0) -> None:
        super().__init__()
        if not 0 <= leak < 1:
            raise InputError("leak of deblurgan", expected="at least 0 and under 1", found=f"{leak:g}")
        self.down = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), _relu(leak),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * width), _relu(leak),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.InstanceNorm2d(4 * width), _relu(leak),
        )  # fmt: skip
        self.body = nn.Sequential(*(Block(4 * width, dropout, leak=leak) for _ in range(blocks)))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(2 * width), _relu(leak),
            nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1),
            nn.InstanceNorm2d(width), _relu(leak),
            nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip
        normal_initialise(self)

    @staticmethod
    def read_released(file: Path) -> tuple[dict[str, Any], State]:
        """Read ``latest_net_G.pth`` of KupynOrest/DeblurGAN, of nine blocks or six, instance normalisation.

        Raises
        ------
        InputError
            When it is another network.
        """
        state, config = deblurgan_state(read_state(file), str(file))
        return config, lambda net: state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range.

        Raises
        ------
        InputError
            For other channels, a height or width that is not a multiple of 4, or one under 8.
        """
        check_images(blurred, multiple=self.multiple, smallest=self.smallest, net="deblurgan")
        # In [-1, 1] the sum is (2 blurred - 1) + change: half the change in [0, 1].
        restored = blurred + self.up(self.body(self.down(2 * blurred - 1))) / 2
        return restored if self.training else restored.clamp(0, 1)


def deblurgan_state(theirs: Mapping[str, Tensor], what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Rename the authors' tensors; width and number of blocks follow from them.

    Their generator is one ``torch.nn.Sequential`` called ``model``: the convolutions are its entries 1, 4 and 7,
    blocks follow from 10 on (convolutions 1 and 5 or, with dropout, 6 of ``conv_block``), then
    the two transposed convolutions and the last one, 3 and 7 places behind the first of them.

    Parameters
    ----------
    theirs : mapping of str to torch.Tensor
    what : str
        The file, for the error line.

    Returns
    -------
    (dict, dict)
        State and configuration of `DeblurGan`.

    Raises
    ------
    InputError
        When a tensor is missing or left over, as with the code of December 2019, whose blocks have one convolution.
    """
    blocks = len({name.split(".")[1] for name in theirs if ".conv_block." in name})
    behind = 10 + blocks
    dropout = any(name.endswith(".conv_block.6.weight") for name in theirs)
    places = {"1": "down.1", "4": "down.4", "7": "down.7"}
    places |= {f"{behind}": "up.0", f"{behind + 3}": "up.3", f"{behind + 7}": "up.7"}
    for i in range(blocks):
        places[f"{10 + i}.conv_block.1"] = f"body.{i}.body.1"
        places[f"{10 + i}.conv_block.{6 if dropout else 5}"] = f"body.{i}.body.6"
    names = {f"model.{old}.{part}": f"{new}.{part}" for old, new in places.items() for part in ("weight", "bias")}
    # Instance normalisation of before torch 0.4 kept running moments that nobody used.
    foreign = [name for name in theirs if name not in names and ".running_" not in name and "num_batches" not in name]
    missing = [name for name in names if name not in theirs]
    if foreign or missing:
        found = f"the foreign tensor '{foreign[0]}'" if foreign else f"no '{missing[0]}'"
        raise InputError(what, expected="DeblurGAN's generator with two convolutions per block", found=found)
    config = {"width": int(theirs["model.1.weight"].shape[0]), "blocks": blocks}
    return {new: theirs[old] for old, new in names.items()}, config
