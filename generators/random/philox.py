"""Random numbers that are the same on every core, batch and machine: every value is a function of (seed, index).

Philox4x32-10 (Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011) turns a 128-bit counter and a
64-bit key into four 32-bit words. The key is the seed. The counter is

    word 0    block within the stream
    word 1-2  index of the item (kernel, pair), low and high half
    word 3    the stream: ``NOISE``; ``size << 16 | attempt`` for kernels, whose size is at least 5; ``1 << 16 | size``
              for splines; ``2 << 16 | walk`` for poses; ``3 << 16`` for augmentations; ``4 << 16`` and two letters
              for orders and random windows; ``1 << 31 | canvas << 16 | attempt`` for DeblurGAN's kernels

so streams never meet. Logarithm, sine and cosine are series written out here, because those of the C library differ
between machines; nothing is contracted or reordered, so all results are the same bit for bit on every CPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError

NOISE = 0
"""Stream of the noise of a pair."""

CHUNK = 1024
"""Normals made at once: sample ``1024 c + 256 w + i`` comes from word `w` of block ``256 c + i`` (paired by two)."""

_BLOCKS = CHUNK // 4
_TO_UNIT = 2.0**-32
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_SQRT_HALF = 0x3F3504F3  # bits of sqrt(0.5) in single precision
_LN2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966


def halves(number: int, what: str) -> tuple[np.uint32, np.uint32]:
    """Split a 64-bit number into its low and high 32-bit word.

    Raises
    ------
    InputError
        If `number` is not an integer in [0, 2**64).
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= int(number) < 2**64:
        raise InputError(what, expected="an integer from 0 to 2**64 - 1", found=repr(number), do="choose another one")
    return np.uint32(int(number) & 0xFFFFFFFF), np.uint32(int(number) >> 32)


