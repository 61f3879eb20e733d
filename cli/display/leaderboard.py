"""The leaderboard on a terminal: with colours on a screen, as plain text in a pipe."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.statistics.intervals import ENOUGH
from facedeblur.benchmark.words import many
from facedeblur.cli.display.terminal import in_parts, whole_width
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board, MethodScores, part_of_set, without_interval
from facedeblur.reports.leaderboard.columns import (
    BoardColumn,
    MetricCell,
    Row,
    ShownCell,
    columns_of,
    filled,
    metric_cells,
    shown_on,
)
from facedeblur.reports.leaderboard.significance import ALPHA
from facedeblur.reports.leaderboard.training import mark, notes

if TYPE_CHECKING:
    import pandas as pd

LEGEND = "mean ± standard deviation{}; a failed pair counts as the worst value; s/image: mean time of one image"


def print_board(frame: pd.DataFrame, made: Sequence[Board] = (), *, console: Console | None = None) -> None:
    """Print a leaderboard, one table per set, best first, oracles below.

    On a terminal too narrow for all columns a table is printed in parts, each with the methods' names.

    Parameters
    ----------
    frame : pandas.DataFrame
    made : sequence of Board
        Boards that were made from score tables; their failures and left-out columns are printed.
    console : rich Console, optional
        Where to print; by default standard output, without colours or frames if that is not a terminal.
    """
    console = console or Console(highlight=False)
    sets = [some.to_dict("records") for _, some in frame.groupby("set_hash", sort=False)]
    for place, rows in enumerate(sets):
        if console.is_terminal or len(sets) > 1:
            protocols = ", ".join(dict.fromkeys(str(row["protocol"]) for row in rows))
            title = f"{rows[0]['set']} ({short(str(rows[0]['set_hash']))}), protocol {protocols}"
            console.print(Text("\n" * (place > 0) + title, style="bold"), soft_wrap=True)
        _print_set(rows, console)
    for line in _legend(sets):
        _say(line, console, style="dim")
    for line in dict.fromkeys(line for board in made for line in remarks(board)):
        _say(line, console)


def _print_set(rows: Sequence[Row], console: Console) -> None:
    columns = _columns(rows)
    if console.is_terminal:
        narrow = whole_width(_table(rows, columns), console) > console.width
        columns = [column for column in columns if not (narrow and column.roomy)]
        for table in in_parts(len(columns), lambda part: _table(rows, [columns[at] for at in part]), console):
            console.print(table)
        return
    table = _table(rows, columns, plain=True)
    # A pipe has no width, so nothing is wrapped.
    console.width = max(console.width, whole_width(table, console))
    console.print(table)


def _say(line: str, console: Console, *, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=True)


@dataclass(frozen=True)
class _Column:
    """A column of the table: its heading and one cell per row."""

    heading: str
    cells: tuple[Text, ...]
    left: bool = False
    roomy: bool = False


def _columns(rows: Sequence[Row]) -> list[_Column]:
    before, after = (list(_seen(columns, rows)) for columns in shown_on("terminal"))
    metrics = []
    for metric in columns_of(rows[0]):
        cells = metric_cells(rows, metric)
        if any(cells):
            heading = text.heading(metric).replace(" (", "\n(")
            metrics.append(_Column(heading, tuple(map(_metric_cell, cells))))
    return [*before, *metrics, *after]


def _seen(columns: Sequence[BoardColumn], rows: Sequence[Row]) -> Iterator[_Column]:
    """Yield the columns in which enough rows have a value."""
    for column, cells in filled(columns, rows):
        assert column.shown is not None
        how = column.shown
        yield _Column(how.terminal, tuple(map(_cell, cells)), how.left, how.roomy)


def _table(rows: Sequence[Row], columns: Sequence[_Column], *, plain: bool = False) -> Table:
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True, vertical="top")
    table.add_column("method", overflow="fold", max_width=None if plain else 28)
    for column in columns:
        side: Literal["left", "right"] = "left" if column.left else "right"
        table.add_column(Text(column.heading, justify=side), justify=side, no_wrap=True)
    ranked = sum(not row["oracle"] for row in rows)
    for place, row in enumerate(rows):
        oracle = bool(row["oracle"])
        table.add_row(
            "" if oracle else str(row["rank"]),
            Text(str(row["method"]) + mark(row) + (" (oracle)" if oracle else ""), style="italic" if oracle else ""),
            *(column.cells[place] for column in columns),
            end_section=not oracle and place + 1 == ranked < len(rows),
        )
    return table


def _cell(cell: ShownCell) -> Text:
    return Text(cell.text, style="yellow" if cell.short else "")


def _metric_cell(cell: MetricCell | None) -> Text:
    """Mean ± standard deviation, and below it the interval where there is one."""
    if cell is None:
        return Text(text.NONE)
    drawn = Text(cell.mean)
    if "mean" in cell.best:
        drawn.stylize("bold green")
    below = f"\n{cell.between}" if cell.between else ""
    return drawn.append(f" ±{cell.std}{below}", style="dim not bold")


def _legend(sets: Sequence[Sequence[Row]]) -> list[str]:
    """Return what the numbers are and what intervals and letters rest on; sets with the same basis share a line."""
    intervals = any(not math.isnan(float(row[f"{one.signature}:low"])) for rows in sets for row in rows
                    for one in columns_of(row))  # fmt: skip
    told: dict[str, list[str]] = {}
    for rows in sets:
        if line := _tests(rows):
            told.setdefault(line, []).append(str(rows[0]["set"]))
    lines = []
    for rows in sets:
        if part := part_of_set(int(rows[0]["pairs"]), int(rows[0]["set_pairs"])):
            lines.append(f"{rows[0]['set']}: all numbers are of {part}")
    lines += [LEGEND.format(", [95 % interval of the mean]" if intervals else "")]
    noted = [(str(rows[0]["set"]), line) for rows in sets for line in notes(rows)]
    lines += [line if len(sets) == 1 else f"{where}: {line}" for where, line in noted]
    lines += [line if len(told) == 1 else f"{', '.join(where)}: {line}" for line, where in told.items()]
    if len({row["method"] for rows in sets for row in rows if not math.isnan(row["mean_rank_sets"])}) > 1:
        lines.append(f"mean rank: over the metrics of each set, then over the {len(sets)} sets; 1 is best")
    return lines


def _tests(rows: Sequence[Row]) -> str:
    """Return the basis of the intervals and letters of a set, or why it has none; may be empty."""
    headline = str(rows[0]["ranked_by"])
    said = [str(row[f"{one.signature}:interval"]) for row in rows for one in columns_of(row)]
    few = next((why for one in said if (why := one.removeprefix("absent: ")).startswith("only ")), "")
    bases = dict.fromkeys(one for one in said if not one.startswith("absent"))
    if few and not bases:
        return f"{few}: intervals and significance tests need {ENOUGH}"
    parts = [f"intervals generalise to unseen faces and kernels, from {' or '.join(bases)}"] if bases else []
    if any(row["group"] for row in rows):
        label = rows[0][f"{headline}:label"]
        parts.append(f"methods that share a letter do not differ significantly in {label} (p ≥ {ALPHA:g}, Holm)")
    elif sum(not row["oracle"] for row in rows) > 1 and str(rows[0]["group_rule"]) not in said:
        parts.append(f"no significance tests: {str(rows[0]['group_rule']).removeprefix('absent: ')}")
    return "; ".join(parts)


def remarks(board: Board) -> list[str]:
    """Return what the table does not show: failures with their reasons, infinite values, metrics left out."""
    lines = [f"from board '{name}': {', '.join(methods)}" for name, methods in board.of_boards.items()]
    lines += board.namesakes
    for method in board:
        lines += _of_entry(method)
    if not board.too_few:
        lines += [f"no interval: {why}" for why in without_interval(board)]
    return lines + [f"left out {', '.join(metrics)}: {why}" for why, metrics in board.unavailable]


def _of_entry(method: MethodScores) -> list[str]:
    lines = []
    for why, number in list(method.failures.items())[:5]:
        lines.append(f"{method.label}: {number:,} of {method.total:,} failed: {why}")
    for name, pairs in method.meta.undefined:
        lines.append(f"{method.label}: {name} has no value even for the sharp image in {many(pairs, 'pair')}")
    for column in method.meta.columns:
        infinite = method.summary(column).infinite
        if infinite:
            values = many(infinite, "infinite value")
            lines.append(f"{method.label}: {values} of {column.label} (output = sharp image)")
    return lines
