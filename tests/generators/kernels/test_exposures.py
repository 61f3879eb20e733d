"""Exposures of a trajectory: a shutter that closes early, and one that opens late."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernels.boracchi_foi import KernelModel

TIMES = (1 / 1000, 1 / 10, 1 / 2, 1)


def literal_exposure(path: np.ndarray, size: int, *, before: float, until: float) -> np.ndarray:
    """Every sample on its own: weight by the overlap of [t - 1, t] with (before, until], four triangle products."""
    kernel = np.zeros((size, size))
    for t, (x, y) in enumerate(path, start=1):
        weight = max(0.0, min(t, until) - max(t - 1, before))
        column, row = math.floor(x), math.floor(y)
        for i in (row, row + 1):
            for j in (column, column + 1):
                if 0 <= i < size and 0 <= j < size:
                    kernel[i, j] += weight * max(0.0, 1 - abs(x - j)) * max(0.0, 1 - abs(y - i))
    return kernel / len(path)


@pytest.mark.parametrize("until", [*TIMES, 0.10005, 0.1001, 0.3333, 0.99999, 0.0002, 0.0003])
@pytest.mark.parametrize("begin", [0.0, 0.00015])
def test_equals_the_literal_sum_over_all_samples(until: float, begin: float) -> None:
    model = KernelModel(samples=1000, begin=begin, exposure=until, normalise=False)
    made = model.draw(8, 19, 3)
    for i in range(3):
        expected = literal_exposure(model.trajectory(8, 19, i), 19, before=1000 * begin, until=1000 * until)
        assert np.abs(made[i] - expected).max() < 1e-14


def test_a_longer_exposure_of_one_trajectory_holds_the_shorter() -> None:
    """The authors' rule accepts and centres every exposure alike, so that each is part of the next."""
    models = [KernelModel(centre="original", margin=None, normalise=False, exposure=until) for until in TIMES]
    made = np.stack([model.draw(1, 27, 50) for model in models], axis=1)
    assert np.diff(made, axis=1).min() >= -1e-15
    assert (made.sum((2, 3)) <= np.array(TIMES) + 1e-12).all()
    unit = KernelModel(exposure=0.1).draw(1, 27, 50)
    assert np.abs(unit * 0.1 - KernelModel(exposure=0.1, normalise=False).draw(1, 27, 50)).max() < 1e-14


@pytest.mark.parametrize("centre", ["bbox", "barycentre"])
@pytest.mark.parametrize(("begin", "exposure"), [(0.2003, 0.6007), (0.5, 1.0), (0.5001, 0.5003), (0.25, 0.251)])
def test_only_what_the_open_shutter_sees_is_centred_and_counts(centre: str, begin: float, exposure: float) -> None:
    model = KernelModel(samples=1000, begin=begin, exposure=exposure, centre=centre, normalise=False)
    made = model.draw(3, 17, 4)
    for i in range(4):
        path = model.trajectory(3, 17, i)
        expected = literal_exposure(path, 17, before=1000 * begin, until=1000 * exposure)
        assert np.abs(made[i] - expected).max() < 1e-14
        assert made[i].sum() == pytest.approx(exposure - begin, abs=1e-12)
        seen = path[math.floor(1000 * begin) : math.ceil(1000 * exposure)]
        middle = seen.mean(0) if centre == "barycentre" else (seen.min(0) + seen.max(0)) / 2
        assert np.abs(middle - 8).max() < 1e-10


def test_two_halves_of_a_night_make_the_whole() -> None:
    whole = KernelModel(normalise=False, centre="original", margin=None)
    early, late = (replace(whole, begin=b, exposure=e).draw(6, 27, 20) for b, e in ((0.0, 0.31234), (0.31234, 1.0)))
    assert np.abs(early + late - whole.draw(6, 27, 20)).max() < 1e-14


def test_a_shutter_that_opens_after_it_closes_is_refused() -> None:
    for begin in (-0.1, 0.5, 0.7, float("nan")):
        with pytest.raises(InputError, match="kernel model, begin: expected at least 0 and less than the exposure"):
            KernelModel(begin=begin, exposure=0.5)
