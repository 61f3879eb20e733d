"""Backbones of DeblurGAN-v2: the first layers of classification networks of timm, cut into five stages."""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError, need, suggest
from facedeblur.benchmark.files.state_dict import load_exactly, read_state

CHANNELS = {"inception-resnet-v2": (32, 64, 192, 1088, 2080), "mobilenet-v2": (16, 24, 32, 64, 160)}
"""Backbone -> channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""

STATISTICS = ("image", "running")

_TIMM = {"inception-resnet-v2": "inception_resnet_v2", "mobilenet-v2": "mobilenetv2_100"}
_INCEPTION = (
    ("conv2d_1a",),
    ("conv2d_2a", "conv2d_2b", "maxpool_3a"),
    ("conv2d_3b", "conv2d_4a", "maxpool_5a"),
    ("mixed_5b", "repeat", "mixed_6a"),
    ("repeat_1", "mixed_7a"),
)


class ImageNorm(nn.Module):
    """Batch norm of each image by itself, and the activation that timm keeps in its norm.

    For any number of images this is what batch norm does in training mode with a single one.
    """

    def __init__(self, old: Any) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = old.weight, old.bias, old.eps
        self.activation = old.act if hasattr(old, "act") else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        activated: Tensor = self.activation(
            functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=self.eps)
        )
        return activated


def make_backbone(backbone: str, *, weights: str | Path | None = None, statistics: str = "image") -> nn.Sequential:
    """Make the five stages ``enc0`` to ``enc4`` of a backbone; what it has behind them is left out.

    Parameters
    ----------
    backbone : {"inception-resnet-v2", "mobilenet-v2"}
    weights : path, optional
        State of the whole timm network (`inception_resnet_v2`, `mobilenetv2_100`), a ``.safetensors`` or a
        ``torch.save`` file. Without one the weights are random; nothing is downloaded.
    statistics : {"image", "running"}
        What batch norm normalises by: each image's own statistics (`ImageNorm`), or batch and running ones as usual.

    Returns
    -------
    torch.nn.Sequential
        Stage i halves the size once more and ends with ``CHANNELS[backbone][i]`` channels.

    Raises
    ------
    InputError
        For an unknown backbone or statistics, where timm is not installed, and for a weight file that cannot be read or
        belongs to another network.
    """
    for what, word, known in (("backbone", backbone, tuple(CHANNELS)), ("statistics", statistics, STATISTICS)):
        if word not in known:
            raise InputError(f"{what} '{word}'", expected=f"one of {', '.join(known)}", do=suggest(word, known))
    net = _timm().create_model(_TIMM[backbone], pretrained=False)
    if weights is not None:
        _load(net, Path(weights), _TIMM[backbone])
    cut = _inception(net) if backbone == "inception-resnet-v2" else _mobilenet(net)
    if statistics == "image":
        _replace_norms(cut)
    return cut


def _timm() -> Any:
    from facedeblur.benchmark.faces.detectors import torchvision_shim

    if find_spec("timm") is not None:
        torchvision_shim.prepare()  # timm imports torchvision
    return need("timm", "train")


def _inception(net: Any) -> nn.Sequential:
    return _stages([[getattr(net, name) for name in names] for names in _INCEPTION])


def _mobilenet(net: Any) -> nn.Sequential:
    """The authors' cut: of the three blocks with 160 channels the last is left out, as is all that follows."""
    stem = nn.Sequential(net.conv_stem, net.bn1)
    groups = [list(group) for group in net.blocks]
    return _stages([[stem, *groups[0]], groups[1], groups[2], groups[3], [*groups[4], *groups[5][:2]]])


def _stages(parts: list[list[nn.Module]]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((f"enc{i}", nn.Sequential(*modules)) for i, modules in enumerate(parts)))


def _replace_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, ImageNorm(child))
        else:
            _replace_norms(child)


def _load(net: nn.Module, path: Path, name: str) -> None:
    load_exactly(net, read_state(path), str(path), f"give weights of timm's {name}")
