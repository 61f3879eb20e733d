"""Plots of what score tables measure: curves over a number by which runs differ, and bars of methods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.agreement import check_samples, check_sets, find_column, short
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.statistics.intervals import reason
from facedeblur.reports.figures.columns import named
from facedeblur.reports.figures.style import COLOURS, COLUMN, GREY, legend, looks, name, note, styled
from facedeblur.reports.figures.varied import number_of, value_of
from facedeblur.reports.leaderboard.board import MethodScores
from facedeblur.reports.text import arrow, count, plain, scale, unit, value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPAN = 50
"""From this ratio of the largest to the smallest number on, an axis is logarithmic."""


@dataclass(frozen=True)
class Point:
    """A run at a place of the horizontal axis.

    Attributes
    ----------
    x : float
    scores : Scores
    panel : str
        What varies: the label of the horizontal axis. Each has a plot of its own.
    """

    x: float
    scores: Scores
    panel: str = ""


def points_of(
    texts: Sequence[str], *, over: str = "", trained: Sequence[str] = (), label: str | None = None
) -> list[Point]:
    """Read points given as ``SCORES``, ``X=SCORES`` or ``LABEL:X=SCORES``.

    Parameters
    ----------
    texts : sequence of str
    over, trained
        Where the number of those without one is found; see `facedeblur.reports.figures.varied.value_of`.
    label : str, optional
        Of the axis, for those that have none; by default `over`.

    Raises
    ------
    InputError
        When a number is missing or is none, or a table cannot be read.
    """
    found = []
    for text in texts:
        name, place = named(text)
        panel, _, number = name.rpartition(":")
        scores = Scores.read(place)
        if not name and not over:
            raise InputError(f"'{text}' has no number", do="give X=SCORES, or --over KEY")
        x = number_of(number) if name else value_of(scores, over, trained)
        found.append(Point(x, scores, panel or (over if label is None else label)))
    return found


def curves(points: Sequence[Point], *, metrics: Sequence[str] = (), width: float = COLUMN) -> Figure:
    """Means of metrics over a number by which runs differ, with 95 % intervals for unseen faces and kernels.

    Runs of one method on one set are a curve. Where the numbers of a plot span a factor of `SPAN`, its axis is
    logarithmic; then 0 has a place left of the smallest one.

    Parameters
    ----------
    points : sequence of Point
    metrics : sequence of str
        Each gets a row of plots; by default the first metric of the tables.
    width : float
        Inches.

    Raises
    ------
    InputError
        When there are no points, two are of one run or have one place on a curve, or the tables do not have a metric
        in one definition.
    """
    if not points:
        raise InputError("no score tables were given", do="run facedeblur score first")
    check_sets(one.scores for one in points)
    check_samples([one.scores for one in points])
    columns = _columns([one.scores for one in points], metrics)
    series, labels = _series(points)
    panels = list(dict.fromkeys(one.panel for one in points))
    across = max(1, min(len(panels), int(width / 1.6)))
    down = -(-len(panels) // across)
    shown = looks((label, False) for label in labels)
    with styled():
        from matplotlib.figure import Figure

        high = (2.2 if across == 1 and len(columns) == 1 else 1.7) * down * len(columns)
        figure = Figure(figsize=(width, high), layout="constrained")
        grid = figure.subplots(down * len(columns), across, squeeze=False, sharey="row")
        used: list[Axes] = []
        for line, column in enumerate(columns):
            for place, panel in enumerate(panels):
                axes = grid[line * down + place // across][place % across]
                here = [(one, which) for one, which in zip(points, series, strict=True) if one.panel == panel]
                _panel(axes, column, here, shown)
                axes.set_xlabel(panel)
                axes.set_ylabel(_label(column) if place % across == 0 else "")
                used.append(axes)
        for axes in grid.flat:
            if axes not in used:
                axes.remove()
        if len(labels) > 1:
            legend(*used)
        note(used[0], *_basis([one.scores for one in points], columns))
    return figure


def _series(points: Sequence[Point]) -> tuple[list[str], list[str]]:
    """The curve of each point, and all curves."""
    methods = [str(one.scores.meta.run.get("name") or one.scores.meta.method) for one in points]
    sets = [str(one.scores.meta.set.get("name", "")) for one in points]
    parts = [one for one in (methods, sets) if len(set(one)) > 1]
    series = [", ".join(names) for names in zip(*parts, strict=True)] if parts else [methods[0]] * len(points)
    taken: dict[tuple[str, str, float], str] = {}
    runs: set[tuple[str, str]] = set()
    for one, which in zip(points, series, strict=True):
        method, run = one.scores.meta.method, (one.panel, str(one.scores.meta.run.get("hash", "")))
        if run in runs:
            raise InputError(f"the scores of '{method}' are given twice", do="give each run once")
        runs.add(run)
        place = (one.panel, which, one.x)
        if place in taken:
            raise InputError(f"'{taken[place]}' and '{method}' have the same number {one.x:g}", do="give one of them")
        taken[place] = method
    return series, sorted(set(series))


def _panel(axes: Axes, column: Column, here: Sequence[tuple[Point, str]], shown: dict[str, dict[str, Any]]) -> None:
    for label in dict.fromkeys(which for _, which in here):
        own = sorted((one for one, which in here if which == label), key=lambda one: one.x)
        found = [_mean(one.scores, column) for one in own]
        across = np.array([one.x for one in own])
        means, low, high = (scale(column) * np.array(part, dtype=float) for part in zip(*found, strict=True))
        style = shown[label] | {"markersize": 3.6}
        axes.fill_between(across, low, high, color=style["color"], alpha=0.18, linewidth=0)
        axes.vlines(across, low, high, color=style["color"], linewidth=0.6)
        axes.plot(across, means, label=name(label), **style)
    _axis(axes, sorted({one.x for one, _ in here}))
    axes.grid()


def _axis(axes: Axes, numbers: Sequence[float]) -> None:
    """A logarithmic axis where the numbers span enough; those that were tried are marked on it where they are few."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    positive = [number for number in numbers if number > 0]
    if numbers[0] < 0 or len(positive) < 2 or positive[-1] / positive[0] < SPAN:
        if len(numbers) <= 6 and min(np.diff(numbers), default=1) > 0.12 * (numbers[-1] - numbers[0]):
            axes.set_xticks(numbers, [_short(number) for number in numbers])
        return
    if numbers[0] == 0:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
    else:
        axes.set_xscale("log")
    steps = [
        10.0**power for power in range(math.floor(math.log10(positive[0])), math.ceil(math.log10(positive[-1])) + 1)
    ]
    inside = [step for step in steps if positive[0] * 0.99 <= step <= positive[-1] * 1.01]
    while len(inside) > 5:
        inside = inside[::2]
    ticks = [0.0] * (numbers[0] == 0) + (inside if len(inside) > 1 else [positive[0], positive[-1]])
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: _short(number)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _short(number: float) -> str:
    """``0.01``, ``1e-5``."""
    text = np.format_float_scientific(number, trim="-") if 0 < number <= 1e-3 else f"{number:g}"
    head, sign, power = text.partition("e")
    return f"{head}e{int(power)}" if sign else text


