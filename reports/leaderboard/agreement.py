"""Which score tables may stand in one ranking: the same pairs, and one definition of every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.pairing import family
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.text import short

if TYPE_CHECKING:
    from facedeblur.reports.leaderboard.entry import Entry


def check(entries: Sequence[Entry]) -> None:
    """Refuse tables that must not stand in one ranking.

    Parameters
    ----------
    entries : sequence of Entry
        At least one.

    Raises
    ------
    InputError
        Naming both tables, when one is empty, of another set or other pairs, the same run as another, or
        defines a metric differently.
    """
    first = entries[0]
    for entry in entries:
        if not entry.meta.columns or not entry.total:
            raise InputError(_name(entry), expected="rows and metrics", found="an empty table", do="score again")
    for entry in entries[1:]:
        one, other = first.meta.set.get("hash"), entry.meta.set.get("hash")
        if one != other:
            raise InputError(
                _name(entry),
                expected=f"the set of {_name(first)} ('{first.meta.set.get('name')}', {short(str(one))})",
                found=f"'{entry.meta.set.get('name')}', {short(str(other))}",
                do="make one board a set",
            )
        if not np.array_equal(first.scores.frame["pair_id"], entry.scores.frame["pair_id"]):
            raise InputError(
                _name(entry),
                expected=f"the {first.total:,} pairs of {_name(first)}",
                found=f"{entry.total:,} rows, other pairs",
                do="score again",
            )
        # With all before it: what the first table lacks, two others may define differently.
        for other in entries[: entries.index(entry)]:
            if other.meta.columns[0].signature != entry.meta.columns[0].signature:
                _refuse(_name(entry), entry.meta.columns[:1], f"in {_name(other)}", other.meta.columns[:1])
            check_columns(_name(entry), entry.meta.columns, f"in {_name(other)}", other.meta.columns)
    seen: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.meta.method, str(entry.meta.run.get("hash")))
        if key in seen:
            raise InputError(
                _name(entry),
                expected="each run once",
                found=f"the same run as in {_name(seen[key])}",
                do="give it once",
            )
        seen[key] = entry


def check_columns(what: str, columns: Sequence[Column], whose: str, others: Sequence[Column]) -> None:
    """Refuse metrics that are defined otherwise than those they are to stand beside.

    Parameters
    ----------
    what : str
        What has `columns`, for the error line.
    columns : sequence of Column
    whose : str
        What has `others`, after the word "as".
    others : sequence of Column

    Raises
    ------
    InputError
        When a family of metrics has another definition on either side, or one metric another failure value,
        direction, unit or range.
    """
    mine, theirs = _families(columns), _families(others)
    for kind in mine.keys() & theirs.keys():
        names = [{column.signature for column in some[kind]} for some in (mine, theirs)]
        # One more definition beside the common ones is a column that the other table lacks, no contradiction.
        if names[0] - names[1] and names[1] - names[0]:
            _refuse(what, mine[kind], whose, theirs[kind])
    known = {column.signature: column for column in others}
    for column in columns:
        before = known.get(column.signature, column)
        for part, said in _PARTS.items():
            one, other = getattr(column, part), getattr(before, part)
            if one != other:
                raise InputError(
                    f"{column.signature} of {what}",
                    expected=f"{said} {_told(other)} as {whose}",
                    found=_told(one),
                    do="score both by one protocol",
                )


_PARTS = {
    "failure": "a failure value of",
    "higher_is_better": "'higher is better'",
    "partial": "'not every pair has it'",
    "unit": "the unit",
    "least": "no value below",
    "most": "no value above",
}


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"'{value}'" if isinstance(value, str) else str(value).lower()


def _refuse(what: str, columns: Sequence[Column], whose: str, others: Sequence[Column]) -> None:
    raise InputError(
        what,
        expected=f"{', '.join(column.signature for column in others)} as {whose}",
        found=", ".join(column.signature for column in columns),
        do="score both by one protocol: values of different definitions do not compare",
    )


def _families(columns: Sequence[Column]) -> dict[tuple[str, str], list[Column]]:
    """Columns by family: a network that was not there in one scoring is no other definition."""
    families: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        families.setdefault(family(column.signature), []).append(column)
    return families


def _name(entry: Entry) -> str:
    return f"scores of '{entry.label}'" + (f" ({entry.source})" if entry.source else "")
