"""Whether two sets rank methods alike and give them like values: rank correlation, regression, and their figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.figures.style import PAGE, legend, looks, name, note, styled
from facedeblur.reports.leaderboard.board import Board, BoardsLike, boards
from facedeblur.reports.text import scale, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 4
"""Methods from which on a rank correlation says anything."""
ALL = 0
"""Kernel size of the rows over all sizes."""


def means(board: Board, column: Column) -> pd.DataFrame:
    """Mean of a metric per method (rows) and kernel size (columns, `ALL` first); failures count as the metric says.

    Returns
    -------
    DataFrame
        In the metric's own unit; indexed by the method's label.
    """
    found: dict[str, dict[int, float]] = {}
    for method in board:
        values = column.counted(method.values(column, filled=False), method.ok)
        sizes = method.scores.frame["kernel_size"].to_numpy()
        found[method.label] = {ALL: float(np.mean(values))} | {
            int(size): float(np.mean(values[sizes == size])) for size in np.unique(sizes)
        }
    return pd.DataFrame.from_dict(found, orient="index")


def agreement(scores: BoardsLike, *, metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Compare what each set says of the methods with what the first set says.

    Parameters
    ----------
    scores : Scores, path, or several of them, or boards
        Tables of the same methods on two sets or more. Methods that some set lacks are left out.
    metrics : sequence of str
        Short or full names; by default PSNR and SSIM in the definition of the tables, as far as they have them.

    Returns
    -------
    DataFrame
        One row per other set, metric and kernel size (0 for all): ``methods``, ``spearman`` and ``kendall`` (rank
        correlations of the methods' means), ``discordant`` (pairs of methods in the opposite order), and ``slope``,
        ``intercept`` and ``r2`` of the regression of the first set's means on the other's.

    Raises
    ------
    InputError
        When there is one set only, or sets have fewer than four methods in common.
    """
    from scipy.stats import kendalltau, linregress, spearmanr

    first, others, columns = _compared(boards(scores), metrics)
    rows: list[dict[str, Any]] = []
    for other in others:
        for column in columns:
            one, two = _common(first, other, column)
            for size in one.columns:
                x, y = two[size].to_numpy(), one[size].to_numpy()
                # Without a spread there is neither an order nor a line.
                spread = np.ptp(x) > 0 and np.ptp(y) > 0
                line = linregress(x, y) if spread else None
                apart = np.sign(x[:, None] - x) * np.sign(y[:, None] - y) < 0
                rows.append(
                    {
                        "set": _of(other),
                        "against": _of(first),
                        "metric": column.signature,
                        "kernel_size": size,
                        "methods": len(x),
                        "spearman": float(spearmanr(x, y).statistic) if spread else np.nan,
                        "kendall": float(kendalltau(x, y).statistic) if spread else np.nan,
                        "discordant": int(np.triu(apart).sum()),
                        "slope": float(line.slope) if line else np.nan,
                        "intercept": float(line.intercept) if line else np.nan,
                        "r2": float(line.rvalue**2) if line else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def agreement_figure(scores: BoardsLike, *, metrics: Sequence[str] = (), width: float = PAGE) -> Figure:
    """Draw the methods' means on the first set against those on each other set, one plot per metric and set.

    Large marks are means over all pairs, small ones those of each kernel size. The dashed line is equality, the full
    one the regression of the large marks.

    Parameters
    ----------
    scores, metrics
        As for `agreement`.
    width : float
        Inches.

    Raises
    ------
    InputError
        As `agreement`, or when matplotlib is not installed.
    """
    made = boards(scores)
    first, others, columns = _compared(made, metrics)
    table = agreement(made, metrics=metrics)
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, 0.34 * width * len(columns) * 3 / len(others)), layout="constrained")
        grid = figure.subplots(len(columns), len(others), squeeze=False)
        for line, column in enumerate(columns):
            for place, other in enumerate(others):
                row = table[(table["set"] == _of(other)) & (table["metric"] == column.signature)]
                _panel(grid[line][place], first, other, column, row[row["kernel_size"] == ALL].iloc[0])
        legend(*grid.flat)
        told = f"means of {len(_labels(first, others))} methods; small marks: per kernel size; dashed: equal values"
        note(grid[-1][0], told, oracles=any(method.oracle for method in first))
    return figure


