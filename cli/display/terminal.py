"""Tables for terminals, in parts if they are too wide, and aligned lines for pipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row for pipes: the first column is left-aligned, the others are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]


def whole_width(table: Table, console: Console) -> int:
    """Return the width of a table when no cell is wrapped."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum


def in_parts(number: int, draw: Callable[[Sequence[int]], Table], console: Console) -> list[Table]:
    """Return as few tables as fit the width of the console; each has at least one column.

    Parameters
    ----------
    number : int
        Number of columns.
    draw : callable
        Makes the table of the columns at these places.
    console : rich Console
    """
    parts: list[list[int]] = [[]]
    for at in range(number):
        if parts[-1] and whole_width(draw([*parts[-1], at]), console) > console.width:
            parts.append([])
        parts[-1].append(at)
    return [draw(part) for part in parts]
