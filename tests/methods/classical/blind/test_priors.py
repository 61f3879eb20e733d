"""Each step of the blind methods against a literal, slow one."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from scipy import signal

from facedeblur.methods.classical.blind import cho_lee_2009, krishnan_2011, l0_gradient, pan_2016, scales
from facedeblur.methods.classical.blind.coarse_to_fine import Schedule
from facedeblur.methods.classical.nonblind import boundary


def picture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Smooth noise in [0, 1], float32."""
    rng = np.random.default_rng(seed)
    rough = signal.convolve(rng.random((shape[0] + 4, shape[1] + 4)), np.ones((5, 5)) / 25, "valid")
    return ((rough - rough.min()) / np.ptp(rough)).astype(np.float32)


def test_hard_threshold_is_the_best_choice_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    weight, beta = 0.02, 1.5
    x = rng.normal(0, 0.08, (4, 5)).astype(np.float32)
    h, v = (np.roll(x, -1, axis).astype(np.float64) - x for axis in (1, 0))
    grid = np.linspace(-0.6, 0.6, 121)
    zero = np.zeros(x.shape, bool)
    for at in np.ndindex(x.shape):
        candidates = [(0.0, 0.0), (h[at], v[at]), *itertools.product(grid, grid)]
        costs = [weight * (g != (0, 0)) + beta * ((g[0] - h[at]) ** 2 + (g[1] - v[at]) ** 2) for g in candidates]
        best = int(np.argmin(costs))
        assert best < 2
        zero[at] = best == 0
    h, v = np.where(zero, 0, h), np.where(zero, 0, v)
    expected = np.roll(h, 1, 1) - h + np.roll(v, 1, 0) - v
    pull = np.empty_like(x)
    l0_gradient.keep_strong(x, np.float32(weight / beta), pull)
    assert zero.any() and not zero.all()
    np.testing.assert_allclose(pull, expected, atol=1e-6)


def test_one_division_minimises_the_quadratic() -> None:
    rng = np.random.default_rng(1)
    shape = (6, 8)
    y = rng.random(shape).astype(np.float32)
    kernel = np.array([[0, 0.2, 0], [0.1, 0.4, 0.1], [0, 0.2, 0]])
    near = rng.random(shape).astype(np.float32)
    weight, price = 1e-3, 0.7
    solver = l0_gradient.L0Deconvolution(y)
    solver.see(kernel)
    x = solver.solve(weight, last=2.1 * weight, near=near, price=price).astype(np.float64)
    beta = 2 * weight
    eye = np.eye(48).reshape(48, *shape)

    def matrix(function: object) -> np.ndarray:
        return np.stack([function(one).ravel() for one in eye], axis=1)  # type: ignore[operator]

    blur = matrix(
        lambda e: sum(kernel[1 + a, 1 + b] * np.roll(e, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1))
    )
    across, along = matrix(lambda e: np.roll(e, -1, 1) - e), matrix(lambda e: np.roll(e, -1, 0) - e)
    h, v = across @ y.ravel(), along @ y.ravel()
    keep = h**2 + v**2 >= weight / beta
    left = blur.T @ blur + beta * (across.T @ across + along.T @ along) + price * np.eye(48)
    right = blur.T @ y.ravel() + beta * (across.T @ (h * keep) + along.T @ (v * keep)) + price * near.ravel()
    np.testing.assert_allclose(x.ravel(), np.linalg.solve(left, right), atol=1e-5)


def test_l0_leaves_a_step_and_flattens_noise() -> None:
    step = np.zeros((32, 32), np.float32)
    step[:, 8:24] = 0.6
    noisy = step + np.random.default_rng(2).normal(0, 0.01, step.shape).astype(np.float32)
    delta = np.zeros((3, 3))
    delta[1, 1] = 1
    solver = l0_gradient.L0Deconvolution(noisy)
    solver.see(delta)
    flat = solver.solve(5e-3, last=1e5)
    assert np.abs(flat - step).max() < 0.02
    assert flat[:, 9:23].std() < 0.002


