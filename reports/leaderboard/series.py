"""What the plots show, as plain tables; `facedeblur.reports.page.svg.drawing` draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import Spread, factors, spread
from facedeblur.benchmark.statistics.summary import summary
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry, summarise
from facedeblur.reports.page.svg.axes import reach

if TYPE_CHECKING:
    import pandas as pd

BINS = 48


@dataclass(frozen=True, eq=False)
class Sample:
    """One metric of one method: the rows that count, and which face and kernel each is of.

    Attributes
    ----------
    rows : (n,) int
        Places in the score table; those without such a value (a class that is not in the picture) are left out.
    values : (n,) float64
        NaN where the pair failed.
    faces, kernels : (n,) int
        As `facedeblur.benchmark.statistics.intervals.factors` tells them apart.
    """

    rows: np.ndarray
    values: np.ndarray
    faces: np.ndarray
    kernels: np.ndarray

    def of(self, here: np.ndarray) -> Sample:
        """The rows where the (n,) bool `here` is true."""
        return Sample(self.rows[here], self.values[here], self.faces[here], self.kernels[here])

    def spread(self, column: Column) -> Spread:
        """The 95 % interval of the mean, where failures count as the metric says."""
        counted = np.where(np.isnan(self.values), column.failure, self.values)
        return spread(counted, self.faces, self.kernels, *column.mean_limits)


def sample(entry: Entry, column: Column) -> Sample:
    """What `column` is made of in the table of `entry`."""
    values = entry.values(column, filled=False)
    faces, kernels = (np.unique(names, return_inverse=True)[1] for names in factors(entry.scores))
    kept = np.flatnonzero(~(np.isnan(values) & entry.ok)) if column.partial else np.arange(len(values))
    return Sample(kept, values[kept], faces[kept], kernels[kept])


def bounds(found: Spread) -> dict[str, Any]:
    """An interval as columns of a table: ``low``, ``high``, ``basis``, and in ``absent`` why there are none."""
    known = found.interval
    ends = (known.low, known.high) if known else (np.nan, np.nan)
    return {"low": ends[0], "high": ends[1], "basis": known.basis if known else "", "absent": found.absent}


def by_kernel_size(board: Board) -> pd.DataFrame:
    """Headline metric over kernel size.

    Failed pairs count as the column's failure value, as in the leaderboard.

    Returns
    -------
    pandas.DataFrame
        One row a method and size: ``place`` (which colour it has), ``method``, ``oracle``, ``kernel_size`` (pixels),
        ``pairs``, ``failed``, ``mean``, ``std``, ``q25``, ``median``, ``q75`` in the metric's unit; ``low`` and
        ``high``, the 95 % interval of the mean for other faces and other kernels of that size, NaN where there is
        none, and why in ``absent``, what it rests on in ``basis``.
    """
    import pandas as pd

    column = board.headline
    rows = []
    for entry in board:
        known = sample(entry, column)
        sizes = entry.scores.frame["kernel_size"].to_numpy()[known.rows]
        for size in np.unique(sizes):
            here = known.of(sizes == size)
            result = summarise(here.values, column)
            rows.append(
                {
                    "place": board.place(entry),
                    "method": entry.label,
                    "oracle": entry.oracle,
                    "kernel_size": int(size),
                    "pairs": len(here.rows),
                    "failed": result.failed,
                    "mean": result.mean,
                    "std": result.std,
                    "q25": result.q25,
                    "median": result.median,
                    "q75": result.q75,
                    **bounds(here.spread(column)),
                }
            )
    names = ("place", "method", "oracle", "kernel_size", "pairs", "failed", "mean", "std", "q25", "median", "q75")
    return pd.DataFrame(rows, columns=[*names, "low", "high", "basis", "absent"])


def distribution(board: Board, *, bins: int = BINS) -> pd.DataFrame:
    """How the headline metric is distributed over the pairs that could be scored.

    Every method is counted in the same bins. Failed pairs and infinite values have no place on the
    axis; they are counted beside it.

    Parameters
    ----------
    board : Board
    bins : int
        Number of intervals between the smallest and the largest finite value of all methods.

    Returns
    -------
    pandas.DataFrame
        One row a method: ``place``, ``method``, ``oracle``, ``edges`` (bins + 1,), ``counts`` (bins,), ``failed``,
        ``infinite``, and over the scored pairs ``least``, ``q05``, ``q25``, ``median``, ``q75``, ``q95``, ``most`` and
        ``tail``, the mean of the worst 5 %.
    """
    import pandas as pd

    column = board.headline
    raw = {entry.label: entry.values(column, filled=False) for entry in board}
    finite = {label: values[np.isfinite(values)] for label, values in raw.items()}
    edges = np.linspace(*reach(np.concatenate(list(finite.values()))), bins + 1)
    rows = []
    for entry in board:
        result = summary(raw[entry.label], higher_is_better=True)
        rows.append(
            {
                "place": board.place(entry),
                "method": entry.label,
                "oracle": entry.oracle,
                "edges": edges,
                "counts": np.histogram(finite[entry.label], edges)[0],
                "failed": result.failed,
                "infinite": result.infinite,
                "least": result.worst,
                "q05": result.q05,
                "q25": result.q25,
                "median": result.median,
                "q75": result.q75,
                "q95": result.q95,
                "most": result.best,
                "tail": summary(raw[entry.label], higher_is_better=column.higher_is_better).tail,
            }
        )
    return pd.DataFrame(rows)
