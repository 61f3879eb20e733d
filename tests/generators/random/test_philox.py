"""Random numbers: the published test vectors, the law, and independence of the machine."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random import philox as rng


def literal_philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 in Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(counter: list[int], key: list[int]) -> list[int]:
    return [int(word) for word in rng.philox(*map(np.uint32, counter), *map(np.uint32, key))]


def test_published_known_answers() -> None:
    assert words([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 0xFFFFFFFF
    assert words([ones] * 4, [ones] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_random_counters_match_python_integers() -> None:
    draw = np.random.default_rng(3)
    for counter, key in zip(draw.integers(0, 2**32, (50, 4)), draw.integers(0, 2**32, (50, 2)), strict=True):
        assert words(counter.tolist(), key.tolist()) == literal_philox(counter.tolist(), key.tolist())


def test_normals_are_box_muller_of_the_words_of_their_chunk() -> None:
    seed, index = (7 << 32) | 5, (1 << 40) + 9
    got = rng.normals(seed, index, 3 * rng.CHUNK)
    for sample in (0, 1, 255, 256, 700, 1023, 1024, 2500):
        chunk, rest = divmod(sample, rng.CHUNK)
        word, block = divmod(rest, 256)
        w = literal_philox([chunk * 256 + block, 9, 1 << 8, rng.NOISE], [5, 7])
        a, b = w[word // 2 * 2], w[word // 2 * 2 + 1]
        radius = math.sqrt(-2 * math.log(((a >> 1) + 0.5) * 2.0**-31))
        angle = math.pi / 2 * ((b >> 30) + (b & 0x3FFFFFFF) * 2.0**-30 - 0.5)
        assert got[sample] == pytest.approx(radius * (math.sin, math.cos)[word % 2 == 0](angle), abs=4e-6)


def test_normals_are_standard_white_and_independent() -> None:
    z = rng.normals(1, 2, 1 << 20).astype(float)
    n = len(z)
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(z.std() - 1) < 5 / math.sqrt(2 * n)
    assert abs(stats.skew(z)) < 5 * math.sqrt(6 / n)
    assert abs(stats.kurtosis(z)) < 5 * math.sqrt(24 / n)
    assert stats.kstest(z, "norm").pvalue > 1e-4
    for lag in (1, 2, 256, 384, 512, 768, 1024):
        assert abs((z[lag:] * z[:-lag]).mean()) < 5 / math.sqrt(n)
        assert abs((z[lag:] ** 2 * z[:-lag] ** 2).mean() - 1) < 40 / math.sqrt(n)
    others = [rng.normals(2, 2, n), rng.normals(1, 3, n), rng.normals(1, 2, n, stream=27 << 16)]
    for other in others:
        assert abs((z * other).mean()) < 5 / math.sqrt(n)


def test_a_longer_call_begins_with_the_same_numbers() -> None:
    assert np.array_equal(rng.normals(4, 4, 5000)[:1500], rng.normals(4, 4, 1500))
    assert len(rng.normals(4, 4, 0)) == 0


def test_series_agree_with_the_c_library() -> None:
    angles = np.linspace(-math.pi, math.pi, 2001)
    got = np.array([rng.cosine_sine(a) for a in angles])
    assert np.abs(got[:, 0] - np.cos(angles)).max() < 2e-15
    assert np.abs(got[:, 1] - np.sin(angles)).max() < 2e-15
    units = np.concatenate([np.linspace(1e-12, 1, 2001), 2.0 ** -np.arange(0.5, 60)])
    logs = np.array([rng.log_unit(u) for u in units])
    assert np.abs(logs - np.log(units)).max() < 2e-14
    assert rng.log_unit(1.0) == 0.0


def test_uniforms_lie_inside_the_unit_interval() -> None:
    assert 0 < rng.uniform(np.uint32(0)) < 2.0**-32
    assert 1 - 2.0**-32 < rng.uniform(np.uint32(0xFFFFFFFF)) < 1


@pytest.mark.parametrize("number", [-1, 2**64, 1.5, "7", True, None])
def test_numbers_out_of_range_are_named(number: object) -> None:
    with pytest.raises(InputError, match="seed: expected an integer from 0"):
        rng.halves(number, "seed")  # type: ignore[arg-type]