@njit(cache=True, error_model="numpy", forceinline=True)
def _round(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    a = (c0 & _LOW) * np.uint64(0xD2511F53)
    b = (c2 & _LOW) * np.uint64(0xCD9E8D57)
    return (b >> _32) ^ c1 ^ k0, b, (a >> _32) ^ c3 ^ k1, a


@njit(cache=True, error_model="numpy", forceinline=True)
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Four random words of a counter and a key, all uint32.

    Words stay in 64-bit lanes, whose upper halves are rubbish until the end: that spares the conversions and so
    halves the time. The ten rounds are written out, because only then do loops around them vectorise.
    """
    c0, c1, c2, c3, k0, k1 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3), np.uint64(k0), np.uint64(k1)
    w0, w1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + w0) & _LOW, (k1 + w1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return np.uint32(c0 & _LOW), np.uint32(c1 & _LOW), np.uint32(c2 & _LOW), np.uint32(c3 & _LOW)


@njit(cache=True, error_model="numpy", forceinline=True)
def uniform(word: Any) -> Any:
    """Uniform float64 in (0, 1) of a random word: the middle of its 2**-32 wide cell."""
    return (np.float64(word) + 0.5) * _TO_UNIT


@njit(cache=True, error_model="numpy", forceinline=True)
def normal_pair(a: Any, b: Any) -> Any:
    """Two independent standard normals (float32, |z| < 6.7) of two random words, by Box and Muller.

    The first word gives the radius, the second the angle: its top two bits the quadrant, the rest the place in it.
    """
    unit = np.float32(np.int32(a >> np.uint32(1))) * np.float32(2.0**-31) + np.float32(2.0**-32)
    bits = np.float32(unit).view(np.int32)
    exponent = np.int32(np.int32(bits - np.int32(_SQRT_HALF)) >> np.int32(23))
    mantissa = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32)
    # log m = 2 artanh((m - 1) / (m + 1)); |s| < 0.172, the first neglected term is under 3e-8
    s = (mantissa - np.float32(1)) / (mantissa + np.float32(1))
    q = s * s
    tail = np.float32(1 / 3) + q * (np.float32(1 / 5) + q * np.float32(1 / 7))
    log = np.float32(exponent) * np.float32(_LN2) + (s + s) * (np.float32(1) + q * tail)
    radius = np.float32(math.sqrt(np.float32(-2) * log))
    part = np.int32(b & np.uint32(0x3FFFFFFF))
    x = (np.float32(part) * np.float32(2.0**-30) - np.float32(0.5)) * np.float32(_HALF_PI)
    y = x * x
    sine = np.float32(1 / 120) + y * (np.float32(-1 / 5040) + y * np.float32(1 / 362880))
    sine = x * (np.float32(1) + y * (np.float32(-1 / 6) + y * sine))
    cosine = np.float32(1 / 24) + y * (np.float32(-1 / 720) + y * np.float32(1 / 40320))
    cosine = np.float32(1) + y * (np.float32(-0.5) + y * cosine)
    quadrant = np.int32(b >> np.uint32(30))
    odd = (quadrant & 1) != 0
    first = sine if odd else cosine
    second = cosine if odd else sine
    first = -first if ((quadrant + 1) & 2) != 0 else first
    second = -second if (quadrant & 2) != 0 else second
    return radius * first, radius * second


@njit(cache=True, error_model="numpy")
def log_unit(u: Any) -> Any:
    """Natural logarithm (float64) of a number in (0, 1], to a few units in the last place."""
    exponent = 0.0
    while u < 0.7071067811865476:
        u *= 2.0
        exponent -= 1.0
    s = (u - 1.0) / (u + 1.0)
    q = s * s
    total = 0.0
    for k in range(12, -1, -1):
        total = total * q + 1.0 / (2 * k + 1)
    return exponent * _LN2 + 2.0 * s * total


@njit(cache=True, error_model="numpy")
def cosine_sine(x: Any) -> Any:
    """Cosine and sine (float64) of an angle in radians, |x| <= pi, to 1e-15; by series of the eighth of the angle."""
    x *= 0.125
    q = x * x
    c = 0.0  # 1 - cos, which keeps its digits under doubling
    s = 0.0
    for k in range(8, 0, -1):
        c = (1.0 - c) * q / ((2 * k) * (2 * k - 1))
        s = (1.0 - s) * q / ((2 * k) * (2 * k + 1))
    c, s = c, x * (1.0 - s)
    for _ in range(3):
        s = 2.0 * s * (1.0 - c)
        c = 2.0 * c * (2.0 - c)
    return 1.0 - c, s


@njit(cache=True, error_model="numpy")
def _fill_normals(k0: Any, k1: Any, lo: Any, hi: Any, stream: Any, out: Any) -> None:
    """Fill `out`, whose length is a multiple of ``CHUNK``, with normals of a stream."""
    for chunk in range(len(out) // CHUNK):
        part = out[chunk * CHUNK : (chunk + 1) * CHUNK]
        first = np.uint32(chunk * _BLOCKS)
        for i in range(_BLOCKS):
            a, b, c, d = philox(np.uint32(first + np.uint32(i)), lo, hi, stream, k0, k1)
            z0, z1 = normal_pair(a, b)
            z2, z3 = normal_pair(c, d)
            part[i] = z0
            part[_BLOCKS + i] = z1
            part[2 * _BLOCKS + i] = z2
            part[3 * _BLOCKS + i] = z3


@njit(cache=True, error_model="numpy")
def _fill_uniforms(k0: Any, k1: Any, lo: Any, hi: Any, stream: Any, out: Any) -> None:
    """Fill `out` with uniforms of a stream: sample ``4 b + w`` is word `w` of block `b`."""
    for i in range(0, len(out), 4):
        words = philox(np.uint32(i // 4), lo, hi, stream, k0, k1)
        for w in range(min(4, len(out) - i)):
            out[i + w] = uniform(words[w])


def normals(seed: int, index: int, n: int, *, stream: int = NOISE) -> np.ndarray:
    """The first `n` standard normals of item `index`.

    Parameters
    ----------
    seed, index : int
        From 0 to 2**64 - 1.
    n : int
        How many; a longer call begins with the same numbers.
    stream : int
        Last counter word.

    Returns
    -------
    (n,) float32

    Raises
    ------
    InputError
        If a number is out of range.
    """
    numbers = _numbers(seed, index, n, stream)
    out = np.empty(-(-n // CHUNK) * CHUNK, np.float32)
    _fill_normals(*numbers, out)
    return out[:n]


def uniforms(seed: int, index: int, n: int, *, stream: int = NOISE) -> np.ndarray:
    """The first `n` uniform numbers in (0, 1) of item `index`, (n,) float64; parameters and errors as for `normals`."""
    numbers = _numbers(seed, index, n, stream)
    out = np.empty(n)
    _fill_uniforms(*numbers, out)
    return out


def _numbers(seed: int, index: int, n: int, stream: int) -> tuple[np.uint32, ...]:
    """Return key, item and stream as counter words, after checking `n`."""
    if not 0 <= n < 2**34:
        raise InputError("n", expected="from 0 to 2**34 - 1 numbers", found=str(n), do="draw fewer")
    return (*halves(seed, "seed"), *halves(index, "index"), np.uint32(stream))
