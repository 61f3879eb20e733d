"""Natural scene statistics of image patches: the 36 numbers of NIQE.

Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer" (IEEE Signal Processing Letters
2013), and the MATLAB code of its release, whose choices are kept: grey values rounded to 8 bits, a 7x7 Gaussian with
sigma 7/6, replicated borders, the shape found on a grid of 0.001, two scales by antialiased bicubic halving.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from facedeblur.benchmark.errors import InputError

FEATURES = 36
GREY = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""MATLAB's `rgb2gray`."""

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Neighbours whose products are looked at: right, below, and the two diagonals; patches wrap around."""

# MATLAB's imresize by one half: the cubic kernel stretched to eight taps, at 0.5, 1.5, ... pixels from the centre.
_HALF = np.array([-0.01171875, -0.03515625, 0.11328125, 0.43359375])
HALVING = np.concatenate([_HALF, _HALF[::-1]])


def patch_grid(height: int, width: int, patch: int, stride: int) -> tuple[int, int]:
    """Return how many patches of `patch` pixels, `stride` pixels apart, fit down and across.

    Raises
    ------
    InputError
        When they are fewer than two: one patch has no covariance.
    """
    down, across = ((side - patch) // stride + 1 if side >= patch else 0 for side in (height, width))
    if down * across < 2:
        finer = max(height, width) > patch <= min(height, width)
        raise InputError(
            f"image of {width}x{height} pixels",
            expected=f"two patches of {patch}x{patch} pixels or more, {stride} apart",
            found=f"{down * across}",
            do=f"let patches overlap, as in niqe[stride{max(2, patch // 12 * 2)}]" if finer else "score larger images",
        )
    return down, across


def patch_features(image: np.ndarray, *, patch: int = 96, stride: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Compute the features of every patch of an image.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8 RGB
        Cropped at the right and below to what the patches cover.
    patch, stride : int
        Side of a patch and distance between patches in pixels, both even. The published code has them equal.

    Returns
    -------
    features : ndarray, (P, 36) float64
        NaN where a patch is constant.
    sharpness : ndarray, (P,) float64
        Mean local deviation of each patch in grey levels.

    Raises
    ------
    InputError
        When fewer than two patches fit.
    """
    down, across = patch_grid(image.shape[0], image.shape[1], patch, stride)
    rows, columns = (down - 1) * stride + patch, (across - 1) * stride + patch
    grey = np.round(image[:rows, :columns].astype(np.float64) @ np.array(GREY))
    found, sharpness = [], np.empty(0)
    for scale in (1, 2):
        normalised, deviation = normalise(grey)
        found.append(_described(_windows(normalised, patch // scale, stride // scale)))
        if scale == 1:
            sharpness = _windows(deviation, patch, stride).mean(axis=(1, 2))
            grey = halved(grey)
    return np.concatenate(found, axis=1), sharpness


def normalise(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the local mean and divide by the local deviation plus 1 (equation 1 of the paper).

    Parameters
    ----------
    grey : ndarray, (H, W) float64 in [0, 255]

    Returns
    -------
    normalised, deviation : ndarray, (H, W) float64
    """
    from scipy.ndimage import correlate1d

    taps = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    taps /= taps.sum()

    def smooth(values: np.ndarray) -> np.ndarray:
        return np.asarray(correlate1d(correlate1d(values, taps, 0, mode="nearest"), taps, 1, mode="nearest"))

    mean = smooth(grey)
    deviation = np.sqrt(np.abs(smooth(grey**2) - mean**2))
    return (grey - mean) / (deviation + 1), deviation


def halved(grey: np.ndarray) -> np.ndarray:
    """Halve (H, W) float64 of even sides as MATLAB's ``imresize(grey, 0.5)`` does: borders are mirrored."""
    from scipy.ndimage import correlate1d

    for axis in (0, 1):
        # An even filter's origin of -1 centres it between the two pixels that become one.
        grey = np.take(correlate1d(grey, HALVING, axis, mode="reflect", origin=-1), range(0, grey.shape[axis], 2), axis)
    return grey


def _windows(values: np.ndarray, side: int, stride: int) -> np.ndarray:
    """All patches of (H, W), row by row: (P, side, side)."""
    found = np.lib.stride_tricks.sliding_window_view(values, (side, side))[::stride, ::stride]
    return found.reshape(-1, side, side)


def _described(patches: np.ndarray) -> np.ndarray:
    """The 18 features of each of (P, s, s) normalised patches."""
    shape, left, right = asymmetric_gaussian(patches)
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right = asymmetric_gaussian(patches * np.roll(patches, shift, axis=(1, 2)))
        found += [shape, (right - left) * _mean_factor()[_place(shape)], left, right]
    return np.stack(found, axis=1)


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, the ratio (E|x|)^2 / E x^2 of a generalised Gaussian of each, and scale over deviation."""
    from scipy.special import gamma

    shapes = 0.2 + 0.001 * np.arange(9801)
    one, two, three = (gamma(times / shapes) for times in (1, 2, 3))
    return shapes, two**2 / (one * three), np.sqrt(one / three)


@lru_cache(maxsize=1)
def _mean_factor() -> np.ndarray:
    from scipy.special import gamma

    shapes = _table()[0]
    return np.append(gamma(2 / shapes) / gamma(1 / shapes), np.nan)


def _place(shapes: np.ndarray) -> np.ndarray:
    """Place of grid values in the grid; the one past the end for NaN."""
    whole = np.where(np.isfinite(shapes), (shapes - 0.2) / 0.001, len(_table()[0]))
    return np.round(whole).astype(np.int64)


def asymmetric_gaussian(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit an asymmetric generalised Gaussian to each patch by its moments (Lasmar et al. 2009).

    Parameters
    ----------
    patches : ndarray, (P, s, s) float64

    Returns
    -------
    shape, left, right : ndarray, (P,) float64
        Shape in [0.2, 10] in steps of 0.001, and the scales of the two sides; NaN where a side has no values.
    """
    values = patches.reshape(len(patches), -1)
    squares, below, above = values**2, values < 0, values > 0
    counts = below.sum(axis=1), above.sum(axis=1)
    good = (counts[0] > 0) & (counts[1] > 0)
    left, right = (
        np.sqrt(np.where(side, squares, 0).sum(axis=1) / np.maximum(count, 1))
        for side, count in zip((below, above), counts, strict=True)
    )
    shape, scales = np.full(len(values), np.nan), np.full((2, len(values)), np.nan)
    if good.any():
        skew = left[good] / right[good]
        ratio = np.abs(values[good]).mean(axis=1) ** 2 / squares[good].mean(axis=1)
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
        shapes, ratios, factors = _table()
        after = np.searchsorted(ratios, ratio).clip(1, len(ratios) - 1)
        place = np.where(ratio - ratios[after - 1] <= ratios[after] - ratio, after - 1, after)
        shape[good] = shapes[place]
        scales[:, good] = np.stack([left[good], right[good]]) * factors[place]
    return shape, scales[0], scales[1]
