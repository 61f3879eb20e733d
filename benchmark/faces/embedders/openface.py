"""OpenFace embeddings: the network nn4.small2 with the user's weight file.

Amos et al., "OpenFace: A general-purpose face recognition library with mobile applications" (CMU-CS-16-118, 2016),
after the network NN4 of Schroff et al., "FaceNet" (CVPR 2015). The layout is that of the published definition
``nn4.small2.def.lua``. The file ``openface.pth``, or one with this package's own layer names, is never downloaded; an
error says where it belongs if it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format, fusion

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.inference import DETECT, NetworkEmbedder
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.weights import WEIGHTS


class Unit(nn.Module):
    """Convolution, batch normalisation and ReLU: (N, C, H, W) to (N, `outputs`, H / `stride`, W / `stride`)."""

    def __init__(self, inputs: int, outputs: int, size: int, *, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``relu(norm(conv(x)))``."""
        return functional.relu(self.norm(self.conv(x)))


@dataclass(frozen=True)
class Block:
    """What an inception block is made of.

    Attributes
    ----------
    inputs : int
        Channels of its input.
    wide : dict of int to (int, int)
        Size of a convolution -> channels it is reduced to before, and has after it.
    pool : {'max', 'l2'}
        Maximum over 3x3 pixels, every second; or root of the sum of squares over 3x3 pixels, every third.
    pooled, plain : int
        Channels of the pooled branch (0 leaves them as they are) and of the 1x1 convolution (0 leaves it out).
    stride : int
    """

    inputs: int
    wide: dict[int, tuple[int, int]]
    pool: str
    pooled: int = 0
    plain: int = 0
    stride: int = 1


BLOCKS = {
    "inception_3a": Block(192, {3: (96, 128), 5: (16, 32)}, "max", 32, 64),
    "inception_3b": Block(256, {3: (96, 128), 5: (32, 64)}, "l2", 64, 64),
    "inception_3c": Block(320, {3: (128, 256), 5: (32, 64)}, "max", stride=2),
    "inception_4a": Block(640, {3: (96, 192), 5: (32, 64)}, "l2", 128, 256),
    "inception_4e": Block(640, {3: (160, 256), 5: (64, 128)}, "max", stride=2),
    "inception_5a": Block(1024, {3: (96, 384)}, "l2", 96, 256),
    "inception_5b": Block(736, {3: (96, 384)}, "max", 96, 256),
}


