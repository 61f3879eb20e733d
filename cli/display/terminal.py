"""Tables on a terminal: as many columns side by side as its width holds, and aligned lines for pipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """One line per row for pipes: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]


def whole_width(table: Table, console: Console) -> int:
    """Width of a table of which nothing is folded."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum


def in_parts(number: int, draw: Callable[[Sequence[int]], Table], console: Console) -> list[Table]:
    """As few tables as fit the console's width; a table has at least one column.

    Parameters
    ----------
    number : int
        Of columns.
    draw : callable
        Makes the table with the columns at these places.
    console : rich Console
    """
    parts: list[list[int]] = [[]]
    for at in range(number):
        if parts[-1] and whole_width(draw([*parts[-1], at]), console) > console.width:
            parts.append([])
        parts[-1].append(at)
    return [draw(part) for part in parts]
