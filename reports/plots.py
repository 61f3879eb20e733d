"""What the plots show, as plain tables; `facedeblur.reports.svg` draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.statistics import summary
from facedeblur.reports.board import Board, summarise

if TYPE_CHECKING:
    import pandas as pd

BINS = 48


def by_kernel_size(board: Board) -> pd.DataFrame:
    """Headline metric over kernel size.

    Failed pairs count as the column's failure value, as in the leaderboard.

    Returns
    -------
    pandas.DataFrame
        One row a method and size: ``method``, ``oracle``, ``kernel_size`` (pixels), ``pairs``, ``failed``,
        ``mean``, ``std``, ``q25``, ``median``, ``q75`` in the metric's unit.
    """
    import pandas as pd

    column = board.headline
    rows = []
    for entry in board:
        sizes = entry.scores.frame["kernel_size"].to_numpy()
        values = entry.values(column, filled=False)
        for size in np.unique(sizes):
            here = sizes == size
            result = summarise(values[here], column)
            rows.append(
                {
                    "method": entry.label,
                    "oracle": entry.oracle,
                    "kernel_size": int(size),
                    "pairs": int(here.sum()),
                    "failed": result.failed,
                    "mean": result.mean,
                    "std": result.std,
                    "q25": result.q25,
                    "median": result.median,
                    "q75": result.q75,
                }
            )
    return pd.DataFrame(rows)


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
        One row a method: ``method``, ``oracle``, ``edges`` (bins + 1,), ``counts`` (bins,), ``failed``,
        ``infinite``, and over the scored pairs ``least``, ``q25``, ``median``, ``q75``, ``most``.
    """
    import pandas as pd

    column = board.headline
    raw = {entry.label: entry.values(column, filled=False) for entry in board}
    finite = {label: values[np.isfinite(values)] for label, values in raw.items()}
    everything = np.concatenate(list(finite.values()))
    low, high = (float(everything.min()), float(everything.max())) if everything.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    rows = []
    for entry in board:
        result = summary(raw[entry.label], higher_is_better=True)
        rows.append(
            {
                "method": entry.label,
                "oracle": entry.oracle,
                "edges": edges,
                "counts": np.histogram(finite[entry.label], edges)[0],
                "failed": result.failed,
                "infinite": result.infinite,
                "least": result.worst,
                "q25": result.q25,
                "median": result.median,
                "q75": result.q75,
                "most": result.best,
            }
        )
    return pd.DataFrame(rows)
