"""The pairwise matrix against the comparison of two tables by themselves, and Holm's correction written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.statistics.comparison import compare
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.significance import p_value, p_values, pairwise

Make = Callable[..., Scores]


def several(make: Make) -> list[Scores]:
    rng = np.random.default_rng(1)
    base = rng.normal(25, 3, 160)
    shifts = {"a": 3.0, "b": 0.06, "c": 0.0, "d": -0.5}
    return [make(name, base + shift + rng.normal(0, 1, 160)) for name, shift in shifts.items()]


def test_every_cell_is_the_comparison_of_two(scores_of: Make) -> None:
    board = gather(several(scores_of))
    found = pairwise(board)
    assert len(found.rows) == 6
    raw = {}
    for (i, j), row in found.rows.items():
        one, other = board.methods[i].scores, board.methods[j].scores
        alone = compare([one], baseline=other, metrics=["psnr[rgb,255]"]).rows[0]
        assert (row.difference, row.low, row.high, row.p) == (alone.difference, alone.low, alone.high, alone.p)
        raw[i, j] = alone.p
    largest = 0.0
    for rank, key in enumerate(sorted(raw, key=lambda key: raw[key])):
        largest = max(largest, min(1.0, (6 - rank) * raw[key]))
        assert found.rows[key].p_holm == pytest.approx(largest, abs=1e-15)
        assert p_values(board.methods, board.headline)[key] == pytest.approx(largest, rel=1e-9), (
            "the leaderboard's letters"
        )


def test_cells_mirror_each_other(scores_of: Make) -> None:
    found = pairwise(gather(several(scores_of)))
    seen = set()
    for i in range(4):
        assert found.contrast(i, i) is None
        for j in range(i + 1, 4):
            one, other = found.contrast(i, j), found.contrast(j, i)
            assert one is not None and other is not None
            assert (one.difference, one.low, one.high) == (-other.difference, -other.high, -other.low)
            assert {one.verdict, other.verdict} in ({"better", "worse"}, {"open"})
            assert one.wins + other.wins <= one.n == 160
            seen.add(one.verdict)
    assert seen == {"better", "open"}, "the board is sorted, so the row's method is never worse"


def test_lower_is_better_turns_the_verdict(scores_of: Make) -> None:
    from facedeblur.benchmark.scoring.table import Column

    error = (Column("lpips[alex,v0.1]", "LPIPS", "", False, 1.0),)
    rng = np.random.default_rng(0)
    tables = [
        scores_of(name, rng.normal(mean, 0.05, 80), columns=error) for name, mean in (("low", 0.2), ("high", 0.6))
    ]
    found = pairwise(gather(tables))
    cell = found.contrast(0, 1)
    assert found.methods[0].label == "low" and cell is not None
    assert cell.difference < 0 and cell.verdict == "better" and cell.wins == 80


def test_what_cannot_be_compared_is_told(scores_of: Make) -> None:
    assert pairwise(gather([scores_of("a", np.full(20, 25.0))])).why == "there is one method"
    few = pairwise(gather([scores_of("a", np.full(40, 25.0)), scores_of("b", np.full(40, 24.0))]))
    assert few.rows == {} and few.why == "only 4 faces" and few.tests == 0


@pytest.mark.parametrize(("p", "said"), [(0.0, "< 0.001"), (0.0123, "0.012"), (1.0, "1"), (float("nan"), "not tested")])
def test_p_values_for_people(p: float, said: str) -> None:
    assert p_value(p) == said
