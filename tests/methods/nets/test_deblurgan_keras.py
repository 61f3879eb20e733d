"""DeblurGAN of Keras: what its HDF5 files hold, computed step by step as Keras does, and files that are others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import find_files, load_network

h5py = pytest.importorskip("h5py")
WIDTH, BLOCKS = 2, 2
CONVS = [(7, 3, 2), (3, 2, 4), (3, 4, 8), *[(3, 8, 8)] * 4, (3, 8, 4), (3, 4, 2), (7, 2, 3)]


def drawn() -> list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
    """Kernel (height, width, in, out), bias, and gamma, beta, moving mean and variance of each convolution."""
    draw = np.random.default_rng(11)
    return [
        (
            draw.normal(0, 0.3, (size, size, taken, made)).astype(np.float32),
            draw.normal(0, 0.1, made).astype(np.float32),
            [
                draw.uniform(low, high, made).astype(np.float32)
                for low, high in ((0.5, 1.5), (-1, 1), (-1, 1), (0.5, 2))
            ],
        )
        for size, taken, made in CONVS
    ]


def write(path: Path, weights: list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]], *, within: str = "") -> Path:
    """As ``save_weights`` of Keras 2: layers without weights are in the list of names, too."""
    with h5py.File(path, "w") as file:
        root = file.create_group(within) if within else file
        names = ["input_1"]
        root.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for number, (kernel, bias, norm) in enumerate(weights, start=1):
            parts = {f"conv2d_{number}": {"kernel:0": kernel, "bias:0": bias}}
            if number < len(weights):
                keys = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
                parts[f"batch_normalization_{number}"] = dict(zip(keys, norm, strict=True))
            for layer, values in parts.items():
                names.append(layer)
                group = root.create_group(layer)
                group.attrs["weight_names"] = np.array([f"{layer}/{key}".encode() for key in values])
                for key, value in values.items():
                    group[f"{layer}/{key}"] = value
        root.attrs["layer_names"] = np.array([name.encode() for name in names])
        root.attrs["keras_version"] = b"2.1.3"
    return path


def convolved(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, pad: str, stride: int = 1) -> np.ndarray:
    """Convolution of Keras on (height, width, channels): cross-correlation, tap by tap."""
    size = len(kernel)
    if pad == "reflect":
        image = np.pad(image, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)), "reflect")
    else:  # "same": the lesser half of the padding comes first
        around = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in image.shape[:2]]
        image = np.pad(image, (*((each // 2, each - each // 2) for each in around), (0, 0)))
    high, wide = ((side - size) // stride + 1 for side in image.shape[:2])
    out = np.zeros((high, wide, kernel.shape[3])) + bias
    for y in range(size):
        for x in range(size):
            part = image[y : y + stride * (high - 1) + 1 : stride, x : x + stride * (wide - 1) + 1 : stride]
            out += part @ kernel[y, x]
    return out


def normed(image: np.ndarray, norm: list[np.ndarray]) -> np.ndarray:
    gamma, beta, mean, variance = norm
    return gamma * (image - mean) / np.sqrt(variance + 1e-3) + beta


def restored(image: np.ndarray, weights: list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]) -> np.ndarray:
    """The generator of the public code on an image in [-1, 1]."""
    left = iter(weights)

    def layer(given: np.ndarray, *, pad: str, stride: int = 1, relu: bool = True) -> np.ndarray:
        kernel, bias, norm = next(left)
        made = normed(convolved(given, kernel, bias, pad=pad, stride=stride), norm)
        return np.maximum(made, 0) if relu else made

    x = layer(image, pad="reflect")
    x = layer(layer(x, pad="same", stride=2), pad="same", stride=2)
    for _ in range(BLOCKS):
        x = x + layer(layer(x, pad="reflect"), pad="reflect", relu=False)
    for _ in range(2):
        x = layer(x.repeat(2, 0).repeat(2, 1), pad="same")
    kernel, bias, _ = next(left)
    return (np.tanh(convolved(x, kernel, bias, pad="reflect")) + image) / 2


@pytest.mark.parametrize("within", ["", "model_weights"])
def test_restores_as_keras_does(tmp_path: Path, within: str) -> None:
    weights = drawn()
    write(tmp_path / "generator.h5", weights, within=within)
    net = load_network("deblurgan-keras", find_files("deblurgan-keras", [tmp_path]))
    image = np.random.default_rng(2).uniform(0, 1, (16, 24, 3))
    wanted = (restored(2 * image - 1, weights) + 1) / 2
    assert wanted.min() > 0 and wanted.max() < 1 and wanted.std() > 0.1
    with torch.no_grad():
        found = net(torch.from_numpy(image.transpose(2, 0, 1)[None]).float())[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_parameters_are_those_of_deblurgan_and_of_its_norms() -> None:
    def count(net: torch.nn.Module) -> int:
        return sum(each.numel() for each in net.parameters())

    norms = 2 * (64 + 128 + 256 + 18 * 256 + 128 + 64)
    assert count(make_network("deblurgan-keras")) == count(make_network("deblurgan")) + norms == 11_388_675


def test_other_files_are_one_line(tmp_path: Path) -> None:
    weights, file = drawn(), tmp_path / "generator.h5"
    for wrong, line in (
        (weights[:-1], "expected the generator of RaphaelMeudec/deblur-gan, found 9 convolutions and 8 normalisations"),
        (weights[:4], "found 4 convolutions and 3 normalisations among 7 layers"),
    ):
        with pytest.raises(InputError, match=line):
            load_network("deblurgan-keras", [write(file, wrong)])
    shuffled = [weights[1], *weights[1:]]
    with pytest.raises(InputError, match=r"generator\.h5"):
        load_network("deblurgan-keras", [write(file, shuffled)])
    with h5py.File(file, "w") as opened:
        opened["layers"] = [1.0]
    with pytest.raises(InputError, match="expected weights of Keras 2, with layer_names, found layers"):
        load_network("deblurgan-keras", [file])
    file.write_text("no HDF5")
    with pytest.raises(InputError, match="weights of Keras 2"):
        load_network("deblurgan-keras", [file])
