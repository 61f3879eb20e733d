"""The leaderboard: one row a method and set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports.leaderboard.board import Board, boards
from facedeblur.reports.leaderboard.columns import HEAD, TAIL, fields_of, kind_of, metrics_of, told
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.file import write_csv
from facedeblur.reports.leaderboard.grouping import groups
from facedeblur.reports.leaderboard.ranking import mean_ranks
from facedeblur.reports.text import coverage

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["leaderboard", "write_csv"]


def leaderboard(scores: Board | Sequence[Board] | Sequence[Scores | str | Path]) -> pd.DataFrame:
    """Rank methods, set by set, by the mean of the protocol's first metric.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board, or sequence of Board
        Tables of one set or several, their files, or the outputs folders that hold them.

    Returns
    -------
    pandas.DataFrame
        One row a method and set, best first within each set, oracle methods (given the true kernel) after all
        others and without a rank. The columns, with their meaning, are `facedeblur.reports.leaderboard.columns.HEAD`,
        then for each metric under its signature ``:mean``, ``:low``, ``:high`` and the other parts of
        `columns.PARTS`, then `columns.TAIL`. Methods that share a letter of ``group`` do not differ in the first
        metric; ``mean_rank`` is by the rule of `facedeblur.reports.leaderboard.ranking`. Failed pairs count as the
        metric's ``:failure``; an infinite value (PSNR of identical images) makes a mean infinite and leaves the
        standard deviation and the interval without a value.

    Raises
    ------
    InputError
        When two sets have one name, or tables of one set have other pairs or define a metric differently.
    """
    return arranged([row for board in boards(scores) for row in _rows(board)])


def arranged(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a leaderboard: columns in order, sets one after the other, ranks counted anew from the means."""
    import pandas as pd

    signatures = list(dict.fromkeys(name for row in rows for name in metrics_of(list(row))))
    about = {name: row[name] for row in reversed(rows) for name in row if name.rpartition(":")[2] in ABOUT}
    names = [*HEAD, *(name for signature in signatures for name in fields_of(signature)), *TAIL]
    by_set: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_set.setdefault(str(row["set_hash"]), []).append({**_unmeasured(signatures), **about, **row})
    whole = [row for some in by_set.values() for row in _ranked(some)]
    _over_sets(whole, len(by_set))
    frame = pd.DataFrame({name: [row.get(name) for row in whole] for name in names}, columns=names)
    for name in names:
        kind = kind_of(name)
        if kind == "count":
            frame[name] = frame[name].astype("Float64").round().astype("Int64")
        elif kind == "number":
            frame[name] = frame[name].astype(float)
        elif kind == "flag":
            frame[name] = frame[name].astype(bool)
        else:
            frame[name] = frame[name].fillna("").astype(object)
    return frame


ABOUT = ("failure", "label", "unit", "higher_is_better", "partial")
"""Parts that say what a metric is, not what was measured by it."""


def columns_of(row: Mapping[str, Any]) -> list[Column]:
    """The metrics of a leaderboard's row, in order; those that were not measured too."""
    return [
        Column(
            signature,
            str(row[f"{signature}:label"]),
            str(row[f"{signature}:unit"]),
            bool(row[f"{signature}:higher_is_better"]),
            float(row[f"{signature}:failure"]),
            bool(row[f"{signature}:partial"]),
        )
        for signature in metrics_of(list(row))
    ]


def measured(row: Mapping[str, Any], signature: str) -> bool:
    """Whether the row's method was measured by this metric."""
    return bool(row[f"{signature}:interval"] != NOT_MEASURED)


NOT_MEASURED = "absent: not measured"


