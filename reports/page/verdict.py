"""What a report says in words: which method leads, how significant that is, and what could not be scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.leaderboard import significance
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.over_sets import Overview
from facedeblur.reports.leaderboard.significance import Pairwise
from facedeblur.reports.page.leaderboard import mean_rank


def verdict(board: Board, compared: Pairwise) -> dict[str, Any]:
    """Who leads, by how much over the next and the input, and whether the difference is significant."""
    column, leader = board.headline, board.leader
    # The input is the ground that methods stand on, not one of the contestants.
    contestants = [method for method in board.ranked if not method.is_input]
    runner = contestants[1] if len(contestants) > 1 else None

    def gap(other: MethodScores | None) -> dict[str, Any] | None:
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
        "oracles": sum(method.oracle for method in board),
    }


def _certain(board: Board, compared: Pairwise, rival: MethodScores | None) -> dict[str, Any] | None:
    """The test of the leader against the next one; None if absent, or values are infinite."""
    column, leader = board.headline, board.leader
    if rival is None or rival is leader or not compared.rows:
        return None
    known = compared.contrast(compared.methods.index(leader), compared.methods.index(rival))
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
    for method in board:
        holes = []
        for column in method.meta.columns:
            empty = int(np.isnan(method.values(column, filled=False)[method.ok]).sum())
            if empty and not column.partial:
                holes.append((column.label, column.signature, empty))
        ok = int(method.ok.sum())
        whole = ok == method.total and not holes
        infinite = [(column.label, n) for column in method.meta.columns if (n := method.summary(column).infinite)]
        rows.append(
            {
                "method": method,
                "ok": ok,
                "whole": whole,
                "clean": whole and not infinite and not method.meta.extra,
                "failures": method.failures,
                "holes": holes,
                "infinite": infinite,
                "extra": method.meta.extra,
            }
        )
    return rows


LISTED = 3


def title(names: Sequence[str]) -> str:
    """The sets by name where they are few: ``a, b and c``; else how many."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= LISTED else f"{len(names)} sets"


def verdict_over_sets(found: Overview, verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Who has the best mean rank, and who leads on each set, by the sets' own ``verdict``."""
    ranked = [one for one in found.standings if not math.isnan(one.mean_rank)]
    methods = [one for one in ranked if not one.is_input]
    given = next((one for one in ranked if one.is_input), None)
    leader = methods[0] if methods else None
    runner = methods[1] if len(methods) > 1 else None
    return {
        "leader": leader,
        "mean_rank": mean_rank(leader.mean_rank) if leader else "",
        "runner": runner and {"label": runner.label, "mean_rank": mean_rank(runner.mean_rank)},
        "tied": bool(leader and runner and mean_rank(leader.mean_rank) == mean_rank(runner.mean_rank)),
        "input": mean_rank(given.mean_rank) if given and leader else "",
        "number": "both" if len(found.boards) == 2 else f"all {len(found.boards)}",
        "sets": list(zip(found.boards, verdicts, strict=True)),
    }


def unavailable(found: Overview) -> list[tuple[str, tuple[str, ...]]]:
    """Why metrics were not computed, with the sets where that is not so on all."""
    told: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, board in zip(found.names, found.boards, strict=True):
        for one in board.unavailable:
            told.setdefault(one, []).append(name)
    return [
        (why if len(names) == len(found.boards) else f"{why} ({', '.join(names)})", metrics)
        for (why, metrics), names in told.items()
    ]
