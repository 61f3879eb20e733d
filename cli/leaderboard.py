"""``facedeblur leaderboard``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from facedeblur.cli import options

if TYPE_CHECKING:
    import pandas as pd


@options.command(
    examples="""
    # Show a table of all methods and write it to a file
    facedeblur leaderboard outputs/* -o leaderboard.csv
    # Add a method to an existing leaderboard
    facedeblur leaderboard outputs/new --into leaderboard.csv
    # Write a model card for each method
    facedeblur leaderboard leaderboard.csv --format model-index -o cards/
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="PATH",
    type=click.Path(),
    help="Also write the leaderboard to this file, or with --format model-index to this folder.",
)
@click.option(
    "--into",
    metavar="FILE",
    type=click.Path(),
    help="Merge SCORES into this leaderboard (.csv), which is created if it is missing.",
)
@click.option("--replace", is_flag=True, help="With --into: let a new run of a method replace its row.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json", "model-index"]),
    show_default="csv for --out, a table for the screen",
    help="Format of what is written or printed; model-index writes Hugging Face model cards.",
)
@options.as_json
@click.option("--quiet", is_flag=True, help="Print nothing; needs --out or --into.")
def leaderboard(
    scores: tuple[str, ...],
    out: str | None,
    into: str | None,
    replace: bool,
    format_: str | None,
    json_: bool,
    quiet: bool,
) -> None:
    """Compare methods in one table per set, best first, oracles (methods given the true kernel) last.

    SCORES are score tables, OUTPUTS folders that hold scores.parquet, or earlier leaderboards (.csv).
    Methods are ranked on each set separately. Tables that cannot be compared are rejected: those with
    other pairs, another definition of a metric, or a different set of the same name.
    """
    from facedeblur.cli.display.leaderboard import print_board
    from facedeblur.reports.leaderboard.board import boards
    from facedeblur.reports.leaderboard.files import read_csv, write_csv
    from facedeblur.reports.leaderboard.table import leaderboard as compute
    from facedeblur.reports.leaderboard.table import merge

    if quiet and out is None and into is None:
        raise click.UsageError("--quiet needs --out or --into: nothing would be printed or written")
    if replace and into is None:
        raise click.UsageError("--replace needs --into: there is no board to replace rows of")
    tables = [path for path in scores if not path.endswith(".csv")]
    made = boards(tables) if tables else ()
    frame: pd.DataFrame | None = compute(made) if made else None
    standing = [into] if into is not None and Path(into).is_file() else []
    for path in [*(path for path in scores if path.endswith(".csv")), *standing]:
        before = read_csv(path)
        frame = before if frame is None else merge(before, frame, replace=replace)
    assert frame is not None
    if into is not None:
        write_csv(frame, into)
    if out is not None:
        _write(frame, Path(out), format_ or "csv")
    shown = "json" if json_ else format_ if out is None else None
    if quiet:
        return
    if shown is None:
        print_board(frame, made)
    else:
        click.echo(_text(frame, shown), nl=False)


def _text(frame: pd.DataFrame, kind: str) -> str:
    from facedeblur.reports.leaderboard.files import front_matter, model_index, to_csv, to_json

    if kind == "csv":
        return to_csv(frame)
    if kind == "json":
        return to_json(frame) + "\n"
    return "\n".join(front_matter(card) for card in model_index(frame).values())


def _write(frame: pd.DataFrame, path: Path, kind: str) -> None:
    from facedeblur.benchmark.files.atomic import replacing
    from facedeblur.reports.leaderboard.files import write_cards, write_csv

    if kind == "csv":
        write_csv(frame, path)
    elif kind == "model-index":
        write_cards(frame, path)
    else:
        with replacing(path) as temporary:
            temporary.write_text(_text(frame, kind), encoding="utf-8", newline="")
