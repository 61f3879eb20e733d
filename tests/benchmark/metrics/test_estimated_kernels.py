"""Scores of estimated kernels against loops over all shifts."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.metrics.estimated_kernels import kernel_error, kernel_similarity


def some(size: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).random((size, size)) ** 4
    return values / values.sum()


def slow(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """(similarity, error) by trying every shift in zeros that hold both."""
    reach = len(first) + len(second)
    room = np.zeros((3 * reach, 3 * reach))
    room[reach : reach + len(first), reach : reach + len(first)] = first
    best, least = 0.0, np.inf
    for y in range(2 * reach):
        for x in range(2 * reach):
            other = np.zeros_like(room)
            other[y : y + len(second), x : x + len(second)] = second
            best = max(best, float((room * other).sum()))
            least = min(least, float(((room - other) ** 2).sum()))
    return best / float(np.linalg.norm(first) * np.linalg.norm(second)), least


@pytest.mark.parametrize("sizes", [(5, 5), (3, 7), (7, 3), (1, 5)])
def test_scores_are_those_of_all_shifts(sizes):
    first, second = some(sizes[0], 1), some(sizes[1], 2)
    similarity, error = slow(first, second)
    assert kernel_similarity(first, second) == pytest.approx(similarity, abs=1e-12)
    assert kernel_error(first, second) == pytest.approx(error, abs=1e-12)


def test_a_moved_kernel_is_the_same_and_one_beside_it_is_not():
    kernel = some(9, 3)
    moved = np.zeros((21, 21))
    moved[11:20, 0:9] = kernel
    assert kernel_similarity(moved, kernel) == pytest.approx(1, abs=1e-12)
    assert kernel_error(moved, kernel) == pytest.approx(0, abs=1e-12)
    assert kernel_similarity(5 * moved, kernel) == pytest.approx(1, abs=1e-12)
    turned = kernel_similarity(kernel[::-1, ::-1], kernel)
    assert turned < 0.95


def test_the_metrics_have_whole_names_and_no_value_without_a_kernel():
    names = {"kernel-similarity": "kernel-similarity[ncc,pixel]", "kernel-error": "kernel-error[ssd,pixel]"}
    for short, whole in names.items():
        made = metric(short)
        assert isinstance(made, Metric)
        assert str(made.signature) == whole
        assert str(metric(whole).signature) == whole
        one, other = some(5, 4), some(7, 5)
        values = made.measure_kernels([(one, other), (None, other), (one, None), (one, one)])
        assert np.isnan(values[1:3]).all()
        assert values[0] == pytest.approx(slow(one, other)[0 if "sim" in short else 1])
        assert np.isnan(made.measure(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), None)).all()
    with pytest.raises(InputError, match="kernel-error"):
        metric("kernel-error[subpixel]")
