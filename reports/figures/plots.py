"""Plots for a paper: scores of a board, and tests of whole sets (recognition, parsing)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.agreement import told_apart
from facedeblur.reports.figures.style import COLUMN, GREY, axes_of, legend, looks, name, note, styled
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.series import against_time, by_kernel_size
from facedeblur.reports.text import plain, scale, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from facedeblur.benchmark.whole_set.parsing import Parsing
    from facedeblur.benchmark.whole_set.recognition import Recognition


def kernel_size(board: Board, *, width: float = COLUMN) -> Figure:
    """Mean of the headline metric over kernel size, with 95 % intervals for unseen faces and kernels.

    Failed pairs count as the metric says. Sizes without an interval (one face, one kernel) have a bare point.

    Raises
    ------
    InputError
        When the set has no kernel sizes, or matplotlib is not installed.
    """
    frame = by_kernel_size(board)
    frame = frame[frame["kernel_size"] > 0]
    sizes = sorted({int(size) for size in frame["kernel_size"]})
    if not sizes:
        raise InputError("this figure needs kernel sizes, and the set has no kernels")
    column = board.headline
    with styled():
        figure, axes = axes_of(width, 0.72)
        # Side by side, or intervals hide each other.
        gap = min(np.diff(sizes), default=2)
        step = min(0.12 * gap, 0.5 * gap / len(board.methods))
        styles = _looks(board)
        for place, method in enumerate(board):
            here = frame[frame["method"] == method.label]
            across = here["kernel_size"].to_numpy() + step * (place - (len(board.methods) - 1) / 2)
            found = here[["mean", "low", "high"]].to_numpy() * scale(column)
            style = styles[method.label] | {"markersize": 3.6}
            axes.plot(across, found[:, 0], label=name(method.label, oracle=method.oracle), **style)
            axes.vlines(across, found[:, 1], found[:, 2], color=style["color"], linewidth=0.8)
        axes.set_xticks(sizes)
        axes.set_xlabel("kernel size (pixels)")
        axes.set_ylabel(_label(board))
        axes.grid(axis="y")
        legend(axes)
        basis = _rest_on(dict.fromkeys(one for one in frame["basis"] if one), "a size")
        _below(axes, board, _failures(board, f"{plain(column.failure)} {column.unit}".strip()), basis)
    return figure


def distribution(board: Board, *, width: float = COLUMN) -> Figure:
    """Distribution of the headline metric over the scored pairs: density, quartiles and median, 5 % and 95 %.

    Failed pairs and infinite values cannot be drawn; they are counted next to the axis.
    """
    methods = list(board)
    with styled():
        figure, axes = axes_of(width, (0.55 + 0.36 * len(methods)) / width)
        styles = _looks(board)
        for place, method in enumerate(methods):
            values = scale(board.headline) * method.values(board.headline, filled=False)
            at = len(methods) - 1 - place
            _ridge(axes, values[np.isfinite(values)], at, styles[method.label]["color"], hollow=method.oracle)
            beside = [(int(np.isnan(values).sum()), "failed"), (int(np.isinf(values).sum()), "infinite")]
            told = ", ".join(f"{number:,} {what}" for number, what in beside if number)
            axes.annotate(
                told, (1, at + 0.06), xycoords=("axes fraction", "data"), ha="right", color=GREY, fontsize=6.5
            )
        labels = [name(method.label, oracle=method.oracle, length=24) for method in reversed(methods)]
        axes.set_yticks(range(len(methods)), labels)
        axes.set_ylim(-0.35, len(methods) - 0.25)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(_label(board))
        axes.grid(axis="x")
        _below(axes, board, "densities of equal height; band: middle half, line: 5 % to 95 %, point: median")
    return figure


def _ridge(axes: Axes, values: np.ndarray, at: float, colour: str, *, hollow: bool) -> None:
    """Density above a level, quartiles on it; `hollow` for methods with the true kernel."""
    from matplotlib.colors import to_rgba

    if values.size > 1 and np.ptp(values) > 0:
        parts = axes.violinplot(
            [values], [at], orientation="horizontal", widths=1.3, showextrema=False, side="high", points=200
        )["bodies"]
        for body in parts:  # type: ignore[attr-defined]
            body.set(alpha=None, facecolor=to_rgba("white", 0.8) if hollow else to_rgba(colour, 0.3))
            body.set(edgecolor=colour, linewidth=0.8, linestyle="--" if hollow else "-")
    if values.size:
        q05, q25, q50, q75, q95 = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        below = [at - 0.1] * 2
        axes.plot([q05, q95], below, color=colour, linewidth=0.8, solid_capstyle="butt")
        axes.plot([q25, q75], below, color=colour, linewidth=3.2, solid_capstyle="butt")
        axes.plot([q50], below[:1], "o", color="white", markeredgecolor=colour, markersize=3.6)


def runtime(board: Board, *, width: float = COLUMN) -> Figure:
    """Mean of the headline metric against run time per image, with the Pareto front of methods without the true kernel.

    Times of different machines cannot be compared: each machine has its own front. Methods without a recorded time or
    with an infinite mean are named below the plot. The blurred input takes no time: it is a level line.

    Raises
    ------
    InputError
        When no run recorded its time, or matplotlib is not installed.
    """
    column, factor = board.headline, scale(board.headline)
    timed = [method for method in board if method.seconds_per_image > 0 and not method.is_input]
    if not timed:
        raise InputError("no run has recorded its run time", do="restore the set with facedeblur run")
    with styled():
        figure, axes = axes_of(width, 0.72)
        styles = _looks(board)
        for method in board:
            mean, bounds = factor * method.summary(column).mean, method.spread(column).interval
            style = styles[method.label]
            if method.is_input:
                axes.axhline(mean, label=method.label, color=style["color"], linestyle=style["linestyle"], linewidth=1)
            elif method in timed:
                if bounds:
                    ends = factor * bounds.low, factor * bounds.high
                    axes.vlines(method.seconds_per_image, *ends, color=style["color"], linewidth=0.8)
                label = name(method.label, oracle=method.oracle)
                axes.plot([method.seconds_per_image], [mean], label=label, **{**style, "linestyle": ""})
        known = against_time(board)
        drawn = known[known["front"] & np.isfinite(known["mean"])].sort_values("seconds")
        fronts = [rows for _, rows in drawn.groupby("machine") if len(rows) > 1]
        for place, rows in enumerate(fronts):
            label = "Pareto front" if len(fronts) == 1 else "Pareto front per machine"
            axes.step(
                rows["seconds"], factor * rows["mean"], where="post", color=GREY, linewidth=0.8, zorder=0,
                label=f"{'_' * (place > 0)}{label}",
            )  # fmt: skip
        _decades(axes, [method.seconds_per_image for method in timed])
        devices = sorted({method.device for method in timed if method.device})
        sizes = sorted({method.image_size for method in timed if method.image_size})
        axes.set_xlabel("seconds per image" + (f" ({', '.join([*sizes, *devices])})" if sizes or devices else ""))
        axes.set_ylabel(_label(board))
        axes.grid()
        legend(axes)
        without = [method.label for method in board if method not in timed and not method.is_input]
        beyond = known.loc[np.isinf(known["mean"]), "method"]
        basis = _rest_on([bounds.basis for bounds in [method.spread(column).interval for method in timed] if bounds])
        lines = [("no run time", without), ("infinite mean", beyond)]
        _below(axes, board, *(f"{what}: {', '.join(which)}" for what, which in lines if len(which)), basis)
    return figure


def _decades(axes: Axes, times: Sequence[float]) -> None:
    """A logarithmic axis over whole decades, its numbers without powers as far as they are short."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    axes.set_xscale("log")
    low, high = math.floor(math.log10(min(times) * 0.7)), math.ceil(math.log10(max(times) * 1.4))
    axes.set_xlim(10.0**low, 10.0**high)
    axes.xaxis.set_major_locator(FixedLocator([10.0**power for power in range(low, high + 1)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _looks(board: Board) -> dict[str, dict[str, Any]]:
    return looks((method.label, method.oracle) for method in board)


def _rest_on(basis: Iterable[str], of: str = "") -> str:
    told = " or ".join(dict.fromkeys(basis))
    return f"95 % intervals from {told} {of}".rstrip() if told else ""


def _below(axes: Axes, board: Board, *lines: str) -> None:
    note(axes, *lines, oracles=any(method.oracle for method in board))


def _failures(board: Board, counted: str) -> str:
    told = [f"{method.label} {int((~method.ok).sum()):,}" for method in board if not method.ok.all()]
    return f"failed pairs, counted as {counted}: {', '.join(told)}" if told else ""


def _label(board: Board) -> str:
    said = unit(board.headline)
    return f"{board.headline.label} ({said})" if said else board.headline.label


PLOTS: dict[str, Callable[..., Figure]] = {
    "kernel-size": kernel_size,
    "distribution": distribution,
    "runtime": runtime,
}


def cmc(tests: Sequence[Recognition], *, most: int = 20, width: float = COLUMN) -> Figure:
    """Cumulative match curves: share of probes whose person is among the k nearest in the gallery.

    Probes that could not be embedded count as never recognised. The sharp images are a thin line.

    Parameters
    ----------
    tests : sequence of Recognition
        Of one set, one embedder and one distance.
    most : int
        Largest rank shown.
    width : float
        Inches.

    Raises
    ------
    InputError
        If no results are given, two belong to one run, or they differ in set, embedder or distance.
    """
    tests = _one_kind(tests, "recognition", ("set_hash", "embedder", "distance", "n_gallery"))
    tests.sort(key=lambda test: (test.oracle, -test.top1, test.method))
    with styled():
        figure, axes = axes_of(width, 0.72)
        ranks = np.arange(1, min(most, max(len(test.cmc) for test in tests)) + 1)
        labels = _labels(tests)
        styles = looks((label, test.oracle) for label, test in zip(labels, tests, strict=True))
        for label, test in zip(labels, tests, strict=True):
            share = [100 * test.curve.top(int(k)) for k in ranks]
            style = styles[label] | {"markevery": max(len(ranks) // 8, 1)}
            axes.plot(ranks, share, label=name(label, oracle=test.oracle), **style)
        sharp = [100 * tests[0].clear.top(int(k)) for k in ranks]
        axes.plot(ranks, sharp, color="black", linewidth=0.8, label="sharp")
        axes.set_xlabel("rank")
        axes.set_ylabel("recognised (%)")
        axes.set_xticks([k for k in ranks if k == 1 or k % (5 if len(ranks) > 10 else 1) == 0])
        axes.grid(axis="y")
        legend(axes)
        missed = [f"{label} {test.misses:,}" for label, test in zip(labels, tests, strict=True) if test.misses]
        line = f"no face or failed, counted as not recognised: {', '.join(missed)}" if missed else ""
        note(axes, line, oracles=any(test.oracle for test in tests))
    return figure


def fscore(tests: Sequence[Parsing], *, partition: str = "helen11", width: float = COLUMN) -> Figure:
    """F-score of every component, one row per component and one mark per method; the mean is the lowest row.

    Parameters
    ----------
    tests : sequence of Parsing
        Of one set and one parser.
    partition : str
        Name of a partition of the classes.
    width : float
        Inches.

    Raises
    ------
    InputError
        If no results are given, two belong to one run, or they differ in set or parser.
    """
    tests = _one_kind(tests, "parsing", ("set_hash", "parser", "classes"))
    tests.sort(key=lambda test: (test.oracle, -np.nan_to_num(test.mean(partition)), test.method))
    absent = tests[0].not_parsed(partition)
    rows = [group for group in tests[0].scores(partition) if group not in absent]
    with styled():
        figure, axes = axes_of(width, (0.8 + 0.2 * (len(rows) + 1)) / width)
        spots = [*(len(rows) - place for place in range(len(rows))), -0.3]
        labels = _labels(tests)
        styles = looks((label, test.oracle) for label, test in zip(labels, tests, strict=True))
        for label, test in zip(labels, tests, strict=True):
            scores = test.scores(partition)
            found = [100 * value for value in (*(scores[row] for row in rows), test.mean(partition))]
            style = styles[label] | {"linestyle": "", "clip_on": False}
            axes.plot(found, spots, label=name(label, oracle=test.oracle), **style)
        axes.axhline(0.35, color=GREY, linewidth=0.6)
        axes.set_yticks(spots, [*(row.replace("_", " ") for row in rows), "mean"])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(right=100)
        axes.set_xlabel("F-score (%), pixels of all images pooled")
        axes.grid(axis="both")
        legend(axes)
        line = f"not parsed: {', '.join(absent)}" if absent else ""
        note(axes, line, oracles=any(test.oracle for test in tests))
    return figure


def _labels(tests: Sequence[Any]) -> list[str]:
    return told_apart([test.method for test in tests], [test.run_hash for test in tests])


def _one_kind(tests: Sequence[Any], kind: str, names: Sequence[str]) -> list[Any]:
    """Return the tests as a list after checking that they can be compared."""
    if not tests:
        raise InputError(f"no {kind} tables were given")
    for test in tests[1:]:
        for one in names:
            if getattr(test, one) != getattr(tests[0], one):
                raise InputError(
                    f"{kind} of '{test.method}'",
                    expected=f"the {one.replace('_', ' ')} of '{tests[0].method}': {getattr(tests[0], one)}",
                    found=f"{getattr(test, one)}",
                    do="give tables that can be compared",
                )
    runs = [(test.method, test.run_hash) for test in tests]
    for run in runs:
        if runs.count(run) > 1:
            raise InputError(f"the {kind} results of '{run[0]}' are given twice", do="give each run once")  # fmt: skip
    return list(tests)
