"""Strata by traits on a terminal: one table per set and trait."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.statistics.intervals import ENOUGH
from facedeblur.cli.display.terminal import in_parts, whole_width
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.strata import Strata, Stratum


def print_traits(boards: Sequence[Board], found: Sequence[Sequence[Strata]], *, console: Console | None = None) -> None:
    """Print the strata of each set: one row per stratum and one column per method.

    On a terminal too narrow for all methods a table is printed in parts, each with the names of the strata.

    Parameters
    ----------
    boards : sequence of Board
    found : sequence of sequence of Strata
        As `facedeblur.reports.leaderboard.traits.by_traits` gives them for the boards.
    console : rich Console, optional
        Where to print; by default standard output, without colours or frames if that is not a terminal.
    """
    console = console or Console(highlight=False)
    tables = [(board, one) for board, some in zip(boards, found, strict=True) for one in some]
    for board, one in tables:
        of = f"{board.set.get('name')} ({short(str(board.set.get('hash')))}), " if len(boards) > 1 else ""
        title = f"\n{of}{text.heading(board.headline)} by {one.title}"
        console.print(Text(title, style="bold"), soft_wrap=True)
        _print_table(board, one, console)
    if any(spread.absent.startswith("only ") for _, one in tables for row in one.rows for spread in row.spreads):
        console.print(Text(f"an interval needs {ENOUGH} in the stratum", style="dim"), soft_wrap=True)


def _print_table(board: Board, one: Strata, console: Console) -> None:
    labels = [method.label for method in board]
    if console.is_terminal:
        for part in in_parts(len(labels), lambda some: _table(one, [(at, labels[at]) for at in some]), console):
            console.print(part)
        return
    table = _table(one, list(enumerate(labels)), plain=True)
    # A pipe has no width, so nothing is wrapped.
    console.width = max(console.width, whole_width(table, console))
    console.print(table)


def _table(one: Strata, methods: Sequence[tuple[int, str]], *, plain: bool = False) -> Table:
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(one.title), overflow="fold")
    for heading in ("faces", "pairs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, label in methods:
        table.add_column(Text(label), justify="right", no_wrap=True)
    for row in one.rows:
        counts = (text.count(row.faces), text.count(row.pairs))
        table.add_row(Text(row.name), *counts, *(_cell(row, at) for at, _ in methods))
    return table


def _cell(row: Stratum, at: int) -> Text:
    """Mean ± standard deviation, and below it the interval where there is one."""
    cell, interval = row.cells[at], row.spreads[at].interval
    if cell is None:
        return Text(text.NONE)
    mean, std = (text.value(number, row.column) for number in cell)
    below = f"\n{text.between(interval.low, interval.high, row.column)}" if interval else ""
    return Text(mean).append(f" ±{std}{below}", style="dim")
