"""Boards of runs on samples, and of runs with one name."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.leaderboard.board import boards, gather
from facedeblur.reports.leaderboard.files import read_leaderboard, write_leaderboard
from facedeblur.reports.leaderboard.significance import pairwise
from facedeblur.reports.leaderboard.table import leaderboard, merge, rows_of
from facedeblur.reports.page.report import report

RNG = np.random.default_rng(3)
PSNR = "psnr[rgb,255]"


def sampled(scores: Scores, rows: np.ndarray) -> Scores:
    """The scores as they are of a run on a sample."""
    run = {**scores.meta.run, "sample": {"pairs": len(rows), "of": len(scores.frame)}}
    return Scores(scores.frame.iloc[rows].reset_index(drop=True), replace(scores.meta, run=run))


@pytest.fixture
def tables(scores_of):
    """Two methods on 100 pairs, and one on every third of them."""
    base = RNG.normal(25, 2, 100)
    some = sampled(scores_of("slow", base + 1 + RNG.normal(0, 0.5, 100)), np.arange(0, 100, 3))
    return [scores_of("net", base + RNG.normal(0, 0.5, 100)), scores_of("blurred", base - 2), some]


def test_a_sample_is_not_ranked_among_whole_sets_unless_asked(tables):
    with pytest.raises(InputError, match=r"scores of 'slow': expected all pairs of the set, as in scores of 'net', "
                       r"found a sample of 34 of 100 pairs; .*--common"):  # fmt: skip
        leaderboard(tables)
    with pytest.raises(InputError, match="found all pairs of the set"):
        leaderboard(tables[::-1])


def test_the_common_pairs_are_compared_and_it_is_said(tables, tmp_path):
    (board,) = boards(tables, common=True)
    assert (board.pairs, board.set_pairs, board.part, board.common) == (34, 100, "34 of the set's 100 pairs", True)
    places = np.arange(0, 100, 3)
    for method in board:
        whole = next(one for one in tables if one.meta.method == method.label)
        rows = places if len(whole.frame) == 100 else np.arange(34)
        assert method.summary(board.headline).mean == pytest.approx(whole.frame[PSNR].iloc[rows].mean(), abs=1e-12)
    assert all(row.n == 34 for row in pairwise(board).rows.values())
    frame = leaderboard(tables, common=True)
    assert set(frame["pairs"]) == {34}
    assert set(frame["set_pairs"]) == {100}
    assert frame["pairs_hash"].nunique() == 1
    write_leaderboard(frame, tmp_path / "board.csv")
    assert read_leaderboard(tmp_path / "board.csv").equals(pd.DataFrame(frame))
    page = report(tables, tmp_path / "report.html", common=True).read_text()
    page = html.unescape(page)
    assert "All numbers are of 34 of the set's 100 pairs, those that all methods have." in page
    assert "--common -o report.html" in page
    assert "--sample 34" in page


def test_runs_on_one_sample_need_no_option(tables):
    rows = np.arange(0, 100, 3)
    board = gather([sampled(tables[0], rows), tables[2]])
    assert (board.part, board.common) == ("34 of the set's 100 pairs", False)


def test_a_board_of_the_whole_set_says_nothing(tables):
    board = gather(tables[:2])
    assert (board.part, board.common, board.pairs_hash) == ("", False, "")


def test_samples_without_a_common_pair_are_refused(tables):
    halves = [sampled(tables[0], np.arange(40)), sampled(tables[1], np.arange(40, 100))]
    with pytest.raises(InputError, match="these runs have no pair in common"):
        gather(halves, common=True)


def test_other_pairs_are_refused_even_where_the_common_ones_are_asked_for(tables, scores_of):
    short = scores_of("short", np.full(90, 20.0))
    with pytest.raises(InputError, match="90 rows with other pairs"):
        gather([tables[0], short], common=True)


def test_rows_of_other_pairs_do_not_enter_a_leaderboard(tables):
    rows = [np.arange(0, 68, 2), np.arange(0, 100, 3)]
    one, other = (leaderboard(sampled(table, some)) for table, some in zip(tables, rows, strict=False))
    with pytest.raises(InputError, match="on other pairs of the set than 'net' on the board"):
        merge(one, other)
    with pytest.raises(InputError, match="100 pairs"):
        merge(leaderboard(tables[0]), other)


def test_runs_of_one_name_are_told_apart_and_what_they_are_is_said(scores_of):
    values = RNG.normal(25, 2, 100)
    runs = [
        {
            "hash": f"{number}a" * 20,
            "described": f"unsharp[amount={number}.0]",
            "weights": {"w": "ab" * 32} if number else {},
        }
        for number in range(2)
    ]
    board = gather([scores_of("mine", values + at, run=run) for at, run in enumerate(runs)])
    assert [method.label for method in board] == ["mine (run 1a1a1a1a1a)", "mine (run 0a0a0a0a0a)"]
    (line,) = board.namesakes
    assert line.startswith("2 runs are called 'mine': run ")
    assert "run 0a0a0a0a0a is unsharp[amount=0.0]" in line
    assert "run 1a1a1a1a1a is unsharp[amount=1.0], weights " in line
    assert len({row["method"] for row in rows_of(board)}) == 2


def test_a_method_called_blurred_is_not_the_input(scores_of):
    values = RNG.normal(25, 2, 20)
    named = scores_of("before", values, run={"name": "blurred"})
    assert [method.is_input for method in gather([named, scores_of("net", values - 1)])] == [True, False]
    assert not gather(scores_of("blurred", values, run={"name": "net"})).methods[0].is_input
