"""The leaderboard: one row a method and set.

New scores into a leaderboard that stands: what agrees joins it, what does not is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.agreement import check_columns, check_set, short
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports.leaderboard.board import Board, MethodScores, boards, gather
from facedeblur.reports.leaderboard.columns import (
    HEAD,
    NOT_MEASURED,
    TAIL,
    columns_of,
    fields_of,
    kind_of,
    measured,
    metrics_of,
    told,
)
from facedeblur.reports.leaderboard.ranking import mean_ranks
from facedeblur.reports.leaderboard.significance import Groups, groups
from facedeblur.reports.text import coverage

if TYPE_CHECKING:
    import pandas as pd


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
    return [_row(board, method) | {"group": found.letters[method.label], "group_rule": found.rule} for method in board]


def _row(board: Board, method: MethodScores) -> dict[str, Any]:
    meta, timings = method.meta, method.timings
    ok = int(method.ok.sum())
    row: dict[str, Any] = {
        "method": method.label,
        "oracle": method.oracle,
        "ranked_by": board.headline.signature,
        "set": board.set.get("name", ""),
        "set_hash": meta.set.get("hash", ""),
        "protocol": meta.protocol,
        "pairs": method.total,
        "ok": ok,
        "coverage": coverage(ok, method.total),
    }
    for column in board.columns:
        row |= {f"{column.signature}:mean": np.nan, **_unmeasured([column.signature]), **told(column)}
        if method.column(column.signature) is not None:
            row |= _values(method, column)
    return {
        **row,
        "seconds_per_image": method.seconds_per_image,
        "seconds_median": timings.get("median_s"),
        "seconds_std": timings.get("std_s"),
        "images_timed": timings.get("images"),
        "image_width": timings.get("width"),
        "image_height": timings.get("height"),
        "parameters": method.parameters,
        "mb_fp32": method.bytes_fp32 / 1e6,
        "mb_weights": method.bytes_weights / 1e6,
        "peak_memory_mb": method.peak_bytes / 1e6,
        "peak_memory_rule": (meta.run.get("memory") or {}).get("rule", ""),
        "device": method.device,
        "device_name": meta.run.get("device_name", ""),
        "precision": method.precision,
        "run_hash": meta.run.get("hash", ""),
        "scores": method.file.as_posix() if method.file else "",
    }


def _values(method: MethodScores, column: Column) -> dict[str, Any]:
    result, spread = method.summary(column), method.spread(column)
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


def merge(old: pd.DataFrame, new: pd.DataFrame, *, replace: bool = False) -> pd.DataFrame:
    """Add rows to a leaderboard.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Leaderboards by `facedeblur.reports.leaderboard.table.leaderboard`.
    replace : bool
        Let another run of a method take the row of the one that is there.

    Returns
    -------
    pandas.DataFrame
        Rows of `old` keep their numbers, ranks are counted anew. The letters of a set that has changed are made
        again where all its score tables are found where the rows say, and are empty with the reason otherwise.

    Raises
    ------
    InputError
        When a new row is of another set under a name that is taken, defines a metric differently, is ranked by
        another one, or is another run of a method that is there and `replace` is not said.
    """
    kept: list[dict[str, Any]] = [_plain(row) for row in old.to_dict("records")]
    names: dict[str, str] = {}
    for row in kept:
        names.setdefault(str(row["set"]), str(row["set_hash"]))
    changed: dict[str, None] = {}
    for row in map(_plain, new.to_dict("records")):
        what = f"row of '{row['method']}'"
        digest = str(row["set_hash"])
        check_set(what, str(row["set"]), names.setdefault(str(row["set"]), digest), digest, "which is on the board")
        beside = [other for other in kept if other["set_hash"] == digest]
        for other in beside:
            _check_row(what, row, other)
        same = [other for other in beside if other["method"] == row["method"]]
        for other in same:
            if other["run_hash"] != row["run_hash"] and not replace:
                raise InputError(
                    f"{what} on '{row['set']}'",
                    expected=f"the run {short(str(other['run_hash']))} that is on the board, or another name",
                    found=f"another run, {short(str(row['run_hash']))}",
                    do="say --replace to put it in its place",
                )
        if same:
            kept = [row if other is same[0] else other for other in kept if other not in same[1:]]
        else:
            kept.append(row)
        changed[digest] = None
    for digest in changed:
        some = [row for row in kept if row["set_hash"] == digest]
        found = _letters_of(some)
        for row in some:
            row |= {"group": found.letters.get(str(row["method"]), ""), "group_rule": found.rule}
    return arranged(kept)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _check_row(what: str, row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Refuse a row that must not be ranked with another one of its set."""
    whose = f"'{other['method']}' on the board"
    for name, words in (("ranked_by", "ranked by {}"), ("pairs", "{:,} pairs")):
        if row[name] != other[name]:
            raise InputError(
                what,
                expected=words.format(other[name]) + f" as {whose}",
                found=words.format(row[name]),
                do="score both by one protocol",
            )
    check_columns(what, _metrics_of(row), whose, _metrics_of(other))


def _metrics_of(row: Mapping[str, Any]) -> list[Column]:
    return [column for column in columns_of(row) if measured(row, column.signature)]


def _letters_of(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Letters of one set's rows from their score tables, or why there are none."""
    tables = []
    for row in rows:
        nothing = Groups({}, f"absent: the scores of '{row['method']}' are not where the row says")
        if not row["scores"]:
            return nothing
        try:
            table = Scores.read(str(row["scores"]))
        except InputError:
            return nothing
        if str(table.meta.run.get("hash", "")) != str(row["run_hash"]):
            return Groups({}, f"absent: the scores of '{row['method']}' are of another run by now")
        tables.append(table)
    try:
        board = gather(tables)
    except InputError as error:
        return Groups({}, f"absent: {error}")
    found = groups(board)
    # A board of its own may name two runs of one method otherwise.
    marks = {id(method.scores): found.letters[method.label] for method in board}
    return Groups({str(row["method"]): marks[id(table)] for row, table in zip(rows, tables, strict=True)}, found.rule)
