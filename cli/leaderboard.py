"""``facedeblur leaderboard``."""

from __future__ import annotations

import click


@click.command()
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--out", metavar="FILE.csv", type=click.Path(), help="Write the leaderboard as CSV too.")
@click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="Print nothing; needs --out.")
def leaderboard(scores: tuple[str, ...], out: str | None, json_: bool, quiet: bool) -> None:
    """Compare methods in one table, best first, methods with the true kernel below.

    SCORES are score tables, or the OUTPUTS folders that hold scores.parquet. All of one set and
    one protocol: others are refused.
    """
    from facedeblur.cli.tables import as_json, print_leaderboard
    from facedeblur.reports.board import gather
    from facedeblur.reports.leaderboard import leaderboard as compute
    from facedeblur.reports.leaderboard import write_csv

    if quiet and out is None:
        raise click.UsageError("--quiet needs --out: nothing would be printed or written")
    board = gather(scores)
    frame = compute(board)
    if out is not None:
        write_csv(frame, out)
    if json_ and not quiet:
        click.echo(as_json(frame))
    elif not quiet:
        print_leaderboard(board)
