"""Letters of groups and mean ranks against definitions written out, and tests against `compare`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.statistics.comparison import compare, holm
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.ranking import best, mean_ranks, places, primary, ranks_in
from facedeblur.reports.leaderboard.significance import groups, letters, p_values, pairwise
from facedeblur.reports.text import value

Make = Callable[..., Scores]
DB = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
NEAR = Column("identity[x,l2]", "Distance", "", False, 2.0)


@pytest.mark.parametrize("seed", range(40))
def test_who_shares_a_letter_does_not_differ_and_who_does_not_differs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    differ = np.triu(rng.random((n, n)) < rng.random(), 1)
    differ |= differ.T
    marks = letters(differ)
    for i, j in combinations(range(n), 2):
        assert bool(set(marks[i]) & set(marks[j])) == (not differ[i, j]), (differ, marks)
    assert marks[0].startswith("a") and all(marks)
    held = [frozenset(place for place in range(n) if letter in marks[place]) for letter in sorted(set("".join(marks)))]
    assert not any(one < other for one in held for other in held), "no letter says what another says"


def test_letters_of_a_chain() -> None:
    # 0-1 and 1-2 do not differ, 0-2 do: the textbook case.
    differ = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
    assert letters(differ) == ["a", "ab", "b"] and letters(np.zeros((0, 0), bool)) == []


def test_letters_do_not_run_out() -> None:
    marks = letters(~np.eye(30, dtype=bool))
    assert len(set(marks)) == 30 and marks[26:28] == ["(aa)", "(ab)"]


def test_the_tests_are_those_of_compare(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    rng = np.random.default_rng(1)
    tables = [scores_of(f"m{k}", psnr + gain + rng.normal(0, 0.6, 80), status={7: "failed: x"})
              for k, gain in enumerate([0, 0.05, 0.4, 1.5])]  # fmt: skip
    board = gather(tables)
    raw = []
    for i, j in combinations(range(4), 2):
        one, two = board.methods[i].scores, board.methods[j].scores
        raw.append(compare([one], baseline=two, metrics=[board.headline.signature], draws=100).rows[0].p)
    p = p_values(board.methods, board.headline)
    assert [p[i, j] for i, j in combinations(range(4), 2)] == pytest.approx(holm(raw), rel=1e-12)
    found = groups(board)
    assert found.rule == "psnr[rgb,255], p < 0.05 by Holm over 6 tests"
    for i, j in combinations(range(4), 2):
        shared = set(found.letters[board.methods[i].label]) & set(found.letters[board.methods[j].label])
        assert bool(shared) == (p[i, j] >= 0.05)
    assert len(set(found.letters.values())) > 1


def test_oracles_and_infinite_values_have_no_letter(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    perfect = np.where(np.arange(80) == 5, np.inf, psnr)
    tables = [scores_of("a", psnr), scores_of("b", psnr - 4), scores_of("o", psnr + 1, oracle=True)]
    found = groups(gather([*tables, scores_of("perfect", perfect)]))
    assert found.letters == {"a": "a", "b": "b", "o": "", "perfect": ""}
    assert found.rule.endswith("over 3 tests"), "the oracle is tested, the infinite one is not"
    assert groups(gather([tables[0], scores_of("perfect", perfect)])).rule == "absent: infinite values"
    assert groups(gather(tables[1:])).rule.startswith("absent: fewer than two")


def test_corrections_are_those_of_the_matrix_with_infinite_and_partial_values(scores_of: Make) -> None:
    rng = np.random.default_rng(0)
    psnr = rng.normal(25, 3, 80)
    perfect = np.where(np.arange(80) == 5, np.inf, psnr)
    tables = [scores_of("a", psnr), scores_of("b", psnr - 0.6 + rng.normal(0, 2, 80)), scores_of("p", perfect)]
    skin = Column("psnr-class[rgb,255,skin]", "PSNR skin", "dB", True, 0.0, partial=True)
    parts = [scores_of(name, psnr + rng.normal(0, 1, 80), columns=(skin,)) for name in "abc"]
    for table in parts:
        table.frame.loc[50:, skin.signature] = np.nan
    for board in (gather([*tables, scores_of("q", perfect)]), gather(parts)):
        matrix = pairwise(board)
        p = p_values(board.methods, board.headline)
        for (i, j), row in matrix.rows.items():
            assert p[i, j] == pytest.approx(row.p_holm, rel=1e-9, nan_ok=True)
        assert groups(board).rule.endswith(f"by Holm over {matrix.tests} tests")
        assert matrix.tests == sum(not math.isnan(row.p) for row in matrix.rows.values())
    assert pairwise(gather([*tables, scores_of("q", perfect)])).tests == 2, "a with b, and two alike"
    assert set(groups(gather(parts)).letters.values()) != {""}, "a class that is not in a picture is no infinite value"


def test_without_faces_or_kernels_there_are_no_letters(scores_of: Make) -> None:
    tables = [scores_of(name, np.arange(4.0) + k) for k, name in enumerate("ab")]
    for table in tables:
        table.frame[["identity", "image_id", "kernel_id"]] = "one"
        table.frame["kernel_size"] = 13
    assert groups(gather(tables)).rule == "absent: only 1 face and 1 kernel"


def test_alike_methods_share_a_letter(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    assert groups(gather([scores_of("a", psnr), scores_of("b", psnr)])).letters == {"a": "a", "b": "a"}


@pytest.mark.parametrize("higher", [True, False])
def test_places_are_average_ranks(higher: bool) -> None:
    column = replace(DB, higher_is_better=higher)
    means = [24.0, 25.0, 25.004, math.inf, 20.0, 25.0]
    rounded = np.round(means, 2)
    assert list(ranks_in(means, column)) == list(rankdata(-rounded if higher else rounded))
    assert places(means, column) == list(rankdata(-rounded if higher else rounded, "min"))


def test_a_missing_mean_comes_last_and_ties_do_not_chain() -> None:
    assert list(ranks_in([math.nan, 1.0, 2.0], DB)) == [3, 2, 1]
    # 24.004 and 24.006 are nearer to each other than to what they are printed as.
    assert list(ranks_in([24.004, 24.006, 24.0], DB)) == [2.5, 1, 2.5]


def test_equal_means_share_a_place_and_the_next_counts_them_all() -> None:
    assert places([24.0, 25.0, 25.001, 20.0], DB) == [3, 1, 1, 4] and places([30.0, 25.0, 25.0, 20.0], DB) == [
        1,
        2,
        2,
        4,
    ]
    assert places([math.nan, 1.0, math.nan], DB) == [2, 1, 2] and places([], DB) == []


def test_the_best_are_those_printed_like_it() -> None:
    means = {"a": 25.004, "b": 25.0, "c": 24.0, "d": math.nan}
    assert best(means, DB) == ("a", "b") and best(means, replace(DB, higher_is_better=False)) == ("c",)
    assert best({"a": 25.0, "b": 25.001, "d": math.nan}, DB) == () and best({}, DB) == ()
    assert best({"a": math.inf, "b": 25.0}, DB) == ("a",)


def test_one_metric_a_family_counts() -> None:
    other = replace(DB, signature="psnr[y-full,255]")
    partial = replace(DB, signature="psnr-class[rgb,255,skin]", partial=True)
    assert primary([DB, other, partial, NEAR]) == (DB, NEAR)
    means = [{DB.signature: 30.0, NEAR.signature: 0.5}, {DB.signature: 20.0, NEAR.signature: 0.4},
             {DB.signature: 25.0, NEAR.signature: 0.6}]  # fmt: skip
    found = mean_ranks(means, [DB, other, NEAR])
    assert found.metrics == (DB.signature, NEAR.signature) and list(found.ranks) == [1.5, 2.0, 2.5]
    # What one method lacks is left out for all.
    means[1][NEAR.signature] = math.nan
    assert mean_ranks(means, [DB, NEAR]).metrics == (DB.signature,)
    assert np.isnan(mean_ranks([{}], [DB]).ranks).all() and mean_ranks([], [DB]).metrics == ()


@pytest.mark.parametrize("seed", range(60))
def test_equal_results_share_a_rank_and_what_is_never_worse_is_not_behind(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = [DB, NEAR, Column("ssim[skimage]", "SSIM", "", True, 0.0)]
    # Few values, some of them a hair apart, infinite or absent, so that ties of every kind occur.
    hair = rng.choice([0.0, 1e-9, 0.0049], size=(7, 3))
    table = rng.integers(0, 3, (7, 3)) + hair
    table[rng.random((7, 3)) < 0.1] = math.inf
    holes = rng.random(7) < 0.2
    for column, values in zip(columns, table.T, strict=True):
        told = [value(number, column) for number in np.where(holes, math.nan, values)]
        found = np.where(holes, math.nan, values)
        here, shared = places(found, column), ranks_in(found, column)
        assert min(here) == 1 and sum(shared) == pytest.approx(sum(range(1, 8)))
        for i, j in combinations(range(7), 2):
            if told[i] == told[j]:
                assert here[i] == here[j] and shared[i] == shared[j]
            elif math.isnan(found[i]) or math.isnan(found[j]):
                assert (here[i] < here[j]) == math.isnan(found[j])
            else:
                better = found[i] > found[j] if column.higher_is_better else found[i] < found[j]
                assert (here[i] < here[j]) == better == (shared[i] < shared[j])
    means = [{column.signature: float(number) for column, number in zip(columns, row, strict=True)} for row in table]
    ranks = mean_ranks(means, columns).ranks
    signs = np.array([1 if column.higher_is_better else -1 for column in columns])
    for i in range(7):
        for j in range(7):
            if (table[i] * signs >= table[j] * signs).all():
                assert ranks[i] <= ranks[j]
            if all(value(table[i, k], columns[k]) == value(table[j, k], columns[k]) for k in range(3)):
                assert ranks[i] == ranks[j]
