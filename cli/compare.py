"""``facedeblur compare``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.words import many
from facedeblur.cli import options
from facedeblur.cli.display.terminal import aligned, whole_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from facedeblur.benchmark.statistics.comparison import Comparison, Comparisons


@options.command(
    examples="""
    # Is the difference between two methods statistically significant?
    facedeblur compare outputs/unsharp outputs/facedeblur-base
    # Compare every two of several methods by the first metric
    facedeblur compare outputs/*
    # Compare one metric only, with 99 % intervals
    facedeblur compare outputs/a outputs/b --metric "psnr[rgb,255]" --level 0.99
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    show_default="all of two runs, the first of more",
    help="Compare only this metric, named as in the score tables; repeatable.",
)
@click.option("--level", metavar="SHARE", default=0.95, help="Confidence level of the intervals, between 0 and 1.")
@click.option("--draws", metavar="N", default=2000, help="Number of bootstrap draws.")
@options.seed("the bootstrap")
@click.option(
    "--tie",
    metavar="DIFFERENCE",
    default=1e-6,
    help="Count values as a tie if they differ by no more than this, in the unit of the metric.",
)
@options.with_board
@options.as_json
def compare(
    scores: tuple[str, ...],
    metrics: tuple[str, ...],
    level: float,
    draws: int,
    seed: int,
    tie: float,
    board: str | None,
    json_: bool,
) -> None:
    """Compare two methods, or every two of several, pair by pair.

    SCORES are score tables of the same set, or OUTPUTS folders that hold scores.parquet. Methods are compared on the
    pairs that all have, if some were run on samples. With --with, each is compared with every method of the
    board. Confidence intervals and p-values generalise to
    unseen faces and kernels; p-values are corrected for the number of metrics and methods (Holm). With
    fewer than 5 faces or 5 kernels, only the differences are printed.
    """
    from facedeblur.benchmark.statistics.comparison import compare as compute
    from facedeblur.reports.boards.shipped import of_board, with_board

    others = None if board is None else of_board(with_board(scores, board))
    found = compute(scores, baseline=others, metrics=metrics or None, level=level, draws=draws, seed=seed, tie=tie)
    if json_:
        click.echo(_as_json(found, draws, seed))
    elif len(scores) == 2 and others is None:
        _print(found)
    else:
        _print_all(found)


def _print_all(found: Comparisons) -> None:
    """Print one line for every two methods, metric by metric."""
    first = found.rows[0]
    click.echo(_pairs(found))
    for metric in dict.fromkeys(row.metric for row in found.rows):
        between = f"{100 * first.level:g} % interval"
        heads = ("mean A", "mean B", "A - B", between, "p (Holm)", "A wins", "ties", "losses", "better")
        lines: list[tuple[str, ...]] = [("A", "B", *heads)]
        lines += [(row.method, row.baseline, *_line(row)[1:]) for row in found.rows if row.metric == metric]
        if found.too_few:
            lines = [(*line[:5], *line[7:10]) for line in lines]
        click.echo(f"\n{metric}")
        for line in aligned(lines):
            click.echo(line)
    click.echo()
    for line in _remarks(found):
        click.echo(line)


def _pairs(found: Comparisons) -> str:
    """How many pairs, faces and kernels a comparison is of."""
    number = found.rows[0].n
    of = f" x {many(found.kernels, 'kernel')}" if found.kernels else ""
    whole = found.set_pairs > number
    pairs = f"{number:,} of the set's {many(found.set_pairs, 'pair')}" if whole else many(number, "pair")
    return f"{pairs}, {many(found.faces, 'face')}{of}"


def _print(found: Comparisons, *, console: Console | None = None) -> None:
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    first = found.rows[0]
    title = f"A = {first.method}, B = {first.baseline}: {_pairs(found)}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    if console.is_terminal:
        console.print(_table(found, console))
    else:
        between = f"{100 * first.level:g} % interval"
        head = ("metric", "A", "B", "A - B", between, "p (Holm)", "A wins", "ties", "losses", "better")
        lines = [head, *(_line(row) for row in found.rows)]
        if found.too_few:
            lines = [(*line[:4], *line[6:9]) for line in lines]
        for line in aligned(lines):
            click.echo(line)
    for line in _remarks(found):
        console.print(Text(line, style="dim" if line.startswith(("interval", "values")) else ""), soft_wrap=True)


def _table(found: Comparisons, console: Console) -> Table:
    """Return the table for a terminal: a cell stacks related values; names of metrics may wrap, numbers never do."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    colours = {"A": "bold green", "B": "bold magenta", "-": "dim"}
    rows, lines = found.rows, []
    for row in rows:
        _, one, other, gap, between, p, wins, ties, losses, better = _line(row)
        counted = Text(wins).append(f"\n{ties}\n{losses}", style="dim")
        if found.too_few:
            lines.append([Text(one), Text(other), Text(gap), counted])
            continue
        difference = Text(gap, style="bold" * (better != "-")).append(f"\n{between}", style="not bold dim")
        lines.append([Text(one), Text(other), difference, Text(p), counted, Text(better, style=colours[better])])
    counts = "A wins\nties\nlosses"
    heads: tuple[str, ...] = ("A", "B", f"A - B\n{100 * rows[0].level:g} % interval", "p\n(Holm)", counts, "better")
    if found.too_few:
        heads = ("A", "B", "A - B", counts)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", overflow="fold", min_width=8)
    for heading, cells in zip(heads, zip(*lines, strict=True), strict=True):
        widest = max(len(part) for cell in (heading, *cells) for part in str(cell).splitlines())
        table.add_column(Text(heading, justify="right"), justify="right", no_wrap=True, min_width=widest)
    for row, line in zip(rows, lines, strict=True):
        table.add_row(Text(row.metric), *line)
    # A line that the terminal wraps can still be read, a truncated number cannot.
    foldable = max(max(len(row.metric) for row in rows) - 8, 0)
    console.width = max(console.width, whole_width(table, console) - foldable)
    return table


def _remarks(found: Comparisons) -> list[str]:
    from facedeblur.benchmark.statistics.intervals import reason

    tested = [row for row in found.rows if not row.untested]
    by_baseline = {row.baseline for row in found.rows}
    several = len(by_baseline | {row.method for row in found.rows}) > 2
    rest = f"values that differ by at most {found.rows[0].tie:g} are a tie; a failed pair counts as the worst"
    lines = [rest]
    if tested:
        over = tested[0].resampled.replace(" x ", " and ")
        what = "test" if several else "metric"
        number = many(len(tested), what)
        lines = [f"intervals and p-values generalise to unseen {over}; p-values are corrected for {number}; {rest}"]
    if found.too_few:
        lines.append(f"no intervals and no tests: {reason(found.too_few)}")
    for row in found.rows:
        both = ((row.failed, row.method if several else "A"), (row.baseline_failed, row.baseline if several else "B"))
        for failed, name in both:
            if failed:
                lines.append(f"{row.metric}: {failed:,} of {many(row.n, 'pair')} failed in {name}")
        if row.untested.startswith("only ") and not found.too_few:
            lines.append(f"{row.metric}: no interval and no test: {reason(row.untested)}")
        if row.infinite:
            what = "infinite differences (output = sharp image): no interval, no p-value"
            lines.append(f"{row.metric}: {row.infinite:,} {what}")
    return list(dict.fromkeys(lines)) + [f"left out {metric}: {why}" for metric, why in found.left_out]


def _line(row: Comparison) -> tuple[str, ...]:
    better = {"": "-", row.method: "A", row.baseline: "B"}[row.better]
    between = "-" if math.isnan(row.low) else f"{row.low:+.4f} .. {row.high:+.4f}"
    p = "-" if math.isnan(row.p_holm) else "< 0.0001" if row.p_holm < 1e-4 else f"{row.p_holm:.4f}"
    counts = (f"{row.wins:,}", f"{row.ties:,}", f"{row.losses:,}")
    means = (f"{row.mean:.4f}", f"{row.baseline_mean:.4f}", f"{row.difference:+.4f}")
    return (row.metric, *means, between, p, *counts, better)


def _as_json(found: Comparisons, draws: int, seed: int) -> str:
    """Return JSON with null for missing values and ``"inf"`` or ``"-inf"`` for infinite ones, as in a leaderboard."""
    from dataclasses import asdict

    def known(value: object) -> object:
        if isinstance(value, float):
            return None if math.isnan(value) else str(value) if math.isinf(value) else value
        return value

    rows = [{name: known(value) for name, value in {**asdict(row), "better": row.better}.items()} for row in found.rows]
    whole = {
        "faces": found.faces,
        "kernels": found.kernels,
        "too_few": found.too_few,
        "set_pairs": found.set_pairs,
        "draws": draws,
        "seed": seed,
        "comparisons": rows,
        "left_out": dict(found.left_out),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