@dataclass(frozen=True)
class Bar:
    """A method, under the name that the figure has for it."""

    label: str
    scores: Scores


def bars_of(texts: Sequence[str]) -> list[Bar]:
    """Read bars given as ``SCORES`` or ``NAME=SCORES``; those without a name have that of their method.

    Raises
    ------
    InputError
        When a table cannot be read.
    """
    read = [(label, Scores.read(place)) for label, place in map(named, texts)]
    keys = [(scores.meta.method, str(scores.meta.set.get("hash"))) for label, scores in read if not label]

    def own(scores: Scores) -> str:
        method, run = scores.meta.method, str(scores.meta.run.get("hash", ""))
        return method if keys.count((method, str(scores.meta.set.get("hash")))) == 1 else f"{method} (run {short(run)})"

    return [Bar(label or own(scores), scores) for label, scores in read]


def bars(entries: Sequence[Bar], *, metrics: Sequence[str] = (), width: float = COLUMN) -> Figure:
    """Means of metrics as one bar per method, with 95 % intervals for unseen faces and kernels.

    Parameters
    ----------
    entries : sequence of Bar
        From top to bottom. Tables of several sets are bars in the colours of the sets, under one method.
    metrics : sequence of str
        Each gets a plot; by default the first metric of the tables.
    width : float
        Inches.

    Raises
    ------
    InputError
        When there are no entries, two of one set have one name, or the tables do not have a metric in one definition.
    """
    if not entries:
        raise InputError("no score tables were given", do="run facedeblur score first")
    check_sets(one.scores for one in entries)
    check_samples([one.scores for one in entries])
    columns = _columns([one.scores for one in entries], metrics)
    sets = list(dict.fromkeys(_set_name(one.scores) for one in entries))
    labels = list(dict.fromkeys(one.label for one in entries))
    table: dict[tuple[str, str], Scores] = {}
    for one in entries:
        if table.setdefault((one.label, _set_name(one.scores)), one.scores) is not one.scores:
            raise InputError(f"'{one.label}' is given twice for set '{_set_name(one.scores)}'", do="give each run once")
    oracles = {one.label for one in entries if one.scores.meta.oracle}
    across = max(1, min(len(columns), int(width / 3.0)))
    down = -(-len(columns) // across)
    with styled():
        from matplotlib.figure import Figure

        each = 0.5 + 0.19 * len(labels) * max(1, 0.6 * len(sets))
        figure = Figure(figsize=(width, each * down), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes, column in zip(grid.flat, columns, strict=False):
            _bars(axes, column, labels, sets, table, oracles)
        for axes in list(grid.flat)[len(columns) :]:
            axes.remove()
        if len(sets) > 1:
            legend(grid[0][0])
        note(grid[0][0], *_basis([one.scores for one in entries], columns), oracles=bool(oracles))
    return figure


def _bars(
    axes: Axes, column: Column, labels: Sequence[str], sets: Sequence[str], table: dict[tuple[str, str], Scores],
    oracles: set[str],
) -> None:  # fmt: skip
    thick = 0.76 / len(sets)
    ends: list[float] = [0.0]
    texts: list[tuple[float, float, str]] = []
    for number, of in enumerate(sets):
        colour = COLOURS[number % len(COLOURS)]
        first = True
        for place, label in enumerate(labels):
            scores = table.get((label, of))
            if scores is None:
                continue
            mean, low, high = _mean(scores, column)
            at = len(labels) - 1 - place - thick * (number - (len(sets) - 1) / 2)
            if not math.isfinite(mean):
                texts.append((0.0, at, value(mean, column)))
                continue
            known = [scale(column) * end for end in (mean, low, high) if math.isfinite(end)]
            own = GREY if scores.meta.method == "blurred" and len(sets) == 1 else colour
            axes.barh(
                at, scale(column) * mean, thick, color="white" if label in oracles else own, edgecolor=own,
                linewidth=0.8, linestyle="--" if label in oracles else "-", label=of if first else "_",
            )  # fmt: skip
            first = False
            if len(known) == 3:
                axes.hlines(at, known[1], known[2], color="black", linewidth=0.9)
            ends += known
            texts.append((max(*known, 0.0), at, value(mean, column)))
    low, high = min(ends), max(ends)
    reach = (high - low) or 1.0
    for end, at, text in texts:
        axes.text(end + 0.02 * reach, at, text, va="center", fontsize=6)
    axes.set_xlim(low - 0.03 * reach * (low < 0), high + 0.24 * reach)
    most = scale(column) * column.mean_limits[1]
    axes.set_xticks(
        [tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= min(most, high + 0.24 * reach)]
    )
    axes.set_yticks(range(len(labels)), [name(label, oracle=label in oracles, length=24) for label in reversed(labels)])
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{_label(column)} {arrow(column)}")
    axes.grid(axis="x")


def _set_name(scores: Scores) -> str:
    return str(scores.meta.set.get("name", ""))


def _columns(tables: Sequence[Scores], metrics: Sequence[str]) -> list[Column]:
    """The columns of the wanted metrics, which all tables have in the same definition."""
    wanted = list(metrics) or [tables[0].meta.columns[0].signature]
    found = []
    for metric in wanted:
        first: Column | None = None
        for scores in tables:
            column = find_column(scores.meta.columns, metric)
            if column is None:
                raise InputError(
                    f"the scores of '{scores.meta.method}' do not have metric '{metric}'",
                    do=f"run facedeblur score SET OUTPUTS --metric '{metric}'",
                )
            first = first or column
            if column.signature != first.signature:
                raise InputError(
                    f"metric '{metric}' of '{scores.meta.method}'", expected=f"{first.signature}, as before",
                    found=column.signature, do="name one of them",
                )  # fmt: skip
        assert first is not None
        found.append(first)
    return found


def _mean(scores: Scores, column: Column) -> tuple[float, float, float]:
    """Mean of a metric and the ends of its interval, NaN where it has none."""
    method = MethodScores(scores, scores.meta.method)
    known = method.spread(column).interval
    return method.summary(column).mean, *((known.low, known.high) if known else (math.nan, math.nan))


def _basis(tables: Iterable[Scores], columns: Sequence[Column]) -> list[str]:
    """What the intervals rest on, why some are missing, and what failed pairs count as."""
    tables = list(tables)
    found = [MethodScores(one, one.meta.method).spread(column) for one in tables for column in columns]
    basis = list(dict.fromkeys(one.interval.basis for one in found if one.interval))
    absent = list(dict.fromkeys(reason(one.absent) for one in found if one.absent))
    lines = [f"95 % intervals from {' or '.join(basis)}"] if basis else []
    lines += [f"{'some have ' if basis else ''}no intervals: {'; '.join(absent)}"] if absent else []
    failed = sum(int((one.column("status").astype(str) != "ok").sum()) for one in tables)
    if failed:
        counted = ", ".join(f"{plain(column.failure)} {column.unit}".strip() for column in columns)
        lines.append(f"{count(failed)} failed pairs, counted as {counted}")
    return lines


def _label(column: Column) -> str:
    told = unit(column)
    return f"{column.label} ({told})" if told else column.label
