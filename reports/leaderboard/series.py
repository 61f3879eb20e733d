"""What plots show of a board, as plain tables: the metric over kernel size, its distribution, and against run time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import Spread, factors, spread
from facedeblur.benchmark.statistics.summary import summary
from facedeblur.reports.leaderboard.board import Board, MethodScores, summarise
from facedeblur.reports.text import count

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


def sample(method: MethodScores, column: Column) -> Sample:
    """What `column` is made of in the table of `method`."""
    values = method.values(column, filled=False)
    faces, kernels = factors(method.scores)
    kept = np.flatnonzero(~(np.isnan(values) & method.ok)) if column.partial else np.arange(len(values))
    return Sample(kept, values[kept], faces[kept], kernels[kept])


def bounds(found: Spread) -> dict[str, Any]:
    """An interval as columns of a table: ``low``, ``high``, ``basis``, and in ``absent`` why they are missing."""
    known = found.interval
    ends = (known.low, known.high) if known else (np.nan, np.nan)
    return {"low": ends[0], "high": ends[1], "basis": known.basis if known else "", "absent": found.absent}


def reach(numbers: Iterable[float], *, margin: float = 0.0) -> tuple[float, float]:
    """Least and greatest of the finite `numbers`, further apart by `margin` of their distance on either side.

    Where they are alike to rounding, half a unit on either side; 0 to 1 without values.
    """
    finite = [number for number in numbers if math.isfinite(number)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    alike = high - low <= 1e-9 * max(1.0, abs(low), abs(high))
    more = 0.5 if alike else margin * (high - low)
    return low - more, high + more


def by_kernel_size(board: Board) -> pd.DataFrame:
    """Headline metric over kernel size.

    Failed pairs count as the column's failure value, as in the leaderboard.

    Returns
    -------
    pandas.DataFrame
        One row per method and size: ``look`` (its colour's number), ``method``, ``oracle``, ``kernel_size``
        (pixels), ``pairs``, ``failed``, ``mean``, ``std``, ``q25``, ``median``, ``q75`` in the metric's unit; ``low``
        and ``high``, the 95 % interval of the mean for unseen faces and kernels of that size, NaN if absent,
        and why in ``absent``, what it rests on in ``basis``.
    """
    import pandas as pd

    column = board.headline
    rows = []
    for method in board:
        known = sample(method, column)
        sizes = method.scores.frame["kernel_size"].to_numpy()[known.rows]
        for size in np.unique(sizes):
            here = known.of(sizes == size)
            result = summarise(here.values, column)
            rows.append(
                {
                    "look": board.look(method),
                    "method": method.label,
                    "oracle": method.oracle,
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
    names = ("look", "method", "oracle", "kernel_size", "pairs", "failed", "mean", "std", "q25", "median", "q75")
    return pd.DataFrame(rows, columns=[*names, "low", "high", "basis", "absent"])


def distribution(board: Board, *, bins: int = BINS) -> pd.DataFrame:
    """How the headline metric is distributed over the pairs that could be scored.

    Every method is counted in the same bins. Failed pairs and infinite values have no place on the
    axis; they are counted next to it.

    Parameters
    ----------
    board : Board
    bins : int
        Number of intervals between the smallest and the largest finite value of all methods.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``look``, ``method``, ``oracle``, ``edges`` (bins + 1,), ``counts`` (bins,), ``failed``,
        ``infinite``, and over the scored pairs ``least``, ``q05``, ``q25``, ``median``, ``q75``, ``q95``, ``most`` and
        ``tail``, the mean of the worst 5 %.
    """
    import pandas as pd

    column = board.headline
    raw = {method.label: method.values(column, filled=False) for method in board}
    finite = {label: values[np.isfinite(values)] for label, values in raw.items()}
    edges = np.linspace(*reach(np.concatenate(list(finite.values()))), bins + 1)
    rows = []
    for method in board:
        result = summary(raw[method.label], higher_is_better=True)
        rows.append(
            {
                "look": board.look(method),
                "method": method.label,
                "oracle": method.oracle,
                "edges": edges,
                "counts": np.histogram(finite[method.label], edges)[0],
                "failed": result.failed,
                "infinite": result.infinite,
                "least": result.worst,
                "q05": result.q05,
                "q25": result.q25,
                "median": result.median,
                "q75": result.q75,
                "q95": result.q95,
                "most": result.best,
                "tail": summary(raw[method.label], higher_is_better=column.higher_is_better).tail,
            }
        )
    return pd.DataFrame(rows)


def against_time(board: Board) -> pd.DataFrame:
    """Mean of the headline metric and seconds per image of every method that has both.

    The blurred input is not among them: nothing was run.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``look`` (its colour's number), ``method``, ``oracle``, ``seconds``, ``mean``,
        ``low``, ``high`` (95 % interval of the mean), ``basis``, ``absent``, ``pairs``, ``images`` (timed), ``machine``
        (device and its name) and ``front``: True where no other method without the true kernel, timed on the same
        machine, is at least as good and at least as fast, and better in one of the two.
    """
    import pandas as pd

    column = board.headline
    rows = []
    for method in board:
        mean = method.summary(column).mean
        if method.is_input or not method.seconds_per_image > 0 or math.isnan(mean):
            continue
        rows.append(
            {
                "look": board.look(method),
                "method": method.label,
                "oracle": method.oracle,
                "seconds": method.seconds_per_image,
                "mean": mean,
                **bounds(method.spread(column)),
                "pairs": method.total,
                "images": int(method.timings.get("images") or 0),
                "machine": machine(method),
                "front": False,
            }
        )
    for row in rows:
        rivals = [one for one in rows if one["machine"] == row["machine"] and not one["oracle"] and one is not row]
        row["front"] = not row["oracle"] and not any(
            _dominates(one, row, higher_is_better=column.higher_is_better) for one in rivals
        )
    names = ("look", "method", "oracle", "seconds", "mean", "low", "high", "basis", "absent", "pairs")
    frame = pd.DataFrame(rows, columns=[*names, "images", "machine", "front"])
    # Of no row, pandas could not tell.
    return frame.astype({"mean": float, "seconds": float, "front": bool})


def machine(method: MethodScores) -> str:
    """Device of a run, with its name and precision where known: ``cuda NVIDIA H200 fp16``."""
    run = method.meta.run
    name = str(run.get("device_name") or "")
    return " ".join(part for part in (method.device, name, method.precision) if part) or "device not recorded"


def not_timed(board: Board) -> list[str]:
    """Methods whose run recorded no time."""
    return [method.label for method in board if not method.is_input and not method.seconds_per_image > 0]


def beyond(frame: pd.DataFrame) -> list[str]:
    """Methods of `against_time` without a place in its drawing: their mean is infinite."""
    return [str(method) for method, mean in zip(frame["method"], frame["mean"], strict=True) if math.isinf(mean)]


def images_timed(images: int) -> str:
    """How many images a time is of."""
    return f"{count(images)} images timed" if images else "number of images timed not recorded"


def _dominates(one: dict[str, object], other: dict[str, object], *, higher_is_better: bool) -> bool:
    sign = 1 if higher_is_better else -1
    better = sign * (float(str(one["mean"])) - float(str(other["mean"])))
    faster = float(str(other["seconds"])) - float(str(one["seconds"]))
    return better >= 0 and faster >= 0 and (better > 0 or faster > 0)
