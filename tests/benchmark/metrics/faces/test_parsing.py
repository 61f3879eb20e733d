"""F-scores of label images against literal counting and the published averages."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.faces.parsing import confusion, fscores, mean_fscore
from facedeblur.benchmark.sets.classes import GROUPS


def literal(predicted, truth, groups):
    rows = []
    for classes in groups.values():
        said, there = np.isin(predicted, classes), np.isin(truth, classes)
        rows.append([(said & there).sum(), (said & ~there).sum(), (~said & there).sum()])
    return np.array(rows)


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    truth = [np.minimum(rng.integers(0, 14, (20, 17)), 10).astype(np.uint8) for _ in range(3)]
    predicted = [np.where(rng.random((20, 17)) < 0.3, rng.integers(0, 11, (20, 17)), t).astype(np.uint8) for t in truth]
    truth[2][truth[2] == 10] = 0
    predicted[2][predicted[2] == 10] = 0
    return predicted, truth


@pytest.mark.parametrize("partition", GROUPS)
def test_counts_and_scores(faces, partition):
    counts = np.stack([confusion(p, t, partition=partition) for p, t in zip(*faces, strict=True)])
    for found, predicted, truth in zip(counts, *faces, strict=True):
        assert np.array_equal(found, literal(predicted, truth, GROUPS[partition]))
    whole = literal(np.concatenate(faces[0]), np.concatenate(faces[1]), GROUPS[partition]).astype(float)
    precision, recall = whole[:, 0] / (whole[:, 0] + whole[:, 1]), whole[:, 0] / (whole[:, 0] + whole[:, 2])
    assert fscores(counts) == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-14)
    last = fscores(counts[2:])
    assert np.flatnonzero(np.isnan(last)).tolist() == [len(GROUPS[partition]) - 1]  # no hair, none found


def test_confusing_members_of_a_group_is_no_error():
    truth, predicted = np.array([[2, 3, 8, 0]], np.uint8), np.array([[3, 2, 9, 0]], np.uint8)
    assert confusion(predicted, truth, partition="umsn4").tolist() == [[1, 0, 0], [0, 0, 0], [3, 0, 0], [0, 0, 0]]
    apart = confusion(predicted, truth)[[0, 2, 3, 8, 9]]
    assert apart.tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 1, 0]]


def test_pooled_is_not_the_mean_of_images():
    counts = np.array([[[90, 10, 10]], [[1, 9, 0]]])
    assert fscores(counts).tolist() == [182 / 211]
    assert [fscores(one[None])[0] for one in counts] == [180 / 200, 2 / 11]


@pytest.mark.parametrize(
    ("components", "average"),
    [
        ((0.915, 0.733, 0.721, 0.741, 0.774, 0.899, 0.653, 0.733, 0.397, 0.566), 0.713),
        ((0.886, 0.587, 0.596, 0.679, 0.601, 0.864, 0.477, 0.632, 0.325, 0.499), 0.615),
        ((0.881, 0.640, 0.642, 0.655, 0.665, 0.872, 0.502, 0.625, 0.337, 0.466), 0.628),
    ],
)
def test_the_mean_of_shen_table_3(components, average):
    assert mean_fscore(np.array([0.1, *components])) == pytest.approx(average, abs=5.1e-4)


def test_means():
    assert mean_fscore(np.array([0.2, 0.4, 0.6, 0.8]), partition="umsn4") == pytest.approx(0.5)
    some = np.array([1.0, 0.5, *[math.nan] * 8, 0.7])
    assert mean_fscore(some) == pytest.approx(0.6)
    assert math.isnan(mean_fscore(np.full(11, math.nan)))


def test_real_labels_against_mirrored_ones(shared_data):
    """A face agrees with itself; with left and right exchanged it loses brows and eyes in 11 classes, not in 4."""
    from facedeblur.generators.photos.labels import exchange_sides, labels_of
    from facedeblur.generators.photos.opening import open_collection

    faces = open_collection(f"celebamask:{shared_data / 'celebamask_eval512'}")
    for photograph in faces.photographs[:2]:
        truth = labels_of(faces, photograph, size=(512, 512))
        assert mean_fscore(fscores(confusion(truth, truth)[None])) == 1.0
        other = exchange_sides(truth)
        loss = fscores(confusion(other, truth)[None])
        sides = loss[2:6]
        assert (sides[~np.isnan(sides)] == 0).all() and not np.isnan(sides).all() and loss[1] == 1
        assert np.array_equal(confusion(other, truth, partition="umsn4"), confusion(truth, truth, partition="umsn4"))


def test_bad_input():
    good = np.zeros((4, 5), np.uint8)
    for predicted, words in [
        (good[1:], "(3, 5)"),
        (good.astype(int), "int64"),
        (good + np.uint8(11), "classes 0 to 10, found 11"),
        (np.zeros((0, 5), np.uint8), "(0, 5)"),
        (good[..., None], "(4, 5, 1)"),
    ]:
        with pytest.raises(InputError) as caught:
            confusion(predicted, good)
        assert words in str(caught.value)
    with pytest.raises(InputError, match="did you mean 'helen11'"):
        confusion(good, good, partition="helen")
    for counts in (np.zeros((4, 3)), np.zeros((2, 4, 3)), np.zeros((2, 4, 2), int), np.full((1, 4, 3), -1)):
        with pytest.raises(InputError, match="TP, FP, FN"):
            fscores(counts)
    with pytest.raises(InputError, match="11 of helen11"):
        mean_fscore(np.zeros(4))
