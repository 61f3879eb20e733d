"""Ranks, match curves and verification, against literal loops and cases made by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import distance as scipy_distance

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.faces.recognition import cmc, leave_one_out, rank_of
from facedeblur.benchmark.metrics.faces.verification import equal_error_rate, verification


def literal_rank(probe, own, gallery, people, metric, left_out=None):
    """Sort all gallery images, wrong before right where equally near; count up to the first right one."""
    rows = [at for at in range(len(gallery)) if at != left_out and np.isfinite(gallery[at]).all()]
    order = sorted((metric(probe, gallery[at]), people[at] == own) for at in rows)
    return next((place for place, (_, right) in enumerate(order, 1) if right), 0)


@pytest.mark.parametrize(("kind", "metric"), [("l2", scipy_distance.euclidean), ("cosine", scipy_distance.cosine)])
@pytest.mark.parametrize("chunk", [1, 7, 256])
def test_ranks_equal_a_literal_sort(kind, metric, chunk):
    rng = np.random.default_rng(5)
    gallery, people = rng.normal(size=(60, 16)), rng.permutation(np.repeat([f"p{i}" for i in range(12)], 5))
    own = rng.choice(people, 40)
    centres = {person: gallery[people == person].mean(axis=0) for person in people}
    probes = np.stack([centres[person] for person in own]) + rng.normal(0, 0.7, (40, 16))
    gallery[3], probes[4] = np.nan, np.nan
    expected = [0 if at == 4 else literal_rank(probe, who, gallery, people, metric)
                for at, (probe, who) in enumerate(zip(probes, own, strict=True))]  # fmt: skip
    assert len(set(expected)) > 4  # the case is not trivial
    assert rank_of(probes, own, gallery, people, distance=kind, chunk=chunk).tolist() == expected


def test_ranks_by_hand():
    gallery = [[0.0], [1.0], [2.0], [10.0]]
    people = ["a", "b", "b", "c"]
    probes = [[0.1], [0.1], [9.0], [9.0], [np.nan], [0.0]]
    own = ["a", "b", "c", "a", "a", "nobody"]
    assert rank_of(np.array(probes), own, np.array(gallery), people).tolist() == [1, 2, 1, 4, 0, 0]


def test_a_tie_counts_against_the_probe_whatever_the_arithmetic():
    rng = np.random.default_rng(0)
    twin = rng.normal(size=128) * 1e3
    # Twelve copies of one vector: right in one place only, and a matrix product rounds by place.
    gallery = np.concatenate([np.tile(twin, (12, 1)), twin[None] + 1, twin[None] + 500])
    for place in (0, 5, 11):
        people = np.array(["wrong"] * 14)
        people[place] = "right"
        probe = twin + rng.normal(size=(9, 128)) * 1e-6
        for chunk in (1, 4, 9):
            assert rank_of(probe, ["right"] * 9, gallery, people, chunk=chunk).tolist() == [12] * 9
    same = np.ones((6, 8))
    assert rank_of(same[:2], ["a", "b"], same, list("aabbcc")).tolist() == [5, 5]


def test_neighbours_that_a_matrix_product_cannot_tell_apart():
    # |a|^2 + |b|^2 - 2ab resolves 2e-4 at this length; the squared distances differ by 2e-7.
    near, probe = np.array([[1e6 + 1.000001, 0], [1e6 + 1.0000011, 0]]), np.array([[1e6, 0.0]])
    for people, gallery in ((["a", "b"], near), (["b", "a"], near[::-1])):
        assert rank_of(probe, ["a"], gallery, people).tolist() == [1]
        assert rank_of(probe, ["b"], gallery, people).tolist() == [2]
    rng = np.random.default_rng(4)
    far = 1e5 + rng.normal(0, 1e-4, (50, 32))
    people, probes = rng.integers(0, 10, 50), 1e5 + rng.normal(0, 1e-4, (20, 32))
    own = rng.integers(0, 10, 20)
    expected = [
        literal_rank(probe, who, far, people, scipy_distance.sqeuclidean)
        for probe, who in zip(probes, own, strict=True)
    ]
    assert rank_of(probes, own, far, people).tolist() == expected


def test_cosine_looks_at_directions_only():
    gallery, people = np.array([[5.0, 0.1], [0.0, 0.2], [0.0, 0.0]]), ["a", "b", "b"]
    probe = np.array([[0.05, 1.0], [0.0, 0.0]])
    assert rank_of(probe, ["b", "b"], gallery, people, distance="cosine").tolist() == [1, 0]
    assert rank_of(probe[:1] * 9, ["b"], gallery * 7, people, distance="cosine").tolist() == [1]


def test_leave_one_out_equals_a_literal_loop():
    rng = np.random.default_rng(2)
    people = np.repeat([f"p{i}" for i in range(8)], 4)
    vectors = rng.normal(size=(8, 6)).repeat(4, axis=0) + rng.normal(0, 0.8, (32, 6))
    people[-1] = "alone"
    expected = [
        literal_rank(vectors[at], people[at], vectors, people, scipy_distance.euclidean, at) for at in range(32)
    ]
    assert expected[-1] == 0 and max(expected) > 2
    assert leave_one_out(vectors, people, chunk=5).tolist() == expected


def test_the_curve_counts_misses_as_probes():
    curve = cmc(np.array([1, 1, 2, 4, 0]), 5)
    np.testing.assert_allclose(curve, [0.4, 0.6, 0.6, 0.8, 0.8])
    rng = np.random.default_rng(1)
    ranks = rng.integers(0, 30, 200)
    literal = [sum(1 <= rank <= k for rank in ranks) / 200 for k in range(1, 31)]
    np.testing.assert_allclose(cmc(ranks, 30), literal, rtol=1e-14)


def literal_verification(distances, same, folds):
    """Blocks of each kind, every midpoint tried, the first of the best kept."""
    blocks = [np.concatenate([np.array_split(np.flatnonzero(kind), folds)[at] for kind in (same, ~same)])
              for at in range(folds)]  # fmt: skip
    rates = []
    for block in blocks:
        rest = np.setdiff1d(np.arange(len(same)), block)
        values = sorted(set(distances[rest]))
        tries = [values[0] - 1, *((a + b) / 2 for a, b in pairwise(values)), values[-1] + 1]
        right = [sum((distances[at] <= cut) == same[at] for at in rest) for cut in tries]
        cut = tries[right.index(max(right))]
        rates.append(np.mean([(distances[at] <= cut) == same[at] for at in block]))
    return float(np.mean(rates)), float(np.std(rates))


def test_verification_equals_a_literal_loop():
    rng = np.random.default_rng(8)
    same = rng.permutation(np.repeat([True, False], 60))
    distances = np.round(np.where(same, rng.normal(0.8, 0.3, 120), rng.normal(1.4, 0.3, 120)), 2)
    found = verification(distances, same)
    accuracy, std = literal_verification(distances, same, 10)
    assert (found.accuracy, found.std) == (pytest.approx(accuracy, abs=1e-12), pytest.approx(std, abs=1e-12))
    assert (found.n, found.misses) == (120, 0) and 0.9 < found.threshold < 1.3 and 0.7 < found.accuracy < 1


def test_equal_error_rate_by_hand():
    # At a cut of 3.5 one of four is rejected wrongly and one of four accepted wrongly.
    distances = np.array([1, 2, 3, 5, 2.5, 6, 7, 8.0])
    same = np.array([True] * 4 + [False] * 4)
    assert equal_error_rate(distances, same) == 0.25
    assert equal_error_rate(np.array([1.0, 2, 3, 4]), np.array([True, True, False, False])) == 0
    assert equal_error_rate(np.ones(4), np.array([True, True, False, False])) == 0.5
    rng = np.random.default_rng(3)
    many = np.repeat([True, False], 20000)
    # Normal, two apart, standard deviation 1: the rates cross at the normal tail beyond 1.
    shifted = rng.normal(size=40000) + 2 * ~many
    assert equal_error_rate(shifted, many) == pytest.approx(0.158655, abs=0.004)


def test_a_missing_face_is_a_wrong_decision_of_either_kind():
    distances = np.repeat([0.5, 1.5], 20)
    same = np.repeat([True, False], 20)
    assert (verification(distances, same).accuracy, verification(distances, same).eer) == (1, 0)
    distances[[0, 20]] = np.nan
    found = verification(distances, same)
    assert (found.accuracy, found.misses) == (pytest.approx(38 / 40), 2)
    assert found.eer == pytest.approx(0.05)
    assert (
        found.accuracy_found == verification(distances[~np.isnan(distances)], same[~np.isnan(distances)]).accuracy == 1
    )
    assert verification(np.full(40, np.nan), same).accuracy == 0
    assert verification(np.full(40, np.nan), same).accuracy_found is None


def test_bad_input_is_one_line():
    some = np.zeros((3, 2))
    for call, message in (
        (lambda: rank_of(some, ["a"] * 3, np.zeros((2, 5)), ["a"] * 2), "gallery: expected"),
        (lambda: rank_of(some, ["a"] * 2, some, ["a"] * 3), "probes: expected"),
        (lambda: rank_of(some, ["a"] * 3, np.zeros((0, 2)), []), "gallery"),
        (lambda: rank_of(some, ["a"] * 3, some, ["a"] * 3, distance="cosin"), "did you mean 'cosine'"),
        (lambda: rank_of(some, ["a"] * 3, some, ["a"] * 3, chunk=0), "chunk"),
        (lambda: cmc(np.array([], dtype=int), 3), "no rank"),
        (lambda: cmc(np.array([4]), 3), "4 to 4"),
        (lambda: verification(np.zeros(20), np.repeat([True, False], [15, 5])), "found 5"),
        (lambda: verification(np.zeros(20), np.ones(3, bool)), "one per pair"),
    ):
        with pytest.raises(InputError, match=message):
            call()
