"""Drawing quality against run time, with the methods that nothing beats on both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.leaderboard.series import images_timed as told
from facedeblur.reports.page.svg.axes import Axes, log_ticks, path, whisker
from facedeblur.reports.page.svg.drawing import clip, ends, render, style, with_unit
from facedeblur.reports.text import count, seconds

if TYPE_CHECKING:
    import pandas as pd

_LETTER = 6.6
"""Width of a letter of a name in user units, on the wide side."""

_INPUT = "blurred input"


def draw_time(frame: pd.DataFrame, column: Column, *, level: float = math.nan) -> str:
    """Mean of the metric over seconds per image, on a logarithmic axis.

    Parameters
    ----------
    frame : DataFrame
        From `facedeblur.reports.leaderboard.series.against_time`.
    column : Column
    level : float
        Mean of the blurred input, drawn as a line across where it is finite.

    Returns
    -------
    str
        An ``<svg>`` element; empty where no method has both. Rings mark the methods on a front, a stepped line joins
        those of one machine.
    """
    shown = frame[frame["mean"].map(math.isfinite)]
    if shown.empty:
        return ""
    box = Axes(760, 380, left=44, right=24, top=26, bottom=46)
    numbers = [float(v) for name in ("mean", "low", "high") for v in shown[name]]
    levels = box.fit([*numbers, level], column)
    low, high = float(shown["seconds"].min()), float(shown["seconds"].max())
    # At least a factor of ten, so that noise in a time is not blown up.
    reach = max(math.log10(high / low), 1.0) * 1.25
    middle = (math.log10(low) + math.log10(high)) / 2
    first = middle - reach / 2

    def across(number: float) -> float:
        return box.x0 + (math.log10(number) - first) / reach * (box.x1 - box.x0)

    points = [_point(row, column, box, across(row["seconds"])) for row in shown.to_dict("records")]
    line = box.up(level) if math.isfinite(level) else None
    taken: list[tuple[float, ...]] = [(one["x"] - 7, one["y"] - 7, one["x"] + 7, one["y"] + 7) for one in points]
    label = None if line is None else _free(taken, _INPUT, line, box)
    _name(points, taken, box)
    marks = log_ticks(10**first, 10 ** (first + reach))
    return render(
        "time.svg.j2",
        box=box,
        points=points,
        levels=levels,
        marks=[(_time(mark), across(mark)) for mark in marks],
        fronts=[_front(shown, machine, box, across, column) for machine in dict.fromkeys(shown["machine"])],
        input=line,
        label=label,
        column=column,
    )


def _point(row: Mapping[Any, Any], column: Column, box: Axes, x: float) -> dict[str, Any]:
    front = "\non the Pareto front" if row["front"] else ""
    title = (
        f"{row['method']}: mean {with_unit(row['mean'], column)}, {seconds(row['seconds'])} s per image\n"
        f"{ends(row, column)}\n"
        f"n = {count(row['pairs'])} pairs, {told(row['images'])}\n{row['machine']}{front}"
    )
    known = {"method": row["method"], "name": clip(row["method"]), "oracle": row["oracle"], "front": row["front"]}
    return {**style(row["look"]), **known, "x": x, "y": box.up(row["mean"]), "title": title, **whisker(row, box)}


def _front(shown: pd.DataFrame, machine: str, box: Axes, across: Any, column: Column) -> str:
    """Stairs through the front of one machine, from its fastest method to the right edge."""
    members = shown[shown["front"] & (shown["machine"] == machine)].sort_values("seconds")
    stairs: list[tuple[float, float]] = []
    for x, y in [(across(one["seconds"]), box.up(one["mean"])) for one in members.to_dict("records")]:
        if stairs:
            stairs.append((x, stairs[-1][1]))
        stairs.append((x, y))
    return path([*stairs, (box.x1, stairs[-1][1])]) if stairs else ""


def _free(taken: list[tuple[float, ...]], text: str, line: float, box: Axes) -> tuple[float, float]:
    """Where the name of a line across covers no mark: above or below it, from the right; it is taken then."""
    width = _LETTER * len(text)
    places = [(x, y) for x in (box.x1 - width, box.x0 + 4, (box.x0 + box.x1) / 2) for y in (line - 5, line + 13)]
    areas = [(x, y - 11, x + width, y + 3) for x, y in places]
    free = [at for at, area in enumerate(areas) if area[3] < box.y1 and not any(_touch(area, one) for one in taken)]
    best = free[0] if free else 0
    taken.append(areas[best])
    return places[best]


def _name(points: Sequence[dict[str, Any]], taken: list[tuple[float, ...]], box: Axes) -> None:
    """Set each name next to its mark, where it covers nothing of what is taken, and take its place."""
    for one in points:
        width = _LETTER * len(one["name"])
        tries = [
            (one["x"] + dx, one["y"] + dy, anchor)
            for dy in (4, -10, 18, -24, 32, -38, 46)
            for dx, anchor in ((11, "start"), (-11, "end"))
        ]
        best = tries[0]
        for x, y, anchor in tries:
            left = x if anchor == "start" else x - width
            area = (left, y - 11, left + width, y + 3)
            inside = box.x0 <= area[0] and area[2] <= box.width and box.y0 - 8 <= area[1] and area[3] <= box.y1 + 4
            if inside and not any(_touch(area, other) for other in taken):
                best = (x, y, anchor)
                taken.append(area)
                break
        one["name_x"], one["name_y"], one["anchor"] = best


def _touch(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _time(number: float) -> str:
    """A tick of the time axis with its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if number * factor >= 0.999:
            return f"{number * factor:g} {unit}"
    return f"{number:g} s"
