"""Blurred 8-bit images: the bytes of a literal float64 pipeline, alone and in any batch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal, stats

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.degrade import degrade, degrade_many
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.random.philox import normals

SCIPY_MODE = {"reflect": "mirror", "replicate": "nearest", "zero": "constant", "circular": "wrap"}


def literal(
    sharp: np.ndarray, kernel: np.ndarray, *, sigma: float, seed: int, index: int, border: str = "reflect",
    half: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The pipeline in float64, one step after the other; and how far each value is from a rounding boundary."""
    levels = sharp.astype(np.float64)
    if border == "valid":
        planes = [signal.convolve(levels[..., c], kernel, mode="valid", method="direct") for c in range(3)]
    else:
        planes = [ndimage.convolve(levels[..., c], kernel, mode=SCIPY_MODE[border]) for c in range(3)]
    blurred = np.stack(planes, -1)
    noisy = blurred + 255 * sigma * normals(seed, index, blurred.size).astype(np.float64).reshape(blurred.shape)
    value = np.clip(noisy, 0, 255) + half
    return np.floor(value).astype(np.uint8), np.abs(value - np.round(value))


def crop(portrait: np.ndarray, side: int = 128) -> np.ndarray:
    return portrait[40 : 40 + side, 160 : 160 + side]


@pytest.mark.parametrize("border", [*SCIPY_MODE, "valid"])
@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.3])
def test_bytes_equal_the_literal_pipeline(portrait: np.ndarray, border: str, sigma: float) -> None:
    sharp, kernel = crop(portrait), STANDARD.draw(0, 27, 1)[0]
    got = degrade(sharp, kernel, noise=Noise(sigma), seed=4, index=77, border=border)
    expected, distance = literal(sharp, kernel, sigma=sigma, seed=4, index=77, border=border)
    # Another order of summation may move a value by 1e-11 over a boundary, no further.
    assert got.shape == expected.shape
    assert np.array_equal(got[distance > 1e-11], expected[distance > 1e-11])
    assert (distance <= 1e-11).mean() < 1e-3


def test_float32_never_decides_wrongly(portrait: np.ndarray) -> None:
    """Two million samples with and without noise, among them hundreds within float32's error of a boundary."""
    sharp, near = crop(portrait), 0
    made = STANDARD.draw(1, 21, 40)
    for sigma in (0.0, 0.01):
        got = degrade_many(sharp, made, noise=Noise(sigma), seed=9, indices=range(40))
        for i in range(0, 40, 2):
            expected, distance = literal(sharp, made[i], sigma=sigma, seed=9, index=i)
            clear = distance > 1e-11
            near += int((distance[clear] < 5e-5).sum())
            assert np.array_equal(got[i][clear], expected[clear])
    assert near > 100


