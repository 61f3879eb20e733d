"""DeblurGAN's kernels against a literal transcription of its code, which is handed the trajectory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.kernels.deblurgan import DeblurganModel


def literal_kernel(path: np.ndarray, until: float, canvas: int) -> np.ndarray:
    """Sample t, counted from 0, weighs by the overlap of [t - 1, t] with (0, until]; cells clamped as in that code."""
    kernel, m = np.zeros((canvas, canvas)), len(path)
    for t, (x, y) in enumerate(path):
        weight = max(0.0, min(t, until * m) - max(t - 1, 0.0))
        column, row = (int(min(canvas - 1, max(1, math.floor(v)))) for v in (x, y))
        for i in (row, row + 1):
            for j in (column, column + 1):
                kernel[i, j] += weight * max(0.0, 1 - abs(x - j)) * max(0.0, 1 - abs(y - i))
    return kernel / m


@pytest.mark.parametrize("model", [DeblurganModel(), DeblurganModel(canvas=32, length=58.0, samples=500)])
def test_equals_the_literal_sum_with_its_slips(model: DeblurganModel) -> None:
    met = set()
    for index in range(12):
        got, path, until = model.original(7, index)
        assert np.abs(got - literal_kernel(path, until, model.canvas)).max() < 1e-14
        met.add(until)
    assert met == {0.1, 0.5, 1.0}


def test_the_path_stands_one_pixel_right_and_down() -> None:
    """Counting from 1, its box would be -0.5 to 1 pixel from the middle, 32.5; the array's middle is 31.5."""
    for index in range(20):
        path = DeblurganModel().original(0, index).trajectory
        assert np.abs(path[0] - np.round(path[0])).max() < 1e-9
        middle = (path.min(0) + path.max(0)) / 2
        assert (middle - 31.5).min() > 0.5 and (middle - 31.5).max() < 2.0
        assert path.max() < 63
        assert np.hypot(*np.diff(path, axis=0).T).sum() == pytest.approx(60, rel=1e-9)


def test_a_full_exposure_misses_its_first_sample() -> None:
    model = DeblurganModel(parts=(3,))
    for index in range(5):
        assert model.original(1, index).kernel.sum() == pytest.approx(1999 / 2000, abs=1e-12)
    assert DeblurganModel(parts=(0,)).original(1, 0).kernel.sum() == pytest.approx(0.01, abs=1e-12)


def test_where_that_code_stops_another_trajectory_is_drawn() -> None:
    tight = DeblurganModel(canvas=32, length=58.0)
    tops = [tight.original(3, i).trajectory.max() for i in range(60)]
    assert max(tops) < 31
    with pytest.raises(InputError, match="DeblurGAN kernel 0: expected a trajectory of 400 px that fits 32"):
        DeblurganModel(canvas=32, length=400.0, anxiety=(0.0,), attempts=20).original(0, 0)


def test_kernels_of_a_bank_blur_alike() -> None:
    made = DeblurganModel().draw(2, 65, 3, start=2)
    assert made.shape == (3, 65, 65) and np.abs(made.sum((1, 2)) - 1).max() < 1e-12
    kernel = DeblurganModel().original(2, 3).kernel
    assert np.array_equal(made[1], np.pad(kernel, ((1, 0), (1, 0))) / np.pad(kernel, ((1, 0), (1, 0))).sum())
    image = np.random.default_rng(1).random((90, 80))
    expected = signal.fftconvolve(image, kernel / kernel.sum(), "same")
    assert np.abs(blur(image, made[1], border="zero") - expected).max() < 1e-12


def test_a_kernel_depends_on_seed_index_and_model_alone() -> None:
    many = DeblurganModel().draw(5, 65, 6)
    assert np.array_equal(DeblurganModel().draw(5, 65, 2, start=4), many[4:])
    others = [many, DeblurganModel().draw(6, 65, 6), DeblurganModel().draw(5, 65, 6, start=2**32)]
    assert len({k.tobytes() for k in np.concatenate(others)}) == 18


def test_parts_are_drawn_alike_often() -> None:
    model = DeblurganModel(samples=60)
    times = [model.original(0, i).exposure for i in range(600)]
    counts = np.array([times.count(t) for t in (0.1, 0.5, 1.0)])
    assert counts.sum() == 600 and ((counts - 200) ** 2 / 200).sum() < 13.8  # chi-squared, 2 degrees, 0.1 %


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"canvas": 65}, "canvas: expected an even number"),
        ({"length": 0.0}, "length"),
        ({"anxiety": (2.0,)}, "anxiety"),
        ({"exposures": (0.5, 0.1)}, "exposures"),
        ({"exposures": ()}, "exposures"),
        ({"parts": (4,)}, "parts: expected whole numbers from 0 to 3"),
        ({"attempts": 0}, "attempts"),
    ],
)
def test_a_bad_model_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"DeblurGAN model, {message}"):
        DeblurganModel(**options)  # type: ignore[arg-type]


def test_the_model_survives_as_json_knows_it() -> None:
    model = DeblurganModel(canvas=32, parts=(1, 3))
    assert DeblurganModel(**model.as_dict()) == model
