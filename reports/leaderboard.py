"""The leaderboard: one row a method and set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.scores import Scores
from facedeblur.reports.board import Board, Entry, gather
from facedeblur.reports.text import coverage

if TYPE_CHECKING:
    import pandas as pd


def leaderboard(scores: Board | Sequence[Scores | str | Path]) -> pd.DataFrame:
    """Rank methods by the mean of the protocol's first metric.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board
        Tables of one set, their files, or the outputs folders that hold them.

    Returns
    -------
    pandas.DataFrame
        One row a table, best first, oracle methods (given the true kernel) after all others and
        without a rank. Columns: ``rank`` (from 1; missing for oracles), ``method``, ``oracle``,
        ``set``, ``set_hash``, ``protocol``, ``pairs``, ``ok`` (pairs with an output that could be
        scored) and ``coverage`` (``7,998/8,000``); then for each metric, under its signature,
        ``:mean``, ``:std`` and ``:worst`` over all pairs, where each of the ``:failed`` ones counts
        as ``:failure``, and ``:infinite``, the number of infinite values (PSNR of identical images),
        which make the mean infinite and leave the standard deviation without a value; then
        ``seconds_per_image``, ``parameters``, ``bytes``, ``device`` and ``run_hash``.

    Raises
    ------
    InputError
        When tables are of different sets or define a metric differently.
    """
    import pandas as pd

    board = scores if isinstance(scores, Board) else gather(scores)
    frame = pd.DataFrame([_row(board, entry, place) for place, entry in enumerate(board, start=1)])
    frame["rank"] = frame["rank"].astype("Int64")
    return frame


def _row(board: Board, entry: Entry, place: int) -> dict[str, Any]:
    meta = entry.meta
    ok = int(entry.ok.sum())
    row: dict[str, Any] = {
        "rank": None if entry.oracle else place,
        "method": entry.label,
        "oracle": entry.oracle,
        "set": meta.set.get("name", ""),
        "set_hash": meta.set.get("hash", ""),
        "protocol": meta.protocol,
        "pairs": entry.total,
        "ok": ok,
        "coverage": coverage(ok, entry.total),
    }
    for column in board.columns:
        name = column.signature
        if entry.column(name) is None:
            row.update({f"{name}:{part}": np.nan for part in ("mean", "std", "worst", "failed", "infinite")})
            row[f"{name}:failure"] = column.failure
            continue
        result = entry.summary(column)
        row[f"{name}:mean"], row[f"{name}:std"], row[f"{name}:worst"] = result.mean, result.std, result.worst
        row[f"{name}:failed"], row[f"{name}:infinite"] = result.failed, result.infinite
        row[f"{name}:failure"] = column.failure
    return {
        **row,
        "seconds_per_image": entry.seconds_per_image,
        "parameters": entry.parameters,
        "bytes": entry.bytes,
        "device": entry.device,
        "run_hash": meta.run.get("hash", ""),
    }


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a leaderboard as CSV, atomically; infinite values as ``inf``, missing ones empty."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
