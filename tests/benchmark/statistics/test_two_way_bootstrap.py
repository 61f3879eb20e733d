"""The two-way bootstrap against a literal loop, textbook formulas, and the truth in simulations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.statistics.standard_error import Crossing, crossing, numbered, standard_error
from facedeblur.benchmark.statistics.summary import summary
from facedeblur.benchmark.statistics.two_way_bootstrap import interval, resampled


def table(
    faces: int, kernels: int, spreads: Sequence[float], seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crossed random effects of mean 0 with these standard deviations of face, kernel and rest."""
    rng = np.random.default_rng(seed)
    face, kernel = np.divmod(np.arange(faces * kernels), kernels)
    effects = [rng.normal(0, spread, count) for spread, count in zip(spreads, (faces, kernels), strict=False)]
    return effects[0][face] + effects[1][kernel] + rng.normal(0, spreads[2], face.size), face, kernel


def literal(values: np.ndarray, crossed: Crossing, draws: int, seed: int) -> np.ndarray:
    """Draw faces, draw kernels, write every row down as often as it was hit, and take the mean of what is written."""
    rng = np.random.Generator(np.random.Philox(seed))
    faces = rng.integers(crossed.faces, size=(draws, crossed.faces))
    kernels = rng.integers(crossed.kernels, size=(draws, crossed.kernels))
    results = []
    for of_face, of_kernel in zip(faces.tolist(), kernels.tolist(), strict=True):
        written = []
        for value, face, kernel in zip(values.tolist(), crossed.face, crossed.kernel, strict=True):
            written += [value] * (of_face.count(face) * of_kernel.count(kernel))
        results.append(summary(written, higher_is_better=True).mean)
    return np.array(results)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_draws_are_those_of_a_literal_loop(missing: float) -> None:
    values, face, kernel = table(8, 6, (1, 1, 1))
    kept = np.random.default_rng(1).random(values.size) >= missing
    # Some cells hold two rows.
    rows = np.concatenate([np.flatnonzero(kept), np.flatnonzero(kept)[::5]])
    crossed = crossing(face[rows], kernel[rows])
    got = resampled(values[rows], crossed, draws=100, seed=4)
    assert got == pytest.approx(literal(values[rows], crossed, 100, 4), rel=1e-12, abs=1e-12)


def test_tables_of_one_size_share_their_draws() -> None:
    """Also where the next table is larger, has another seed, or has several rows in each cell."""
    for faces, kernels, seed, rows in ((7, 6, 0, 1), (7, 6, 0, 1), (6, 7, 0, 1), (7, 6, 1, 1), (7, 6, 0, 2)):
        values, face, kernel = table(faces, kernels, (1, 1, 1), seed=faces * seed + rows)
        crossed = crossing(np.repeat(face, rows), np.repeat(kernel, rows))
        repeated = np.repeat(values, rows) + np.tile(np.arange(rows), values.size)
        got = resampled(repeated, crossed, draws=100, seed=seed)
        assert got == pytest.approx(literal(repeated, crossed, 100, seed), rel=1e-12, abs=1e-12)


def test_a_sparse_table_gives_what_a_full_one_gives() -> None:
    values, face, kernel = table(60, 60, (1, 1, 1))
    rows = np.flatnonzero(np.random.default_rng(0).random(values.size) < 0.05)
    crossed = crossing(face[rows], kernel[rows])
    assert crossed.faces * crossed.kernels > 16 * rows.size
    got = resampled(values[rows], crossed, draws=100, seed=0)
    assert got == pytest.approx(literal(values[rows], crossed, 100, 0), rel=1e-11, abs=1e-12)


def test_the_error_is_the_analysis_of_variance_on_a_complete_table() -> None:
    values, face, kernel = table(12, 7, (2, 1, 1))
    y = values.reshape(12, 7)
    mean_squares = (
        7 * y.mean(axis=1).var(ddof=1),
        12 * y.mean(axis=0).var(ddof=1),
        ((y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()) ** 2).sum() / (11 * 6),
    )
    variance = (mean_squares[0] + mean_squares[1] - mean_squares[2]) / y.size
    got = standard_error(values, crossing(face, kernel))
    assert got.error == pytest.approx(np.sqrt(variance), rel=1e-12)
    # Of face and kernel as large as they may be: tables of chi-square have 7.584 and 3.455 as lower quartiles.
    faces, kernels, rest = mean_squares[0] * 11 / 7.584, mean_squares[1] * 6 / 3.455, mean_squares[2]
    doubt = faces**2 / 11 + kernels**2 / 6 + rest**2 / 66
    assert got.freedom == pytest.approx((faces + kernels - rest) ** 2 / doubt, rel=1e-3)


def test_components_are_right_on_average_where_cells_are_missing_or_double() -> None:
    face, kernel = np.divmod(np.arange(20 * 15), 15)
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(rng.random(face.size) < 0.4)
    rows = np.concatenate([rows, rows[::3]])
    cell, crossed = rows, crossing(face[rows], kernel[rows])
    means, variances = [], []
    for _ in range(600):
        rest = rng.normal(0, 1, face.size)
        y = rng.normal(0, 1, 20)[face[cell]] + rng.normal(0, 0.7, 15)[kernel[cell]] + rest[cell]
        found = standard_error(y, crossed)
        means.append(found.mean)
        variances.append(found.error**2)
    # The variance of 600 means is known to 6 %.
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.18)


