"""``facedeblur report``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@click.command()
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="FILE.html",
    default="report.html",
    show_default=True,
    type=click.Path(),
    help="File to write.",
)
@click.option("--pair", "pairs", metavar="ID", multiple=True, help="Also show this pair; repeatable.")
@options.quiet
def report(scores: tuple[str, ...], out: str, pairs: tuple[str, ...], quiet: bool) -> None:
    """Write a report that opens offline: one HTML file with leaderboard, plots and pictures.

    SCORES are score tables, or OUTPUTS folders that hold scores.parquet. A report of several sets
    opens with the mean ranks of the methods over all sets; each set has a part of its own. Tables
    that cannot be compared are refused: other pairs, another definition of a metric, or another
    set of the same name.
    """
    from facedeblur.reports.page.report import report as write

    path = write(scores, out, pairs=pairs)
    if not quiet:
        click.echo(f"{path}   {path.stat().st_size / 1e6:.2f} MB, opens in a browser")
