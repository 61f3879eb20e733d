"""Quality against run time: what each method takes, and which ones nothing else beats on both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.series import bounds
from facedeblur.reports.text import count

if TYPE_CHECKING:
    import pandas as pd


def against_time(board: Board) -> pd.DataFrame:
    """Mean of the headline metric and seconds per image of every method that has both.

    The blurred input is not among them: nothing was run.

    Returns
    -------
    pandas.DataFrame
        One row a method: ``place`` (which colour it has), ``method``, ``oracle``, ``seconds``, ``mean``, ``low``,
        ``high`` (95 % interval of the mean), ``basis``, ``absent``, ``pairs``, ``images`` (timed), ``machine`` (device
        and its name) and ``front``: True where no other method without the true kernel, timed on the same machine, is
        at least as good and at least as fast, and better in one of the two.
    """
    import pandas as pd

    column = board.headline
    rows = []
    for entry in board:
        mean = entry.summary(column).mean
        if entry.is_input or not entry.seconds_per_image > 0 or math.isnan(mean):
            continue
        rows.append(
            {
                "place": board.place(entry),
                "method": entry.label,
                "oracle": entry.oracle,
                "seconds": entry.seconds_per_image,
                "mean": mean,
                **bounds(entry.spread(column)),
                "pairs": entry.total,
                "images": int(entry.timings.get("images") or 0),
                "machine": machine(entry),
                "front": False,
            }
        )
    for row in rows:
        rivals = [one for one in rows if one["machine"] == row["machine"] and not one["oracle"] and one is not row]
        row["front"] = not row["oracle"] and not any(
            _dominates(one, row, higher_is_better=column.higher_is_better) for one in rivals
        )
    names = ("place", "method", "oracle", "seconds", "mean", "low", "high", "basis", "absent", "pairs")
    frame = pd.DataFrame(rows, columns=[*names, "images", "machine", "front"])
    # Of no row, pandas could not tell.
    return frame.astype({"mean": float, "seconds": float, "front": bool})


def machine(entry: Entry) -> str:
    """Device of a run, with its name and precision where known: ``cuda NVIDIA H200 fp16``."""
    run = entry.meta.run
    name = str(run.get("device_name") or "")
    return " ".join(part for part in (entry.device, name, entry.precision) if part) or "device not recorded"


def not_timed(board: Board) -> list[str]:
    """Methods whose run recorded no time."""
    return [entry.label for entry in board if not entry.is_input and not entry.seconds_per_image > 0]


def beyond(frame: pd.DataFrame) -> list[str]:
    """Methods of `against_time` without a place in its drawing: their mean is infinite."""
    return [str(method) for method, mean in zip(frame["method"], frame["mean"], strict=True) if math.isinf(mean)]


def told(images: int) -> str:
    """How many images a time is of."""
    return f"{count(images)} images timed" if images else "number of images timed not recorded"


def _dominates(one: dict[str, object], other: dict[str, object], *, higher_is_better: bool) -> bool:
    sign = 1 if higher_is_better else -1
    better = sign * (float(str(one["mean"])) - float(str(other["mean"])))
    faster = float(str(other["seconds"])) - float(str(one["seconds"]))
    return better >= 0 and faster >= 0 and (better > 0 or faster > 0)