def test_exact_halves_round_up() -> None:
    """Means of two bytes are exact in float64: every other one lies on the boundary."""
    sharp = np.random.default_rng(0).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    kernel = np.zeros((3, 3))
    kernel[1, 1] = kernel[1, 2] = 0.5
    left = np.concatenate([sharp[:, 1:2], sharp[:, :-1]], axis=1).astype(int)
    assert np.array_equal(degrade(sharp, kernel, noise=Noise(0), seed=0, index=0), (sharp + left + 1) // 2)
    truncated = degrade(sharp, kernel, noise=Noise(0), seed=0, index=0, rounding="truncate")
    assert np.array_equal(truncated, (sharp + left) // 2)


def test_dense_kernels_are_exact_too(portrait: np.ndarray) -> None:
    sharp, kernel = crop(portrait, 64), np.full((31, 31), 1 / 961)
    expected, distance = literal(sharp, kernel, sigma=0.01, seed=0, index=3)
    got = degrade(sharp, kernel, noise=Noise(0.01), seed=0, index=3)
    assert np.array_equal(got[distance > 1e-10], expected[distance > 1e-10])


def test_identity_without_noise_is_the_image(portrait: np.ndarray) -> None:
    sharp = crop(portrait)
    point = np.zeros((3, 3))
    point[1, 1] = 1
    for rounding in ("round", "truncate"):
        assert np.array_equal(degrade(sharp, point, noise=Noise(0), seed=0, index=0, rounding=rounding), sharp)


def test_a_pair_is_the_same_alone_and_in_any_batch(portrait: np.ndarray) -> None:
    sharp, made = crop(portrait), STANDARD.draw(0, 13, 20)
    numbers = [5, 2**40, 7, *range(100, 117)]
    many = degrade_many(sharp, made, noise=Noise(0.01), seed=2**63, indices=numbers)
    for i in (0, 1, 19):
        assert np.array_equal(degrade(sharp, made[i], noise=Noise(0.01), seed=2**63, index=numbers[i]), many[i])
    # Padded into a larger stack, or beside larger kernels.
    stack = np.pad(made, ((0, 0), (7, 7), (7, 7)))
    assert np.array_equal(degrade_many(sharp, stack, noise=Noise(0.01), seed=2**63, indices=numbers), many)
    mixed = degrade_many(
        sharp, [made[0], STANDARD.draw(0, 27, 1)[0]], noise=Noise(0.01), seed=2**63, indices=numbers[:2]
    )
    assert np.array_equal(mixed[0], many[0])


def test_valid_on_a_larger_crop_needs_a_stated_margin_to_compare(portrait: np.ndarray) -> None:
    larger, made = crop(portrait, 154), [STANDARD.draw(0, 13, 1)[0], STANDARD.draw(0, 27, 1)[0]]
    many = degrade_many(larger, made, noise=Noise(0.01), seed=0, indices=[0, 1], border="valid")
    assert many.shape == (2, 128, 128, 3)
    alone = degrade(larger, made[0], noise=Noise(0.01), seed=0, index=0, border="valid", margin=13)
    assert np.array_equal(alone, many[0])
    inner, distance = literal(larger[7:-7, 7:-7], made[0], sigma=0.01, seed=0, index=0, border="valid")
    assert np.array_equal(alone[distance > 1e-11], inner[distance > 1e-11])
    for margin in (5, 80):
        with pytest.raises(InputError, match="margin: expected at least 13"):
            degrade_many(larger, made, noise=Noise(0), seed=0, indices=[0, 1], border="valid", margin=margin)
    with pytest.raises(InputError, match="margin with border 'reflect'"):
        degrade(larger, made[0], noise=Noise(0), seed=0, index=0, margin=13)


def test_noise_has_the_stated_strength_and_is_white() -> None:
    grey = np.full((128, 128, 3), 128, np.uint8)
    point = np.ones((1, 1))
    noisy = degrade_many(grey, [point] * 12, noise=Noise(0.02), seed=1, indices=range(12)).astype(float) - 128
    n = noisy.size
    # Rounding adds a twelfth to the variance.
    strength = np.sqrt(5.1**2 + 1 / 12)
    assert abs(noisy.mean()) < 5 * strength / np.sqrt(n)
    assert noisy.std() == pytest.approx(strength, rel=5 / np.sqrt(2 * n))
    assert abs(stats.kurtosis(noisy.ravel())) < 5 * np.sqrt(24 / n)
    neighbours = [
        (noisy[:, 1:], noisy[:, :-1]),
        (noisy[:, :, 1:], noisy[:, :, :-1]),
        (noisy[..., 0], noisy[..., 1]),
        (noisy[1:], noisy[:-1]),
    ]
    for a, b in neighbours:
        assert abs((a * b).mean()) / strength**2 < 5 / np.sqrt(a.size)


def test_saturation_clips() -> None:
    point = np.ones((1, 1))
    for level in (0, 255):
        flat = np.full((64, 64, 3), level, np.uint8)
        got = degrade(flat, point, noise=Noise(0.1), seed=0, index=0)
        assert (got == level).mean() == pytest.approx(0.5 + 0.5 * (2 * stats.norm.cdf(0.5 / 25.5) - 1), abs=0.02)


def test_grey_images(portrait: np.ndarray) -> None:
    grey, kernel = crop(portrait)[..., 0], STANDARD.draw(0, 13, 1)[0]
    got = degrade(grey, kernel, noise=Noise(0), seed=0, index=0)
    assert got.shape == grey.shape
    assert np.array_equal(got, degrade(crop(portrait), kernel, noise=Noise(0), seed=0, index=0)[..., 0])


def test_bad_input_is_named(portrait: np.ndarray) -> None:
    sharp, kernel = crop(portrait), STANDARD.draw(0, 13, 1)[0]
    cases: list[tuple[dict[str, object], str]] = [
        ({"sharp": sharp / 255}, "sharp image: expected .* of uint8, found .*float64"),
        ({"sharp": sharp[0, 0]}, "sharp image"),
        ({"kernels": []}, "no kernels given"),
        ({"kernels": [np.zeros((13, 13))]}, "kernel 0: all values are 0"),
        ({"kernels": np.stack([2 * kernel])}, "kernel 0: expected sum 1"),
        ({"kernels": np.full((1, 4, 4), 1 / 16)}, "kernel 0: expected an odd size"),
        ({"kernels": np.where(kernel > 0, np.nan, 0)[None]}, "kernel 0: expected finite"),
        ({"kernels": STANDARD.draw(0, 129, 1)}, "kernel of 129x129: expected at most the size of the image"),
        ({"seed": -1}, "seed"),
        ({"indices": [0, 1]}, "indices: expected one for each of 1 kernels, found 2"),
        ({"indices": [-1]}, "pair index"),
        ({"border": "wrap"}, "border 'wrap'"),
        ({"rounding": "floor"}, "rounding 'floor': expected one of round, truncate"),
    ]
    for change, message in cases:
        options: dict[str, object] = {
            "sharp": sharp,
            "kernels": [kernel],
            "noise": Noise(0.01),
            "seed": 0,
            "indices": [0],
        }
        with pytest.raises(InputError, match=message):
            degrade_many(**{**options, **change})  # type: ignore[arg-type]
