"""The plots of a board as figures for a paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.figures.style import COLUMN, GREY, axes_of, legend, looks, name, note, styled
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.series import by_kernel_size
from facedeblur.reports.leaderboard.speed import against_time
from facedeblur.reports.page.svg.axes import scale
from facedeblur.reports.text import plain, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def kernel_size(board: Board, *, width: float = COLUMN) -> Figure:
    """Mean of the headline metric over kernel size, with 95 % intervals for other faces and kernels.

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
        raise InputError("figure of kernel sizes", expected="a set with kernels", found="blur without a single kernel")
    column = board.headline
    with styled():
        figure, axes = axes_of(width, 0.72)
        # Side by side, or intervals hide each other.
        gap = min(np.diff(sizes), default=2)
        step = min(0.12 * gap, 0.5 * gap / len(board.entries))
        styles = _looks(board)
        for place, entry in enumerate(board):
            here = frame[frame["method"] == entry.label]
            across = here["kernel_size"].to_numpy() + step * (place - (len(board.entries) - 1) / 2)
            found = here[["mean", "low", "high"]].to_numpy() * scale(column)
            style = styles[entry.label] | {"markersize": 3.6}
            axes.plot(across, found[:, 0], label=name(entry.label, oracle=entry.oracle), **style)
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
    """How the headline metric is distributed over the scored pairs: density, quartiles and median, 5 % and 95 %.

    Failed pairs and infinite values have no place on the axis; they are counted beside it.
    """
    entries = list(board)
    with styled():
        figure, axes = axes_of(width, (0.55 + 0.36 * len(entries)) / width)
        styles = _looks(board)
        for place, entry in enumerate(entries):
            values = scale(board.headline) * entry.values(board.headline, filled=False)
            at = len(entries) - 1 - place
            _ridge(axes, values[np.isfinite(values)], at, styles[entry.label]["color"], hollow=entry.oracle)
            beside = [(int(np.isnan(values).sum()), "failed"), (int(np.isinf(values).sum()), "infinite")]
            told = ", ".join(f"{number:,} {what}" for number, what in beside if number)
            axes.annotate(
                told, (1, at + 0.06), xycoords=("axes fraction", "data"), ha="right", color=GREY, fontsize=6.5
            )
        labels = [name(entry.label, oracle=entry.oracle, length=24) for entry in reversed(entries)]
        axes.set_yticks(range(len(entries)), labels)
        axes.set_ylim(-0.35, len(entries) - 0.25)
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

    Times of different machines do not compare: each has a front of its own. Methods whose run recorded no time, and
    those with an infinite mean, are named below the plot. The blurred input takes no time: it is a level line.

    Raises
    ------
    InputError
        When no run recorded its time, or matplotlib is not installed.
    """
    column, factor = board.headline, scale(board.headline)
    timed = [entry for entry in board if entry.seconds_per_image > 0 and not entry.is_input]
    if not timed:
        raise InputError("figure of run times", expected="runs with timings", found="none", do="run facedeblur run")
    with styled():
        figure, axes = axes_of(width, 0.72)
        styles = _looks(board)
        for entry in board:
            mean, bounds = factor * entry.summary(column).mean, entry.spread(column).interval
            style = styles[entry.label]
            if entry.is_input:
                axes.axhline(mean, label=entry.label, color=style["color"], linestyle=style["linestyle"], linewidth=1)
            elif entry in timed:
                if bounds:
                    ends = factor * bounds.low, factor * bounds.high
                    axes.vlines(entry.seconds_per_image, *ends, color=style["color"], linewidth=0.8)
                label = name(entry.label, oracle=entry.oracle)
                axes.plot([entry.seconds_per_image], [mean], label=label, **{**style, "linestyle": ""})
        known = against_time(board)
        drawn = known[known["front"] & np.isfinite(known["mean"])].sort_values("seconds")
        fronts = [rows for _, rows in drawn.groupby("machine") if len(rows) > 1]
        for place, rows in enumerate(fronts):
            label = "Pareto front" if len(fronts) == 1 else "Pareto front of a machine"
            axes.step(
                rows["seconds"], factor * rows["mean"], where="post", color=GREY, linewidth=0.8, zorder=0,
                label=f"{'_' * (place > 0)}{label}",
            )  # fmt: skip
        _decades(axes, [entry.seconds_per_image for entry in timed])
        devices = sorted({entry.device for entry in timed if entry.device})
        sizes = sorted({entry.image_size for entry in timed if entry.image_size})
        axes.set_xlabel("seconds per image" + (f" ({', '.join([*sizes, *devices])})" if sizes or devices else ""))
        axes.set_ylabel(_label(board))
        axes.grid()
        legend(axes)
        without = [entry.label for entry in board if entry not in timed and not entry.is_input]
        beyond = known.loc[np.isinf(known["mean"]), "method"]
        basis = _rest_on([bounds.basis for bounds in [entry.spread(column).interval for entry in timed] if bounds])
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
    return looks((entry.label, entry.oracle) for entry in board)


def _rest_on(basis: Iterable[str], of: str = "") -> str:
    told = " or ".join(dict.fromkeys(basis))
    return f"95 % intervals from {told} {of}".rstrip() if told else ""


def _below(axes: Axes, board: Board, *lines: str) -> None:
    note(axes, *lines, oracles=any(entry.oracle for entry in board))


def _failures(board: Board, counted: str) -> str:
    told = [f"{entry.label} {int((~entry.ok).sum()):,}" for entry in board if not entry.ok.all()]
    return f"failed pairs, counted as {counted}: {', '.join(told)}" if told else ""


def _label(board: Board) -> str:
    said = unit(board.headline)
    return f"{board.headline.label} ({said})" if said else board.headline.label


PLOTS: dict[str, Callable[..., Figure]] = {
    "kernel-size": kernel_size,
    "distribution": distribution,
    "runtime": runtime,
}