class Inception(nn.Module):
    """Parallel convolutions of several sizes and a pooling, joined along the channels.

    A branch whose image comes out smaller than the largest is set into zeros, centred.
    """

    def __init__(self, block: Block):
        super().__init__()
        self.block = block
        self.branches = nn.ModuleDict()
        for size, (reduced, outputs) in block.wide.items():
            self.branches[f"{size}x{size}"] = nn.Sequential(
                Unit(block.inputs, reduced, 1), Unit(reduced, outputs, size, stride=block.stride)
            )
        self.branches["pool"] = Unit(block.inputs, block.pooled, 1) if block.pooled else nn.Identity()
        if block.plain:
            self.branches["1x1"] = Unit(block.inputs, block.plain, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the channels of all branches, in the order wide, pooled, plain."""
        pooled = functional.max_pool2d(x, 3, 2) if self.block.pool == "max" else l2_pool(x)
        parts = [branch(pooled if name == "pool" else x) for name, branch in self.branches.items()]
        height, width = (max(part.shape[axis] for part in parts) for axis in (2, 3))
        return torch.cat([_centred(part, height, width) for part in parts], 1)


def l2_pool(x: torch.Tensor) -> torch.Tensor:
    """Root of the sum of squares over each 3x3 pixels: (N, C, H, W) to (N, C, H // 3, W // 3)."""
    return (functional.avg_pool2d(x * x, 3) * 9).sqrt()


def _centred(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    high, wide = height - x.shape[2], width - x.shape[3]
    if not high and not wide:
        return x
    return functional.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))


class OpenFaceNetwork(nn.Module):
    """FaceNet's NN4 without its layers 4b to 4d and with smaller layers 5: 3,733,968 parameters, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Unit(3, 64, 7, stride=2)
        self.conv2 = Unit(64, 64, 1)
        self.conv3 = Unit(64, 192, 3)
        for name, block in BLOCKS.items():
            self.add_module(name, Inception(block))
        self.linear = nn.Linear(736, 128)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Embeddings of faces.

        Parameters
        ----------
        faces : torch.Tensor, shape (N, 3, 96, 96)
            RGB in [0, 1].

        Returns
        -------
        torch.Tensor, shape (N, 128)
            Unit length.

        Raises
        ------
        InputError
            When `faces` have another shape.
        """
        if faces.ndim != 4 or tuple(faces.shape[1:]) != (3, SIDE, SIDE):
            raise InputError(
                "faces for OpenFace",
                expected=f"(N, 3, {SIDE}, {SIDE})",
                found=str(tuple(faces.shape)),
            )
        # Krizhevsky's response normalisation, alpha divided by the five channels that it runs over.
        # The port's CrossMapLRN2d keeps channel 0 in every sum; Lua's original, used in training, does not.
        x = functional.local_response_norm(functional.max_pool2d(self.conv1(faces), 3, 2, 1), 5, 1e-4, 0.75, 1.0)
        x = functional.local_response_norm(self.conv3(self.conv2(x)), 5, 1e-4, 0.75, 1.0)
        x = functional.max_pool2d(x, 3, 2, 1)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
        return functional.normalize(self.linear(x.mean((2, 3))))

    def fused(self) -> OpenFaceNetwork:
        """Fold the batch normalisations into the convolutions, for inference; returns the network itself."""
        self.eval()
        for unit in self.modules():
            if isinstance(unit, Unit) and isinstance(unit.norm, nn.BatchNorm2d):
                unit.conv = fusion.fuse_conv_bn_eval(unit.conv, unit.norm)
                unit.norm = nn.Identity()
        return self.requires_grad_(False)


def port_names() -> dict[str, str]:
    """Names of layers here -> in the PyTorch port thnkim/OpenFacePytorch, whose file is ``openface.pth``."""
    names = {"linear": "layer25"}
    for unit, (conv, norm) in {"conv1": (1, 2), "conv2": (6, 7), "conv3": (9, 10)}.items():
        names |= {f"{unit}.conv": f"layer{conv}", f"{unit}.norm": f"layer{norm}"}
    for (block, made), layer in zip(BLOCKS.items(), (14, 15, 16, 17, 18, 19, 21), strict=True):
        for at, size in enumerate(made.wide):
            for place, first in ((0, 1), (1, 4)):
                unit = f"{block}.branches.{size}x{size}.{place}"
                names[f"{unit}.conv"] = f"layer{layer}.seq_list.{at}.{first}_conv"
                names[f"{unit}.norm"] = f"layer{layer}.seq_list.{at}.{first + 1}_bn"
        for branch, at, first, there in (
            ("pool", len(made.wide), 2, made.pooled),
            ("1x1", len(made.wide) + 1, 1, made.plain),
        ):
            if there:
                names[f"{block}.branches.{branch}.conv"] = f"layer{layer}.seq_list.{at}.{first}_conv"
                names[f"{block}.branches.{branch}.norm"] = f"layer{layer}.seq_list.{at}.{first + 1}_bn"
    return names


def openface_network(state: Mapping[str, torch.Tensor], *, do: str) -> OpenFaceNetwork:
    """The network with the weights of a file, for training or inference.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        Under the names here or those of `port_names`.
    do : str
        What the user does when the weights are others, for the error line.

    Raises
    ------
    InputError
        When a tensor is missing, left over or of another shape.
    """
    network = OpenFaceNetwork()
    if any(key.startswith("layer1.") for key in state):
        here = {theirs: ours for ours, theirs in port_names().items()}
        named = {}
        for key, value in state.items():
            layer, _, part = key.rpartition(".")
            named[f"{here.get(layer, layer)}.{part}"] = value
        state = named
    load_exactly(network, state, "OpenFace weights", do)
    return network.eval()


SIDE = 96

TRIPLES = {"outer": (36, 45, 33), "inner": (39, 42, 57)}
"""Outer corners of the eyes and base of the nose; inner corners and lower lip (iBUG numbering)."""

# Mean face of OpenFace, in its own unit: the points used, and the extent of all 68.
_MEAN_FACE = {
    36: (0.252418718401, 0.331052263829),
    45: (0.782865376271, 0.321305281656),
    33: (0.520712933176, 0.634268222208),
    39: (0.403718978315, 0.338677110830),
    42: (0.631326076346, 0.334136672344),
    57: (0.525398405766, 0.841706377792),
}
_LEAST = (0.0792396913815, 0.182360984545)
_MOST = (0.971193274221, 1.060803711260)


def places(triple: str) -> np.ndarray:
    """Where the points of a triple go in the crop.

    Parameters
    ----------
    triple : {'outer', 'inner'}

    Returns
    -------
    np.ndarray, shape (3, 2), float64
        Pixels ``(x, y)`` in the crop of 96: the mean face's extent is the whole crop.
    """
    points = np.array([_MEAN_FACE[index] for index in TRIPLES[triple]])
    return np.asarray(SIDE * (points - _LEAST) / (np.array(_MOST) - _LEAST))


def openface_chip(image: np.ndarray, triple: str = "outer") -> np.ndarray | None:
    """Cut out the largest face, its three points brought to `places`.

    Bilinear and not averaged first, as OpenFace does it; what lies outside the image is black.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB
    triple : {'outer', 'inner'}

    Returns
    -------
    np.ndarray, shape (96, 96, 3), uint8 RGB, or None where no face is found

    Raises
    ------
    InputError
        When dlib is not installed or its landmark file is missing.
    """
    import cv2

    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68

    faces = HogDetector().detect(image)
    if not faces:
        return None
    points = Landmarker68.of().points(image, faces[0])[list(TRIPLES[triple])]
    if abs(np.linalg.det(points[1:] - points[0])) < 1:  # in one line: no affine map
        return None
    matrix = cv2.getAffineTransform(points.astype(np.float32), places(triple).astype(np.float32))
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR))