def _unmeasured(signatures: Sequence[str]) -> dict[str, Any]:
    return {f"{name}:interval": NOT_MEASURED for name in signatures}


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one set, best first, with ``rank`` and ``mean_rank``."""
    columns = columns_of(rows[0])
    headline = str(rows[0]["ranked_by"])
    higher = bool(rows[0][f"{headline}:higher_is_better"])

    def order(row: dict[str, Any]) -> tuple[bool, float, str]:
        mean = _number(row, f"{headline}:mean")
        better = -mean if higher else mean
        return bool(row["oracle"]), np.inf if np.isnan(better) else better, str(row["method"])

    rows = sorted(rows, key=order)
    ranked = [row for row in rows if not row["oracle"]]
    found = mean_ranks([{c.signature: _number(row, f"{c.signature}:mean") for c in columns} for row in ranked], columns)
    for row in rows:
        row |= {"rank": None, "mean_rank": np.nan, "mean_rank_of": ""}
    for place, (row, rank) in enumerate(zip(ranked, found.ranks, strict=True), start=1):
        row |= {"rank": place, "mean_rank": float(rank), "mean_rank_of": " ".join(found.metrics)}
    return rows


def _over_sets(rows: Sequence[dict[str, Any]], sets: int) -> None:
    """Put in the mean of the mean ranks of methods that stand on all sets, of which there are several."""
    held: dict[str, list[float]] = {}
    for row in rows:
        row["mean_rank_sets"] = np.nan
        if not row["oracle"] and not np.isnan(row["mean_rank"]):
            held.setdefault(str(row["method"]), []).append(row["mean_rank"])
    for row in rows:
        ranks = held.get(str(row["method"]), [])
        if sets > 1 and len(ranks) == sets and not row["oracle"]:
            row["mean_rank_sets"] = float(np.mean(ranks))


def _number(row: Mapping[str, Any], name: str) -> float:
    found = row.get(name)
    return np.nan if found is None else float(found)


def _rows(board: Board) -> list[dict[str, Any]]:
    found = groups(board)
    return [_row(board, entry) | {"group": found.letters[entry.label], "group_rule": found.rule} for entry in board]


def _row(board: Board, entry: Entry) -> dict[str, Any]:
    meta, timings = entry.meta, entry.timings
    ok = int(entry.ok.sum())
    row: dict[str, Any] = {
        "method": entry.label,
        "oracle": entry.oracle,
        "ranked_by": board.headline.signature,
        "set": board.set.get("name", ""),
        "set_hash": meta.set.get("hash", ""),
        "protocol": meta.protocol,
        "pairs": entry.total,
        "ok": ok,
        "coverage": coverage(ok, entry.total),
    }
    for column in board.columns:
        row |= {f"{column.signature}:mean": np.nan, **_unmeasured([column.signature]), **told(column)}
        if entry.column(column.signature) is not None:
            row |= _values(entry, column)
    return {
        **row,
        "seconds_per_image": entry.seconds_per_image,
        "seconds_median": timings.get("median_s"),
        "seconds_std": timings.get("std_s"),
        "images_timed": timings.get("images"),
        "image_width": timings.get("width"),
        "image_height": timings.get("height"),
        "parameters": entry.parameters,
        "mb_fp32": entry.bytes_fp32 / 1e6,
        "mb_weights": entry.bytes_weights / 1e6,
        "peak_memory_mb": entry.peak_bytes / 1e6,
        "peak_memory_rule": (meta.run.get("memory") or {}).get("rule", ""),
        "device": entry.device,
        "device_name": meta.run.get("device_name", ""),
        "precision": entry.precision,
        "run_hash": meta.run.get("hash", ""),
        "scores": entry.source.as_posix() if entry.source else "",
    }


def _values(entry: Entry, column: Column) -> dict[str, Any]:
    result, spread = entry.summary(column), entry.spread(column)
    bounds = spread.interval
    found = {
        "mean": result.mean,
        "low": bounds.low if bounds else np.nan,
        "high": bounds.high if bounds else np.nan,
        "interval": bounds.basis if bounds else f"absent: {spread.absent}",
        "std": result.std,
        "q05": result.q05,
        "median": result.median,
        "q95": result.q95,
        "tail": result.tail,
        "worst": result.worst,
        "failed": result.failed,
        "infinite": result.infinite,
    }
    return {f"{column.signature}:{part}": number for part, number in found.items()}
