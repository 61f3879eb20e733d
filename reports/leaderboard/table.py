"""The leaderboard, one row per method and set: made from score tables, and merged into one that exists already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.scoring.agreement import check_columns, check_set_name, short
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board, BoardsLike, boards, gather, part_of_set
from facedeblur.reports.leaderboard.columns import (
    Row,
    columns_in_file,
    columns_of,
    definitions,
    measured,
    metric_cells,
    metrics_of,
    number,
    row_of,
    unmeasured,
)
from facedeblur.reports.leaderboard.ranking import mean_ranks, places
from facedeblur.reports.leaderboard.short_names import short_names
from facedeblur.reports.leaderboard.significance import Groups, groups
from facedeblur.reports.leaderboard.training import mark, notes


class Leaderboard(pd.DataFrame):
    """A leaderboard: all its columns as a table, of which a notebook shows the means and their intervals."""

    def _repr_html_(self) -> str:
        return "".join(_card(some.to_dict("records")) for _, some in self.groupby("set_hash", sort=False))


def _card(rows: Sequence[Row]) -> str:
    """The methods on one set as HTML."""
    metrics = columns_of(rows[0])
    means = [
        [f"{cell.mean} {cell.between}" if cell else text.NONE for cell in metric_cells(rows, metric)]
        for metric in metrics
    ]
    lines = []
    for at, row in enumerate(rows):
        oracle = bool(row["oracle"])
        name = f"{row['method']}{mark(row)}"
        start = ("", f"{name} (oracle)") if oracle else (row["rank"], name)
        lines.append((*start, *(some[at] for some in means), row["coverage"]))
    heads = ("#", "method", *(text.heading(metric) for metric in metrics), "restored")
    part = part_of_set(int(rows[0]["pairs"]), int(rows[0]["set_pairs"]))
    facts = {"protocol": rows[0]["protocol"], "ranked by": rows[0]["ranked_by"], "compared on": part}
    facts |= {"note": "; ".join(notes(rows))}
    return card(f"Leaderboard of {rows[0]['set']}", facts, table=(heads, lines))


@checked
def leaderboard(scores: BoardsLike, *, common: bool = False) -> Leaderboard:
    """Rank methods, set by set, by the mean of the protocol's first metric.

    Parameters
    ----------
    scores : Scores, path, or several of them, or Board, or several
        Tables of one set or several, their files, or the outputs folders that hold them.
    common : bool
        Compare the methods of a set on the pairs that all have, where some runs are on samples of it.

    Returns
    -------
    Leaderboard
        A `pandas.DataFrame` with one row per method and set, best first within each set, oracle methods (given the
        true kernel) after all others and without a rank. Equal methods share a rank. The columns, with their meaning,
        are those of `facedeblur.reports.leaderboard.columns.COLUMNS`; those of a metric stand under its signature:
        ``:mean``, ``:low``, ``:high`` and so on. Methods that share a letter of ``group`` do not differ in the first
        metric; ``mean_rank`` is by the rule of `facedeblur.reports.leaderboard.ranking`. Failed pairs count as the
        metric's ``:failure``; an infinite value (PSNR of identical images) makes a mean infinite and leaves the
        standard deviation and the interval without a value.

    Raises
    ------
    InputError
        When two sets have one name, or tables of one set have other pairs or define a metric differently.

    Examples
    --------
    >>> import facedeblur as fd
    >>> board = fd.leaderboard(["outputs/blurred", "outputs/unsharp"])
    >>> board[["rank", "method"]]
       rank   method
    0     1  unsharp
    1     2  blurred
    """
    return arranged([row for board in boards(scores, common=common) for row in rows_of(board)])


def rows_of(board: Board) -> list[dict[str, Any]]:
    """The rows of a board, best first, as its score tables give them."""
    found = groups(board)
    return [row_of(board, method, found) for method in board]


def arranged(rows: Sequence[Mapping[str, Any]]) -> Leaderboard:
    """Rows as a leaderboard: columns in order, sets one after the other, ranks computed again from the means."""
    signatures = list(dict.fromkeys(name for row in rows for name in metrics_of(list(row))))
    defined = definitions(rows)
    by_set: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_set.setdefault(str(row["set_hash"]), []).append({**unmeasured(signatures), **defined, **row})
    whole = [row for some in by_set.values() for row in _ranked(some)]
    _over_sets(whole, len(by_set))
    metrics = columns_of({f"{signature}:mean": None for signature in signatures} | defined)
    named = {f"{signature}:short_name": name for signature, name in short_names(metrics).items()}
    for row in whole:
        row |= named
    return framed(whole, signatures)


def framed(whole: Sequence[Mapping[str, Any]], signatures: Sequence[str]) -> Leaderboard:
    """Rows with these metrics as a table, each column of the type of its kind."""
    columns = columns_in_file(signatures)
    frame = Leaderboard({name: [row.get(name) for row in whole] for name in columns}, columns=list(columns))
    for name, column in columns.items():
        if column.kind == "count":
            frame[name] = frame[name].astype("Float64").round().astype("Int64")
        elif column.kind == "number":
            frame[name] = frame[name].astype(float)
        elif column.kind == "flag":
            frame[name] = frame[name].astype(bool)
        else:
            frame[name] = frame[name].fillna("").astype(object)
    return frame


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one set, best first, with ``rank`` and ``mean_rank``."""
    columns = columns_of(rows[0])
    headline = str(rows[0]["ranked_by"])
    higher = bool(rows[0][f"{headline}:higher_is_better"])

    def order(row: dict[str, Any]) -> tuple[bool, float, str]:
        mean = number(row, f"{headline}:mean")
        better = -mean if higher else mean
        return bool(row["oracle"]), np.inf if np.isnan(better) else better, str(row["method"])

    rows = sorted(rows, key=order)
    ranked = [row for row in rows if not row["oracle"]]
    found = mean_ranks([{c.signature: number(row, f"{c.signature}:mean") for c in columns} for row in ranked], columns)
    for row in rows:
        row |= {"rank": None, "mean_rank": np.nan, "mean_rank_of": ""}
    (ranks_by,) = (column for column in columns if column.signature == headline)
    taken = places([number(row, f"{headline}:mean") for row in ranked], ranks_by)
    for row, place, rank in zip(ranked, taken, found.ranks, strict=True):
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


