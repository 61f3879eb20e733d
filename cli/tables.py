"""The leaderboard on a terminal: with colours where somebody looks, plain text where it is piped."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedeblur.reports import text
from facedeblur.reports.board import Board, Entry, gather

if TYPE_CHECKING:
    import pandas as pd

    from facedeblur.benchmark.scores import Column, Scores


def print_leaderboard(scores: Board | Sequence[Scores | str | Path], *, console: Console | None = None) -> None:
    """Print the methods of a board, best first, oracles below, and a line for everything that is missing.

    On a terminal too narrow for all columns the table is printed in parts, each with the methods' names.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board
    console : rich Console, optional
        Where to print; standard output otherwise, without colours or frames where that is no terminal.
    """
    board = scores if isinstance(scores, Board) else gather(scores)
    console = console or Console(highlight=False)
    columns = _columns(board)
    if console.is_terminal:
        console.print(Text(f"{board.set.get('name', '')}, protocol {board.leader.meta.protocol}", style="bold"))
        for table in _parts(board, columns, console):
            console.print(table)
    else:
        table = _table(board, columns, plain=True)
        # A pipe has no width to fold the table to.
        console.width = max(console.width, _width(table, console))
        console.print(table)
    legend = "mean over all pairs, ± standard deviation, worst pair; a failed pair counts as the worst"
    console.print(Text(legend, style="dim"), soft_wrap=True)
    for line in remarks(board):
        console.print(Text(line), soft_wrap=True)


@dataclass(frozen=True)
class _Shown:
    """A column of the table: its heading and one cell an entry."""

    heading: str
    cells: tuple[Text | str, ...]


def _columns(board: Board) -> list[_Shown]:
    scored = [(int(entry.ok.sum()), entry.total) for entry in board]
    shown = [
        _Shown("coverage", tuple(Text(text.coverage(*pair), style="yellow" * (pair[0] < pair[1])) for pair in scored))
    ]
    shown += [
        _Shown(text.heading(column).replace(" (", "\n("), tuple(_cell(board, entry, column) for entry in board))
        for column in board.columns
    ]
    return [
        *shown,
        _Shown("s/image", tuple(text.seconds(entry.seconds_per_image) for entry in board)),
        _Shown("parameters", tuple(text.amount(entry.parameters) for entry in board)),
        _Shown("size", tuple(text.amount(entry.bytes, "B") for entry in board)),
    ]


def _table(board: Board, columns: Sequence[_Shown], *, plain: bool = False) -> Table:
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True, vertical="top")
    table.add_column("method", overflow="fold", max_width=None if plain else 28)
    for column in columns:
        table.add_column(Text(column.heading, justify="right"), justify="right", no_wrap=True)
    for place, entry in enumerate(board):
        table.add_row(
            "" if entry.oracle else str(place + 1),
            Text(entry.label + (" (oracle)" if entry.oracle else ""), style="italic" if entry.oracle else ""),
            *(column.cells[place] for column in columns),
            end_section=not entry.oracle and place + 1 == len(board.ranked) < len(board.entries),
        )
    return table


def _parts(board: Board, columns: Sequence[_Shown], console: Console) -> list[Table]:
    """As few tables as fit the console's width; a table has at least one column."""
    tables: list[Table] = []
    taken: list[_Shown] = []
    for column in columns:
        if taken and _width(_table(board, [*taken, column]), console) > console.width:
            tables.append(_table(board, taken))
            taken = []
        taken.append(column)
    return [*tables, _table(board, taken)]


def _width(table: Table, console: Console) -> int:
    return console.measure(table, options=console.options.update(width=10_000)).maximum


def _cell(board: Board, entry: Entry, column: Column) -> Text:
    if entry.column(column.signature) is None:
        return Text(text.NONE)
    result = entry.summary(column)
    cell = Text(text.value(result.mean, column))
    if entry in board.best(column):
        cell.stylize("bold green")
    return cell.append(f"\n±{text.value(result.std, column)}\n{text.value(result.worst, column)}", style="dim not bold")


def remarks(board: Board) -> list[str]:
    """What the table does not show: failures with their reasons, infinite values, metrics left out."""
    lines = []
    for entry in board:
        for why, number in list(entry.failures.items())[:5]:
            lines.append(f"{entry.label}: {number:,} of {entry.total:,} failed: {why}")
        for column in entry.meta.columns:
            infinite = entry.summary(column).infinite
            if infinite:
                lines.append(f"{entry.label}: {infinite:,} infinite values of {column.label} (output = sharp image)")
    return lines + [f"left out {', '.join(metrics)}: {why}" for why, metrics in board.unavailable]


def as_json(frame: pd.DataFrame) -> str:
    """A leaderboard as a JSON list of objects; missing values are null, infinite ones ``"inf"`` or ``"-inf"``."""

    def known(value: Any) -> Any:
        if hasattr(value, "item"):
            value = value.item()
        if isinstance(value, float):
            return None if math.isnan(value) else str(value) if math.isinf(value) else value
        # pandas marks a missing integer by an object of its own.
        return value if isinstance(value, bool | int | str) else None

    rows = [{name: known(value) for name, value in row.items()} for row in frame.to_dict("records")]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
