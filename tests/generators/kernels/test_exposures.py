"""Several exposures of one trajectory, and a shutter that opens late."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernels.boracchi_foi import KernelModel, exposed_kernels, kernels, trajectory

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


@pytest.mark.parametrize("exposure", [1.0, 0.5, 0.1003, 0.0004])
@pytest.mark.parametrize("normalise", [True, False])
def test_one_exposure_has_the_bits_of_kernels(exposure: float, normalise: bool) -> None:
    model = KernelModel(samples=1000)
    one = exposed_kernels(5, 21, 40, exposures=[exposure], normalise=normalise, model=model)
    assert one.shape == (40, 1, 21, 21)
    single = kernels(5, 21, 40, model=replace(model, exposure=exposure, normalise=normalise))
    assert np.array_equal(one[:, 0], single)


def test_each_sums_to_its_exposure_and_holds_the_one_before() -> None:
    made = exposed_kernels(1, 27, 50, exposures=TIMES)
    assert np.abs(made.sum((2, 3)) - TIMES).max() < 1e-12
    assert np.diff(made, axis=1).min() >= -1e-15
    assert np.abs(made[:, -1] - kernels(1, 27, 50, model=KernelModel(normalise=False))).max() < 1e-14
    unit = exposed_kernels(1, 27, 50, exposures=TIMES, normalise=True)
    assert np.abs(unit.sum((2, 3)) - 1).max() < 1e-12
    assert np.abs(unit[:, 1] * 0.1 - made[:, 1]).max() < 1e-14


@pytest.mark.parametrize("times", [TIMES, (0.10005, 0.1001, 0.3333, 0.99999), (0.0002, 0.0003)])
@pytest.mark.parametrize("begin", [0.0, 0.00015])
def test_equals_the_literal_sum_over_all_samples(times: tuple[float, ...], begin: float) -> None:
    model = KernelModel(samples=1000, begin=begin, normalise=False)
    made = exposed_kernels(8, 19, 3, exposures=times, model=model)
    for i in range(3):
        path = trajectory(8, 19, i, model=replace(model, exposure=times[-1]))
        for j, until in enumerate(times):
            expected = literal_exposure(path, 19, before=1000 * begin, until=1000 * until)
            assert np.abs(made[i, j] - expected).max() < 1e-14


@pytest.mark.parametrize("centre", ["bbox", "barycentre"])
@pytest.mark.parametrize(("begin", "exposure"), [(0.2003, 0.6007), (0.5, 1.0), (0.5001, 0.5003), (0.25, 0.251)])
def test_only_what_the_open_shutter_sees_is_centred_and_counts(centre: str, begin: float, exposure: float) -> None:
    model = KernelModel(samples=1000, begin=begin, exposure=exposure, centre=centre, normalise=False)
    made = kernels(3, 17, 4, model=model)
    for i in range(4):
        path = trajectory(3, 17, i, model=model)
        expected = literal_exposure(path, 17, before=1000 * begin, until=1000 * exposure)
        assert np.abs(made[i] - expected).max() < 1e-14
        assert made[i].sum() == pytest.approx(exposure - begin, abs=1e-12)
        seen = path[math.floor(1000 * begin) : math.ceil(1000 * exposure)]
        middle = seen.mean(0) if centre == "barycentre" else (seen.min(0) + seen.max(0)) / 2
        assert np.abs(middle - 8).max() < 1e-10


def test_two_halves_of_a_night_make_the_whole() -> None:
    whole = KernelModel(normalise=False, centre="original", margin=None)
    early, late = (
        kernels(6, 27, 20, model=replace(whole, begin=b, exposure=e)) for b, e in ((0.0, 0.31234), (0.31234, 1.0))
    )
    assert np.abs(early + late - kernels(6, 27, 20, model=whole)).max() < 1e-14


def test_more_exposures_do_not_change_which_trajectory_is_taken() -> None:
    alone = exposed_kernels(2, 13, 60, exposures=[0.5])
    among = exposed_kernels(2, 13, 60, exposures=[0.1, 0.5])
    assert np.abs(alone[:, 0] - among[:, 1]).max() < 1e-15
    assert np.array_equal(exposed_kernels(2, 13, 1, start=41, exposures=[0.1, 0.5])[0], among[41])


@pytest.mark.parametrize("times", [(), (0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (0.5, 1.5), (float("nan"),)])
def test_exposures_that_do_not_increase_are_refused(times: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"exposures?: expected"):
        exposed_kernels(0, 13, 1, exposures=times)


def test_a_shutter_that_opens_after_it_closes_is_refused() -> None:
    for begin in (-0.1, 0.5, 0.7, float("nan")):
        with pytest.raises(InputError, match="kernel model, begin: expected at least 0 and less than the exposure"):
            KernelModel(begin=begin, exposure=0.5)
    with pytest.raises(InputError, match=r"exposures: expected numbers that increase, over 0\.5"):
        exposed_kernels(0, 13, 1, exposures=(0.4, 0.6), model=KernelModel(begin=0.5))
