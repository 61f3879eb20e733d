"""Drawing: plain tables -> inline SVG, coloured by the page's style sheet so that it follows light, dark and print.

A method keeps its colour and marker in every drawing. What the reader must tell apart never hangs on
colour alone: lines carry their names and differing markers, and those of oracle methods are dashed and hollow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.scores import Column
from facedeblur.reports.text import count, unit, value

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
    jinja2 = need("jinja2", "report")
    folder = files("facedeblur.reports.templates")
    loader = jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8"))
    made: jinja2.Environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["px"] = lambda number: f"{number:.1f}".removesuffix(".0")
    return made


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside [low, high], as many as there are up to `about`."""
    power = 10.0 ** (math.floor(math.log10((high - low) / about)) - 1)
    for factor in (1, 2, 5, 10, 20, 50, 100, 200):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < about:
            break
    return [round(n * step, 12) for n in range(first, last + 1)]


def style(place: int) -> dict[str, str]:
    """Colour class and marker of the method at `place` on the board."""
    return {"colour": f"s{place % COLOURS}", "marker": _MARKERS[place % len(_MARKERS)]}


def draw_kernel_size(frame: pd.DataFrame, column: Column) -> str:
    """All methods' means over kernel size in one drawing, each line named at its end.

    Parameters
    ----------
    frame : DataFrame
        From `facedeblur.reports.plots.by_kernel_size`.
    column : Column
        The metric that is drawn.

    Returns
    -------
    str
        An ``<svg>`` element. An infinite mean stands as an open arrow at the upper or lower edge.
    """
    box = _Box(760, 340, left=44, right=172, top=26, bottom=42)
    sizes = sorted({int(size) for size in frame["kernel_size"]})
    box.across = _positions(sizes, box.x0 + 14, box.x1 - 14)
    levels = box.fit([float(v) for v in frame["mean"]], column)
    series = _series(frame, column, box)
    _spread_labels(series, box)
    return _render("lines.svg.j2", box=box, series=series, levels=levels, sizes=_thin(sizes, box), column=column)


def draw_spread(frame: pd.DataFrame, column: Column) -> list[dict[str, Any]]:
    """One small drawing a method: its mean and inter-quartile range, the other methods' means in grey.

    Returns
    -------
    list of dict
        ``method``, ``oracle``, ``colour``, ``marker`` and ``svg``; all on the same axes.
    """
    box = _Box(232, 150, left=30, right=8, top=8, bottom=22)
    sizes = sorted({int(size) for size in frame["kernel_size"]})
    box.across = _positions(sizes, box.x0 + 6, box.x1 - 6)
    reach = [float(v) for name in ("mean", "q25", "q75") for v in frame[name]]
    levels = box.fit(reach, column, about=4)
    series = _series(frame, column, box)
    ends = [sizes[0], sizes[-1]] if len(sizes) > 1 else sizes
    shown = [(size, box.across[size]) for size in ends]
    return [
        {
            **one,
            "svg": _render("panel.svg.j2", box=box, one=one, series=series, levels=levels, sizes=shown, column=column),
        }
        for one in series
    ]


def draw_distribution(frame: pd.DataFrame, column: Column) -> str:
    """One row a method: histogram of the pairs, below it the inter-quartile range, median and extremes."""
    step = 48
    box = _Box(760, 40 + step * len(frame) + 30, left=168, right=128, top=8, bottom=40)
    edges = np.asarray(frame["edges"].iloc[0])
    scale = _scale(column)
    low, high = edges[0] * scale, edges[-1] * scale
    levels = ticks(low, high, about=8)

    def across(number: float) -> float:
        at = (np.clip(number * scale, low, high) - low) / (high - low)
        return float(box.x0 + at * (box.x1 - box.x0))

    most = max(int(max(counts)) for counts in frame["counts"]) or 1
    rows = []
    for place, row in enumerate(frame.to_dict("records")):
        base = box.y0 + step * place + 34
        marks = {name: across(row[name]) for name in ("least", "q25", "median", "q75", "most") if row[name] == row[name]}
        rows.append(
            {
                **style(place),
                "method": row["method"],
                "name": _clip(row["method"]),
                "oracle": row["oracle"],
                "base": base,
                "area": _steps([across(edge) for edge in edges], row["counts"], base, 30 / most),
                "marks": marks,
                "notes": _beside(row),
                "title": _distribution_title(row, column),
            }
        )
    box.y1 = box.y0 + step * len(rows)
    box.height = box.y1 + box.bottom
    lines = [{"at": across(level / scale), "text": _tick(level, levels)} for level in levels]
    return _render("ridges.svg.j2", box=box, rows=rows, levels=lines, column=column)


class _Box:
    """The frame of a drawing in user units, and its scales."""

    def __init__(self, width: float, height: float, *, left: float, right: float, top: float, bottom: float):
        self.width, self.height, self.bottom = width, height, bottom
        self.x0, self.x1, self.y0, self.y1 = left, width - right, top, height - bottom
        self.across: dict[int, float] = {}
        self.low, self.high = 0.0, 1.0

    def fit(self, numbers: Sequence[float], column: Column, *, about: int = 6) -> list[dict[str, Any]]:
        """Fit the vertical scale to the finite `numbers`; return its ticks."""
        self.factor = _scale(column)
        finite = [number * self.factor for number in numbers if math.isfinite(number)] or [0.0, 1.0]
        margin = 0.05 * (max(finite) - min(finite)) or 0.5
        self.low, self.high = min(finite) - margin, max(finite) + margin
        levels = ticks(self.low, self.high, about=about)
        return [{"at": self.up(level / self.factor), "text": _tick(level, levels)} for level in levels]

    def up(self, number: float) -> float:
        at = (number * self.factor - self.low) / (self.high - self.low)
        return float(self.y1 - at * (self.y1 - self.y0))


