"""Score tables of several sets: one board a set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.board import Board, gather
from facedeblur.reports.text import short


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
