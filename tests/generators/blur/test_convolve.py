"""Convolution against scipy, for every border."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.kernels.boracchi_foi import STANDARD

SCIPY_MODE = {"reflect": "mirror", "replicate": "nearest", "zero": "constant", "circular": "wrap"}


def image(height: int = 40, width: int = 33) -> np.ndarray:
    return np.random.default_rng(1).random((height, width, 3))


def disc(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    inside = (x**2 + y**2 <= (size // 2) ** 2).astype(float)
    return np.asarray(inside / inside.sum())


@pytest.mark.parametrize("border", SCIPY_MODE)
@pytest.mark.parametrize("size", [5, 13, 31])
def test_equals_scipy_for_every_border(border: str, size: int) -> None:
    sharp, kernel = image(), STANDARD.draw(0, size, 1)[0]
    planes = [ndimage.convolve(sharp[..., c], kernel, mode=SCIPY_MODE[border]) for c in range(3)]
    got = blur(sharp, kernel, border=border)
    assert got.dtype == np.float64
    assert np.abs(got - np.stack(planes, -1)).max() < 1e-14


@pytest.mark.parametrize("size", [5, 13, 33])
def test_valid_equals_scipy(size: int) -> None:
    sharp, kernel = image(), STANDARD.draw(0, size, 1)[0]
    planes = [signal.convolve(sharp[..., c], kernel, mode="valid", method="direct") for c in range(3)]
    got = blur(sharp, kernel, border="valid")
    assert got.shape == (40 - size + 1, 33 - size + 1, 3)
    assert np.abs(got - np.stack(planes, -1)).max() < 1e-14


def test_it_is_convolution_not_correlation() -> None:
    point = np.zeros((9, 9))
    point[4, 4] = 1
    kernel = np.arange(25.0).reshape(5, 5)
    kernel /= kernel.sum()
    assert np.array_equal(blur(point, kernel, border="zero")[2:7, 2:7], kernel)


def test_reflect_does_not_repeat_the_edge() -> None:
    """Left of 10, 20, 30 stands 20: reflect-101."""
    row = np.array([[10.0, 20.0, 30.0]]).repeat(3, axis=0)
    right = np.zeros((3, 3))
    right[1, 2] = 1
    assert np.array_equal(blur(row, right, border="reflect")[1], [20, 10, 20])
    assert np.array_equal(blur(row, right, border="replicate")[1], [10, 10, 20])
    assert np.array_equal(blur(row, right, border="circular")[1], [30, 10, 20])
    assert np.array_equal(blur(row, right, border="zero")[1], [0, 10, 20])


@pytest.mark.parametrize("kernel", [STANDARD.draw(0, 13, 1)[0], disc(19), disc(21)], ids=["motion", "disc19", "disc21"])
@pytest.mark.parametrize("border", [*SCIPY_MODE, "valid"])
def test_float32_stays_within_its_precision(kernel: np.ndarray, border: str) -> None:
    """The disc of 21 has over 250 values and goes through OpenCV."""
    sharp = image()
    got = blur(sharp.astype(np.float32), kernel, border=border)
    assert got.dtype == np.float32
    assert np.abs(got - blur(sharp, kernel, border=border)).max() < 1e-6


def test_grey_images_and_views_of_arrays() -> None:
    sharp, kernel = image(), STANDARD.draw(0, 7, 1)[0]
    grey = blur(sharp[..., 1], kernel)
    assert grey.shape == (40, 33)
    assert np.array_equal(grey, blur(sharp, kernel)[..., 1])
    assert np.array_equal(blur(sharp[::-1, :, ::-1], kernel), blur(sharp[::-1, :, ::-1].copy(), kernel))
    large = blur(np.float32(sharp[..., 0]), disc(21))
    assert large.shape == (40, 33)


def test_a_kernel_as_large_as_the_image_and_no_larger() -> None:
    sharp = image(27, 27)
    kernel = STANDARD.draw(0, 27, 1)[0]
    assert blur(sharp, kernel, border="valid").shape == (1, 1, 3)
    expected = ndimage.convolve(sharp[..., 0], kernel, mode="mirror")
    assert np.abs(blur(sharp, kernel)[..., 0] - expected).max() < 1e-14
    for border in (*SCIPY_MODE, "valid"):
        with pytest.raises(InputError, match=r"kernel of 29x29: .* the size of the image, found .* 27x27"):
            blur(sharp, STANDARD.draw(0, 29, 1)[0], border=border)


def test_constant_images_stay() -> None:
    flat = np.full((30, 30, 3), 0.3)
    for border in ("reflect", "replicate", "circular", "valid"):
        assert np.abs(blur(flat, STANDARD.draw(0, 13, 1)[0], border=border) - 0.3).max() < 1e-14


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((20, 20, 3), np.uint8), "of uint8; convert it"),
        (np.zeros(20), r"found \(20,\)"),
        (np.zeros((0, 20, 3)), r"found \(0, 20, 3\)"),
    ],
)
def test_bad_images_are_named(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        blur(pixels, STANDARD.draw(0, 5, 1)[0])


def test_bad_kernels_and_borders_are_named() -> None:
    with pytest.raises(InputError, match="odd size"):
        blur(image(), np.full((4, 4), 1 / 16))
    with pytest.raises(InputError, match="border 'mirror': expected one of valid, reflect"):
        blur(image(), STANDARD.draw(0, 5, 1)[0], border="mirror")
    with pytest.raises(InputError, match=r"border 'reflct': .* did you mean 'reflect'"):
        blur(image(), STANDARD.draw(0, 5, 1)[0], border="reflct")
