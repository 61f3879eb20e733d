"""What a report says in words: who leads, how certain that is, and what could not be scored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.leaderboard import significance
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.significance import Pairwise


def verdict(board: Board, compared: Pairwise) -> dict[str, Any]:
    """Who leads, by how much over the next and the input, and whether other faces and kernels would say the same."""
    column, leader = board.headline, board.leader
    # The input is the ground that methods stand on, not one of the contestants.
    contestants = [entry for entry in board.ranked if not entry.is_input]
    runner = contestants[1] if len(contestants) > 1 else None

    def gap(other: Entry | None) -> dict[str, Any] | None:
        if other is None or other is leader:
            return None
        difference = leader.summary(column).mean - other.summary(column).mean
        if not math.isfinite(difference):
            return None
        amount = _measured(abs(difference), column)
        better = difference == 0 or (difference > 0) == column.higher_is_better
        return {"label": other.label, "amount": amount, "above": difference >= 0, "better": better}

    return {
        "leader": leader,
        "mean": _measured(leader.summary(column).mean, column),
        "runner": gap(runner),
        "input": gap(board.input),
        "certain": _certain(board, compared, runner or board.input),
        "contestants": len(contestants),
        "oracles": sum(entry.oracle for entry in board),
    }


def _certain(board: Board, compared: Pairwise, rival: Entry | None) -> dict[str, Any] | None:
    """The test of the leader against the next one; None where there is none, or values are infinite."""
    column, leader = board.headline, board.leader
    if rival is None or rival is leader or not compared.rows:
        return None
    known = compared.cell(compared.entries.index(leader), compared.entries.index(rival))
    if known is None or math.isnan(known.p):
        return None
    between = text.between(known.low, known.high, column)
    unit = f"\N{NO-BREAK SPACE}{text.unit(column)}" if text.unit(column) else ""
    return {
        "rival": rival.label,
        "is_input": rival.is_input,
        "verdict": known.verdict,
        "between": between + unit,
        "p": significance.p_value(known.p),
        "tests": compared.tests,
        "share": f"{100 * known.wins / known.n:.0f}",
    }


def _measured(number: float, column: Column) -> str:
    """A value with its unit, which never stands on another line."""
    return "\N{NO-BREAK SPACE}".join(part for part in (text.value(number, column), text.unit(column)) if part)


def coverage(board: Board) -> list[dict[str, Any]]:
    """For every method what could not be scored, why, and what else was found."""
    rows = []
    for entry in board:
        holes = []
        for column in entry.meta.columns:
            empty = int(np.isnan(entry.values(column, filled=False)[entry.ok]).sum())
            if empty and not column.partial:
                holes.append((column.label, column.signature, empty))
        ok = int(entry.ok.sum())
        whole = ok == entry.total and not holes
        infinite = [(column.label, n) for column in entry.meta.columns if (n := entry.summary(column).infinite)]
        rows.append(
            {
                "entry": entry,
                "ok": ok,
                "whole": whole,
                "clean": whole and not infinite and not entry.meta.extra,
                "failures": entry.failures,
                "holes": holes,
                "infinite": infinite,
                "extra": entry.meta.extra,
            }
        )
    return rows