def test_gradient_power_is_the_spectrum_of_both_differences() -> None:
    shape = (9, 12)
    across, along = np.zeros(shape), np.zeros(shape)
    across[0, 0] = along[0, 0] = -1
    across[0, -1] = along[-1, 0] = 1
    expected = np.abs(np.fft.rfft2(across)) ** 2 + np.abs(np.fft.rfft2(along)) ** 2
    np.testing.assert_allclose(boundary.gradient_power(shape), expected, atol=1e-5)


def test_dark_channel_and_darkening_by_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pan_2016, "_BOX", np.ones((5, 5), np.uint8))
    image, least = picture((17, 20)), 0.16
    dark, expected = np.empty_like(image), image.copy()
    for i, j in itertools.product(range(17), range(20)):
        top, left = max(0, i - 2), max(0, j - 2)
        patch = image[top : i + 3, left : j + 3]
        dark[i, j] = patch.min()
        if dark[i, j] ** 2 < least:
            a, b = np.unravel_index(np.argmin(patch), patch.shape)
            expected[top + a, left + b] = 0
    np.testing.assert_array_equal(pan_2016.dark_channel(image), dark)
    found = pan_2016.darkened(image, least)
    np.testing.assert_array_equal(found, expected)
    assert 0 < (found != image).sum() < image.size / 4


def test_otsu_is_that_of_scikit_image() -> None:
    from skimage.filters import threshold_otsu

    values = np.concatenate([np.random.default_rng(0).normal(m, 0.05, 500) for m in (0.2, 0.7)]).clip(0, 1)
    grey = np.rint(values * 255).astype(np.uint8)
    assert pan_2016.otsu(values.astype(np.float32)) * 255 == pytest.approx(threshold_otsu(grey), abs=1)
    assert pan_2016.otsu(np.zeros((4, 4), np.float32)) == pytest.approx(1 / 255)


def test_soft_threshold_by_brute_force() -> None:
    grid = np.linspace(-2, 2, 4001)
    for value in (-1.3, -0.2, 0.0, 0.31, 1.9):
        best = grid[np.argmin(0.3 * np.abs(grid) + (grid - value) ** 2 / 2)]
        assert krishnan_2011.soft(np.array(value), np.float32(0.3)) == pytest.approx(best, abs=1e-3)


def test_shock_filter_by_loops() -> None:
    image = picture((9, 11), seed=4)
    wide = np.pad(image, 1, mode="edge")
    expected = np.empty_like(image)
    for i, j in itertools.product(range(9), range(11)):
        here = wide[i + 1, j + 1]
        one_sided = [
            (wide[i + 1, j + 2] - here, here - wide[i + 1, j]),
            (wide[i + 2, j + 1] - here, here - wide[i, j + 1]),
        ]
        slopes = [min(abs(a), abs(b)) if np.sign(a) == np.sign(b) else 0 for a, b in one_sided]
        bend = sum(a - b for a, b in one_sided)
        expected[i, j] = here - np.sign(bend) * 0.7 * np.hypot(*slopes)
    np.testing.assert_allclose(cho_lee_2009.shocked(image, np.float32(0.7)), expected, atol=1e-6)


def test_shock_filter_steepens_an_edge_within_its_range() -> None:
    ramp = np.tile(1 / (1 + np.exp(-np.arange(-8, 9) / 2.0)), (5, 1)).astype(np.float32)
    sharp = ramp
    for _ in range(8):
        sharp = cho_lee_2009.shocked(sharp, np.float32(1.0))
    assert np.diff(sharp[2]).max() > 2 * np.diff(ramp[2]).max()
    assert sharp.min() >= ramp.min() and sharp.max() <= ramp.max()


def test_straight_ramps_are_not_shocked_whatever_their_rounding() -> None:
    levels = np.arange(20.0) * 3
    for offset in (0.0, 7.0, 90.1):
        ramp = np.tile((levels + offset) / 255, (6, 1)) * 1.1
        assert np.unique(np.sign(np.diff(ramp, 2))).size > 1  # rounding alone bends it
        np.testing.assert_array_equal(cho_lee_2009.shocked(ramp, 1.0)[:, 1:-1], ramp[:, 1:-1])


