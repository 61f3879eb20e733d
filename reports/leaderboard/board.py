"""Score tables that may stand side by side: read, checked against each other, summarised and ranked.

Score tables of several sets: one board a set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports.leaderboard.agreement import check
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.ranking import best
from facedeblur.reports.text import short, told_apart


@dataclass(frozen=True)
class Board:
    """Tables of one set with one definition of every metric, ranked.

    Attributes
    ----------
    entries : tuple of Entry
        By the mean of the headline metric, best first; those with the true kernel after all others.
    columns : tuple of Column
        Every metric that any of the tables has, in the order of the protocol.
    palette : tuple of str
        Labels by which colours and markers are given out, where the board is one of several on a page;
        otherwise those of `entries`.
    """

    entries: tuple[Entry, ...]
    columns: tuple[Column, ...]
    palette: tuple[str, ...] = ()

    @property
    def headline(self) -> Column:
        """The metric that ranks: the first of the protocol."""
        return self.columns[0]

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """The entries without the true kernel."""
        return tuple(entry for entry in self.entries if not entry.oracle)

    @property
    def leader(self) -> Entry:
        """The best entry that restores without the true kernel; where there is none, the best with it.

        The blurred input, which is entered as a method for comparison, leads only where it is alone.
        """
        return next((entry for entry in self.entries if not entry.is_input), self.entries[0])

    @property
    def input(self) -> Entry | None:
        """The blurred images themselves, where they are on the board."""
        return next((entry for entry in self.entries if entry.is_input), None)

    def best(self, column: Column, part: str = "mean") -> tuple[Entry, ...]:
        """Entries without the true kernel whose `part` is printed like the best; none where all are alike.

        Parameters
        ----------
        column : Column
        part : {'mean', 'worst'}
        """
        measured = [entry for entry in self.ranked if entry.column(column.signature)]
        return best({entry: getattr(entry.summary(column), part) for entry in measured}, column)

    @property
    def basis(self) -> tuple[str, ...]:
        """What the intervals rest on, ``2 faces x 80 kernels``; several where pairs have no such value."""
        found = [entry.spread(column).interval for entry in self for column in entry.meta.columns]
        return tuple(dict.fromkeys(one.basis for one in found if one))

    def place(self, entry: Entry) -> int:
        """Which colour and marker an entry has."""
        return self.palette.index(entry.label) if self.palette else self.entries.index(entry)

    @property
    def unavailable(self) -> list[tuple[str, tuple[str, ...]]]:
        """Reasons why metrics of the protocol were not computed, each with those metrics."""
        reasons: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            for metric, why in entry.meta.unavailable:
                reasons.setdefault(why, {})[metric] = None
        return [(why, tuple(metrics)) for why, metrics in reasons.items()]

    @property
    def set(self) -> dict[str, Any]:
        """What is known of the set: name, hash, recipe, seed, counts."""
        return self.entries[0].meta.set

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


def gather(tables: Sequence[Scores | str | Path]) -> Board:
    """Read score tables and rank them by the mean of their first metric.

    Parameters
    ----------
    tables : sequence of Scores or path
        Tables, their files, or the outputs folders that hold ``scores.parquet``.

    Raises
    ------
    InputError
        When there is none, two are of different sets, define a metric differently, or are the same run.
    """
    if isinstance(tables, Scores | str | Path):
        tables = [tables]
    read = [(table, None) if isinstance(table, Scores) else (Scores.read(table), _file(table)) for table in tables]
    if not read:
        raise InputError("score tables", expected="at least one", found="none", do="run facedeblur score first")
    metas = [scores.meta for scores, _ in read]
    labels = told_apart([meta.method for meta in metas], [str(meta.run.get("hash", "")) for meta in metas])
    entries = [Entry(scores, source, label) for (scores, source), label in zip(read, labels, strict=True)]
    check(entries)
    columns = _columns(entries)
    return Board(tuple(sorted(entries, key=lambda entry: _rank(entry, columns[0]))), columns)


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / "scores.parquet" if path.is_dir() else path


def _rank(entry: Entry, headline: Column) -> tuple[bool, float, str]:
    mean = entry.summary(headline).mean
    better = -mean if headline.higher_is_better else mean
    return entry.oracle, math.inf if math.isnan(better) else better, entry.label


def _columns(entries: Sequence[Entry]) -> tuple[Column, ...]:
    """Every column once, in the order of the table that has most."""
    order = sorted(entries, key=lambda entry: -len(entry.meta.columns))
    found = {column.signature: column for entry in order for column in entry.meta.columns}
    first = entries[0].meta.columns[0].signature
    return (found.pop(first), *found.values())


ALL = "all metrics"


def without_interval(board: Board) -> list[str]:
    """Why means have no interval, each reason with what it holds for: ``the set has one kernel``."""
    told: dict[str, dict[str, list[str]]] = {}
    for entry in board:
        reasons = [entry.spread(column).absent for column in entry.meta.columns]
        labels = [ALL if len(set(reasons)) == 1 else column.label for column in entry.meta.columns]
        for label, why in dict.fromkeys(zip(labels, reasons, strict=True)):
            if why:
                told.setdefault(why, {}).setdefault(label, []).append(entry.label)
    lines = []
    for why, where in told.items():
        reason = f"the set has {why}" if why.startswith("one ") else why
        of = "; ".join(f"{label} of {', '.join(methods)}" for label, methods in where.items())
        lines.append(reason if where.get(ALL) == [entry.label for entry in board] else f"{reason} ({of})")
    return lines


def boards(tables: Board | Sequence[Board] | Sequence[Scores | str | Path]) -> tuple[Board, ...]:
    """Read score tables and rank those of each set among themselves.

    Parameters
    ----------
    tables : sequence of Scores or path, or Board, or sequence of Board
        Tables, their files, or the outputs folders that hold ``scores.parquet``; boards are returned as they are.

    Returns
    -------
    tuple of Board
        In the order in which their sets come first.

    Raises
    ------
    InputError
        When there is none, two sets have one name, or those of one set do not compare.
    """
    given = [tables] if isinstance(tables, Board | Scores | str | Path) else list(tables)
    ready = tuple(board for board in given if isinstance(board, Board))
    if ready and len(ready) == len(given):
        return ready
    by_set: dict[str, list[Scores | str | Path]] = {}
    first: dict[str, tuple[str, str]] = {}
    for table in given:
        assert not isinstance(table, Board), "boards or tables, not both"
        meta = (table if isinstance(table, Scores) else Scores.read(table)).meta
        name, digest = str(meta.set.get("name", "")), str(meta.set.get("hash", ""))
        method, known = first.setdefault(name, (meta.method, digest))
        check_set(f"scores of '{meta.method}'", name, known, digest, f"that of '{method}'")
        by_set.setdefault(digest, []).append(table)
    return tuple(gather(some) for some in by_set.values()) or (gather([]),)


def check_set(what: str, name: str, known: str, digest: str, whose: str) -> None:
    """Refuse another set that goes by a name that is taken.

    Parameters
    ----------
    what : str
        What is refused.
    name : str
        Name of its set.
    known, digest : str
        Hash of the set that has the name, and of this one.
    whose : str
        Where the name was met before.
    """
    if known != digest:
        raise InputError(
            what,
            expected=f"the set '{name}' with the hash {short(known)}, {whose}",
            found=f"another set '{name}', {short(digest)}",
            do="score on the same set, or build the other one under a name of its own (--name)",
        )
