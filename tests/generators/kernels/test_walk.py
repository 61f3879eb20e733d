"""Trajectories against a literal transcription of the random walk that is fed the same random numbers."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from facedeblur.generators.kernels import walk as walks
from facedeblur.generators.random import philox as rng

SEED = (3, 0)


def word(block: int, which: int, index: int, stream: int) -> int:
    u = np.uint32
    return int(rng.philox(u(block), u(index), u(0), u(stream), u(SEED[0]), u(SEED[1]))[which])


def unit(block: int, which: int, index: int, stream: int) -> float:
    return (word(block, which, index, stream) + 0.5) / 2**32


def literal_walk(index: int, stream: int, *, anxiety: float, length: float, samples: int) -> np.ndarray:
    """The model's equations, one complex number a step."""
    c, g = 0.7 * unit(0, 0, index, stream), 10 * unit(0, 1, index, stream)
    f, phi = 0.2 * unit(0, 2, index, stream), 2 * math.pi * (unit(0, 3, index, stream) - 0.5)
    step = length / (samples - 1)
    # The authors' code begins with A e^{i phi}: another direction of the first step, as uniform as this one.
    velocity = cmath.exp(1j * phi) * step
    if anxiety > 0:
        velocity *= anxiety
    # Bernoulli trials with probability f A, by the waiting times between successes.
    shakes, t, count = {}, 0, 0
    while f * anxiety > 0 and t < samples:
        t += 1 + math.floor(math.log(unit((1 << 31) + count, 0, index, stream)) / math.log(1 - f * anxiety))
        shakes[t] = unit((1 << 31) + count, 1, index, stream)
        count += 1
    x = [0j]
    for t in range(1, samples):
        shake = 2 * velocity * cmath.exp(1j * (math.pi + shakes[t] - 0.5)) if t in shakes else 0
        first = (t - 1) % 2 * 2
        block = 2 + (t - 1) // 2
        pair = rng.normal_pair(*(np.uint32(word(block, first + i, index, stream)) for i in (0, 1)))
        normal = complex(float(pair[0]), float(pair[1]))
        velocity += shake + anxiety * (g * normal - c * x[-1]) * step
        velocity *= step / abs(velocity)
        x.append(x[-1] + velocity)
    return np.array(x)


def ours(
    indices: list[int], stream: int, *, anxiety: float, length: float, samples: int, bounded: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    lanes = len(indices)
    x, y, box = np.empty((samples, lanes)), np.empty((samples, lanes)), np.empty((4, lanes))
    lo, hi = np.array(indices, np.uint32), np.zeros(lanes, np.uint32)
    key = tuple(map(np.uint32, SEED))
    streams = np.full(lanes, stream, np.uint32)
    walks.walk(*key, lo, hi, streams, np.array([anxiety]), length, bounded or samples, x, y, box)
    return x + 1j * y, box


@pytest.mark.parametrize("anxiety", [0.0, 0.003, 0.01, 0.1, 1.0])
def test_equals_the_literal_walk(anxiety: float) -> None:
    got, _ = ours([4, 11], 27 << 16, anxiety=anxiety, length=50.0, samples=600)
    for lane, index in enumerate((4, 11)):
        expected = literal_walk(index, 27 << 16, anxiety=anxiety, length=50.0, samples=600)
        assert np.abs(got[:, lane] - expected).max() < 1e-8


def test_zero_anxiety_is_a_straight_line_and_every_step_is_as_long() -> None:
    straight, _ = ours([1], 13 << 16, anxiety=0.0, length=20.0, samples=500)
    assert abs(straight[-1, 0]) == pytest.approx(20.0, abs=1e-9)
    curved, _ = ours(list(range(8)), 13 << 16, anxiety=0.01, length=20.0, samples=500)
    assert np.allclose(np.abs(np.diff(curved, axis=0)), 20.0 / 499, rtol=1e-12, atol=0)


def test_lanes_do_not_see_each_other() -> None:
    many, boxes = ours(list(range(40)), 27 << 16, anxiety=0.01, length=50.0, samples=2000)
    for index in (0, 17, 39):
        alone, box = ours([index], 27 << 16, anxiety=0.01, length=50.0, samples=2000)
        assert np.array_equal(alone[:, 0], many[:, index])
        assert np.array_equal(box[:, 0], boxes[:, index])


def test_box_bounds_the_points_that_it_is_asked_to() -> None:
    path, box = ours([5], 27 << 16, anxiety=0.01, length=50.0, samples=900, bounded=300)
    seen = path[:300, 0]
    expected = [seen.real.min(), seen.real.max(), seen.imag.min(), seen.imag.max()]
    assert np.array_equal(box[:, 0], expected)


def test_waiting_times_are_geometric() -> None:
    u = np.uint32
    chance = 0.02
    waits = np.array([walks.next_shake(u(1), u(0), u(i), u(0), u(1 << 20), 0, chance, 10**6)[0] for i in range(20000)])
    assert waits.min() == 1
    assert waits.mean() == pytest.approx(1 / chance, rel=0.03)
    for t in (1, 10, 50, 150):
        expected = 1 - (1 - chance) ** t
        assert abs((waits <= t).mean() - expected) < 5 * math.sqrt(expected * (1 - expected) / len(waits))
    for rare in (0.0, 1e-20, 1e-17):
        assert walks.next_shake(u(1), u(0), u(0), u(0), u(1 << 20), 0, rare, 77)[0] == 77


def test_parameters_are_uniform_in_their_ranges_and_anxieties_equally_likely() -> None:
    u = np.uint32
    choices = np.array([0.1, 0.2, 0.4])
    drawn = np.array([walks.draw(u(9), u(0), u(i), u(0), u(1 << 20), choices) for i in range(6000)])
    for column, (low, high) in enumerate([(0, 0.7), (0, 10), (0, 0.2), (-math.pi, math.pi)]):
        values = (drawn[:, column] - low) / (high - low)
        assert 0 < values.min() < 0.01
        assert 0.99 < values.max() < 1
        assert abs(values.mean() - 0.5) < 5 / math.sqrt(12 * len(values))
    assert [(drawn[:, 4] == a).mean() for a in choices] == pytest.approx([1 / 3] * 3, abs=0.035)