NAME = "openface-nn4.small2"
ALIGNED_BY = {"detect": "outer", "detect-inner": "inner"}
"""Mode -> the points by which the face is aligned."""


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> OpenFaceNetwork:
    network = openface_network(read_state(path), do=WEIGHTS[NAME].get).float().fused().to(device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


class OpenFaceEmbedder(NetworkEmbedder):
    """128-dimensional unit vectors; OpenFace compares them by their squared L2 distance.

    With ``detect`` the face is found again and aligned by the outer corners of the eyes and the base of the nose, as
    nn4.small2 was trained; with ``detect-inner`` by the inner corners and the lower lip.
    """

    name, side, dimensions, unit_length = NAME, SIDE, 128, True
    modes = ("as-is", *ALIGNED_BY)
    choices = "as-is, detect or detect-inner, @1234abcd to pin the weights"
    terms: ClassVar[Mapping[str, str]] = {
        r"openface-nn4\.small2": "OpenFace's nn4.small2 network",
        "detect-inner": "the face is found again and aligned by the inner corners of the eyes and the lower lip",
        **DETECT,
    }

    def network(self, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The network on a device, behind the division by 255."""
        network = _network(str(self.weights.path), self.weights.sha256, device)

        def vectors(batch: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                return network((batch / 255).contiguous(memory_format=torch.channels_last))

        return vectors

    def chip(self, image: np.ndarray) -> np.ndarray | None:
        """Return `openface_chip` by the points of the mode."""
        return openface_chip(image, ALIGNED_BY[self.mode])
