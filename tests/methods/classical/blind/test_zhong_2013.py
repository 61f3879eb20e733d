"""Each step of Zhong et al. 2013 against scikit-image, dense algebra and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage, signal
from skimage.transform import radon

from facedeblur.methods.classical.blind import zhong_2013
from facedeblur.methods.classical.blind.cho_lee_2009 import ChoLee2009
from facedeblur.methods.classical.blind.kernel_step import NormalEquations
from facedeblur.methods.classical.blind.scales import differences
from facedeblur.methods.classical.blind.zhong_2013 import (
    NoiseAware,
    Zhong2013,
    directional,
    from_projections,
    noise_of,
    projection,
)
from facedeblur.methods.classical.nonblind.boundary import wrap_pad

ANGLES = np.pi * np.arange(36) / 36


def hook(size: int = 11) -> np.ndarray:
    """A bent stroke in (size, size), sum 1, that no reflection leaves alone."""
    kernel = np.zeros((size, size))
    middle = size // 2
    for at in range(7):
        kernel[middle - 3 + at, middle - 2 + at // 2] = 1.0
    kernel[middle + 3, middle : middle + 3] = 1.0
    kernel = ndimage.gaussian_filter(kernel, 0.7, mode="constant")
    return np.asarray(kernel / kernel.sum())


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(signal.correlate(one, other, "full").max() / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_filter_spreads_along_its_direction_only(degrees: int) -> None:
    angle = math.radians(degrees)
    taps = directional(angle)
    assert taps.shape == (11, 11) and taps.sum() == pytest.approx(1)
    down, right = np.mgrid[-5:6, -5:6]
    along = right * math.cos(angle) + down * math.sin(angle)
    across = down * math.cos(angle) - right * math.sin(angle)
    assert (taps * across**2).sum() < 0.4  # what bilinear taps add
    assert math.sqrt((taps * along**2).sum()) == pytest.approx(1.95, abs=0.1)  # 2, cut off at 5
    assert (taps * across).sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("degrees", [0, 25, 90, 140])
def test_sums_along_the_filter_are_those_of_the_kernel(degrees: int) -> None:
    angle = math.radians(degrees)
    kernel = np.pad(hook(), 20)
    filtered = signal.convolve(kernel, directional(angle), "same").clip(0)
    filtered[filtered < 1e-12] = 0  # rounding of the transform
    expected, found = projection(kernel, angle), projection(filtered, angle)
    assert np.abs(found - expected).max() < 0.12 * expected.max()
    across = projection(filtered, angle + np.pi / 2)
    assert np.abs(across - projection(kernel, angle + np.pi / 2)).max() > 0.2 * across.max()


def test_projections_are_the_radon_transform_and_give_the_kernel_back() -> None:
    kernel = np.pad(hook(), 8)
    lines = np.stack([projection(kernel, float(angle)) for angle in ANGLES], axis=1)
    np.testing.assert_allclose(lines, radon(kernel, theta=90 - np.degrees(ANGLES)), atol=1e-12)
    np.testing.assert_allclose(lines[:, 18], kernel.sum(axis=0), atol=1e-12)  # along the columns, at 90 degrees
    found = from_projections(lines, ANGLES, 11)
    assert np.corrcoef(found.ravel(), hook().ravel())[0, 1] > 0.97
    assert found.sum() == pytest.approx(1, abs=0.1)


def test_kernel_of_all_directions_is_the_true_one() -> None:
    rng = np.random.default_rng(0)
    maps = np.zeros((2, 64, 64))
    maps[:, 16:-16, 16:-16] = rng.normal(size=(2, 32, 32))
    blurred = np.stack([signal.convolve(one, hook(), "same") for one in maps])
    method = Zhong2013(size=11)
    room = 11 + 2 * method.margin(1.0)
    found = method.fit(NormalEquations(maps, blurred, room), np.full((11, 11), 1 / 121))
    assert found.shape == (11, 11) and found.sum() == pytest.approx(1) and found.min() >= 0
    assert similarity(found, hook()) > 0.97
    assert similarity(found, hook()[::-1]) < 0.9
    assert method.margin(0.7) == 0


def test_one_turn_minimises_the_energy() -> None:
    rng = np.random.default_rng(1)
    image, calm = rng.random((2, 6, 7, 1))
    kernel = np.array([[0, 0.2, 0.1], [0.1, 0.3, 0.1], [0, 0.2, 0]])
    solver = NoiseAware(image, 3, 0.02)
    assert solver.weight == pytest.approx(0.25)
    shape = solver._shape
    eye = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    moved = [
        sum(kernel[1 + a, 1 + b] * np.roll(one, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)) for one in eye
    ]
    blur = np.stack([np.ravel(one) for one in moved], axis=1)
    y, near = (wrap_pad(one[..., 0], shape).ravel() for one in (image, calm))
    expected = np.linalg.solve(blur.T @ blur + 0.25 * np.eye(y.size), blur.T @ y + 0.25 * near)
    found = solver.given(kernel, calm)
    np.testing.assert_allclose(found[..., 0], expected.reshape(shape)[:6, :7], atol=1e-6)


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noise_is_measured(noise: float) -> None:
    smooth = np.add.outer(np.linspace(0, 1, 120), np.sin(np.linspace(0, 6, 120)) / 4)
    noisy = smooth + np.random.default_rng(2).normal(0, noise, smooth.shape)
    assert noise_of(noisy) == pytest.approx(noise, rel=0.05)


def test_noise_is_removed_with_the_blur(portrait: np.ndarray) -> None:
    sharp = portrait[60:172:2, 160:272:2] / 255
    wide = np.stack([signal.fftconvolve(sharp[..., c], hook(), "same") for c in range(3)], axis=2)[5:-5, 5:-5]
    truth = sharp[5:-5, 5:-5]
    blurred = (wide + np.random.default_rng(3).normal(0, 0.03, wide.shape)).astype(np.float32)
    restored = Zhong2013(size=11).deconvolve(blurred, hook())
    assert restored.dtype == np.float32 and restored.shape == blurred.shape
    start = zhong_2013.hyper_laplacian(blurred, hook(), weight=0.25 / noise_of(blurred.mean(axis=2)) ** 2)
    error, before, plain = (float(((one - truth) ** 2).mean()) for one in (restored, blurred, start))
    assert error < 0.9 * before and error < plain


def test_kernels_of_noisy_images_are_better_than_those_of_its_base(portrait: np.ndarray) -> None:
    sharp = portrait[:256, 90:346].reshape(128, 2, 128, 2, 3).mean(axis=(1, 3, 4)) / 255
    blurred = signal.fftconvolve(sharp, hook(), "same")[5:-5, 5:-5]
    assert differences(blurred).std() < 0.05
    found = {Zhong2013: 0.0, ChoLee2009: 0.0}
    for seed in range(2):
        noisy = blurred + np.random.default_rng(seed).normal(0, 0.05, blurred.shape)
        image = np.repeat(noisy[..., None], 3, axis=2).clip(0, 1).astype(np.float32)
        for kind in found:
            found[kind] += similarity(kind(size=11).estimate(image), hook()) / 2
    assert found[Zhong2013] > found[ChoLee2009] + 0.02
