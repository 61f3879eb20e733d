"""The convolutional layers of VGG-Face, by which perceptual distances of faces are measured.

Parkhi et al., "Deep Face Recognition" (BMVC 2015): the layers of VGG-16 (configuration D of Simonyan
and Zisserman, ICLR 2015), trained to tell 2,622 people apart. The classifier behind them is not used.
This module imports torch; those who may do without it import the module where they need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import load_exactly, read_state

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of each block; a 2x2 maximum follows each."""

MEAN = (129.1863, 104.7624, 93.5940)
"""Mean of the training faces, RGB in [0, 255]."""

LEAST = 32
_PARTS = ("weight", "bias")


class VGGFace(nn.Module):
    """VGG-Face up to its last pooling: 13 convolutions, 14,714,688 parameters, not trained further.

    The whole published network has 145,002,878 parameters, the rest in three fully connected layers.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for block, (width, count) in enumerate(BLOCKS, start=1):
            for place in range(1, count + 1):
                self.add_module(f"conv{block}_{place}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor, layers: Sequence[str] = ("pool5",)) -> dict[str, torch.Tensor]:
        """Outputs of layers.

        Parameters
        ----------
        images : torch.Tensor, shape (N, 3, H, W)
            RGB in the scale of [0, 255], less `MEAN` where the definition asks for it.
        layers : sequence of str
            ``relu1_1`` to ``relu5_3`` and ``pool1`` to ``pool5``.

        Returns
        -------
        dict of str to torch.Tensor
            Of pool5: shape (N, 512, H // 32, W // 32).

        Raises
        ------
        InputError
            When `images` have another shape or less than 32 pixels per side, or a layer is not known.
        """
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < LEAST:
            raise InputError(
                "images for VGG-Face", expected=f"(N, 3, H, W) of at least {LEAST} pixels per side",
                found=str(tuple(images.shape)),
            )  # fmt: skip
        out: dict[str, torch.Tensor] = {}
        x = images
        for block, (_, count) in enumerate(BLOCKS, start=1):
            for place in range(1, count + 1):
                x = functional.relu(self.get_submodule(f"conv{block}_{place}")(x))
                out[f"relu{block}_{place}"] = x
            x = out[f"pool{block}"] = functional.max_pool2d(x, 2)
            out = {name: value for name, value in out.items() if name in layers}
            if len(out) == len(set(layers)):
                return out
        unknown = next(layer for layer in layers if layer not in out)
        raise InputError(f"layer '{unknown}' of VGG-Face", expected="relu1_1 to relu5_3 or pool1 to pool5")


def vggface(state: Mapping[str, torch.Tensor]) -> VGGFace:
    """VGG-Face with the weights of a file.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        Under the names of Albanie's conversion (``conv1_1.weight``), of torchvision's VGG-16 (``features.0.weight``),
        or as `red_first` describes; the classifier's tensors are not used.

    Raises
    ------
    InputError
        When a tensor is missing or has another shape.
    """
    network = VGGFace()
    names = [name for name, _ in network.named_children()]
    own = {f"{name}.{part}": state[f"{name}.{part}"] for name in names for part in _PARTS if f"{name}.{part}" in state}
    if not own:
        places = dict(zip(torchvision_places(), names, strict=True))
        for key, value in red_first(state).items():
            place, _, part = key.removeprefix("features.").partition(".")
            if place in places and part in _PARTS:
                own[f"{places[place]}.{part}"] = value
    load_exactly(network, own, "VGG-Face weights", "get vgg_face_dag.pth again")
    return network


def red_first(state: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """Return the weights of VGG-Face for RGB images, where those of a file are for BGR.

    Parkhi's file ``VGG_FACE.t7`` for Torch takes blue first, as the script that comes with it shows. ``VGG_FACE.pth``,
    which many programs use, has its tensors under the bare numbers of the layers: ``0.weight``, ``2.weight``, ...,
    ``28.bias``, and ``32.1.weight`` for the classifier. Files under other names are returned as they are.
    """
    first = state.get("0.weight")
    return state if first is None or first.ndim != 4 else {**state, "0.weight": first.flip(1)}


def torchvision_places() -> list[str]:
    """Numbers of the 13 convolutions in torchvision's ``features``, where every ReLU and pooling is counted too."""
    places, at = [], 0
    for _, count in BLOCKS:
        for _ in range(count):
            places.append(str(at))
            at += 2
        at += 1
    return places


@lru_cache(maxsize=2)
def read_vggface(path: str, sha: str, device: str) -> VGGFace:
    """VGG-Face of a weight file, remembered by path, content and device.

    Parameters
    ----------
    path : str
    sha : str
        sha256 of the file: another content is another network.
    device : str
        Where it runs, as torch names it.

    Raises
    ------
    InputError
        When the file is not one of VGG-Face.
    """
    network = vggface(read_state(path)).float().to(device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network
