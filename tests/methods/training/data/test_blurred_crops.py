"""Crops for learning: the blurred one is the sharp one, blurred; sizes, range and repetition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import signal

from facedeblur.benchmark.files.images import write_png
from facedeblur.methods.training.data.blurred_crops import CropLaw, read_grey


def texture(shape: tuple[int, int] = (90, 120)) -> np.ndarray:
    """Smooth noise."""
    rng = np.random.default_rng(0)
    return signal.convolve(rng.random(shape), np.ones((3, 3)) / 9, "same").astype(np.float32)


def bent() -> np.ndarray:
    """A kernel of 7x7 and sum 1."""
    weights = np.zeros((7, 7))
    weights[3, 1:6] = weights[1, 2] = 1 / 6
    return weights


def test_the_blurred_crop_is_the_sharp_one_blurred() -> None:
    sharp, blurred = CropLaw(40, (60, 90), 0.0).draw([texture()], bent(), np.random.default_rng(3))
    assert sharp.shape == blurred.shape == (40, 40) and sharp.dtype == blurred.dtype == np.float32
    np.testing.assert_allclose(blurred[3:-3, 3:-3], signal.convolve(sharp, bent(), "valid"), atol=1e-5)
    assert np.abs(sharp - blurred).max() > 0.02


def test_noise_is_at_most_what_the_law_says_and_differs() -> None:
    law, found = CropLaw(40, (90, 90), 0.05), []
    for seed in range(12):
        noisy = law.draw([np.full((90, 90), 0.5, np.float32)], bent(), np.random.default_rng(seed))
        found += [float(one.std()) for one in noisy]
    assert min(found) > 0 and max(found) < 0.055
    assert len(set(found)) == 24


def test_photographs_that_are_too_small_are_enlarged() -> None:
    sharp, _ = CropLaw(100, (60, 90), 0.0).draw([texture()], bent(), np.random.default_rng(0))
    assert sharp.shape == (100, 100) and 0 <= sharp.min() < sharp.max() <= 1


def test_draws_repeat() -> None:
    law = CropLaw(40, (60, 90), 0.01)
    one, other = (law.draw([texture(), texture()[::-1]], bent(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_photographs_are_read_as_grey(tmp_path: Path) -> None:
    colour = np.zeros((70, 80, 3), np.uint8)
    colour[..., 1] = 100
    write_png(tmp_path / "a.png", colour)
    (grey,), collection = read_grey(f"folder:{tmp_path}")
    assert grey.shape == (70, 80) and grey.dtype == np.float32
    np.testing.assert_allclose(grey, 0.587 * 100 / 255, rtol=1e-5)
    assert [one.source for one in collection.photographs] == ["a.png"]
