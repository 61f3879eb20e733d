"""Strata against pandas, and which of them are shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.strata import strata

Make = Callable[..., Scores]
PSNR = "psnr[rgb,255]"


def test_strata_are_what_pandas_groups_hardest_first(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).normal(25, 3, 160)
    lead, other = scores_of("lead", psnr, status={7: "failed: hung"}), scores_of("other", psnr[::-1] - 4)
    found = {one.kind: one for one in strata(gather([other, lead]))}
    assert set(found) == {"identity", "kernel_id"}, "one role only"
    frame = lead.frame.assign(**{PSNR: lead.frame[PSNR].fillna(0.0)})
    groups = frame.groupby("identity")[PSNR]
    table = found["identity"]
    assert [row.name for row in table.rows] == list(groups.mean().sort_values().index)
    for row in table.rows:
        assert row.pairs == 10 and row.cells[0] is not None
        assert row.cells[0] == pytest.approx((groups.mean()[row.name], groups.std(ddof=0)[row.name]), abs=1e-12)
    theirs = other.frame.groupby("identity")[PSNR].mean()
    assert [row.cells[1][0] for row in table.rows if row.cells[1]] == pytest.approx(
        theirs[[r.name for r in table.rows]]
    )
    # ker01 is a kernel of several sizes here, which are several kernels.
    assert found["kernel_id"].total == frame.groupby(["kernel_id", "kernel_size"]).ngroups
    assert found["kernel_id"].rows[0].name.endswith(" px")


def test_of_many_only_both_ends_are_shown_and_how_many_there_are_is_known(scores_of: Make) -> None:
    psnr = np.repeat(np.random.default_rng(0).permutation(40), 10).astype(float)
    table = strata(gather([scores_of("a", psnr)]), shown=3)[0]
    means = [row.cells[0][0] for row in table.rows if row.cells[0]]
    assert means == [0, 1, 2, 37, 38, 39] and (table.total, table.cut) == (40, 3)
    whole = strata(gather([scores_of("a", psnr)]), shown=14)[0]
    assert len(whole.rows) == 40 and whole.cut == 0


def test_without_names_there_are_no_strata(scores_of: Make) -> None:
    table = scores_of("a", np.arange(20.0))
    table.frame["identity"], table.frame["kernel_id"] = None, ""
    assert strata(gather([table])) == []
