"""The leaderboard on a terminal: with colours where somebody looks, plain text where it is piped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.cli.display.terminal import in_parts, whole_width
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board, MethodScores, without_interval
from facedeblur.reports.leaderboard.columns import columns_of, measured
from facedeblur.reports.leaderboard.ranking import RULE, best

if TYPE_CHECKING:
    import pandas as pd

    from facedeblur.benchmark.scoring.table import Column

Row = Mapping[Any, Any]
LEGEND = (
    "mean over all pairs, [95 % interval for other faces and kernels], ± standard deviation, worst pair; "
    "a failed pair counts as the worst; s/image: one at a time; MB: 4 bytes a parameter; memory: peak"
)


def print_board(frame: pd.DataFrame, made: Sequence[Board] = (), *, console: Console | None = None) -> None:
    """Print a leaderboard, one table a set, best first, oracles below.

    On a terminal too narrow for all columns a table is printed in parts, each with the methods' names.

    Parameters
    ----------
    frame : pandas.DataFrame
    made : sequence of Board
        The boards of which score tables were read: what failed and was left out is told of them.
    console : rich Console, optional
        Where to print; standard output otherwise, without colours or frames where that is no terminal.
    """
    console = console or Console(highlight=False)
    sets = [some.to_dict("records") for _, some in frame.groupby("set_hash", sort=False)]
    for place, rows in enumerate(sets):
        if console.is_terminal or len(sets) > 1:
            protocols = ", ".join(dict.fromkeys(str(row["protocol"]) for row in rows))
            title = f"{rows[0]['set']} ({short(str(rows[0]['set_hash']))}), protocol {protocols}"
            console.print(Text("\n" * (place > 0) + title, style="bold"), soft_wrap=True)
        _print_set(rows, console)
    _say(LEGEND, console, style="dim")
    for line in dict.fromkeys([*_bases(sets), *_rules(sets), *(line for board in made for line in remarks(board))]):
        _say(line, console)


def _print_set(rows: Sequence[Row], console: Console) -> None:
    columns = _columns(rows)
    if console.is_terminal:
        for table in in_parts(len(columns), lambda part: _table(rows, [columns[at] for at in part]), console):
            console.print(table)
        return
    table = _table(rows, columns, plain=True)
    # A pipe has no width to fold the table to.
    console.width = max(console.width, whole_width(table, console))
    console.print(table)


def _say(line: str, console: Console, *, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=True)


@dataclass(frozen=True)
class _Shown:
    """A column of the table: its heading and one cell a row."""

    heading: str
    cells: tuple[Text | str, ...]


def _columns(rows: Sequence[Row]) -> list[_Shown]:
    shown = []
    if any(row["group"] for row in rows):
        shown.append(_Shown("group", tuple(str(row["group"]) for row in rows)))
    scored = [(int(row["ok"]), int(row["pairs"])) for row in rows]
    shown.append(
        _Shown("coverage", tuple(Text(text.coverage(*pair), style="yellow" * (pair[0] < pair[1])) for pair in scored))
    )
    for column in columns_of(rows[0]):
        if any(measured(row, column.signature) for row in rows):
            means = {at: row[f"{column.signature}:mean"] for at, row in enumerate(rows) if not row["oracle"]}
            bold = best(means, column)
            cells = tuple(_cell(row, column, bold=place in bold) for place, row in enumerate(rows))
            shown.append(_Shown(text.heading(column).replace(" (", "\n("), cells))
    for heading, name in (("mean\nrank", "mean_rank"), ("over\nsets", "mean_rank_sets")):
        if sum(not math.isnan(row[name]) for row in rows) > 1:
            shown.append(_Shown(heading, tuple(_rank(row[name]) for row in rows)))
    return [
        *shown,
        _Shown("s/image", tuple(_timed(row) for row in rows)),
        _Shown("parameters", tuple(text.amount(_known(row["parameters"])) for row in rows)),
        _Shown("fp32", tuple(text.amount(row["mb_fp32"] * 1e6, "B") for row in rows)),
        _Shown("memory", tuple(text.amount(row["peak_memory_mb"] * 1e6, "B") for row in rows)),
    ]


def _table(rows: Sequence[Row], columns: Sequence[_Shown], *, plain: bool = False) -> Table:
    table = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True, vertical="top")
    table.add_column("method", overflow="fold", max_width=None if plain else 28)
    for column in columns:
        left = column.heading == "group"
        table.add_column(
            Text(column.heading, justify="left" if left else "right"), justify="left" if left else "right", no_wrap=True
        )
    ranked = sum(not row["oracle"] for row in rows)
    for place, row in enumerate(rows):
        oracle = bool(row["oracle"])
        table.add_row(
            "" if oracle else str(row["rank"]),
            Text(str(row["method"]) + (" (oracle)" if oracle else ""), style="italic" if oracle else ""),
            *(column.cells[place] for column in columns),
            end_section=not oracle and place + 1 == ranked < len(rows),
        )
    return table


def _cell(row: Row, column: Column, *, bold: bool) -> Text:
    name = column.signature
    if not measured(row, name):
        return Text(text.NONE)
    cell = Text(text.value(row[f"{name}:mean"], column))
    if bold:
        cell.stylize("bold green")
    low, high = row[f"{name}:low"], row[f"{name}:high"]
    bounds = f"[{text.NONE}]" if math.isnan(low) else text.between(low, high, column)
    cell.append(f"\n{bounds}", style="dim not bold")
    rest = f"\n±{text.value(row[f'{name}:std'], column)}\n{text.value(row[f'{name}:worst'], column)}"
    return cell.append(rest, style="dim not bold")


def _rank(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.2f}"


def _known(number: Any) -> float:
    """A count as a number: pandas marks a missing integer by an object of its own."""
    return float(number) if isinstance(number, int | float) else math.nan


def _timed(row: Row) -> Text:
    """Mean; below it the size of the images, and the device with its precision."""
    seconds = row["seconds_per_image"]
    cell = Text(text.seconds(seconds))
    width, height = _known(row["image_width"]), _known(row["image_height"])
    size = "" if math.isnan(width) or math.isnan(height) else f"{width:.0f}x{height:.0f}"
    for line in (size, f"{row['device']} {row['precision']}".strip()):
        if line and not math.isnan(seconds):
            cell.append(f"\n{line}", style="dim")
    return cell


def _bases(sets: Sequence[Sequence[Row]]) -> list[str]:
    """On how many faces and kernels the intervals of each set rest."""
    lines = []
    for rows in sets:
        said = [str(row[f"{one.signature}:interval"]) for row in rows for one in columns_of(row)]
        found = dict.fromkeys(one for one in said if not one.startswith("absent"))
        of = f" ({rows[0]['set']})" * (len(sets) > 1)
        lines += [f"95 % intervals rest on {' or '.join(found)}{of}"] if found else []
    return lines


def _rules(sets: Sequence[Sequence[Row]]) -> list[str]:
    """What letters and mean ranks stand for, as far as they are shown; why there are no letters of several methods."""
    told: dict[str, list[str]] = {}
    compared = [rows for rows in sets if sum(not row["oracle"] for row in rows) > 1]
    for rows in compared:
        rule = str(rows[0]["group_rule"])
        if any(row["group"] for row in rows):
            lines = [f"group: methods that share a letter do not differ in {rule}"]
        else:
            lines = [f"no groups: {rule.removeprefix('absent: ')}"]
        ranked_by = str(rows[0]["mean_rank_of"])
        if ranked_by:
            lines.append(f"mean rank over {ranked_by.replace(' ', ', ')}")
        for line in lines:
            told.setdefault(line, []).append(str(rows[0]["set"]))
    lines = [line if len(where) == len(compared) else f"{line} ({', '.join(where)})" for line, where in told.items()]
    if any(line.startswith("mean rank") for line in lines):
        lines.append(RULE)
    held = {row["method"] for rows in sets for row in rows if not math.isnan(row["mean_rank_sets"])}
    if len(held) > 1:
        lines.append(f"over sets: mean of the mean ranks on {len(sets)} sets, of methods that are on all of them")
    return lines


def remarks(board: Board) -> list[str]:
    """What the table does not show: failures with their reasons, infinite values, metrics left out."""
    lines = []
    for method in board:
        lines += _of_entry(method)
    lines += [f"no interval: {why}" for why in without_interval(board)]
    return lines + [f"left out {', '.join(metrics)}: {why}" for why, metrics in board.unavailable]


def _of_entry(method: MethodScores) -> list[str]:
    lines = []
    for why, number in list(method.failures.items())[:5]:
        lines.append(f"{method.label}: {number:,} of {method.total:,} failed: {why}")
    for name, pairs in method.meta.undefined:
        lines.append(f"{method.label}: {name} has no value even for the sharp image in {pairs:,} pairs")
    for column in method.meta.columns:
        infinite = method.summary(column).infinite
        if infinite:
            lines.append(f"{method.label}: {infinite:,} infinite values of {column.label} (output = sharp image)")
    return lines