def test_treating_pairs_as_independent_is_far_too_sure() -> None:
    values, face, kernel = table(100, 80, (2, 1.5, 1))
    ratio = standard_error(values, crossing(face, kernel)).error / (values.std() / np.sqrt(values.size))
    assert 6 < ratio < 11


@pytest.mark.parametrize(
    ("faces", "spreads"),
    [(100, (2, 1.5, 1)), (20, (2, 1.5, 1)), (20, (0.1, 0.1, 1)), (20, (0, 0, 1)), (2, (2, 1.5, 1)), (2, (2, 0.1, 1))],
)
def test_coverage(faces: int, spreads: tuple[float, float, float]) -> None:
    """The share of intervals that hold the truth; of 400 sets a true 95 % is known to 1.1 %, of 150 to 1.8 %."""
    sets, inside, plain = 150 if faces == 100 else 400, 0, 0
    for seed in range(sets):
        values, face, kernel = table(faces, 80, spreads, seed)
        got = interval(values, face, kernel, draws=200, seed=seed)
        inside += got.low <= 0 <= got.high
        if spreads[0] == 0:
            drawn = resampled(values, crossing(face, kernel), draws=200, seed=seed)
            low, high = np.quantile(drawn, [0.025, 0.975])
            plain += low <= 0 <= high
    assert 0.925 <= inside / sets <= 0.975
    if spreads[0] == 0:
        assert plain / sets > 0.99, "the plain pigeonhole bootstrap is three times too wide in variance here"


def test_the_mean_lies_in_its_interval() -> None:
    values, face, kernel = table(30, 20, (1, 1, 1), seed=2)
    got = interval(values, face, kernel, draws=300)
    assert got.low < values.mean() < got.high
    assert (got.level, got.draws, got.method, got.basis) == (0.95, 300, "faces x kernels", "30 faces x 20 kernels")
    wider = interval(values, face, kernel, draws=300, level=0.99)
    assert wider.low < got.low and got.high < wider.high


def test_seed_order_and_names() -> None:
    values, face, kernel = table(9, 8, (1, 1, 1))
    got = interval(values, face, kernel, seed=3)
    assert interval(values, face, kernel, seed=3) == got != interval(values, face, kernel, seed=4)
    shuffled = np.random.default_rng(0).permutation(values.size)
    names = np.array([f"face {i}" for i in range(9)], dtype=object)
    again = interval(values[shuffled], names[face[shuffled]], kernel[shuffled].tolist(), seed=3)
    assert (again.low, again.high) == pytest.approx((got.low, got.high), rel=1e-9)


def test_one_way_where_there_is_but_one() -> None:
    values, face, kernel = table(40, 30, (1, 1, 1))
    got = interval(values, face, np.zeros_like(kernel))
    assert got.method == "faces"
    error = standard_error(values, crossing(face, np.zeros_like(kernel)))
    means = values.reshape(40, 30).mean(axis=1)
    assert error.error == pytest.approx(means.std(ddof=1) / np.sqrt(40)) and error.freedom == pytest.approx(39)
    # A kernel of its own for each pair is as good as no kernels.
    assert interval(values, face, np.arange(values.size)).method == "faces"
    assert interval(values, np.zeros_like(face), kernel).basis == "30 kernels"
    assert interval(values, np.arange(values.size), kernel).method == "kernels"


def test_constant_values_leave_no_width() -> None:
    _, face, kernel = table(5, 4, (1, 1, 1))
    got = interval(np.full(20, 25.1), face, kernel)
    assert (got.low, got.high) == pytest.approx((25.1, 25.1), rel=1e-12)


def test_a_draw_that_hits_no_row_is_drawn_again() -> None:
    got = interval([1.0, 2.0, 4.0], [0, 0, 1], [0, 1, 1], draws=500)
    assert np.isfinite([got.low, got.high]).all() and got.low < 7 / 3 < got.high


@pytest.mark.parametrize("names", [[3, 0, 3, 900, 0], [-4, 2, -4], ["b", "a", "b"], [2**40, 0], np.arange(5)[::-1]])
def test_names_are_numbered_in_order(names: Sequence[object]) -> None:
    number, count = numbered(names)
    known, expected = np.unique(np.asarray(names), return_inverse=True)
    assert number.tolist() == expected.tolist() and count == known.size


def test_bad_input() -> None:
    values, face, kernel = table(5, 4, (1, 1, 1))
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="expected finite ones"):
            interval(np.where(np.arange(20) == 3, bad, values), face, kernel)
    with pytest.raises(InputError, match="two faces or two kernels"):
        interval([1.0, 2.0], ["a", "a"], ["k", "k"])
    with pytest.raises(InputError, match="two faces or two kernels"):
        interval([], [], [])
    with pytest.raises(InputError, match="one of each per row, found 20 and 19"):
        interval(values, face, kernel[1:])
    with pytest.raises(InputError, match="expected 20 in one column"):
        interval(values[1:], face, kernel)
    for options in ({"level": 1.0}, {"draws": 10}, {"seed": -1}):
        with pytest.raises(InputError, match=next(iter(options))):
            interval(values, face, kernel, **options)
