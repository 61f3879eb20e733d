"""Hot loops of PSNR and SSIM: float64 or exact integers, one fixed order of summation, no fastmath.

Each SSIM works on the sum ``s = x + y`` and the difference ``d = x - y`` of the two images. With the
window mean E, ``A = E[s]^2``, ``B = E[d]^2``, ``P = E[s^2] - A`` and ``Q = E[d^2] - B`` Wang's index
(x, y) -> (2 mx my + c1)(2 cov + c2) / ((mx^2 + my^2 + c1)(vx + vy + c2)) becomes
``(A - B + 2 c1)(P - Q + 2 c2) / ((A + B + 2 c1)(P + Q + 2 c2))``: four filtered maps instead of five,
exactly 1 for equal images, and the same bits with x and y exchanged.
One image at a time, twelve rows at a time, so that everything in use stays in the second-level cache.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TAPS = 11
"""Length of the Gaussian window."""
_HALF = TAPS // 2
_RING = TAPS + 1
_SHIFT = 256.0  # taken off s before squaring, so that little is lost in E[s^2] - E[s]^2
C1 = 2 * (0.01 * 255) ** 2
C2 = 2 * (0.03 * 255) ** 2


def gaussian_taps() -> np.ndarray:
    """Return the window of Wang et al. 2004: sigma 1.5, 11 taps, unit sum; (11,) float64."""
    raw = [math.exp(-k * k / (2 * 1.5**2)) for k in range(-_HALF, _HALF + 1)]
    total = math.fsum(raw)
    return np.array([value / total for value in raw])


def channel_mix() -> np.ndarray:
    """Return what the third axis of MATLAB's volume does to three channels: (3, 3) float64, rows sum to 1.

    Row c holds the weights of R, G, B under the Gaussian centred on channel c, the channels beyond R and B
    being replicas of them.
    """
    mix = np.zeros((3, 3))
    for channel in range(3):
        for k, tap in enumerate(gaussian_taps()):
            mix[channel, min(max(channel + k - _HALF, 0), 2)] += tap
    return mix


@njit(cache=True, nogil=True, error_model="numpy")
def squared_error(x: np.ndarray, y: np.ndarray) -> np.int64:
    """Return the sum of squared differences of two (n,) uint8 arrays, exact."""
    total = np.int64(0)
    for i in range(x.size):
        difference = np.int32(x[i]) - np.int32(y[i])
        total += difference * difference
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _load(x: np.ndarray, y: np.ndarray, row: np.ndarray, pad: int, channels: int) -> None:
    """Fill `row` with s, d, s^2, d^2 of one image row, pixels interleaved, `pad` pixels replicated at both ends."""
    inner, edge = x.size, pad * channels
    length = inner + 2 * edge
    # Slices, because an index that might be negative keeps a loop from being vectorised.
    sums, differences = row[edge : edge + inner], row[length + edge : length + edge + inner]
    sums2, differences2 = row[2 * length + edge :], row[3 * length + edge :]
    for i in range(inner):
        a, b = np.float64(x[i]), np.float64(y[i])
        s, d = (a + b) - _SHIFT, a - b
        sums[i] = s
        differences[i] = d
        sums2[i] = s * s
        differences2[i] = d * d
    for start in range(0, 4 * length, length):
        for i in range(edge):
            row[start + i] = row[start + edge + i % channels]
            row[start + edge + inner + i] = row[start + edge + inner - channels + i % channels]


@njit(cache=True, nogil=True, error_model="numpy")
def _load_mixed(x: np.ndarray, y: np.ndarray, row: np.ndarray, mix: np.ndarray) -> None:
    """Fill `row` like `_load`, each map filtered along the channel axis, the channels one after the other."""
    width = x.size // 3
    padded = width + 2 * _HALF
    for j in range(width):
        r, g, b = np.float64(x[3 * j]), np.float64(x[3 * j + 1]), np.float64(x[3 * j + 2])
        u, v, w = np.float64(y[3 * j]), np.float64(y[3 * j + 1]), np.float64(y[3 * j + 2])
        s0, s1, s2 = (r + u) - _SHIFT, (g + v) - _SHIFT, (b + w) - _SHIFT
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
def _index(maps: np.ndarray, total: np.ndarray, length: int) -> None:
    """Add the SSIM index of one filtered row to `total`, column by column."""
    sums, differences, sums2, differences2 = maps, maps[length:], maps[2 * length :], maps[3 * length :]
    for i in range(total.size):
        s, d = sums[i], differences[i]
        p, q = sums2[i] - s * s, differences2[i] - d * d
        a, b = (s + _SHIFT) * (s + _SHIFT), d * d
        total[i] += ((a - b + C1) * (p - q + C2)) / ((a + b + C1) * (p + q + C2))


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
                _load_mixed(x_rows[source], y_rows[source], ring[loaded % _RING], mix)
            else:
                _load(x_rows[source], y_rows[source], ring[loaded % _RING], pad, channels)
            loaded += 1
        _down(ring, row, down, taps)
        for k in range(min(2, rows - row)):
            _across(down[k], across, taps, step)
            _index(across, total, length)
    # Where the channels lie one after the other, the ten columns at each seam belong to no pixel.
    segments = channels if volume else 1
    segment = length // segments
    mean = 0.0
    for start in range(0, length, segment):
        for i in range(start, start + segment - 10 * step):
            mean += total[i]
    return mean / (rows * (width + 2 * pad - 10) * channels)
