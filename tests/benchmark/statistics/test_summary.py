"""Statistics against numpy, and what they make of failures and infinities."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.statistics.summary import summary

RNG = np.random.default_rng(3)
VALUES = RNG.normal(25, 3, 801)


def test_agrees_with_numpy() -> None:
    got = summary(VALUES, higher_is_better=True)
    assert (got.n, got.scored, got.failed, got.infinite) == (801, 801, 0, 0)
    assert got.mean == pytest.approx(VALUES.mean(), rel=1e-14)
    assert got.std == pytest.approx(VALUES.std(ddof=0), rel=1e-13)
    assert got.std != pytest.approx(VALUES.std(ddof=1), rel=1e-6)
    assert (got.worst, got.best) == (VALUES.min(), VALUES.max())
    assert got.median == pytest.approx(np.median(VALUES), rel=1e-15)
    expected = np.quantile(VALUES, [0.05, 0.25, 0.75, 0.95])
    assert [got.q05, got.q25, got.q75, got.q95] == pytest.approx(expected.tolist(), rel=1e-14)


def test_order_does_not_matter_to_the_last_bit() -> None:
    first = summary(VALUES, higher_is_better=True)
    for seed in range(5):
        assert summary(np.random.default_rng(seed).permutation(VALUES), higher_is_better=True) == first


def test_mean_is_of_per_image_decibels() -> None:
    assert summary([20.0, 40.0], higher_is_better=True).mean == 30.0


def test_worst_follows_the_direction() -> None:
    got = summary([1.0, 2.0, 4.0], higher_is_better=False)
    assert (got.worst, got.best) == (4.0, 1.0)


def test_failures_count_as_the_value_given() -> None:
    got = summary([30.0, math.nan, 20.0, math.nan], higher_is_better=True, failure_value=0.0)
    assert (got.n, got.scored, got.failed) == (4, 2, 2)
    assert (got.mean, got.worst, got.best, got.median) == (12.5, 0.0, 30.0, 10.0)
    assert got.std == pytest.approx(np.std([30, 0, 20, 0]))


def test_without_a_failure_value_failures_still_show() -> None:
    got = summary([30.0, math.nan, 20.0, math.nan], higher_is_better=True)
    assert (got.n, got.scored, got.failed, got.mean, got.worst) == (4, 2, 2, 25.0, 20.0)


@pytest.mark.parametrize("values", [[], [math.nan], [math.nan] * 3])
def test_nothing_scored(values: list[float]) -> None:
    got = summary(values, higher_is_better=True)
    assert (got.scored, got.failed) == (0, len(values))
    numbers = {name: value for name, value in asdict(got).items() if isinstance(value, float)}
    quantiles = {f"q{share:02}" for share in (5, 25, 75, 95)}
    assert set(numbers) == {"mean", "std", "worst", "best", "median", "tail"} | quantiles
    assert all(math.isnan(value) for value in numbers.values())
    if got.n:
        assert summary(values, higher_is_better=True, failure_value=-1.0).mean == -1.0


def test_infinities_are_seen() -> None:
    got = summary([30.0, math.inf, 20.0, 25.0], higher_is_better=True)
    assert (got.infinite, got.mean, got.best, got.worst) == (1, math.inf, math.inf, 20.0)
    assert math.isnan(got.std)
    assert got.median == 27.5
    assert got.q95 == math.inf
    assert summary([math.inf, math.inf], higher_is_better=True).median == math.inf
    assert math.isnan(summary([math.inf, -math.inf], higher_is_better=True).mean)
    assert summary([-math.inf, 1.0], higher_is_better=True).q25 == -math.inf


def test_one_value() -> None:
    got = summary(iter([7.0]), higher_is_better=True)
    assert (got.mean, got.std, got.worst, got.median, got.q95) == (7.0, 0.0, 7.0, 7.0, 7.0)


def test_the_tail_is_the_mean_of_the_worst_twentieth() -> None:
    # 5 % of 801 values are 40.05 of them.
    ordered = np.sort(VALUES)
    low = (ordered[:40].sum() + 0.05 * ordered[40]) / 40.05
    high = (ordered[-40:].sum() + 0.05 * ordered[-41]) / 40.05
    assert summary(VALUES, higher_is_better=True).tail == pytest.approx(low, rel=1e-13)
    assert summary(VALUES, higher_is_better=False).tail == pytest.approx(high, rel=1e-13)
    got = summary(VALUES, higher_is_better=True)
    assert got.worst < got.tail < got.q05 < got.q95 < got.best
    assert summary(ordered[:40], higher_is_better=True).tail == pytest.approx(ordered[:2].mean(), rel=1e-14)
    assert summary([3.0, 1.0], higher_is_better=True).tail == 1.0
    assert summary([30.0, math.nan], higher_is_better=True, failure_value=0.0).tail == 0.0
    assert summary([-math.inf, 1.0], higher_is_better=True).tail == -math.inf
    assert summary([math.inf] * 30, higher_is_better=True).tail == math.inf


def test_bad_input() -> None:
    with pytest.raises(InputError, match="one column"):
        summary(np.zeros((2, 2)), higher_is_better=True)
    with pytest.raises(InputError, match="failure_value"):
        summary([1.0], higher_is_better=True, failure_value=math.nan)
