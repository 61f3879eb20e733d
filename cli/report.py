"""``facedeblur report``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@options.command(
    examples="""
    # Write a report on several methods
    facedeblur report outputs/* -o report.html
    # Add tables by attributes and pose, for sets that have such traits
    facedeblur report outputs/* --by Smiling --by yaw
    # Also show a pair of your choice
    facedeblur report outputs/* --pair eileen_collins_ker03_blur_k13
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--out", metavar="FILE", default="report.html", type=options.Output(), help="HTML file to write.")
@click.option(
    "--pair",
    "pairs",
    metavar="ID",
    multiple=True,
    show_default="worst, median and best pairs only",
    help="Also show the pair with this id; repeatable.",
)
@options.common
@options.with_board
@options.by
@options.quiet
def report(
    scores: tuple[str, ...],
    out: str,
    pairs: tuple[str, ...],
    common: bool,
    board: str | None,
    by: tuple[str, ...],
    quiet: bool,
) -> None:
    """Write a report as one HTML file that opens offline: leaderboard, plots and images.

    SCORES are score tables, or OUTPUTS folders that hold scores.parquet. A report on several sets opens
    with the mean ranks of the methods over all sets, followed by a part for each set. Tables are rejected if
    they cannot be compared: if pairs or the definition of a metric differ, or if different sets have the same
    name.
    """
    from facedeblur.reports.boards.shipped import with_board
    from facedeblur.reports.page.report import report as write

    tables = scores if board is None else with_board(scores, board)
    path = write(tables, out, pairs=pairs, by=by, common=common)
    if not quiet:
        click.echo(f"{path}   {path.stat().st_size / 1e6:.2f} MB, opens in a browser")
