"""New scores into a leaderboard that stands: what agrees joins it, what does not is refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports.leaderboard.agreement import check_columns
from facedeblur.reports.leaderboard.board import check_set, gather
from facedeblur.reports.leaderboard.grouping import Groups, groups
from facedeblur.reports.leaderboard.table import arranged, columns_of, measured
from facedeblur.reports.text import short

if TYPE_CHECKING:
    import pandas as pd


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
    kept: list[dict[str, Any]] = [_row(row) for row in old.to_dict("records")]
    names: dict[str, str] = {}
    for row in kept:
        names.setdefault(str(row["set"]), str(row["set_hash"]))
    changed: dict[str, None] = {}
    for row in map(_row, new.to_dict("records")):
        what = f"row of '{row['method']}'"
        digest = str(row["set_hash"])
        check_set(what, str(row["set"]), names.setdefault(str(row["set"]), digest), digest, "which is on the board")
        beside = [other for other in kept if other["set_hash"] == digest]
        for other in beside:
            _check(what, row, other)
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
        found = _groups(some)
        for row in some:
            row |= {"group": found.letters.get(str(row["method"]), ""), "group_rule": found.rule}
    return arranged(kept)


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _check(what: str, row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Refuse a row that must not be ranked with another one of its set."""
    whose = f"'{other['method']}' on the board"
    for name, told in (("ranked_by", "ranked by {}"), ("pairs", "{:,} pairs")):
        if row[name] != other[name]:
            raise InputError(
                what,
                expected=told.format(other[name]) + f" as {whose}",
                found=told.format(row[name]),
                do="score both by one protocol",
            )
    check_columns(what, _measured(row), whose, _measured(other))


def _measured(row: Mapping[str, Any]) -> list[Column]:
    return [column for column in columns_of(row) if measured(row, column.signature)]


def _groups(rows: Sequence[Mapping[str, Any]]) -> Groups:
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
    marks = {id(entry.scores): found.letters[entry.label] for entry in board}
    return Groups({str(row["method"]): marks[id(table)] for row, table in zip(rows, tables, strict=True)}, found.rule)
