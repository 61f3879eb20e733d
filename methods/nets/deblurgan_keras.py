"""DeblurGAN's generator as RaphaelMeudec/deblur-gan has it for Keras, whose weights Anand et al. compare with.

Unlike the authors' network it has batch normalisation, halves with all padding below and to the right, enlarges by
nearest neighbour and a convolution, and returns the mean of what it adds and the blurred image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.schema import reading
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Plain, check_images
from facedeblur.methods.nets.deblurgan import Block

EPSILON = 1e-3
"""Keras's default for batch normalisation, like the momentum of 0.99 (0.01 in torch's terms)."""


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.01)


class DeblurGanKeras(Plain):
    """Generator of the Keras port of DeblurGAN.

    Parameters
    ----------
    width : int
        Channels after the first convolution; four times as many in the residual blocks.
    blocks : int
        Residual blocks.
    dropout : float
        Share of values dropped in each block while training.

    Notes
    -----
    11,388,675 parameters. Inside, images are in [-1, 1], and the output is (tanh + input) / 2 there, so that without a
    change the image has half its contrast: the network has to learn the other half.
    """

    multiple = 4
    smallest = 8
    parts = ("down", "body", "up")

    def __init__(self, *, width: int = 64, blocks: int = 9, dropout: float = 0.5) -> None:
        super().__init__()
        below_right = (0, 1, 0, 1)  # Keras pads an even side like this for stride 2
        self.down = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), _norm(width), nn.ReLU(),
            nn.ZeroPad2d(below_right), nn.Conv2d(width, 2 * width, 3, stride=2), _norm(2 * width), nn.ReLU(),
            nn.ZeroPad2d(below_right), nn.Conv2d(2 * width, 4 * width, 3, stride=2), _norm(4 * width), nn.ReLU(),
        )  # fmt: skip
        self.body = nn.Sequential(*(Block(4 * width, dropout, norm=_norm) for _ in range(blocks)))
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(4 * width, 2 * width, 3, padding=1), _norm(2 * width), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(2 * width, width, 3, padding=1), _norm(width), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    @staticmethod
    def read_released(file: Path) -> tuple[dict[str, Any], State]:
        """Read ``generator.h5``, as ``save_weights`` of Keras 2 writes it; width and blocks follow from it.

        Raises
        ------
        InputError
            When it is another network or another format.
        """
        layers = keras_layers(file)
        convs = [layer for layer in layers if len(layer) == 2 and layer[0].ndim == 4]
        norms = [layer for layer in layers if len(layer) == 4]
        blocks, odd = divmod(len(convs) - 6, 2)
        found = f"{len(convs)} convolutions and {len(norms)} normalisations among {len(layers)} layers"
        if odd or blocks < 0 or len(norms) != len(convs) - 1 or len(convs) + len(norms) != len(layers):
            raise InputError(str(file), expected="the generator of RaphaelMeudec/deblur-gan", found=found)
        places = [f"down.{at}" for at in (1, 5, 9)]
        places += [f"body.{block}.body.{at}" for block in range(blocks) for at in (1, 6)]
        places += [f"up.{at}" for at in (1, 5, 9)]
        state: dict[str, Tensor] = {}
        for place, (kernel, bias) in zip(places, convs, strict=True):
            # (height, width, in, out) to (out, in, height, width)
            state[f"{place}.weight"], state[f"{place}.bias"] = _tensor(kernel.transpose(3, 2, 0, 1)), _tensor(bias)
        for place, values in zip(places, norms, strict=False):
            part, _, at = place.rpartition(".")
            for name, value in zip(("weight", "bias", "running_mean", "running_var"), values, strict=True):
                state[f"{part}.{int(at) + 1}.{name}"] = _tensor(value)
        return {"width": int(convs[0][0].shape[3]), "blocks": blocks}, lambda net: state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range.

        Raises
        ------
        InputError
            For other channels, a height or width that is not a multiple of 4, or one under 8.
        """
        check_images(blurred, multiple=self.multiple, smallest=self.smallest, net="deblurgan-keras")
        change = self.up(self.body(self.down(2 * blurred - 1)))
        # (change + (2 blurred - 1)) / 2 in [-1, 1], as a value in [0, 1].
        restored = (change + 2 * blurred + 1) / 4
        return restored if self.training else restored.clamp(0, 1)


def keras_layers(file: str | Path) -> list[list[np.ndarray]]:
    """Read the weights of each layer that has any from an HDF5 file of Keras 2, in the order of the network.

    The file of a whole model, which has them under ``model_weights``, is read as well.

    Raises
    ------
    InputError
        When it is not such a file.
    """
    h5py = need("h5py", "io")
    with reading(file, "weights of Keras 2", do="download it again"), h5py.File(file, "r") as opened:
        root = opened.get("model_weights", opened)
        if "layer_names" not in root.attrs:
            raise InputError(
                str(file), expected="weights of Keras 2, with layer_names", found=", ".join(root) or "nothing"
            )
        groups = [root[_text(name)] for name in root.attrs["layer_names"]]
        layers = [[np.asarray(group[_text(name)]) for name in group.attrs["weight_names"]] for group in groups]
    return [layer for layer in layers if layer]


def _text(name: bytes | str) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else name


def _tensor(values: np.ndarray | Sequence[float]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
