"""Which score tables may stand in one ranking: the same pairs, and one definition of every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.pairing import family
from facedeblur.benchmark.scores import Column
from facedeblur.reports.text import short

if TYPE_CHECKING:
    from facedeblur.reports.entry import Entry


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
    if not first.meta.columns or not first.total:
        raise InputError(_name(first), expected="rows and metrics", found="an empty table", do="score again")
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
        _check_signatures(first, entry)
    seen: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.meta.method, str(entry.meta.run.get("hash")))
        if key in seen:
            raise InputError(
                _name(entry), expected="each run once", found=f"the run of {_name(seen[key])} again", do="give it once"
            )
        seen[key] = entry


def _check_signatures(one: Entry, other: Entry) -> None:
    if one.meta.columns[0].signature != other.meta.columns[0].signature:
        _refuse(one, other, one.meta.columns[:1], other.meta.columns[:1])
    kinds, others = (_families(entry.meta.columns) for entry in (one, other))
    for kind in kinds.keys() & others.keys():
        mine, theirs = kinds[kind], others[kind]
        names = [{column.signature for column in columns} for columns in (mine, theirs)]
        # One more definition beside the common ones is a column that the other table lacks, no contradiction.
        if names[0] - names[1] and names[1] - names[0]:
            _refuse(one, other, mine, theirs)
        for column in mine:
            if other.column(column.signature) is not None and column != other.column(column.signature):
                raise InputError(
                    f"{column.signature} of {_name(other)}",
                    expected=f"a failure value of {column.failure:g} as in {_name(one)}",
                    found=f"{getattr(other.column(column.signature), 'failure', '')}",
                    do="score both by one protocol",
                )


def _refuse(one: Entry, other: Entry, mine: Sequence[Column], theirs: Sequence[Column]) -> None:
    raise InputError(
        _name(other),
        expected=f"{', '.join(column.signature for column in mine)} as in {_name(one)}",
        found=", ".join(column.signature for column in theirs),
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
