"""Drawing how the values of pairs are distributed: a histogram per method, with its quartiles below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.page.svg.axes import Axes, path, tick, ticks
from facedeblur.reports.page.svg.drawing import clip, render, style, with_unit
from facedeblur.reports.text import count, scale, unit, value

if TYPE_CHECKING:
    import pandas as pd

PARTS = {"least": "minimum", "q25": "first quartile", "median": "median", "q75": "third quartile", "most": "maximum"}
"""Quantiles that are drawn, and what they are called."""


def draw_distribution(frame: pd.DataFrame, column: Column) -> str:
    """One row per method: histogram of the pairs, below it the inter-quartile range, median and extremes.

    Parameters
    ----------
    frame : DataFrame
        From `facedeblur.reports.leaderboard.series.distribution`.
    column : Column
        The metric that is drawn.

    Returns
    -------
    str
        An ``<svg>`` element. Infinite values and failed pairs are counted next to it.
    """
    step = 48
    box = Axes(760, 40 + step * len(frame) + 30, left=168, right=128, top=8, bottom=40)
    edges = np.asarray(frame["edges"].iloc[0])
    factor = scale(column)
    low, high = edges[0] * factor, edges[-1] * factor
    levels = ticks(low, high, about=8)

    def across(number: float) -> float:
        at = (np.clip(number * factor, low, high) - low) / (high - low)
        return float(box.x0 + at * (box.x1 - box.x0))

    most = max(int(max(counts)) for counts in frame["counts"]) or 1
    rows = []
    for place, row in enumerate(frame.to_dict("records")):
        base = box.y0 + step * place + 34
        marks = {part: across(row[part]) for part in PARTS if not math.isnan(row[part])}
        rows.append(
            {
                **style(row["look"]),
                "method": row["method"],
                "name": clip(row["method"]),
                "oracle": row["oracle"],
                "base": base,
                "area": _steps([across(edge) for edge in edges], row["counts"], base, 30 / most),
                "marks": marks,
                "bins": _bins(row, column, [across(edge) for edge in edges]),
                "notes": _beside(row),
                "title": _title(row, column),
            }
        )
    box.y1 = box.y0 + step * len(rows)
    box.height = box.y1 + box.bottom
    lines = [{"at": across(level / factor), "text": tick(level, levels)} for level in levels]
    return render("ridges.svg.j2", box=box, rows=rows, levels=lines, column=column)


def _steps(edges: Sequence[float], counts: Sequence[int], base: float, height: float) -> str:
    points = [(edges[0], base)]
    for left, right, number in zip(edges[:-1], edges[1:], counts, strict=True):
        points += [(left, base - number * height), (right, base - number * height)]
    return path([*points, (edges[-1], base)]) + "Z"


def _bins(row: Mapping[Any, Any], column: Column, places: Sequence[float]) -> list[dict[str, Any]]:
    """What is shown to a pointer: every bin with pairs in it."""
    scored, bins = int(sum(row["counts"])), []
    for at, number in enumerate(row["counts"]):
        share = f"{count(int(number))} of n = {count(scored)} pairs ({100 * number / max(scored, 1):.1f} %)"
        reach = f"{value(row['edges'][at], column)} to {with_unit(row['edges'][at + 1], column)}"
        title = f"{row['method']}: {share}\n{reach}"
        bins.append({"x": places[at], "width": places[at + 1] - places[at], "title": title})
    return [one for one, number in zip(bins, row["counts"], strict=True) if number]


def _beside(row: Mapping[Any, Any]) -> list[str]:
    notes = [f"{count(row['failed'])} failed"] if row["failed"] else []
    return notes + ([f"{count(row['infinite'])} infinite"] if row["infinite"] else [])


def _title(row: Mapping[Any, Any], column: Column) -> str:
    told = ", ".join(f"{name} {value(row[part], column)}" for part, name in PARTS.items())
    notes = "".join(f", {note}" for note in _beside(row))
    scored = count(int(sum(row["counts"])))
    return f"{row['method']}, {unit(column) or column.label}: {told}\nn = {scored} pairs{notes}"
