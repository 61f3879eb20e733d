"""Each step of Shan et al. 2008 against brute force, dense algebra and loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import linalg, optimize, signal

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.blind import shan_2008
from facedeblur.methods.classical.blind.kernel_step import NormalEquations
from facedeblur.methods.classical.blind.shan_2008 import LocalPrior, Shan2008, best_gradient, smooth_region


def tailed(gradient: np.ndarray) -> np.ndarray:
    """|Phi| of gradients of [0, 1], piece by piece as printed."""
    level = np.abs(255 * gradient)
    return np.where(level <= shan_2008.MEETING, 2.7 * level, 6.1e-4 * level**2 + 5)


def test_both_pieces_of_the_prior_meet() -> None:
    at = shan_2008.MEETING
    assert at == pytest.approx(1.852, abs=1e-3)
    assert 2.7 * at == pytest.approx(6.1e-4 * at**2 + 5)


@pytest.mark.parametrize("sparse", [0.0, 0.002, 0.5])
@pytest.mark.parametrize("price", [2.0, 12.0, 300.0])
def test_closed_form_gradient_is_the_best_by_brute_force(sparse: float, price: float) -> None:
    grid = np.linspace(-1, 1, 200_001)
    prior = sparse * tailed(grid)
    for near in (-0.9, -0.05, -0.004, 0.0, 0.003, 0.0085, 0.03, 0.2, 0.75):
        found = best_gradient(near, price, sparse)
        costs = prior + price * (grid - near) ** 2
        cost = sparse * float(tailed(np.array(found))) + price * (found - near) ** 2
        assert cost <= costs.min() + 1e-12
        assert found == pytest.approx(grid[np.argmin(costs)], abs=2e-5)


def circular(shape: tuple[int, int], taps: dict[tuple[int, int], float]) -> np.ndarray:
    """Matrix of the circular convolution whose tap at (a, b) moves an image by (a, b)."""
    eye = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    columns = [sum(tap * np.roll(one, at, (0, 1)) for at, tap in taps.items()) for one in eye]
    return np.stack([np.ravel(column) for column in columns], axis=1)


def test_one_step_minimises_the_energy_of_all_derivatives() -> None:
    image = np.random.default_rng(0).random((6, 7))
    kernel = np.array([[0, 0.2, 0.1], [0.1, 0.3, 0.1], [0, 0.2, 0]])
    sparse, local, gamma = 0.01, 10.0, 2.0
    solver = LocalPrior(image, 3)
    solver.smooth[2:5] = True  # part of it: random pixels are nowhere smooth
    shape = solver.shape
    assert solver.smooth.any() and not solver.smooth.all()
    found = solver.solve(kernel, sparse, local, last=1.5 * gamma)
    y = solver.image[0]
    blur = circular(shape, {(a - 1, b - 1): kernel[a, b] for a in range(3) for b in range(3)})
    across, down = circular(shape, {(0, 0): -1, (0, -1): 1}), circular(shape, {(0, 0): -1, (-1, 0): 1})
    left, right = np.zeros_like(blur), np.zeros(y.size)
    for order, operator in (
        (0, np.eye(y.size)), (1, across), (1, down), (2, across @ across), (2, across @ down), (2, down @ down),
    ):  # fmt: skip
        rows = operator @ blur
        left += 50 / 2**order * rows.T @ rows
        right += 50 / 2**order * rows.T @ (operator @ y.ravel())
    for operator in (across, down):
        slope = operator @ y.ravel()  # of both: L begins as the blurred image
        prices = gamma + local * solver.smooth.ravel()
        psi = np.array([best_gradient(one, price, sparse) for one, price in zip(slope, prices, strict=True)])
        left += gamma * operator.T @ operator
        right += gamma * operator.T @ psi
    np.testing.assert_allclose(found[0].ravel(), np.linalg.solve(left, right), atol=1e-5)


def test_smooth_pixels_are_drawn_to_the_blurred_gradient() -> None:
    rng = np.random.default_rng(1)
    latent, image = rng.random((2, 1, 5, 6))
    smooth = rng.random((5, 6)) < 0.5
    found = shan_2008.pulled(latent, image, smooth, 0.0, 10.0, 2.0)
    expected = np.zeros((5, 6))
    for axis in (0, 1):
        slope, seen = (np.roll(one[0], -1, axis) - one[0] for one in (latent, image))
        psi = np.where(smooth, (10 * seen + 2 * slope) / 12, slope)
        expected += np.roll(psi, 1, axis) - psi
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


def test_smooth_region_by_loops() -> None:
    rng = np.random.default_rng(2)
    image = 0.5 + 0.03 * rng.random((2, 14, 12)) * np.linspace(0, 2, 12)
    wide = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="reflect") * 255
    expected = np.ones((14, 12), bool)
    for channel, i, j in itertools.product(range(2), range(14), range(12)):
        expected[i, j] &= wide[channel, i : i + 5, j : j + 5].std() < 5
    assert expected.any() and not expected.all()
    np.testing.assert_array_equal(smooth_region(image, 5), expected)


@pytest.mark.parametrize("weight", [0.0, 40.0])
def test_kernel_step_is_nonnegative_least_squares(weight: float) -> None:
    rng = np.random.default_rng(3)
    maps, blurred = rng.normal(size=(2, 2, 14, 11))
    equations = NormalEquations(maps, blurred, 5)
    found = shan_2008.sparse_kernel(equations, np.full((5, 5), 1 / 25), weight)
    matrix = np.stack([equations(one).ravel() for one in np.eye(25).reshape(25, 5, 5)])
    # |R k - z|^2 with R'R = X'X and R'z = X'y - weight / 2 differs from the cost by a constant.
    root = linalg.cholesky(matrix)
    expected, _ = optimize.nnls(root, linalg.solve_triangular(root.T, equations.right.ravel() - weight / 2, lower=True))
    assert 0 < np.count_nonzero(expected) < 25
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)


def test_smooth_regions_ring_less() -> None:
    step = np.full((48, 64, 3), 0.3, np.float32)
    step[:, 28:] = 0.7
    blurred = signal.convolve(np.pad(step, ((0, 0), (4, 4), (0, 0)), "edge"), np.full((1, 9, 1), 1 / 9), "valid")
    blurred = (blurred + np.random.default_rng(0).normal(0, 0.004, blurred.shape)).astype(np.float32)
    wrong = np.zeros((9, 9))
    wrong[4, 1:8] = 1 / 7  # a kernel somewhat off, which is what rings
    calm, ringing = (Shan2008(size=9, local=local).deconvolve(blurred, wrong) for local in (10.0, 0.0))
    flat = np.s_[8:-8, 44:56]
    assert calm[flat].std() < 0.7 * ringing[flat].std()
    assert np.abs(calm - step)[:, 20:36].mean() < np.abs(blurred - step)[:, 20:36].mean()


@pytest.mark.parametrize("options", [{"sparse": -1.0}, {"local": float("nan")}])
def test_weights_below_zero_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"shan-2008.*a number from 0"):
        Shan2008(**options)  # type: ignore[arg-type]
