"""Which score tables may stand in one ranking: the same pairs, and one definition of every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scores import Column
from facedeblur.reports.text import short

if TYPE_CHECKING:
    from facedeblur.reports.board import Entry


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
    families = [_families(entry.meta.columns) for entry in (one, other)]
    for family in families[0].keys() & families[1].keys():
        mine, theirs = families[0][family], families[1][family]
        if {c.signature for c in mine} != {c.signature for c in theirs}:
            _refuse(one, other, mine, theirs)
        for column in mine:
            if column != other.column(column.signature):
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


def _families(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """Columns by family and provider: a network that was not there in one scoring is no other definition."""
    families: dict[str, list[Column]] = {}
    for column in columns:
        parsed = Signature.parse(column.signature)
        # Of the measures that need a network, the network is the first argument.
        provider = parsed.args[0].partition("@")[0] if parsed.name not in ("psnr", "ssim") and parsed.args else ""
        families.setdefault(f"{parsed.name} {provider}", []).append(column)
    return families


def _name(entry: Entry) -> str:
    return f"scores of '{entry.label}'" + (f" ({entry.source})" if entry.source else "")