def _panel(axes: Axes, first: Board, other: Board, column: Column, found: pd.Series) -> None:
    one, two = _common(first, other, column)
    factor, said = scale(column), unit(column)
    oracles = {method.label: method.oracle for method in first}
    shown = looks(oracles.items())
    for label in one.index:
        x, y = factor * two.loc[label], factor * one.loc[label]
        style = shown[label] | {"linestyle": ""}
        sizes = [size for size in one.columns if size != ALL]
        axes.plot(x[sizes], y[sizes], **(style | {"markersize": 2, "alpha": 0.45}))
        axes.plot([x[ALL]], [y[ALL]], label=name(label, oracle=oracles[label]), **style)
    low, high = factor * min(one.min().min(), two.min().min()), factor * max(one.max().max(), two.max().max())
    axes.plot([low, high], [low, high], color="#999999", linestyle=(0, (4, 2)), linewidth=0.7, zorder=0)
    ends = np.array([factor * two[ALL].min(), factor * two[ALL].max()])
    axes.plot(ends, found["slope"] * ends + factor * found["intercept"], color="black", linewidth=0.8, zorder=0)
    axes.set_title(f"rank correlation {found['spearman']:.3f}, R² {found['r2']:.3f}", fontsize=7)
    axes.set_xlabel(f"{column.label} on {_of(other)}" + (f" ({said})" if said else ""))
    axes.set_ylabel(f"{column.label} on {_of(first)}" + (f" ({said})" if said else ""))
    axes.grid()


def _compared(made: Sequence[Board], metrics: Sequence[str]) -> tuple[Board, Sequence[Board], list[Column]]:
    if len(made) < 2:
        raise InputError("the score tables are of one set", do="give tables of the same methods on two sets or more")
    first, others = made[0], made[1:]
    shared = [column for column in first.columns if all(_has(board, column) for board in others)]
    if metrics:
        wanted = [_named(first, metric, shared) for metric in metrics]
    else:
        families = dict.fromkeys(column.signature.partition("[")[0] for column in shared)
        heads = [one for one in ("psnr", "ssim") if one in families] or list(families)[:1]
        wanted = [next(column for column in shared if column.signature.startswith(head)) for head in heads]
    if not wanted:
        raise InputError("the sets have no metric of one definition in common", do="score all of them by one protocol")
    if len(_labels(first, others)) < FEWEST:
        raise InputError(
            "sets to compare", expected=f"at least {FEWEST} methods on all of them",
            found=f"{len(_labels(first, others))}", do="run and score more methods",
        )  # fmt: skip
    return first, others, wanted


def _named(board: Board, metric: str, shared: Sequence[Column]) -> Column:
    for column in shared:
        if metric in (column.signature, column.signature.partition("[")[0]):
            return column
    raise InputError(
        f"metric '{metric}'", f"is not in the score tables of all sets (set '{_of(board)}' has "
        f"{', '.join(column.signature for column in board.columns)})", do="score all sets by one protocol",
    )  # fmt: skip


def _has(board: Board, column: Column) -> bool:
    return any(other.signature == column.signature for other in board.columns)


def _labels(first: Board, others: Sequence[Board]) -> list[str]:
    """Methods that every set has, in the first one's order."""
    held = [{method.label for method in board} for board in others]
    return [method.label for method in first if all(method.label in one for one in held)]


def _common(first: Board, other: Board, column: Column) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of both sets, for the methods and kernel sizes that both have."""
    one, two = means(first, column), means(other, column)
    labels = [label for label in one.index if label in two.index]
    sizes = [size for size in one.columns if size in two.columns]
    finite = [label for label in labels if np.isfinite([*one.loc[label, sizes], *two.loc[label, sizes]]).all()]
    return one.loc[finite, sizes], two.loc[finite, sizes]


def _of(board: Board) -> str:
    return str(board.set.get("name", ""))
