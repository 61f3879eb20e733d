"""MobileFaceNet embeddings: a small network for aligned faces, with the user's weight file.

Chen, Liu, Gao and Han, "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices"
(CCBR 2018), table 1. The released verification script of MSPL (Lee et al. 2020), whose group wrote DFPGnet, takes the
file ``model_mobilefacenet.pth`` of InsightFace_Pytorch, which gives 512 numbers; ``model-0000.params`` of InsightFace
(MXNet, model y1) gives 128. Neither is ever downloaded; an error says where a missing one belongs.

The layers are named as in InsightFace_Pytorch, so its file loads as it is. Nothing in a file is executed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format, fusion

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.embedders.arcface import ArcFaceEmbedder
from facedeblur.benchmark.faces.inference import DETECT
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.files.state_dict import load_exactly, read_state
from facedeblur.benchmark.weights import WEIGHTS

NAME = "mobilefacenet"


class Unit(nn.Module):
    """Convolution, batch normalisation and, unless it is linear, PReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, *, stride: int = 1, padding: int = 0, groups: int = 1,
                 linear: bool = False):  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding, groups=groups, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)
        self.prelu: nn.Module = nn.Identity() if linear else nn.PReLU(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``prelu(bn(conv(x)))``."""
        result: torch.Tensor = self.prelu(self.bn(self.conv(x)))
        return result


class Bottleneck(nn.Module):
    """Expand, convolve each channel by itself, project; with stride 1 the input is added (table 1, "bottleneck")."""

    def __init__(self, inputs: int, outputs: int, wide: int, *, stride: int = 1):
        super().__init__()
        self.conv = Unit(inputs, wide, 1)
        self.conv_dw = Unit(wide, wide, 3, stride=stride, padding=1, groups=wide)
        self.project = Unit(wide, outputs, 1, linear=True)
        self.residual = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        change: torch.Tensor = self.project(self.conv_dw(self.conv(x)))
        return x + change if self.residual else change


class Row(nn.Module):
    """Bottlenecks of stride 1, one behind the other."""

    def __init__(self, channels: int, wide: int, count: int):
        super().__init__()
        self.model = nn.Sequential(*(Bottleneck(channels, channels, wide) for _ in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to the same shape."""
        result: torch.Tensor = self.model(x)
        return result


class MobileFaceNetwork(nn.Module):
    """MobileFaceNet.

    Parameters
    ----------
    dimensions : int
        Of the vectors: 128 in the paper (1,003,136 weights), 512 in InsightFace_Pytorch.
    """

    def __init__(self, dimensions: int = 128):
        super().__init__()
        self.conv1 = Unit(3, 64, 3, stride=2, padding=1)
        self.conv2_dw = Unit(64, 64, 3, padding=1, groups=64)
        self.conv_23, self.conv_3 = Bottleneck(64, 64, 128, stride=2), Row(64, 128, 4)
        self.conv_34, self.conv_4 = Bottleneck(64, 128, 256, stride=2), Row(128, 256, 6)
        self.conv_45, self.conv_5 = Bottleneck(128, 128, 512, stride=2), Row(128, 256, 2)
        self.conv_6_sep = Unit(128, 512, 1)
        self.conv_6_dw = Unit(512, 512, 7, groups=512, linear=True)
        self.linear = nn.Linear(512, dimensions, bias=False)
        self.bn = nn.BatchNorm1d(dimensions)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Vectors of faces.

        Parameters
        ----------
        faces : torch.Tensor, shape (N, 3, 112, 112), float32 RGB in about [-1, 1]

        Returns
        -------
        torch.Tensor, shape (N, dimensions), float32
            Of any length.
        """
        x = self.conv2_dw(self.conv1(faces))
        for row in (self.conv_23, self.conv_3, self.conv_34, self.conv_4, self.conv_45, self.conv_5):
            x = row(x)
        vectors: torch.Tensor = self.bn(self.linear(self.conv_6_dw(self.conv_6_sep(x)).flatten(1)))
        return vectors

    def fused(self) -> MobileFaceNetwork:
        """Fold the batch normalisations into the convolutions, for inference; returns the network itself."""
        self.eval()
        for unit in self.modules():
            if isinstance(unit, Unit) and isinstance(unit.bn, nn.BatchNorm2d):
                unit.conv = fusion.fuse_conv_bn_eval(unit.conv, unit.bn)
                unit.bn = nn.Identity()
        return self.requires_grad_(False)


MAGIC, DENSE, FLOAT32 = 0x112, 0xF993FAC9, 0
"""Of MXNet: its lists of arrays, its dense arrays of version 2, and their type of numbers."""

_MOST = 4
"""Axes of an array at most."""


def read_mxnet(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of an MXNet file ``*.params``, which ``mx.nd.save`` has written.

    Little-endian: a magic number, a reserved one and the count of arrays (64 bits each); of each array a magic number,
    its storage (0: dense) and its number of axes (32 bits), the axes (64), device, its number and type (32), and the
    values; then the count of names (64), and of each its length (64) and bytes. Names begin with ``arg:`` or ``aux:``.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to np.ndarray, float32
        By names without what they begin with.

    Raises
    ------
    InputError
        When it is no such file, truncated, or holds other than dense arrays of float32.
    """
    data, at = read_file(path), 0

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        found = struct.unpack_from(f"<{form}", data, at)
        at += struct.calcsize(f"<{form}")
        return found

    arrays: list[np.ndarray] = []
    with reading(path, "an MXNet file of arrays", do=WEIGHTS[NAME].get):
        magic, _, count = take("QQQ")
        if magic != MAGIC or count > len(data):
            raise ValueError("it does not begin as one")
        for _ in range(count):
            kind, storage, axes = take("IiI")
            if kind != DENSE or storage or not 0 < axes <= _MOST:
                raise ValueError("an array is not dense")
            shape = take(f"{axes}q")
            size = math.prod(shape)
            if take("iii")[2] != FLOAT32 or size < 0:
                raise ValueError("an array is not of float32")
            arrays.append(np.frombuffer(data, "<f4", size, at).reshape(shape))
            at += 4 * size
        if take("Q") != (count,):
            raise ValueError("as many names as arrays are missing")
        names = []
        for _ in range(count):
            (length,) = take("Q")
            if at + length > len(data):
                raise ValueError("it is truncated")
            names.append(data[at : at + length].decode().partition(":")[2])
            at += length
    return dict(zip(names, arrays, strict=True))


def from_mxnet(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Rename and convert the arrays of InsightFace's y1 to a state dict of `MobileFaceNetwork`.

    MXNet's batch normalisation adds 1e-3 to the variance (2e-5 in the last), torch's 1e-5: the difference is added to
    the variances. The bias of the last layer is taken off the mean behind it, whose factor is fixed at 1 there.

    Raises
    ------
    KeyError
        When an array is missing.
    """

    def normaliser(theirs: str, ours: str, epsilon: float) -> dict[str, torch.Tensor]:
        gamma, beta, mean, variance = (
            torch.from_numpy(np.array(arrays[f"{theirs}_{part}"]))
            for part in ("gamma", "beta", "moving_mean", "moving_var")
        )
        parts = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance + (epsilon - 1e-5)}
        return {f"{ours}.{part}": value for part, value in parts.items()}

    names = {"conv1": "conv_1", "conv2_dw": "conv_2_dw", "conv_6_sep": "conv_6sep", "conv_6_dw": "conv_6dw7_7"}
    rows = {"conv_23": 0, "conv_3": 4, "conv_34": 0, "conv_4": 6, "conv_45": 0, "conv_5": 2}
    for ours, count in rows.items():
        theirs = ours.replace("conv", "res" if count else "dconv")
        blocks = {f"{ours}.model.{at}": f"{theirs}_block{at}" for at in range(count)} or {ours: theirs}
        for block, other in blocks.items():
            parts = (("conv", "sep"), ("conv_dw", "dw"), ("project", "proj"))
            names |= {f"{block}.{part}": f"{other}_conv_{its}" for part, its in parts}
    state: dict[str, torch.Tensor] = {}
    for ours, theirs in names.items():
        state[f"{ours}.conv.weight"] = torch.from_numpy(np.array(arrays[f"{theirs}_conv2d_weight"]))
        state |= normaliser(f"{theirs}_batchnorm", f"{ours}.bn", 1e-3)
        if f"{theirs}_relu_gamma" in arrays:
            state[f"{ours}.prelu.weight"] = torch.from_numpy(np.array(arrays[f"{theirs}_relu_gamma"]))
    state["linear.weight"] = torch.from_numpy(np.array(arrays["fc1_weight"]))
    state |= normaliser("fc1", "bn", 2e-5)
    state["bn.weight"] = torch.ones_like(state["bn.weight"])
    state["bn.running_mean"] = state["bn.running_mean"] - torch.from_numpy(np.array(arrays["pre_fc1_bias"]))
    return state


def mobilefacenet(path: str | Path) -> tuple[MobileFaceNetwork, float]:
    """The network with the weights of a file, and by what grey levels less 127.5 are divided for it.

    Raises
    ------
    InputError
        When the file is not MobileFaceNet's.
    """
    expected, scale = "the weights of MobileFaceNet", 127.5
    if str(path).endswith(".params"):
        arrays, scale = read_mxnet(path), 128.0
        try:
            state = from_mxnet(arrays)
        except KeyError as error:
            raise InputError(str(path), expected=expected, found=f"no {error}", do=WEIGHTS[NAME].get) from error
    else:
        state = read_state(path)
    last = state.get("linear.weight")
    if last is None or last.ndim != 2:
        raise InputError(str(path), expected=expected, found="no 'linear.weight'", do=WEIGHTS[NAME].get)
    network = MobileFaceNetwork(len(last))
    load_exactly(network, state, str(path), WEIGHTS[NAME].get)
    return network.eval(), scale


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> tuple[MobileFaceNetwork, float]:
    network, scale = mobilefacenet(path)
    network = network.float().fused().to(device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network, scale


class MobileFaceNetEmbedder(ArcFaceEmbedder):
    """Unit vectors of 512 or 128 numbers, as the weight file has them.

    Takes crops of the template ``arcface112``; with ``detect`` MTCNN finds the face again, and it is aligned so.
    """

    name = NAME
    terms: ClassVar[Mapping[str, str]] = {"mobilefacenet": "MobileFaceNet", **DETECT}

    @property
    def dimensions(self) -> int:  # type: ignore[override]
        """Numbers in a vector."""
        return int(_network(str(self.weights.path), self.weights.sha256, "cpu")[0].linear.out_features)

    def network(self, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The network on a device, behind its standardisation."""
        network, scale = _network(str(self.weights.path), self.weights.sha256, device)

        def vectors(batch: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                inputs = ((batch - 127.5) / scale).contiguous(memory_format=torch.channels_last)
                return functional.normalize(network(inputs))

        return vectors
