"""PSNR and SSIM between a restored image and its sharp one, each in the definitions that face papers used.

Sources: Wang et al. 2004 (SSIM); MathWorks `psnr`, `ssim`, `rgb2ycbcr`; scikit-image `structural_similarity`.

The hot loops work in float64 or exact integers, in one fixed order of summation, without fastmath. They take one image
at a time and, with a Gaussian window, twelve rows at a time, so that everything in use stays in the second-level cache.
A uniform window needs only exact running sums.

SSIM is computed from the sum ``s = x + y`` and the difference ``d = x - y`` of the two images. With the window mean E,
``A = E[s]^2``, ``B = E[d]^2``, ``P = E[s^2] - A`` and ``Q = E[d^2] - B``, Wang's index
``(2 mx my + c1)(2 cov + c2) / ((mx^2 + my^2 + c1)(vx + vy + c2))`` becomes
``(A - B + 2 c1)(P - Q + 2 c2) / ((A + B + 2 c1)(P + Q + 2 c2))``: four filtered maps instead of five, exactly 1 for
equal images, and the same bits when x and y are exchanged.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.metrics.fidelity.luma import LUMA, frozen, luma, luma_squared_error
from facedeblur.benchmark.metrics.fidelity.window import C1, C2, EACH, GAUSSIAN, SHIFT, TAPS, VOLUME
from facedeblur.benchmark.options import Slot, checked, fill, one_of

_HALF = TAPS // 2
_RING = TAPS + 1


@njit(cache=True, nogil=True, error_model="numpy")
def squared_error(x: np.ndarray, y: np.ndarray) -> np.int64:
    """Return the sum of squared differences of two (n,) uint8 arrays, exact."""
    total = np.int64(0)
    for i in range(x.size):
        difference = np.int32(x[i]) - np.int32(y[i])
        total += difference * difference
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _load(x: np.ndarray, y: np.ndarray, row: np.ndarray, pad: int, channels: int, shift: float) -> None:
    """Fill `row` with s - `shift`, d and their squares of one image row, `pad` pixels replicated at both ends."""
    inner, edge = x.size, pad * channels
    length = inner + 2 * edge
    # Slices, because an index that might be negative keeps a loop from being vectorised.
    sums, differences = row[edge : edge + inner], row[length + edge : length + edge + inner]
    sums2, differences2 = row[2 * length + edge :], row[3 * length + edge :]
    for i in range(inner):
        a, b = np.float64(x[i]), np.float64(y[i])
        s, d = (a + b) - shift, a - b
        sums[i] = s
        differences[i] = d
        sums2[i] = s * s
        differences2[i] = d * d
    for start in range(0, 4 * length, length):
        for i in range(edge):
            row[start + i] = row[start + edge + i % channels]
            row[start + edge + inner + i] = row[start + edge + inner - channels + i % channels]


@njit(cache=True, nogil=True, error_model="numpy")
def _load_mixed(x: np.ndarray, y: np.ndarray, row: np.ndarray, mix: np.ndarray, shift: float) -> None:
    """Fill `row` like `_load`, each map filtered along the channel axis, the channels one after the other."""
    width = x.size // 3
    padded = width + 2 * _HALF
    for j in range(width):
        r, g, b = np.float64(x[3 * j]), np.float64(x[3 * j + 1]), np.float64(x[3 * j + 2])
        u, v, w = np.float64(y[3 * j]), np.float64(y[3 * j + 1]), np.float64(y[3 * j + 2])
        s0, s1, s2 = (r + u) - shift, (g + v) - shift, (b + w) - shift
        d0, d1, d2 = r - u, g - v, b - w
        for c in range(3):
            m0, m1, m2 = mix[c, 0], mix[c, 1], mix[c, 2]
            at = c * padded + _HALF + j
            row[at] = m0 * s0 + m1 * s1 + m2 * s2
            row[3 * padded + at] = m0 * d0 + m1 * d1 + m2 * d2
            row[6 * padded + at] = m0 * (s0 * s0) + m1 * (s1 * s1) + m2 * (s2 * s2)
            row[9 * padded + at] = m0 * (d0 * d0) + m1 * (d1 * d1) + m2 * (d2 * d2)
    for start in range(0, 12 * padded, padded):
        for i in range(_HALF):
            row[start + i] = row[start + _HALF]
            row[start + _HALF + width + i] = row[start + _HALF + width - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _down(ring: np.ndarray, first: int, out: np.ndarray, taps: np.ndarray) -> None:
    """Filter vertically: two output rows from the twelve rows of the ring, the oldest of which is `first`."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    r0, r1, r2 = ring[first % _RING], ring[(first + 1) % _RING], ring[(first + 2) % _RING]
    r3, r4, r5 = ring[(first + 3) % _RING], ring[(first + 4) % _RING], ring[(first + 5) % _RING]
    r6, r7, r8 = ring[(first + 6) % _RING], ring[(first + 7) % _RING], ring[(first + 8) % _RING]
    r9, r10, r11 = ring[(first + 9) % _RING], ring[(first + 10) % _RING], ring[(first + 11) % _RING]
    upper, lower = out[0], out[1]
    for i in range(upper.size):
        a1, a2, a3, a4, a5 = r1[i], r2[i], r3[i], r4[i], r5[i]
        a6, a7, a8, a9, a10 = r6[i], r7[i], r8[i], r9[i], r10[i]
        upper[i] = ((((t5 * a5 + t4 * (a4 + a6)) + t3 * (a3 + a7)) + t2 * (a2 + a8)) + t1 * (a1 + a9)) + t0 * (
            r0[i] + a10
        )
        lower[i] = ((((t5 * a6 + t4 * (a5 + a7)) + t3 * (a4 + a8)) + t2 * (a3 + a9)) + t1 * (a2 + a10)) + t0 * (
            a1 + r11[i]
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _across(row: np.ndarray, out: np.ndarray, taps: np.ndarray, step: int) -> None:
    """Filter one row horizontally; neighbours lie `step` values apart."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    r1, r2, r3, r4, r5 = row[step:], row[2 * step :], row[3 * step :], row[4 * step :], row[5 * step :]
    r6, r7, r8, r9, r10 = row[6 * step :], row[7 * step :], row[8 * step :], row[9 * step :], row[10 * step :]
    for i in range(out.size):
        near = t5 * r5[i] + t4 * (r4[i] + r6[i])
        near = near + t3 * (r3[i] + r7[i])
        near = near + t2 * (r2[i] + r8[i])
        near = near + t1 * (r1[i] + r9[i])
        out[i] = near + t0 * (row[i] + r10[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _index(maps: np.ndarray, total: np.ndarray, length: int, shift: float) -> None:
    """Add the SSIM index of one filtered row to `total`, column by column."""
    sums, differences, sums2, differences2 = maps, maps[length:], maps[2 * length :], maps[3 * length :]
    for i in range(total.size):
        s, d = sums[i], differences[i]
        p, q = sums2[i] - s * s, differences2[i] - d * d
        a, b = (s + shift) * (s + shift), d * d
        total[i] += ((a - b + C1) * (p - q + C2)) / ((a + b + C1) * (p + q + C2))


@njit(cache=True, nogil=True, error_model="numpy")
def _structure(maps: np.ndarray, total: np.ndarray, length: int) -> None:
    """Add the contrast and structure of one filtered row, the index without luminance, to `total`."""
    sums, differences, sums2, differences2 = maps, maps[length:], maps[2 * length :], maps[3 * length :]
    for i in range(total.size):
        s, d = sums[i], differences[i]
        p, q = sums2[i] - s * s, differences2[i] - d * d
        total[i] += (p - q + C2) / (p + q + C2)


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(
    x: np.ndarray, y: np.ndarray, pad: int, mix: np.ndarray, taps: np.ndarray, luminance: bool, shift: float
) -> tuple[np.ndarray, int]:
    """Return the sum of each column of the SSIM index, or of its contrast and structure, and the number of rows."""
    height, width, channels = x.shape
    volume = mix.size > 0
    x_rows, y_rows = x.reshape(height, width * channels), y.reshape(height, width * channels)
    length = (width + 2 * pad) * channels
    step = 1 if volume else channels
    # Rows 320 bytes apart modulo 4096 do not push one another out of the first-level cache.
    ring = np.empty((_RING, (4 * length + 471) // 512 * 512 + 40))
    down = np.empty((2, 4 * length))
    across = np.empty(4 * length - 10 * step)
    total = np.zeros(length - 10 * step)
    rows = height + 2 * pad - 10
    loaded = 0
    for row in range(0, rows, 2):
        while loaded < row + _RING:
            source = min(max(loaded - pad, 0), height - 1)
            if volume:
                _load_mixed(x_rows[source], y_rows[source], ring[loaded % _RING], mix, shift)
            else:
                _load(x_rows[source], y_rows[source], ring[loaded % _RING], pad, channels, shift)
            loaded += 1
        _down(ring, row, down, taps)
        for k in range(min(2, rows - row)):
            _across(down[k], across, taps, step)
            if luminance:
                _index(across, total, length, shift)
            else:
                _structure(across, total, length)
    return total, rows


@njit(cache=True, nogil=True, error_model="numpy")
def gaussian_ssim(x: np.ndarray, y: np.ndarray, pad: int, mix: np.ndarray, taps: np.ndarray) -> float:
    """Return the mean SSIM index with the Gaussian window.

    Parameters
    ----------
    x, y : ndarray, (H, W, C) uint8 or float64 in [0, 255]
        The images; at least 11 pixels high and wide once padded.
    pad : int
        Replicated pixels on every side: 0 for the valid region, 5 for the full map.
    mix : ndarray, (3, 3) or (0, 0) float64
        The third axis of a volume (`channel_mix`, needs C = 3 and pad = 5), or none: each channel alone.
    taps : ndarray, (11,) float64
        `gaussian_taps`.
    """
    total, rows = _sums(x, y, pad, mix, taps, True, SHIFT)
    width, channels = x.shape[1] + 2 * pad, x.shape[2]
    # Where the channels lie one after the other, the ten columns at each seam belong to no pixel.
    segments, step = (channels, 1) if mix.size > 0 else (1, channels)
    segment = width * channels // segments
    mean = 0.0
    for start in range(0, width * channels, segment):
        for i in range(start, start + segment - 10 * step):
            mean += total[i]
    return mean / (rows * (width - 10) * channels)


@njit(cache=True, nogil=True, error_model="numpy")
def channel_means(x: np.ndarray, y: np.ndarray, taps: np.ndarray, margin: int, luminance: bool) -> np.ndarray:
    """Return the mean SSIM index of each channel where the window lies inside the image.

    Parameters
    ----------
    x, y : ndarray, (H, W, C) uint8 or float64 in [0, 255]
        The images.
    taps : ndarray, (11,) float64
        The window, with `margin` zeros at either end if it is shorter than 11; its sum need not be 1.
    margin : int
        From 0 to 4.
    luminance : bool
        False leaves the luminance out of the index: contrast and structure remain.

    Returns
    -------
    ndarray, (C,) float64
    """
    # Replicated pixels meet zeros of the window only, so they add nothing but room for it.
    total, rows = _sums(x, y, margin, np.empty((0, 0)), taps, luminance, 0.0)
    channels = x.shape[2]
    means = np.zeros(channels)
    for i in range(total.size):
        means[i % channels] += total[i]
    return means / (rows * (total.size // channels))


@njit(cache=True, nogil=True, error_model="numpy")
def uniform_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean SSIM index with a 7x7 uniform window, sample covariance, valid region; (H, W, C) uint8.

    All moments are exact 32-bit integers; only the index itself is rounded.
    """
    height, width, channels = x.shape
    length = width * channels
    x_rows, y_rows = x.reshape(height, length), y.reshape(height, length)
    none = np.zeros(length, dtype=np.uint8)
    columns = np.zeros((4, length), dtype=np.int32)
    windows = np.zeros((4, length - 6 * channels), dtype=np.int32)
    total = np.zeros(length - 6 * channels)
    for row in range(height):
        if row < 7:
            _slide(x_rows[row], y_rows[row], none, none, columns)
        else:
            _slide(x_rows[row], y_rows[row], x_rows[row - 7], y_rows[row - 7], columns)
        if row >= 6:
            for k in range(4):
                _seven(columns[k], windows[k], channels)
            _uniform_index(windows, total)
    mean = 0.0
    for i in range(total.size):
        mean += total[i]
    return mean / (total.size * (height - 6))


@njit(cache=True, nogil=True, error_model="numpy")
def _slide(x: np.ndarray, y: np.ndarray, old_x: np.ndarray, old_y: np.ndarray, columns: np.ndarray) -> None:
    """Move the sums of s, d, s^2, d^2 over seven rows on by one: a row enters, an old one leaves."""
    sums, differences, sums2, differences2 = columns[0], columns[1], columns[2], columns[3]
    for i in range(x.size):
        s, d = np.int32(x[i]) + np.int32(y[i]), np.int32(x[i]) - np.int32(y[i])
        u, e = np.int32(old_x[i]) + np.int32(old_y[i]), np.int32(old_x[i]) - np.int32(old_y[i])
        sums[i] += s - u
        differences[i] += d - e
        sums2[i] += s * s - u * u
        differences2[i] += d * d - e * e


@njit(cache=True, nogil=True, error_model="numpy")
def _seven(column: np.ndarray, out: np.ndarray, step: int) -> None:
    """Add up seven neighbours, `step` values apart."""
    r1, r2, r3 = column[step:], column[2 * step :], column[3 * step :]
    r4, r5, r6 = column[4 * step :], column[5 * step :], column[6 * step :]
    for i in range(out.size):
        out[i] = column[i] + r1[i] + r2[i] + r3[i] + r4[i] + r5[i] + r6[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _uniform_index(windows: np.ndarray, total: np.ndarray) -> None:
    """Add the SSIM index of one row of 7x7 windows to `total`; every moment is an integer under 2^31."""
    sums, differences, sums2, differences2 = windows[0], windows[1], windows[2], windows[3]
    c1, c2 = 49 * 49 * C1, 49 * 48 * C2
    for i in range(total.size):
        s, d = np.float64(sums[i]), np.float64(differences[i])
        a, b = s * s, d * d
        p, q = 49.0 * np.float64(sums2[i]) - a, 49.0 * np.float64(differences2[i]) - b
        total[i] += ((a - b + c1) * (p - q + c2)) / ((a + b + c1) * (p + q + c2))


SPACES = {"rgb": "PSNR", "y-limited": "PSNR Y", "y-full": "PSNR Y-full"}
"""Where PSNR looks for the error, all three channels or a luma of BT.601 (see `luma`), and the column heading."""

_GAUSSIAN = ("s1.5", "w11")
DEFINITIONS: dict[str, tuple[str, tuple[str, str]]] = {
    "matlab3d": ("SSIM", _GAUSSIAN),
    "perchannel": ("SSIM RGB", _GAUSSIAN),
    "perchannel-replicate": ("SSIM RGB rep", _GAUSSIAN),
    "y-limited": ("SSIM Y", _GAUSSIAN),
    "y-limited-replicate": ("SSIM Y rep", _GAUSSIAN),
    "y-full": ("SSIM Y-full", _GAUSSIAN),
    "y-full-replicate": ("SSIM Y-full rep", _GAUSSIAN),
    "skimage": ("SSIM 7x7", ("uniform", "w7")),
}
"""SSIM definitions, each with its column heading and the window that belongs to it."""


@checked
def psnr(restored: np.ndarray, sharp: np.ndarray, *, space: str = "rgb", cap: float | None = None) -> float:
    """Peak signal-to-noise ratio of 8-bit images in dB.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images; exchanging them changes nothing.
    space : {"rgb", "y-limited", "y-full"}
        ``rgb``: one mean squared error over all samples of all three channels, as MATLAB's `psnr` does.
        ``y-*``: over the unrounded luma (see `luma`), 1.3 to 1.5 dB higher for ``y-limited``.
    cap : float, optional
        Largest value returned, in dB (public code uses 100).

    Returns
    -------
    float
        ``10 log10(255^2 / MSE)``, with an exact integer error. Infinite for identical images unless `cap` is given:
        an infinite value is shown as such by every statistic, so that it is seen and not averaged away.

    Raises
    ------
    InputError
        When shape or type are not those above, or `space` is unknown.

    Examples
    --------
    >>> import facedeblur as fd
    >>> from skimage import data
    >>> sharp = data.astronaut()
    >>> kernel = fd.kernels("13", per_size=1).kernel("ker01_k13")
    >>> blurred = (255 * fd.blur(sharp / 255, kernel)).round().astype("uint8")
    >>> round(fd.psnr(blurred, sharp), 2)
    26.59
    >>> round(fd.psnr(blurred, sharp, space="y-limited"), 2)
    28.11
    """
    check_images(restored, sharp)
    one_of("PSNR space", space, SPACES)
    return float(_psnr_of(restored[None], sharp, space, math.inf if cap is None else cap)[0])


def _psnr_of(restored: np.ndarray, sharp: np.ndarray, space: str, cap: float) -> np.ndarray:
    """Return `psnr` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB, which are not checked; (N,) float64."""
    restored, sharp = frozen(restored), frozen(sharp)
    if space == "rgb":
        errors = [float(squared_error(image.reshape(-1), sharp.reshape(-1))) / sharp.size for image in restored]
    else:
        errors = [luma_squared_error(image, sharp, space) / (sharp.size // 3) for image in restored]
    return np.array([min(math.inf if error == 0 else 10 * math.log10(255**2 / error), cap) for error in errors])


@checked
def ssim(restored: np.ndarray, sharp: np.ndarray, *, definition: str = "matlab3d") -> float:
    """Mean structural similarity of 8-bit images; K = (0.01, 0.03), L = 255, float64.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images; exchanging them changes nothing, not even the last bit.
    definition : str
        ``matlab3d``: what MATLAB's `ssim` does to an RGB array: an 11x11x11 Gaussian window, sigma 1.5, that also runs
        across the channels, replicated borders on all three axes, biased moments, mean of the full map.
        ``perchannel``: Wang's: 11x11 Gaussian, sigma 1.5, biased moments, valid region, mean over the channels
        (BasicSR; scikit-image with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``).
        ``perchannel-replicate``: the same with replicated borders and the full map.
        ``y-limited``, ``y-full``: the same on the unrounded luma, valid region; ``...-replicate``: full map.
        ``skimage``: scikit-image's default: 7x7 uniform window, sample covariance, valid region, mean over channels.
        On the same images they differ by up to 0.12: never compare across definitions.

    Returns
    -------
    float
        At most 1, which is reached by identical images only; can be slightly negative.

    Raises
    ------
    InputError
        When shape or type are not those above, the definition is unknown, or the image is smaller than the window.

    Examples
    --------
    >>> import facedeblur as fd
    >>> from skimage import data
    >>> sharp = data.astronaut()
    >>> kernel = fd.kernels("13", per_size=1).kernel("ker01_k13")
    >>> blurred = (255 * fd.blur(sharp / 255, kernel)).round().astype("uint8")
    >>> round(fd.ssim(blurred, sharp), 4)
    0.9321
    >>> round(fd.ssim(blurred, sharp, definition="skimage"), 4)
    0.8772
    """
    check_images(restored, sharp)
    one_of("SSIM definition", definition, DEFINITIONS)
    _check_window(sharp, definition)
    return float(_ssim_of(restored[None], sharp, definition)[0])


def _ssim_of(restored: np.ndarray, sharp: np.ndarray, definition: str) -> np.ndarray:
    """Return `ssim` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB, which are not checked; (N,) float64."""
    restored, sharp = frozen(restored), frozen(sharp)
    if definition == "skimage":
        return np.array([uniform_ssim(image, sharp) for image in restored])
    volume, border = definition == "matlab3d", definition.endswith("-replicate")
    pad, mix = 5 if volume or border else 0, VOLUME if volume else EACH
    range_ = definition.removesuffix("-replicate")
    x, y = (map(partial(luma, range_=range_), restored), luma(sharp, range_)) if range_ in LUMA else (restored, sharp)
    return np.array([gaussian_ssim(image, y, pad, mix, GAUSSIAN) for image in x])


def _check_window(sharp: np.ndarray, definition: str) -> None:
    """Refuse an image that is smaller than the window of the definition."""
    window = int(DEFINITIONS[definition][1][1].removeprefix("w"))
    if min(sharp.shape[:2]) < window:
        raise InputError(
            f"image of {sharp.shape[1]}x{sharp.shape[0]} pixels",
            expected=f"at least {window}x{window} for ssim[{definition}]", do="score larger images, or use psnr",
        )  # fmt: skip


def check_images(restored: np.ndarray, sharp: np.ndarray) -> None:
    """Refuse anything but two (H, W, 3) uint8 RGB images of one shape.

    Raises
    ------
    InputError
        Naming both shapes and types.
    """
    for name, image in (("restored", restored), ("sharp", sharp)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise InputError(
                f"{name} image", expected="(H, W, 3) uint8 RGB", found=f"{image.shape} {image.dtype}", do="convert it"
            )
    if restored.shape != sharp.shape:
        raise InputError(
            "restored image", expected=f"the shape of the sharp image, {sharp.shape}", found=f"{restored.shape}"
        )


class Fidelity(Metric):
    """A metric that compares two images sample by sample.

    A failed pair counts as the bottom of the scale, 0 dB (black against white) or an SSIM of -1 (the negative): nothing
    is gained by failing. Nothing is prepared for the sharp image: reading its stored moments back saves less than a
    tenth of the time, costs 0.7 MB an image of 128x128, and would end the exact symmetry.
    """

    @abstractmethod
    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Compare two (H, W, 3) uint8 RGB images; never NaN."""

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None = None) -> np.ndarray:
        """Return `compare` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB; (N,) float64."""
        return np.array([self.compare(image, sharp) for image in restored], dtype=np.float64)


CAP = Slot(("",), form=r"cap\d+(\.\d+)?")
"""The option of PSNR for its largest value in dB, as in ``cap100``."""

PSNR_TERMS = {
    "rgb": "error over the three RGB channels together",
    "y-limited": "on luma, BT.601 in 16…235, which reads 1.3 to 1.6 dB higher than on RGB",
    "y-full": "on luma, BT.601 in 0…255",
    "255": "peak 255",
    "cap(.+)": "identical images count as {} dB",
}
WINDOW_FORMS = (r"s([\d.]+)", r"w(\d+)")
"""The options that say which window SSIM looks through."""

SSIM_TERMS = {
    "matlab3d": "as MATLAB's ssim treats RGB: one window that also runs across the channels, replicated borders",
    "perchannel": "each channel by itself, only where the window lies inside the image",
    "perchannel-replicate": "each channel by itself, replicated borders",
    "y-limited": "on luma, BT.601 in 16…235, only where the window lies inside the image",
    "y-limited-replicate": "on luma, BT.601 in 16…235, replicated borders",
    "y-full": "on luma, BT.601 in 0…255, only where the window lies inside the image",
    "y-full-replicate": "on luma, BT.601 in 0…255, replicated borders",
    "skimage": "scikit-image's default: sample covariance",
    "uniform": "uniform window",
    WINDOW_FORMS[0]: "Gaussian of σ = {}",
    WINDOW_FORMS[1]: "window of {} pixels",
}


def read_cap(word: str) -> float:
    """Return the largest value in dB that a word such as ``cap100`` allows; infinity for an empty word."""
    return float(word.removeprefix("cap")) if word else math.inf


def cap_words(cap: float) -> tuple[str, ...]:
    """Return the option for a largest value in dB, or nothing if it is infinite."""
    return (f"cap{cap:g}",) if cap < math.inf else ()


@dataclass(frozen=True)
class Psnr(Fidelity):
    """Peak signal-to-noise ratio: ``psnr[rgb,255]``, or ``y-limited``, ``y-full``; a cap in dB such as ``cap100``."""

    space: str = "rgb"
    cap: float = math.inf
    device: str = "cpu"

    name, unit, worst = "psnr", "dB", 0.0
    summary = "peak signal-to-noise ratio of 8-bit images, 10 log₁₀(peak² / mean squared error), averaged in dB"
    terms = PSNR_TERMS
    slots = (tuple(SPACES), ("255",), CAP)

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        space, _, cap = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(space, read_cap(cap))

    @property
    def options(self) -> tuple[str, ...]:
        """Where the error is looked for, the peak, and the cap if there is one."""
        return (self.space, "255", *cap_words(self.cap))

    @property
    def label(self) -> str:
        """Short column heading."""
        return SPACES[self.space]

    @property
    def limits(self) -> tuple[float, float]:
        """From black against white to the cap."""
        return 0.0, self.cap

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `psnr` of two (H, W, 3) uint8 RGB images."""
        return psnr(restored, sharp, space=self.space, cap=self.cap)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None = None) -> np.ndarray:
        """Return `psnr` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB; (N,) float64."""
        for image in restored[:1]:
            check_images(image, sharp)
        if self.device == "cpu":
            return _psnr_of(restored, sharp, self.space, self.cap)
        from facedeblur.benchmark.metrics.fidelity.on_device import psnr_on

        return psnr_on(self.device, restored, sharp, space=self.space, cap=self.cap)


@dataclass(frozen=True)
class Ssim(Fidelity):
    """Structural similarity: ``ssim[matlab3d]``, or ``perchannel``, ``skimage``, ...; each with its window."""

    definition: str = "matlab3d"
    device: str = "cpu"

    name, worst, limits = "ssim", -1.0, (-1.0, 1.0)
    device_bound = 1e-12
    summary = "structural similarity of 8-bit images with K = (0.01, 0.03), L = 255"
    terms = SSIM_TERMS

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        definition = next((word for word in options if word in DEFINITIONS), "matlab3d")
        windows = ((part,) for part in DEFINITIONS[definition][1])
        return cls(fill(f"metric '{cls.name}'", options, (definition, *DEFINITIONS), *windows)[0])

    @property
    def options(self) -> tuple[str, ...]:
        """The definition and its window."""
        return (self.definition, *DEFINITIONS[self.definition][1])

    @property
    def label(self) -> str:
        """Short column heading."""
        return DEFINITIONS[self.definition][0]

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `ssim` of two (H, W, 3) uint8 RGB images."""
        return ssim(restored, sharp, definition=self.definition)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None = None) -> np.ndarray:
        """Return `ssim` of each of (N, H, W, 3) uint8 RGB with (H, W, 3) uint8 RGB; (N,) float64."""
        for image in restored[:1]:
            check_images(image, sharp)
        _check_window(sharp, self.definition)
        if self.device == "cpu":
            return _ssim_of(restored, sharp, self.definition)
        from facedeblur.benchmark.metrics.fidelity.on_device import ssim_on

        return ssim_on(self.device, restored, sharp, definition=self.definition)
