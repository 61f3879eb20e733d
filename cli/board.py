"""``facedeblur board``."""

from __future__ import annotations

import click

from facedeblur.benchmark.words import many
from facedeblur.cli import options


@options.command(
    examples="""
    # Write the scores of all methods on a set into one file
    facedeblur board outputs/* -o board.parquet
    # Add a method to a board
    facedeblur board outputs/mine --with board.parquet -o board.parquet
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--out", metavar="FILE", required=True, type=options.Output(), help="Board to write, a .parquet file."
)
@click.option(
    "--with",
    "given",
    metavar="BOARD",
    show_default="none",
    help="Also write the methods of this board: a name of one in the package, or a file.",
)
@options.quiet
def board(scores: tuple[str, ...], out: str, given: str | None, quiet: bool) -> None:
    """Write the scores of methods on one set into one small file.

    `leaderboard`, `report` and `compare` show the methods of a board next to other scores of the same set: --with
    FILE. The board has the values of every pair, rounded to about 1e-6, but no images. SCORES are
    score tables of one set by one protocol, or OUTPUTS folders that hold scores.parquet.
    """
    from facedeblur.reports.boards.shipped import with_board, write_board

    tables = scores if given is None else with_board(scores, given)
    path = write_board(tables, out)
    if not quiet:
        click.echo(f"{path}: {many(len(tables), 'method')}, {path.stat().st_size / 1e6:.2f} MB")
