"""NIQE: against a literal version of the published algorithm, patch by patch, and its known properties."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import scipy.io
from scipy.ndimage import correlate, gaussian_filter
from scipy.special import gamma

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.perceptual import niqe as niqe_features
from facedeblur.benchmark.metrics.perceptual.niqe import (
    NiqeModel,
    asymmetric_gaussian,
    fit,
    halved,
    niqe,
    normalise,
    patch_features,
    read_model,
)

GRID = np.arange(200, 10001) / 1000
RATIOS = gamma(2 / GRID) ** 2 / (gamma(1 / GRID) * gamma(3 / GRID))


def literal_fit(values: np.ndarray) -> tuple[float, float, float]:
    left = math.sqrt((values[values < 0] ** 2).mean())
    right = math.sqrt((values[values > 0] ** 2).mean())
    skew = left / right
    ratio = np.abs(values).mean() ** 2 / (values**2).mean() * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = GRID[np.argmin((RATIOS - ratio) ** 2)]
    factor = math.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * factor, right * factor


def literal_cubic(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def literal_halved(grey: np.ndarray) -> np.ndarray:
    """imresize by its definition: one row of weights an output pixel, positions mirrored at the borders."""
    for axis in (0, 1):
        size = grey.shape[axis]
        weights = np.zeros((size // 2, size))
        for out in range(size // 2):
            centre = 2 * (out + 0.5) - 0.5
            for place in range(math.floor(centre) - 4, math.floor(centre) + 6):
                mirrored = place if 0 <= place < size else (-1 - place if place < 0 else 2 * size - 1 - place)
                weights[out, mirrored] += 0.5 * literal_cubic(0.5 * (centre - place))
        grey = np.moveaxis(np.tensordot(weights, grey, (1, axis)), 0, axis)
    return grey


def literal_niqe(image: np.ndarray, mean: np.ndarray, covariance: np.ndarray, patch: int) -> float:
    down, across = image.shape[0] // patch, image.shape[1] // patch
    image = image[: down * patch, : across * patch].astype(float)
    grey = np.round(0.298936021293775 * image[..., 0] + 0.587043074451121 * image[..., 1]
                    + 0.114020904255103 * image[..., 2])  # fmt: skip
    rows, columns = np.mgrid[-3:4, -3:4]
    window = np.exp(-(rows**2 + columns**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    features = [[] for _ in range(down * across)]
    for scale in (1, 2):
        local = correlate(grey, window, mode="nearest")
        deviation = np.sqrt(np.abs(correlate(grey**2, window, mode="nearest") - local**2))
        normal, side = (grey - local) / (deviation + 1), patch // scale
        for at, found in enumerate(features):
            row, column = at // across * side, at % across * side
            block = normal[row : row + side, column : column + side]
            shape, left, right = literal_fit(block)
            found += [shape, (left + right) / 2]
            for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
                moved = np.array([[block[(r - shift[0]) % side, (c - shift[1]) % side] for c in range(side)]
                                  for r in range(side)])  # fmt: skip
                shape, left, right = literal_fit(block * moved)
                found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
        grey = literal_halved(grey)
    table = np.array(features)
    apart = table.mean(axis=0) - mean
    return math.sqrt(apart @ np.linalg.pinv((covariance + np.cov(table.T)) / 2) @ apart)


@pytest.fixture(scope="module")
def model(portrait_module) -> NiqeModel:
    return fit([portrait_module], patch=32, sharpness=0.3)


@pytest.fixture(scope="module")
def portrait_module() -> np.ndarray:
    from skimage import data

    return np.asarray(data.astronaut())


def test_equals_the_literal_one(model: NiqeModel, portrait: np.ndarray) -> None:
    for place in (np.s_[40:145, 150:290], np.s_[300:364, 200:310]):
        image = portrait[place]
        assert niqe(image, model) == pytest.approx(literal_niqe(image, model.mean, model.covariance, 32), rel=1e-9)


def test_patches_of_the_published_size(portrait: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(36, 60))
    made = NiqeModel(rng.normal(1, 0.5, 36), factor @ factor.T / 60)
    image = portrait[20:215, 120:330]
    assert niqe(image, made) == pytest.approx(literal_niqe(image, made.mean, made.covariance, 96), rel=1e-9)
    features, _ = patch_features(image)
    assert features.shape == (4, 36)
    finer, _ = patch_features(image, stride=48)
    assert finer.shape == (9, 36)


def test_the_shape_of_known_distributions_is_found() -> None:
    rng = np.random.default_rng(1)
    normal, laplace = rng.normal(0, 2, (1, 400, 400)), rng.laplace(0, 2, (1, 400, 400))
    for values, wanted, scale in ((normal, 2, 2 * math.sqrt(2)), (laplace, 1, 2)):
        shape, left, right = asymmetric_gaussian(values)
        assert shape[0] == pytest.approx(wanted, rel=0.02)
        assert left[0] == pytest.approx(scale, rel=0.03) and right[0] == pytest.approx(scale, rel=0.03)
    skewed = np.where(normal < 0, normal * 3, normal)
    _, left, right = asymmetric_gaussian(skewed)
    assert left[0] / right[0] == pytest.approx(3, rel=0.02)


def test_halving_is_that_of_imresize() -> None:
    grey = np.random.default_rng(2).uniform(0, 255, (20, 14))
    np.testing.assert_allclose(halved(grey), literal_halved(grey), rtol=1e-12)
    np.testing.assert_allclose(halved(np.full((8, 8), 7.0)), 7, rtol=1e-14)


def test_local_normalisation_of_a_flat_image_is_zero() -> None:
    normal, deviation = normalise(np.full((9, 9), 128.0))
    assert np.abs(normal).max() < 1e-9 and deviation.max() < 1e-5


def test_blur_and_noise_are_worse(model: NiqeModel, portrait: np.ndarray) -> None:
    sharp = portrait[40:168, 150:278]
    values = [niqe(sharp, model)]
    for sigma in (1.5, 3):
        values.append(niqe(gaussian_filter(sharp, (sigma, sigma, 0)), model))
    assert values == sorted(values)
    noisy = np.clip(sharp + np.random.default_rng(0).normal(0, 25, sharp.shape), 0, 255).astype(np.uint8)
    assert niqe(noisy, model) > 1.5 * values[0]


def test_images_without_structure_are_nan(model: NiqeModel, portrait: np.ndarray) -> None:
    flat = np.full((64, 96, 3), 90, np.uint8)
    assert math.isnan(niqe(flat, model))
    half = portrait[40:104, 150:246].copy()
    half[:, :32] = 90
    assert math.isfinite(niqe(half, model))


def saved(model: NiqeModel, folder) -> None:
    model.save(folder / "niqe_model.npz")


def test_the_metric_comes_back_from_its_signature(model, tmp_path, monkeypatch, portrait) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    saved(model, tmp_path)
    made = metric("niqe")
    assert isinstance(made, Metric) and not made.needs.sharp and not made.higher_is_better
    name, patch, stride = made.signature.options
    assert (patch, stride, made.label) == ("p32", "stride32", "NIQE p32") and len(name) == len("model@12345678")
    for text in (str(made.signature), "niqe[stride16]", f"niqe[{name[:10]},p32]"):
        again = metric(text)
        assert metric(str(again.signature)).signature == again.signature
        assert pickle.loads(pickle.dumps(again)) == again
    image = portrait[40:168, 150:278]
    restored = np.stack([image, np.full_like(image, 3), image[::-1]])
    values = made.measure(restored, None, made.prepare(None))
    assert values[0] == niqe(image, model) and np.isnan(values[1]) and np.isfinite(values[2])
    finer = metric("niqe[stride16]").measure(restored, None, None)
    assert finer[0] == niqe(image, model, stride=16) != values[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("niqe[p96]", "'p96'"),
        ("niqe[stride7]", "even number from 2 to 32"),
        ("niqe[stride64]", "even number from 2 to 32"),
        ("niqe[model@0000]", "sha256 beginning with 0000"),
        ("niqe[stride4,stride8]", "exclude each other"),
    ],
)
def test_bad_arguments_are_one_line(model, tmp_path, monkeypatch, text: str, words: str) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    saved(model, tmp_path)
    with pytest.raises(InputError, match=words):
        metric(text)


def test_small_images_are_told_what_helps(model: NiqeModel, portrait: np.ndarray) -> None:
    big = NiqeModel(model.mean, model.covariance)
    with pytest.raises(
        InputError, match=r"image of 128x128 pixels: .*found 1; let patches overlap, as in niqe\[stride16\]"
    ):
        niqe(portrait[:128, :128], big)
    assert math.isfinite(niqe(portrait[:128, :128], big, stride=16))
    with pytest.raises(InputError, match="found 0; score larger images"):
        niqe(portrait[:90, :200], big)


def test_models_of_others_are_read(model: NiqeModel, tmp_path) -> None:
    np.savez(tmp_path / "niqe_pris_params.npz", mu_pris_param=model.mean[None], cov_pris_param=model.covariance,
             gaussian_window=np.ones((7, 7)))  # fmt: skip
    scipy.io.savemat(
        tmp_path / "modelparameters.mat", {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance}
    )
    for name in ("niqe_pris_params.npz", "modelparameters.mat"):
        found = read_model(str(tmp_path / name), name)
        np.testing.assert_array_equal(found.mean, model.mean)
        np.testing.assert_array_equal(found.covariance, model.covariance)
        assert found.patch == 96
    np.savez(tmp_path / "small.npz", mu_pris_param=model.mean[:5], cov_pris_param=model.covariance)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no")
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    for name in ("small.npz", "broken.npz", "other.npz"):
        with pytest.raises(InputError, match="a mean of 36 features"):
            read_model(str(tmp_path / name), name)


def test_saved_models_are_the_same_bytes(model: NiqeModel, tmp_path) -> None:
    model.save(tmp_path / "a.npz")
    model.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert read_model(str(tmp_path / "a.npz"), "a").patch == 32


def test_a_fit_is_mean_and_covariance_of_the_sharp_patches(portrait: np.ndarray) -> None:
    features, sharpness = patch_features(portrait, patch=32, stride=32)
    kept = features[sharpness > 0.3 * sharpness.max()]
    found = fit([portrait], patch=32, sharpness=0.3)
    assert 36 < len(kept) < len(features)
    np.testing.assert_allclose(found.mean, kept.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(kept.T), rtol=1e-9, atol=1e-15)
    with pytest.raises(InputError, match="more than 36"):
        fit([portrait[:96, :96]], patch=32)
    with pytest.raises(InputError, match="even patch"):
        fit([portrait], patch=31)


def test_a_missing_model_says_where_to_put_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=r"niqe_pris_params\.npz of BasicSR"):
        metric("niqe")


def test_neighbours_are_the_four_of_the_paper() -> None:
    assert set(niqe_features.SHIFTS) == {(0, 1), (1, 0), (1, 1), (1, -1)} and niqe_features.HALVING.sum() == 1
