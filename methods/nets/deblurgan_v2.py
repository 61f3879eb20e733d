"""DeblurGAN-v2's generator: a feature pyramid over the backbone of a classification network.

Kupyn et al., "DeblurGAN-v2: Deblurring (Orders-of-Magnitude) Faster and Better", ICCV 2019, section 3.1.
The backbones are the first layers of classification networks of timm, cut into five stages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.options import one_of
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Plain, check_images

WIDTHS = {"inception-resnet-v2": (128, 256), "mobilenet-v2": (64, 128)}
"""Backbone -> channels of the heads and of the pyramid in the authors' code."""

SMALLEST = {"inception-resnet-v2": 128, "mobilenet-v2": 64}
"""Backbone -> smallest side of an image: under it the deepest features are too few to pad or to normalise."""


class Pyramid(nn.Module):
    """Feature pyramid: from the five stages' features, maps at 1/2 (half as wide) and at 1/4 to 1/32 of the size.

    The unpadded convolutions of Inception-ResNet-v2 lose up to three rows and columns; its features are padded by
    reflection until each is twice the next, as in the authors' code.
    """

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        for i, taken in enumerate(channels):
            self.add_module(f"lateral{i}", nn.Conv2d(taken, width if i else width // 2, 1, bias=False))
        self.td1, self.td2, self.td3 = (_smooth(width, width) for _ in range(3))

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Stages' features and the image's (H, W) to the maps, finest first."""
        sides = [
            _padded(self.get_submodule(f"lateral{i}")(each), size[0] >> (i + 1), size[1] >> (i + 1))
            for i, each in enumerate(features)
        ]
        map4 = sides[4]
        map3 = self.td1(sides[3] + _up(map4, 2))
        map2 = self.td2(sides[2] + _up(map3, 2))
        return [sides[0], self.td3(sides[1] + _up(map2, 2)), map2, map3, map4]


class Heads(nn.Module):
    """From the pyramid's maps to the change of the image, in (-1, 1)."""

    def __init__(self, width: int, pyramid: int) -> None:
        super().__init__()
        for i in range(1, 5):
            head = nn.Sequential(
                nn.Conv2d(pyramid, width, 3, padding=1, bias=False), nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1, bias=False), nn.ReLU(),
            )  # fmt: skip
            self.add_module(f"head{i}", head)
        self.smooth, self.smooth2 = _smooth(4 * width, width), _smooth(width, width // 2)
        self.final = nn.Conv2d(width // 2, 3, 3, padding=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps of `Pyramid` to (N, 3, H, W)."""
        quarter = [_up(self.get_submodule(f"head{i}")(maps[i]), 1 << (i - 1)) for i in range(4, 0, -1)]
        half = _up(self.smooth(torch.cat(quarter, 1)), 2)
        return torch.tanh(self.final(_up(self.smooth2(half + maps[0]), 2)))


class DeblurGanV2(Plain):
    """DeblurGAN-v2's generator.

    Parameters
    ----------
    backbone : {"inception-resnet-v2", "mobilenet-v2"}
    width, pyramid : int, optional
        Channels of the heads and of the pyramid, `pyramid` twice `width`; what `WIDTHS` has for the backbone.
    backbone_weights : path, optional
        Weights of timm's `inception_resnet_v2` or `mobilenetv2_100`, trained on ImageNet, which the authors start from
        (they leave them as they are for the first three epochs). Nothing is downloaded; random without it.
    statistics : {"image", "running"}
        What the backbone's batch norm normalises by. The authors train with one image per batch and restore in training
        mode, which is each image's own statistics: ``"image"``. ``"running"`` is batch norm as usual.

    Raises
    ------
    InputError
        For an unknown backbone or statistics, widths that do not fit, no timm, or unusable weights.

    Notes
    -----
    Inception-ResNet-v2: 35,840,099 parameters (143.4 MB in float32), of them 30,754,272 in the backbone. The
    authors' code keeps the whole classifier as a member and so counts 60,929,291 (243.7 MB); the 25,089,192
    behind ``mixed_7a`` are never used. MobileNetV2: 2,106,627 (8.4 MB), of them 1,017,792 in the backbone;
    the authors' has 3,312,707 (13.3 MB) with the last blocks, which it does not use. MobileNet-DSC is not here.

    Layout: 1x1 laterals; nearest up-sampling and addition, each followed by conv3 - norm - ReLU;
    heads of two conv3 with ReLU; up by 8, 4, 2 and 1, joined, conv3 - norm - ReLU; up, plus the finest map,
    conv3 - norm - ReLU; up, conv3, tanh, plus the input. Instance norm has no weights, and no running means:
    theirs has them, but restores in training mode. Inside, images are in [-1, 1]; the sum is cut to it except
    while training.
    """

    multiple = 32
    parts = ("backbone", "pyramid", "heads")
    starts_from = ("backbone_weights",)

    def __init__(
        self,
        *,
        backbone: str = "inception-resnet-v2",
        width: int | None = None,
        pyramid: int | None = None,
        backbone_weights: str | Path | None = None,
        statistics: str = "image",
    ) -> None:
        super().__init__()
        self.backbone = make_backbone(backbone, weights=backbone_weights, statistics=statistics)
        width = WIDTHS[backbone][0] if width is None else width
        pyramid = 2 * width if pyramid is None else pyramid
        if width % 2 or pyramid != 2 * width:
            # The finest map, half as wide as the pyramid, is added to features as wide as the heads.
            raise InputError(
                "widths of deblurgan-v2", expected="an even width and a pyramid twice as wide",
                found=f"{width} and {pyramid}",
            )  # fmt: skip
        self.smallest = SMALLEST[backbone]
        self.pyramid = Pyramid(CHANNELS[backbone], pyramid)
        self.heads = Heads(width, pyramid)

    @staticmethod
    def read_released(file: Path) -> tuple[dict[str, Any], State]:
        """Read ``fpn_inception.h5`` or ``fpn_mobilenet.h5`` of VITA-Group/DeblurGANv2.

        They are torch files, in spite of their ending.

        Raises
        ------
        InputError
            When it is neither.
        """
        theirs = read_state(file)
        lateral, head = (theirs.get(name) for name in ("fpn.lateral4.weight", "head1.block0.weight"))
        if lateral is None or head is None:
            raise InputError(str(file), expected="DeblurGAN-v2's generator", found=f"'{next(iter(theirs))}'")
        backbone = "inception-resnet-v2" if lateral.shape[1] == 2080 else "mobilenet-v2"

        def state(net: nn.Module) -> Mapping[str, Tensor]:
            assert isinstance(net, DeblurGanV2)
            return authors_state(net, theirs)

        return {"backbone": backbone, "width": int(head.shape[0])}, state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range.

        Raises
        ------
        InputError
            For other channels, a height or width that is not a multiple of 32, or one under 128 (MobileNetV2: 64).
        """
        check_images(blurred, multiple=self.multiple, smallest=self.smallest, net="deblurgan-v2")
        features, deeper = [], 2 * blurred - 1
        for stage in self.backbone:
            deeper = stage(deeper)
            features.append(deeper)
        height, width = (int(side) for side in blurred.shape[2:])
        # In [-1, 1] the sum is (2 blurred - 1) + change: half the change in [0, 1].
        restored = blurred + self.heads(self.pyramid(features, (height, width))) / 2
        return restored if self.training else restored.clamp(0, 1)


def authors_state(net: DeblurGanV2, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the authors' generator weights (VITA-Group/DeblurGANv2, ``fpn_*.h5``, the dictionary under ``"model"``).

    Parameters
    ----------
    net : DeblurGanV2
        With the same backbone.
    state : mapping of str to torch.Tensor
        Their names begin with ``module.``. Running means of instance norm, and of batch norm where `net` has
        ``statistics="image"``, are left out, as are the parts of the classifier that are not used.

    Returns
    -------
    dict of str to torch.Tensor
        What ``net.load_state_dict`` takes, complete.

    Raises
    ------
    InputError
        When a tensor is missing or has another shape: another backbone, or another network.
    """
    theirs = {name.removeprefix("module."): value for name, value in state.items()}
    ours = net.state_dict()
    renamed: dict[str, Tensor] = {}
    for i in range(5):
        # Blocks are called otherwise in timm, but their tensors come in the same order.
        mine = [name for name in ours if name.startswith(f"backbone.enc{i}.") and "num_batches" not in name]
        running = any("running" in name for name in mine)
        yours = [name for name in theirs if name.startswith(f"fpn.enc{i}.") and "num_batches" not in name]
        yours = [name for name in yours if running or "running" not in name]
        if len(mine) != len(yours):
            raise _other(f"{len(mine)} tensors in stage {i}", str(len(yours)))
        renamed.update((name, theirs[other]) for name, other in zip(mine, yours, strict=True))
    for name, value in ours.items():
        if "num_batches" in name:
            renamed[name] = value
        elif not name.startswith("backbone."):
            other = name.replace("pyramid.", "fpn.", 1) if name.startswith("pyramid.") else _head_name(name)
            if other not in theirs:
                raise _other(f"'{other}'", "no such tensor")
            renamed[name] = theirs[other]
    for name, value in ours.items():
        if renamed[name].shape != value.shape:
            raise _other(f"shape {tuple(value.shape)} for '{name}'", str(tuple(renamed[name].shape)))
    return renamed


def _head_name(name: str) -> str:
    """Ours to theirs: ``heads.head1.2.weight`` is ``head1.block1.weight``."""
    name = name.removeprefix("heads.")
    return name.replace(".0.", ".block0.").replace(".2.", ".block1.") if name.startswith("head") else name


def _other(expected: str, found: str) -> InputError:
    return InputError("weights of DeblurGAN-v2", expected=expected, found=found, do="check the backbone")


def _smooth(taken: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(taken, width, 3, padding=1), nn.InstanceNorm2d(width), nn.ReLU())


def _up(features: Tensor, factor: int) -> Tensor:
    return functional.interpolate(features, scale_factor=factor, mode="nearest") if factor > 1 else features


def _padded(features: Tensor, height: int, width: int) -> Tensor:
    rows, columns = height - int(features.shape[2]), width - int(features.shape[3])
    if not (rows or columns):
        return features
    return functional.pad(
        features, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2), mode="reflect"
    )  # fmt: skip


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
        one_of(what, word, known)
    net = _timm().create_model(_TIMM[backbone], pretrained=False)
    if weights is not None:
        _load(net, Path(weights), _TIMM[backbone])
    cut = _inception(net) if backbone == "inception-resnet-v2" else _mobilenet(net)
    if statistics == "image":
        _replace_norms(cut)
    return cut


def _timm() -> Any:
    from facedeblur.benchmark import torchvision_shim

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
