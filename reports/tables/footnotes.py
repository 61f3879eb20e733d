"""Where notes on single values are marked: at the cells, or at a heading that all of them stand under."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from facedeblur.reports.tables.cells import MEASURED, PUBLISHED, Cell

Position = tuple[int, int]


@dataclass(frozen=True)
class Footnotes:
    """Marks and their texts.

    Attributes
    ----------
    texts : tuple of (str, str)
        Mark and note, in reading order.
    remarks : tuple of str
        Notes that hold for everything published, or everything measured.
    columns, rows : dict
        Marks at a heading, by its place.
    cells : dict
        Marks at a cell, by row and column.
    """

    texts: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    columns: dict[int, tuple[str, ...]]
    rows: dict[int, tuple[str, ...]]
    cells: dict[Position, tuple[str, ...]]


def place_notes(grid: Sequence[Sequence[Cell]]) -> Footnotes:
    """Give every note of a grid of cells one mark."""
    positions = {
        kind: {(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell.kind == kind}
        for kind in (PUBLISHED, MEASURED)
    }
    where: dict[tuple[str, str], set[Position]] = {}
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            for note in cell.notes:
                where.setdefault((cell.kind, note), set()).add((r, c))
    remarks: list[str] = []
    placed: list[tuple[Position, int, Set[Position] | Set[int], str]] = []
    for (kind, note), found in where.items():
        told = f"Published values: {note}" if kind == PUBLISHED and positions[MEASURED] else note
        if found == positions[kind] and len(found) > 1:
            remarks.append(told)
            continue
        for axis in (1, 0):
            lines = _lines(found, positions, kind, axis)
            if lines:
                mixed = any(position[axis] in lines for position in positions[_other(kind)])
                placed.append(((0, 0) if axis else (min(lines) + 1, -1), axis, lines, told if mixed else note))
                break
        else:
            placed.append((min((r + 1, c) for r, c in found), 2, found, note))
    texts: list[tuple[str, str]] = []
    marks: list[dict[object, tuple[str, ...]]] = [{}, {}, {}]
    for at, (_, axis, at_places, note) in enumerate(sorted(placed, key=lambda one: one[0])):
        mark = _letters(at)
        texts.append((mark, note))
        for spot in at_places:
            marks[axis][spot] = (*marks[axis].get(spot, ()), mark)
    return Footnotes(tuple(texts), tuple(remarks), marks[1], marks[0], marks[2])  # type: ignore[arg-type]


def _lines(found: set[Position], positions: dict[str, set[Position]], kind: str, axis: int) -> set[int]:
    """Rows (axis 0) or columns (axis 1) that `found` covers wholly and that cover it; empty where there are none.

    What is missing among measured values is marked at its dashes where printed ones stand in the same line.
    """
    lines = {position[axis] for position in found}
    whole = {position for position in positions[kind] if position[axis] in lines}
    if whole != found or len(found) == len(lines):
        return set()
    mixed = any(position[axis] in lines for position in positions[_other(kind)])
    return set() if mixed and kind == MEASURED else lines


def _other(kind: str) -> str:
    return MEASURED if kind == PUBLISHED else PUBLISHED


def _letters(at: int) -> str:
    """A, b, ... z, aa, ab, ... in lower case."""
    text = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
