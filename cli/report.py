"""``facedeblur report``."""

from __future__ import annotations

import click


@click.command()
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--out", metavar="FILE.html", default="report.html", show_default=True, type=click.Path())
@click.option("--quiet", is_flag=True, help="Print problems only.")
def report(scores: tuple[str, ...], out: str, quiet: bool) -> None:
    """Write a report that opens offline: one HTML file with the leaderboard, plots and pictures.

    SCORES are score tables, or the OUTPUTS folders that hold scores.parquet. All of one set and
    one protocol: others are refused.
    """
    from facedeblur.reports.html import report as write

    path = write(scores, out)
    if not quiet:
        click.echo(f"{path}   {path.stat().st_size / 1e6:.2f} MB, opens in a browser")