def test_bilateral_filter_is_that_of_opencv() -> None:
    image = picture((24, 31), seed=3).astype(np.float64)
    for spread in (0.5, 0.1):
        expected = cv2.bilateralFilter(image.astype(np.float32), cho_lee_2009.SUPPORT, spread, cho_lee_2009.SPACE)
        np.testing.assert_allclose(cho_lee_2009.bilateral(image, spread), expected, atol=2e-5)


def test_second_derivatives_are_weighted() -> None:
    image = picture((12, 13))
    maps = scales.differences(image)
    found = scales.derivatives(maps, 25.0, 12.5)
    inner = np.s_[1:, 1:]
    np.testing.assert_allclose(found[0], 5 * maps[0], rtol=1e-6)
    twice = image[1:-1, 2:] - 2 * image[1:-1, 1:-1] + image[1:-1, :-2]
    np.testing.assert_allclose(found[2][inner], np.sqrt(12.5) * twice, atol=1e-5)
    np.testing.assert_allclose(found[3][inner], np.sqrt(12.5) * np.diff(maps[1], axis=0)[:, 1:], atol=1e-5)
    # The average of both mixed differences of x (down the column) and y (along the row).
    mixed = (np.diff(maps[0], axis=0)[:, 1:] + np.diff(maps[1], axis=1)[1:]) / 2
    np.testing.assert_allclose(found[4][inner], np.sqrt(12.5) * mixed, atol=1e-5)


def test_strongest_counts_in_every_direction() -> None:
    rng = np.random.default_rng(5)
    maps = rng.normal(size=(2, 30, 30))
    level = scales.strongest(maps, 40)
    power, angle = (maps**2).sum(axis=0), np.degrees(np.arctan2(maps[1], maps[0])) % 180
    passed = [((power >= level) & (angle >= a) & (angle < a + 45)).sum() for a in (0, 45, 90, 135)]
    assert min(passed) == 40
    assert scales.strongest(maps, 901) == 0
    salient = scales.Salient(maps, 40, 0.5)
    assert np.count_nonzero(salient(maps).any(axis=0)) == sum(passed)
    assert salient.threshold == level / 2
    assert np.count_nonzero(scales.Salient(maps, 1, 0.5)(maps * 1e-3).any(axis=0)) == 1


def test_equal_gradients_stay_or_go_together_whatever_their_rounding() -> None:
    levels = np.random.default_rng(6).integers(0, 9, (40, 40))
    masks = []
    for offset, gain in ((0, 1.0), (100, 1.0), (31, 1.1)):
        maps = scales.differences((levels + offset) / 255 * gain)
        masks.append(scales.Salient(maps, 60, 0.9)(maps).any(axis=0))
    whole = scales.differences(levels)
    power = (whole**2).sum(axis=0)
    assert np.array_equal(masks[0], power >= power[masks[0]].min()) and 240 <= masks[0].sum() < 1000
    for other in masks[1:]:
        np.testing.assert_array_equal(other, masks[0])


def test_schedule_of_sizes() -> None:
    found = Schedule(coarsest=5).scales(27)
    assert [size for _, size in found] == [7, 11, 15, 21, 27]
    assert [scale**2 for scale, _ in found] == pytest.approx([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1])
    assert all(size % 2 for _, size in found)
    assert Schedule(coarsest=5).scales(3) == [(1.0, 3)]
    assert Schedule(coarsest=10**6).scales(27) == [(1.0, 27)]


def test_enlarged_keeps_the_middle_and_the_sum() -> None:
    kernel = np.zeros((5, 5))
    kernel[2, 1:4] = (0.25, 0.5, 0.25)
    large = scales.enlarged(kernel, 9, 2.0)
    assert large.sum() == pytest.approx(1)
    np.testing.assert_allclose(large, large[::-1, ::-1], atol=1e-12)
    assert large.argmax() == 40
    assert np.count_nonzero(large.sum(axis=0) > 1e-9) == 7
