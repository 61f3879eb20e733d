"""Drawing: plain tables -> inline SVG, coloured by the page's style sheet so that it follows light, dark and print.

A method keeps its colour and marker in every drawing. What the reader must tell apart never hangs on
colour alone: lines carry their names and differing markers, and those of oracle methods are dashed and hollow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import reason
from facedeblur.reports.page.svg.axes import Axes, dodge, path, positions, spread_labels, thin, whisker
from facedeblur.reports.text import NONE, between, count, unit, value

if TYPE_CHECKING:
    import jinja2
    import pandas as pd

COLOURS = 10
_MARKERS = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
    "M-3.2-3.2h6.4v6.4h-6.4z",
    "M0-4.3L4.1 3h-8.2z",
    "M0-4.6L4.6 0L0 4.6L-4.6 0z",
    "M0 4.3L4.1-3h-8.2z",
    "M-1.4-4.2h2.8v2.8h2.8v2.8h-2.8v2.8h-2.8v-2.8h-2.8v-2.8h2.8z",
    "M0-4.4L4.2-1.4L2.6 3.6h-5.2L-4.2-1.4z",
)
_NAME_LENGTH = 21


def environment() -> jinja2.Environment:
    """Templates of this package; everything that is put into them is escaped.

    Raises
    ------
    InputError
        When jinja2 is not installed.
    """
    engine = need("jinja2", "report")
    folder = files("facedeblur.reports.page.templates")
    loader = engine.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8"))
    made: jinja2.Environment = engine.Environment(
        loader=loader, autoescape=True, undefined=engine.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["px"] = lambda number: f"{number:.1f}".removesuffix(".0")
    return made


def style(place: int) -> dict[str, str]:
    """Colour class and marker of the method at `place` on the board."""
    return {"colour": f"s{place % COLOURS}", "marker": _MARKERS[place % len(_MARKERS)]}


def draw_kernel_size(frame: pd.DataFrame, column: Column) -> str:
    """All methods' means over kernel size in one drawing, each line named at its end.

    Parameters
    ----------
    frame : DataFrame
        From `facedeblur.reports.leaderboard.series.by_kernel_size`.
    column : Column
        The metric that is drawn.

    Returns
    -------
    str
        An ``<svg>`` element. Whiskers are the 95 % intervals; where there are any, methods stand side by side at a size
        so that they can be told apart. An infinite mean stands as an open arrow at the upper or lower edge.
    """
    height = max(340, 80 + 15 * frame["method"].nunique())
    box = Axes(760, height, left=44, right=172, top=26, bottom=42)
    sizes = sorted({int(size) for size in frame["kernel_size"]})
    box.across = positions(sizes, box.x0 + 20, box.x1 - 20)
    levels = box.fit([float(v) for name in ("mean", "low", "high") for v in frame[name]], column)
    series = _series(frame, column, box, side_by_side=bool(frame["low"].notna().any()))
    spread_labels(series, box)
    return render("lines.svg.j2", box=box, series=series, levels=levels, sizes=thin(sizes, box), column=column)


def draw_spread(frame: pd.DataFrame, column: Column) -> list[dict[str, Any]]:
    """One small drawing per method: its mean with interval and inter-quartile range, the other methods' means in grey.

    Returns
    -------
    list of dict
        ``method``, ``oracle``, ``colour``, ``marker`` and ``svg``; all on the same axes.
    """
    box = Axes(232, 150, left=30, right=8, top=8, bottom=22)
    sizes = sorted({int(size) for size in frame["kernel_size"]})
    box.across = positions(sizes, box.x0 + 6, box.x1 - 6)
    reach = [float(v) for name in ("mean", "q25", "q75", "low", "high") for v in frame[name]]
    levels = box.fit(reach, column, about=4)
    series = _series(frame, column, box)
    ends = [sizes[0], sizes[-1]] if len(sizes) > 1 else sizes
    shown = [(size, box.across[size]) for size in ends]
    return [
        {
            **one,
            "svg": render("panel.svg.j2", box=box, one=one, series=series, levels=levels, sizes=shown, column=column),
        }
        for one in series
    ]


def _series(frame: pd.DataFrame, column: Column, box: Axes, *, side_by_side: bool = False) -> list[dict[str, Any]]:
    series = []
    shifts = dodge(frame["method"].nunique(), box) if side_by_side else [0.0] * frame["method"].nunique()
    for at, (method, rows) in enumerate(frame.groupby("method", sort=False)):
        points = [_point(row, column, box, shifts[at]) for row in rows.to_dict("records")]
        drawn = [point for point in points if not point["beyond"]]
        series.append(
            {
                **style(int(rows["look"].iloc[0])),
                "method": str(method),
                "name": clip(str(method)),
                "oracle": bool(rows["oracle"].iloc[0]),
                "points": points,
                "path": path([(point["x"], point["y"]) for point in drawn]),
                "band": _band(rows.to_dict("records"), box),
                "end": points[-1],
            }
        )
    return series


def _point(row: Mapping[Any, Any], column: Column, box: Axes, shift: float) -> dict[str, Any]:
    mean, beyond = row["mean"], not math.isfinite(row["mean"])
    at = (box.y0 if mean > 0 else box.y1) if beyond else box.up(mean)
    failed = f", {count(row['failed'])} failed" if row["failed"] else ""
    title = (
        f"{row['method']}, {row['kernel_size']} px: mean {with_unit(mean, column)}\n"
        f"{ends(row, column)}\n"
        f"middle half of the pairs: {value(row['q25'], column)} to {value(row['q75'], column)}\n"
        f"n = {count(row['pairs'])} pairs{failed}"
    )
    return {"x": box.across[row["kernel_size"]] + shift, "y": at, "beyond": beyond, "title": title, **whisker(row, box)}


def ends(row: Mapping[Any, Any], column: Column) -> str:
    """The interval of a row in words."""
    if math.isnan(row["low"]):
        return f"no 95 % interval: {reason(row['absent'])}" if row["absent"] else f"95 % interval {NONE}"
    return f"95 % interval {between(row['low'], row['high'], column)} from {row['basis']}"


def with_unit(number: float, column: Column) -> str:
    """A value with its unit."""
    return " ".join(part for part in (value(number, column), unit(column)) if part)


def _band(rows: Sequence[Mapping[Any, Any]], box: Axes) -> str:
    """Outline of the inter-quartile range; an infinite quartile is cut at the edge."""
    kept = [row for row in rows if not math.isnan(row["q25"])]

    def at(number: float) -> float:
        if math.isinf(number):
            return box.y0 if number > 0 else box.y1
        return box.up(number)

    upper = [(box.across[row["kernel_size"]], at(row["q75"])) for row in kept]
    lower = [(box.across[row["kernel_size"]], at(row["q25"])) for row in reversed(kept)]
    if len(kept) == 1:  # one size: a bar
        (x, top), (_, foot) = upper[0], lower[0]
        return path([(x - 4, top), (x + 4, top), (x + 4, foot), (x - 4, foot)]) + "Z"
    return path(upper + lower) + "Z" if kept else ""


def clip(name: str) -> str:
    """A name short enough for a drawing."""
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"


def render(template: str, **what: Any) -> str:
    """A drawing from one of the templates."""
    return environment().get_template(template).render(**what)