def _series(frame: pd.DataFrame, column: Column, box: _Box) -> list[dict[str, Any]]:
    series = []
    for place, (method, rows) in enumerate(frame.groupby("method", sort=False)):
        points = [_point(row, column, box) for row in rows.to_dict("records")]
        drawn = [point for point in points if not point["beyond"]]
        series.append(
            {
                **style(place),
                "method": str(method),
                "name": _clip(str(method)),
                "oracle": bool(rows["oracle"].iloc[0]),
                "points": points,
                "path": _path([(point["x"], point["y"]) for point in drawn]),
                "band": _band(rows.to_dict("records"), box),
                "end": points[-1],
            }
        )
    return series


def _point(row: dict[str, Any], column: Column, box: _Box) -> dict[str, Any]:
    mean, beyond = row["mean"], not math.isfinite(row["mean"])
    at = (box.y0 if mean > 0 else box.y1) if beyond else box.up(mean)
    failed = f", {count(row['failed'])} failed" if row["failed"] else ""
    title = (
        f"{row['method']}, {row['kernel_size']} px: mean {value(mean, column)} {unit(column)}, "
        f"middle half {value(row['q25'], column)} to {value(row['q75'], column)}, "
        f"{count(row['pairs'])} pairs{failed}"
    )
    return {"x": box.across[row["kernel_size"]], "y": at, "beyond": beyond, "title": title}


def _band(rows: list[dict[str, Any]], box: _Box) -> str:
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
        return _path([(x - 4, top), (x + 4, top), (x + 4, foot), (x - 4, foot)]) + "Z"
    return _path(upper + lower) + "Z" if kept else ""


def _spread_labels(series: list[dict[str, Any]], box: _Box, *, gap: float = 15.0) -> None:
    """Place the names at the line ends so that none covers another, as near to its line as can be."""
    order = sorted(series, key=lambda one: one["end"]["y"])
    places: list[list[float]] = []  # blocks of names that touch: [sum of wanted tops, names, top]
    for one in order:
        places.append([one["end"]["y"], 1, one["end"]["y"]])
        while len(places) > 1 and places[-2][2] + gap * places[-2][1] > places[-1][2]:
            wanted, names, _ = places.pop()
            above = places[-1]
            # Names lower in a block want to be higher by the gaps above them.
            above[0] += wanted - gap * names * above[1]
            above[1] += names
            above[2] = above[0] / above[1]
    tops = [block[2] + gap * n for block in places for n in range(int(block[1]))]
    shift = max(0.0, tops[-1] - (box.y1 + 6)) if tops else 0.0
    for one, top in zip(order, tops, strict=True):
        one["label_y"] = top - shift


def _positions(sizes: Sequence[int], low: float, high: float) -> dict[int, float]:
    if len(sizes) == 1:
        return {sizes[0]: (low + high) / 2}
    return {size: low + (size - sizes[0]) / (sizes[-1] - sizes[0]) * (high - low) for size in sizes}


def _thin(sizes: Sequence[int], box: _Box) -> list[tuple[int, float]]:
    """Tick marks that do not touch: every size where there is room."""
    shown: list[tuple[int, float]] = []
    for size in sizes:
        if not shown or box.across[size] - shown[-1][1] >= 26:
            shown.append((size, box.across[size]))
    return shown


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def _steps(edges: Sequence[float], counts: Sequence[int], base: float, scale: float) -> str:
    points = [(edges[0], base)]
    for left, right, number in zip(edges[:-1], edges[1:], counts, strict=True):
        points += [(left, base - number * scale), (right, base - number * scale)]
    return _path([*points, (edges[-1], base)]) + "Z"


def _beside(row: dict[str, Any]) -> list[str]:
    notes = [f"{count(row['failed'])} failed"] if row["failed"] else []
    return notes + ([f"{count(row['infinite'])} infinite"] if row["infinite"] else [])


def _distribution_title(row: dict[str, Any], column: Column) -> str:
    parts = ("least", "q25", "median", "q75", "most")
    names = ("least", "first quartile", "median", "third quartile", "most")
    told = ", ".join(f"{name} {value(row[part], column)}" for name, part in zip(names, parts, strict=True))
    beside = "".join(f", {note}" for note in _beside(row))
    return f"{row['method']}, {unit(column) or column.label}: {told}{beside}"


def _scale(column: Column) -> float:
    return 100.0 if column.unit == "fraction" else 1.0


def _tick(level: float, levels: Sequence[float]) -> str:
    step = levels[1] - levels[0]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{level:.{digits}f}".replace("-", "−")


def _clip(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 1] + "…"


def _render(template: str, **what: Any) -> str:
    return environment().get_template(template).render(**what)
