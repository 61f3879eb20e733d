"""Where the set and the outputs of a board lie, as its score tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.text import short


def locate(entry: Entry, path: Any) -> Path:
    """Paths in a table are seen from its folder; those of a table in memory from the working folder."""
    folder = entry.source.parent if entry.source else Path()
    return folder / str(path or "")


def outputs_folder(entry: Entry) -> Path:
    """The outputs folder that the table of `entry` names; what was computed of them lies there."""
    return locate(entry, entry.meta.run.get("path"))


def open_set(board: Board) -> Set:
    """The set of the board, where any of its tables says it lies.

    Raises
    ------
    InputError
        When it is not there, or is another one than was scored.
    """
    wrong: InputError | None = None
    for entry in board:
        path = locate(entry, entry.meta.set.get("path"))
        try:
            opened = Set.open(path)
        except InputError as error:
            wrong = wrong or error
            continue
        if opened.content_hash == entry.meta.set.get("hash"):
            return opened
        wrong = InputError(
            str(path),
            expected=f"the set that was scored ({short(str(entry.meta.set.get('hash')))})",
            found=f"another one ({short(opened.content_hash)})",
        )
    assert wrong is not None
    raise wrong


def open_outputs(entry: Entry, opened: Set, notes: list[str]) -> Outputs | None:
    """The outputs of `entry`; where they are not found None, and a line in `notes`."""
    try:
        return Outputs.open(outputs_folder(entry), opened)
    except InputError as error:
        notes.append(f"No pictures of {entry.label}: {error}")
        return None
