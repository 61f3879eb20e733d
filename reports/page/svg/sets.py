"""Drawing: every method on every set by the set's headline metric."""

from __future__ import annotations

import math
from typing import Any

from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.over_sets import Overview
from facedeblur.reports.leaderboard.series import bounds, reach
from facedeblur.reports.page.svg.axes import Axes, levels
from facedeblur.reports.page.svg.drawing import clip, ends, render, style, with_unit
from facedeblur.reports.text import count, scale, unit

STEP = 10


def draw_sets(found: Overview) -> str:
    """A block for each set, the methods' means with their intervals one under another.

    Returns
    -------
    str
        An ``<svg>`` element. Every set has a scale of its own, for values of different sets do not compare, and may
        be of different metrics; an infinite mean has no place on it.
    """
    box = Axes(760, 0, left=158, right=20, top=8, bottom=4)
    blocks, top = [], box.y0
    for at, (board, name) in enumerate(zip(found.boards, found.names, strict=True)):
        methods = [rank.method for one in found.standings if (rank := one.ranks[at])]
        blocks.append(_block(board, name, methods, box, top))
        top = blocks[-1]["next"]
    box.height = top + box.bottom
    return render("sets.svg.j2", box=box, blocks=blocks)


def _block(board: Board, name: str, methods: list[MethodScores], box: Axes, top: float) -> dict[str, Any]:
    """One set: its marks in the order of `methods`, and the axis below them."""
    column = board.headline
    means = [{"mean": method.summary(column).mean, **bounds(method.spread(column))} for method in methods]
    low, high = reach([row[name] * scale(column) for row in means for name in ("mean", "low", "high")], margin=0.04)

    def across(number: float) -> float:
        return float(box.x0 + (number * scale(column) - low) / (high - low) * (box.x1 - box.x0))

    marks: list[dict[str, Any]] = []
    for method, row in zip(methods, means, strict=True):
        if math.isfinite(row["mean"]):
            known = math.isfinite(row["low"]) and math.isfinite(row["high"])
            marks.append(
                {
                    **style(board.look(method)),
                    "method": method.label,
                    "oracle": method.oracle,
                    "x": across(row["mean"]),
                    "y": top + 14 + STEP * len(marks),
                    "from": across(row["low"]) if known else None,
                    "to": across(row["high"]) if known else None,
                    "title": f"{method.label} on {name}: mean {with_unit(row['mean'], column)}\n"
                    f"{ends(row, column)}\nn = {count(method.total)} pairs",
                }
            )
    axis = top + 18 + STEP * max(len(marks), 2)
    return {
        "name": clip(name),
        "top": top,
        "axis": axis,
        "next": axis + 34,
        "marks": marks,
        "metric": ", ".join(part for part in (column.label, unit(column)) if part),
        "levels": [(text, across(level)) for level, text in levels(low, high, column, about=8)],
    }
