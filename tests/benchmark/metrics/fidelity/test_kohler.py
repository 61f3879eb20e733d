"""The metrics of Köhler et al. 2012, against their evaluation code written out step by step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.kohler import kohler_ms_ssim, kohler_psnr, registered, whole_shift

WAVELET = [
    0.037828455507260, -0.023849465019560, -0.110624404418440, 0.377402855612830, 0.852698679008890,
    0.377402855612830, -0.110624404418440, -0.023849465019560, 0.037828455507260,
]  # fmt: skip


def scene(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.integers(0, 200, (-(-height // 4), -(-width // 4), 3)), np.ones((4, 4, 1)))[:height, :width]
    return (coarse + rng.integers(0, 56, (height, width, 3))).astype(np.uint8)


def by_hand(restored: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale, the best of all circular shifts one by one, then a move with black behind it; both images in luma."""
    x, z = sharp.astype(float), restored.astype(float)
    z = z * ((x * z).sum() / (z * z).sum())
    height, width = x.shape[:2]
    grey_x, grey_z = x.mean(2), z.mean(2)
    found = {
        (down, right): (grey_x * np.roll(grey_z, (down, right), (0, 1))).sum()
        for down in range(-((height + 1) // 2), height // 2)
        for right in range(-((width + 1) // 2), width // 2)
    }
    down, right = max(found, key=found.get)
    moved, mask = np.zeros_like(z), np.zeros_like(z)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                moved[row, column], mask[row, column] = z[row - down, column - right], 1
    weights = np.array([0.299, 0.587, 0.114])
    return moved @ weights, (x * mask) @ weights


def mssim_by_hand(x: np.ndarray, y: np.ndarray) -> float:
    place = np.arange(-5, 6)
    window = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    window /= window.sum()
    low = np.outer(WAVELET, WAVELET)
    low /= low.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    terms = []
    for _ in range(5):
        mx, my, xx, yy, xy = (convolve2d(one, window, "valid") for one in (x, y, x * x, y * y, x * y))
        sx, sy = np.sqrt(np.maximum(xx - mx**2, 0)), np.sqrt(np.maximum(yy - my**2, 0))
        terms.append((
            ((2 * mx * my + c1) / (mx**2 + my**2 + c1)).mean(),
            ((2 * sx * sy + c2) / (sx**2 + sy**2 + c2)).mean(),
            ((xy - mx * my + c2 / 2) / (sx * sy + c2 / 2)).mean(),
        ))  # fmt: skip
        x, y = (convolve2d(np.pad(one, 4, "symmetric"), low, "valid")[::2, ::2] for one in (x, y))
    powers = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    product = terms[-1][0] ** 0.1333
    for (_, contrast, structure), power in zip(terms, powers, strict=True):
        product *= contrast**power * structure**power
    return product


@pytest.mark.parametrize("size", [(12, 15), (13, 8)])
@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-1, 2)])
def test_scale_and_place_are_found(size, shift):
    sharp = scene(1, *size)
    noise = np.random.default_rng(2).integers(0, 10, (*size, 3))
    restored = (np.roll(sharp, shift, (0, 1)) * 0.7 + noise).astype(np.uint8)
    down, right = whole_shift(restored.mean(2), sharp.mean(2))
    assert (down, right) == (-shift[0], -shift[1])
    for one, other in zip(registered(restored, sharp), by_hand(restored, sharp), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)
    moved, kept = by_hand(restored, sharp)
    assert kohler_psnr(restored, sharp) == pytest.approx(10 * np.log10(255**2 / np.mean((moved - kept) ** 2)), abs=1e-9)


def test_a_darker_copy_is_perfect():
    sharp = scene(3, 40, 40)
    assert kohler_psnr(sharp, sharp) == np.inf
    half = (sharp // 2) * 2
    assert kohler_psnr(half // 2, half) == np.inf
    # The scale is found before the place: a moved copy is not perfect.
    assert kohler_psnr(np.roll(sharp, 3, 0), sharp) < 30
    black = np.zeros_like(sharp)
    luma = sharp @ np.array([0.299, 0.587, 0.114])
    assert kohler_psnr(black, sharp) == pytest.approx(10 * np.log10(255**2 / np.mean(luma**2)))


def test_five_scales():
    sharp = scene(4, 170, 163)
    noise = np.random.default_rng(5).integers(-20, 20, sharp.shape)
    restored = np.clip(np.roll(sharp, (1, -2), (0, 1)) + noise, 0, 255).astype(np.uint8)
    moved, kept = by_shift(restored, sharp, (-1, 2))
    assert kohler_ms_ssim(restored, sharp) == pytest.approx(mssim_by_hand(moved, kept), abs=1e-12)
    assert kohler_ms_ssim(sharp, sharp) == pytest.approx(1, abs=1e-12)
    with pytest.raises(InputError, match="image of 160x170 pixels: expected at least 161x161 for five scales"):
        kohler_ms_ssim(sharp[:, :160], sharp[:, :160])


def by_shift(restored: np.ndarray, sharp: np.ndarray, shift: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """`by_hand` for a known shift down and right."""
    x, z = sharp.astype(float), restored.astype(float)
    z = z * ((x * z).sum() / (z * z).sum())
    moved, mask = (np.roll(one, shift, (0, 1)) for one in (z, np.ones_like(z)))
    for axis, by in enumerate(shift):
        edge = [slice(None)] * 3
        edge[axis] = slice(0, by) if by > 0 else slice(by, None)
        if by:
            moved[tuple(edge)] = mask[tuple(edge)] = 0
    weights = np.array([0.299, 0.587, 0.114])
    return moved @ weights, (x * mask) @ weights
