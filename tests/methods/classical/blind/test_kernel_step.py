"""The kernel step against dense linear algebra, and what makes a solution a point spread function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from facedeblur.methods.classical.blind.kernel_step import (
    NoKernel,
    NormalEquations,
    Spectra,
    cut_islands,
    cut_weak,
    least_squares,
    moved,
    normalised,
    offset,
)

SIZE = 5


def dense(maps: np.ndarray, blurred: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and right side of ``x * k = y`` by loops; x and y are 0 outside, and so is no equation left out."""
    radius = (size - 1) // 2
    rows, right = [], []
    for x, y in zip(maps, blurred, strict=True):
        wide = np.pad(x, 2 * radius)
        seen = np.pad(y, radius)
        for i in range(seen.shape[0]):
            for j in range(seen.shape[1]):
                # Convolution: the tap at (a, b) from the middle takes x from (i - a, j - b).
                patch = wide[i : i + size, j : j + size][::-1, ::-1]
                rows.append(patch.ravel())
                right.append(seen[i, j])
    return np.array(rows), np.array(right)


@pytest.fixture(scope="module")
def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 14, 11))
    blurred = rng.normal(size=(2, 14, 11))
    matrix, right = dense(maps, blurred, SIZE)
    return maps, blurred, matrix, right


def test_normal_equations_are_those_of_the_dense_matrix(problem: tuple[np.ndarray, ...]) -> None:
    maps, blurred, matrix, right = problem
    equations = NormalEquations(maps, Spectra(blurred, SIZE), SIZE)
    np.testing.assert_allclose(equations.right.ravel(), matrix.T @ right, atol=1e-10)
    kernel = np.random.default_rng(1).random((SIZE, SIZE))
    np.testing.assert_allclose(equations(kernel).ravel(), matrix.T @ (matrix @ kernel.ravel()), atol=1e-9)


def test_equations_of_a_filtered_image_are_those_of_the_dense_matrix() -> None:
    rng = np.random.default_rng(5)
    maps, blurred = np.zeros((2, 2, 16, 15))
    maps[:, 3:-3, 3:-3], blurred[:, 3:-3, 3:-3] = rng.normal(size=(2, 2, 10, 9))
    taps = rng.random((3, 3))
    filtered = np.stack([signal.convolve(one, taps, "same") for one in blurred])
    matrix, right = dense(maps, filtered, SIZE)
    equations = NormalEquations(maps, blurred, SIZE + 2).of_filtered(taps)
    assert equations.size == SIZE
    np.testing.assert_allclose(equations.right.ravel(), matrix.T @ right, atol=1e-10)
    kernel = rng.random((SIZE, SIZE))
    np.testing.assert_allclose(equations(kernel).ravel(), matrix.T @ (matrix @ kernel.ravel()), atol=1e-9)


@pytest.mark.parametrize("weights", ["one", "each"])
def test_conjugate_gradients_solve_the_dense_system(problem: tuple[np.ndarray, ...], weights: str) -> None:
    maps, blurred, matrix, right = problem
    ridge = 3.0 if weights == "one" else np.random.default_rng(2).uniform(0.5, 20, (SIZE, SIZE))
    equations = NormalEquations(maps, Spectra(blurred, SIZE), SIZE)
    found = least_squares(equations, ridge=ridge, start=np.zeros((SIZE, SIZE)), steps=100, tolerance=1e-12)
    every = np.diag(np.broadcast_to(ridge, (SIZE, SIZE)).ravel())
    expected = np.linalg.solve(matrix.T @ matrix + every, matrix.T @ right)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)


def test_a_known_kernel_comes_back_from_its_own_blur() -> None:
    rng = np.random.default_rng(3)
    maps = np.zeros((2, 40, 40))
    maps[:, 6:-6, 6:-6] = rng.normal(size=(2, 28, 28))
    kernel = normalised(rng.random((7, 7)))
    whole = np.fft.rfft2(np.pad(kernel, ((0, 33), (0, 33))))
    blurred = np.roll(np.fft.irfft2(np.fft.rfft2(maps) * whole, s=(40, 40)), (-3, -3), axis=(1, 2))
    found = least_squares(
        NormalEquations(maps, Spectra(blurred, 7), 7),
        ridge=0.0,
        start=np.full((7, 7), 1 / 49),
        steps=200,
        tolerance=1e-12,
    )
    np.testing.assert_allclose(found, kernel, atol=1e-8)


def test_no_equations_leave_the_start_alone() -> None:
    nothing = np.zeros((2, 9, 9))
    equations = NormalEquations(nothing, Spectra(nothing, 3), 3)
    start = np.full((3, 3), 1 / 9)
    np.testing.assert_array_equal(least_squares(equations, ridge=0.0, start=start), start)


def test_gradients_too_faint_to_square_leave_the_start_alone() -> None:
    rng = np.random.default_rng(4)
    faint = (1e-25 * rng.normal(size=(2, 9, 9))).astype(np.float32)  # their squares are 0 in 32 bits
    equations = NormalEquations(faint, Spectra(rng.normal(size=(2, 9, 9)).astype(np.float32), 3), 3)
    assert equations.right.any()
    start = np.full((3, 3), 1 / 9)
    np.testing.assert_array_equal(least_squares(equations, ridge=0.0, start=start), start)


def test_weak_taps_and_small_islands_go() -> None:
    kernel = np.zeros((9, 9))
    kernel[4, 2:7] = 1.0
    kernel[5, 7] = 0.5  # touches by a corner
    kernel[0, 0] = 0.3
    kernel[8, 8] = 0.04
    clean = cut_islands(cut_weak(kernel, 0.05), 0.1)
    assert clean[8, 8] == 0 and clean[0, 0] == 0
    assert clean[5, 7] == pytest.approx(0.5 / 5.5)
    assert clean.sum() == pytest.approx(1)


def test_islands_stay_where_all_are_small() -> None:
    kernel = np.zeros((41, 41))
    kernel[::4, ::4] = 1.0
    kernel[20, 20] = 2.0
    clean = cut_islands(kernel, 0.1)
    assert clean[20, 20] == pytest.approx(1) and np.count_nonzero(clean) == 1


@pytest.mark.parametrize("kernel", [np.zeros((3, 3)), -np.ones((3, 3)), np.full((3, 3), np.nan)])
def test_a_kernel_of_nothing_is_none(kernel: np.ndarray) -> None:
    with pytest.raises(NoKernel):
        normalised(kernel)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, -1), (-3, 4), (9, 0)])
def test_moving_brings_in_zeros(down: int, right: int) -> None:
    image = np.arange(1.0, 31).reshape(5, 6)
    expected = np.zeros_like(image)
    for i in range(5):
        for j in range(6):
            if 0 <= i - down < 5 and 0 <= j - right < 6:
                expected[i, j] = image[i - down, j - right]
    np.testing.assert_array_equal(moved(image, down, right), expected)


def test_offset_is_that_of_the_barycentre() -> None:
    kernel = np.zeros((9, 9))
    kernel[6, 3] = kernel[6, 1] = 0.5
    assert offset(kernel) == (2, -2)
    assert offset(moved(kernel, -2, 2)) == (0, 0)