def merge(old: pd.DataFrame, new: pd.DataFrame, *, replace: bool = False) -> Leaderboard:
    """Add rows to a leaderboard.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Leaderboards by `facedeblur.reports.leaderboard.table.leaderboard`.
    replace : bool
        Let another run of a method take the row of the one that is there.

    Returns
    -------
    Leaderboard
        Rows of `old` keep their numbers, ranks are computed again. The letters of a set that has changed are made
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
        check_set_name(
            what, str(row["set"]), names.setdefault(str(row["set"]), digest), digest, "which is on the board"
        )
        beside = [other for other in kept if other["set_hash"] == digest]
        for other in beside:
            _check_row(what, row, other)
        same = [other for other in beside if other["method"] == row["method"]]
        for other in same:
            if other["run_hash"] != row["run_hash"] and not replace:
                raise InputError(
                    f"{what} on '{row['set']}'",
                    f"the leaderboard has another run of this method ({short(str(other['run_hash']))}, "
                    f"not {short(str(row['run_hash']))})",
                    do="use --replace to replace its row, or name the new run with facedeblur run --name",
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
                do="score both by one protocol" if name == "ranked_by" else "run both methods on the same pairs",
            )
    if row["pairs_hash"] != other["pairs_hash"]:
        raise InputError(what, f"on other pairs of the set than {whose}", do="run both methods on the same pairs")
    check_columns(what, _metrics_of(row), whose, _metrics_of(other))


def _metrics_of(row: Mapping[str, Any]) -> list[Column]:
    return [column for column in columns_of(row) if measured(row, column.signature)]


def _letters_of(rows: Sequence[Mapping[str, Any]]) -> Groups:
    """Letters of one set's rows from their score tables, or why they are missing."""
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
        board = gather(tables, common=True)
    except InputError as error:
        return Groups({}, f"absent: {error}")
    if board.pairs_hash != str(rows[0]["pairs_hash"]):
        return Groups({}, "absent: by now the score tables have other pairs in common")
    found = groups(board)
    # A board of its own may name two runs of one method otherwise.
    marks = {id(method.scores): found.letters[method.label] for method in board}
    return Groups({str(row["method"]): marks[id(table)] for row, table in zip(rows, tables, strict=True)}, found.rule)
