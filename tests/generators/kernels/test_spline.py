"""Spline kernels against a literal transcription of the published recipe with scipy's spline and the same numbers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.kernels.spline import SplineModel, spline_basis
from facedeblur.generators.random.philox import halves, normal_pair, philox


@pytest.mark.parametrize("points", [4, 5, 6, 11])
def test_pieces_are_those_of_the_not_a_knot_spline(points: int) -> None:
    y = np.random.default_rng(points).normal(size=(points, 3))
    expected = CubicSpline(np.arange(points), y, bc_type="not-a-knot").c
    got = spline_basis(points) @ y
    assert np.abs(got[:, ::-1].transpose(1, 0, 2) - expected).max() < 1e-12


def control_points(seed: int, size: int, index: int, side: int, *, attempt: int = 0) -> np.ndarray:
    """The six control points of one draw, (6, 2): column and row on the grid, from 1."""
    lo, hi = halves(index, "index")
    words = [
        philox(np.uint32((attempt << 20) + p), lo, hi, np.uint32(1 << 16 | size), *halves(seed, "seed"))
        for p in range(3)
    ]
    units = (np.array(words, np.float64).reshape(-1, 2) + 0.5) * 2.0**-32
    return 1 + (units * side).astype(np.int64)


def dealt_weights(seed: int, size: int, index: int, attempt: int, n: int) -> np.ndarray:
    """Standard normals of the weights of one draw."""
    lo, hi = halves(index, "index")
    dealt: list[float] = []
    for block in range(-(-n // 4)):
        counter = np.uint32((attempt << 20) + 1024 + block)
        a, b, c, d = philox(counter, lo, hi, np.uint32(1 << 16 | size), *halves(seed, "seed"))
        dealt += [*map(float, normal_pair(a, b)), *map(float, normal_pair(c, d))]
    return np.array(dealt[:n])


def literal(seed: int, size: int, index: int, side: int) -> np.ndarray:
    """Chakrabarti 2016: spline at 30,000 places, rounded, unique, weighted, padded by its barycentre or drawn again."""
    for attempt in range(1000):
        points = control_points(seed, size, index, side, attempt=attempt)
        knots, places = np.linspace(0, 1, 6), np.linspace(0, 1, 6 * 5000)
        x, y = (CubicSpline(knots, points[:, axis])(places) for axis in (0, 1))
        x, y = (np.floor(np.clip(v, 1, side) + 0.5).astype(int) for v in (x, y))
        met = np.unique((x - 1) * side + y)
        weights = np.maximum(0, dealt_weights(seed, size, index, attempt, len(met)) * 0.5 + 1)
        weights /= weights.sum()
        kernel = np.zeros((side, side))
        for place, weight in zip(met, weights, strict=True):
            kernel[(place - 1) % side, (place - 1) // side] = weight
        columns, rows = np.meshgrid(np.arange(1, side + 1), np.arange(1, side + 1))
        cx, cy = (int(np.floor((kernel * v).sum() + 0.5)) for v in (columns, rows))
        wide = (side - 2 * cx + 1, 0) if cx <= side / 2 else (0, 2 * cx - side - 1)
        high = (side - 2 * cy + 1, 0) if cy <= side / 2 else (0, 2 * cy - side - 1)
        kernel = np.pad(kernel, (high, wide))
        if max(kernel.shape) <= size:
            return np.pad(kernel, [((size - n) // 2,) * 2 for n in kernel.shape])
    raise AssertionError("nothing fits")


@pytest.mark.parametrize(("size", "side"), [(41, 24), (41, 8), (27, 16), (13, 8), (11, 11)])
def test_equals_the_published_recipe_on_the_same_numbers(size: int, side: int) -> None:
    made = SplineModel(grid=side).draw(4, size, 40)
    for i in range(40):
        expected = literal(4, size, i, side)
        assert np.array_equal(made[i] > 0, expected > 0), i
        assert np.abs(made[i] - expected).max() < 1e-15


@pytest.mark.parametrize("size", [5, 13, 27, 51])
def test_the_standard_model_sums_to_one_and_is_centred(size: int) -> None:
    made = SplineModel().draw(0, size, 200)
    assert made.shape == (200, size, size) and made.min() >= 0
    assert np.abs(made.sum((1, 2)) - 1).max() < 1e-12
    place = np.arange(size) - size // 2
    assert np.abs(made.sum(1) @ place).max() <= 0.5 + 1e-9
    assert np.abs(made.sum(2) @ place).max() <= 0.5 + 1e-9


def test_the_grid_is_the_papers_in_proportion() -> None:
    assert [SplineModel().side(size) for size in (41, 27, 13)] == [24, 16, 8]


def test_one_pixel_in_forty_has_weight_zero() -> None:
    """P(N(1, 0.5^2) < 0) = 0.0228: holes in the path, which the rounding alone does not make."""
    paths = SplineModel(grid=24, spread=0.0).draw(1, 41, 300)
    holed = SplineModel(grid=24).draw(1, 41, 300)
    # Without spread another draw may be the first to fit; nearly always it is the same.
    same = [(p > 0).sum() - (h > 0).sum() for p, h in zip(paths, holed, strict=True) if not ((h > 0) & (p == 0)).any()]
    assert len(same) > 50
    share = sum(same) / sum((p > 0).sum() for p in paths) * len(paths) / len(same)
    assert 0.015 < share < 0.031


def test_a_kernel_is_the_same_alone_and_in_any_batch() -> None:
    many = SplineModel().draw(9, 13, 40)
    assert np.array_equal(SplineModel().draw(9, 13, 1, start=17)[0], many[17])
    far = SplineModel().draw(2**64 - 1, 13, 3, start=2**40)
    assert np.array_equal(SplineModel().draw(2**64 - 1, 13, 1, start=2**40 + 2)[0], far[2])
    different = [SplineModel().draw(s, 13, 40, start=a) for s, a in ((9, 0), (10, 0), (9, 2**32))]
    assert len({k.tobytes() for k in np.concatenate(different)}) == 120


def test_control_points_cover_the_grid_evenly() -> None:
    points = np.concatenate([control_points(3, 27, i, 16) for i in range(1000)])
    assert points.min() == 1 and points.max() == 16
    counts = np.bincount(points.ravel(), minlength=17)[1:]
    assert ((counts - 750) ** 2 / 750).sum() < 37.7  # chi-squared, 15 degrees of freedom, 0.1 %


def test_the_kernels_are_the_ones_they_always_were() -> None:
    """Changes only with the model, the generator or the numbers behind them: then every set changes, too."""
    digest = hashlib.sha256(np.ascontiguousarray(SplineModel().draw(0, 27, 20), "<f8").tobytes()).hexdigest()
    assert digest == GOLDEN


GOLDEN = "45d2f65c92b576fa0ebbc710f8972f33772bd808938cad127ca2e45b815d6783"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": 1}, "grid: expected from 2"),
        ({"points": 3}, "points: expected from 4"),
        ({"samples": 1}, "samples"),
        ({"spread": -1.0}, "spread"),
        ({"attempts": 5000}, "attempts"),
        ({"weight": float("nan")}, "weight"),
    ],
)
def test_a_bad_model_is_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=f"spline model, {message}"):
        SplineModel(**options)  # type: ignore[arg-type]


def test_bad_numbers_are_named() -> None:
    for size in (4, 12, 3, 1025, True):
        with pytest.raises(InputError, match="kernel size: expected an odd number"):
            SplineModel().draw(0, size, 1)
    with pytest.raises(InputError, match="seed"):
        SplineModel().draw(-1, 13, 1)
    with pytest.raises(InputError, match="number of kernels"):
        SplineModel().draw(0, 13, -1)
    with pytest.raises(InputError, match="spline grid of 24: expected at most the size 13"):
        SplineModel(grid=24).draw(0, 13, 1)
    # An even grid of the kernel's own size would have to have its barycentre between two pixels.
    with pytest.raises(InputError, match="fits within 3 attempts, found none for"):
        SplineModel(grid=12, attempts=3).draw(0, 13, 50)
