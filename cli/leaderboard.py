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
    type=options.Output(),
    help="Also write the leaderboard to this CSV file, and all its columns to a JSON file of the same name. With "
    "--format json, write the JSON file alone; with --format model-index, write to this folder.",
)
@click.option(
    "--into",
    metavar="FILE",
    type=options.Output(),
    help="Merge SCORES into this leaderboard (.csv), which is created if it is missing. It is read from the JSON file "
    "next to the CSV file; both are written.",
)
@click.option("--replace", is_flag=True, help="With --into: let a new run of a method replace its row.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json", "model-index"]),
    show_default="csv and json for --out, a table for the screen",
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
    """Compare methods in one table per set, best first, oracles (methods given true kernels or labels) last.

    SCORES are score tables, OUTPUTS folders that hold scores.parquet, or earlier leaderboards (.csv or .json).
    Methods are ranked on each set separately; equal methods share a rank. Tables are rejected if they
    cannot be compared: if pairs or the definition of a metric differ, or if different sets have the same name.

    The CSV file has the mean, standard deviation, 95 % interval and worst value of each metric, under short
    names. The JSON file has all columns, and the full names of the metrics.
    """
    from facedeblur.benchmark.files.lock import only_writer
    from facedeblur.cli.display.leaderboard import print_board
    from facedeblur.reports.leaderboard.board import boards
    from facedeblur.reports.leaderboard.files import SUFFIXES, both_files, read_leaderboard
    from facedeblur.reports.leaderboard.table import leaderboard as compute
    from facedeblur.reports.leaderboard.table import merge

    if quiet and out is None and into is None:
        raise click.UsageError("--quiet needs --out or --into: nothing would be printed or written")
    if replace and into is None:
        raise click.UsageError("--replace needs --into, the leaderboard whose rows are replaced")
    # From reading the board to writing it: rows of a command in between would be lost.
    with only_writer(*([] if into is None else both_files(into)[:1])):
        given = [path for path in scores if path.lower().endswith(SUFFIXES)]
        tables = [path for path in scores if path not in given]
        made = boards(tables) if tables else ()
        frame: pd.DataFrame | None = compute(made) if made else None
        standing = [into] if into is not None and any(file.is_file() for file in both_files(into)) else []
        for path in [*given, *standing]:
            before = read_leaderboard(path)
            frame = before if frame is None else merge(before, frame, replace=replace)
        assert frame is not None
        written = [] if into is None else _write(frame, Path(into), "csv")
        if out is not None:
            written += _write(frame, Path(out), format_ or "csv")
    shown = "json" if json_ else format_ if out is None else None
    if quiet:
        return
    if shown is None:
        print_board(frame, made)
    else:
        click.echo(_text(frame, shown), nl=False)
    for line in written:
        click.echo(line, err=shown is not None)


def _text(frame: pd.DataFrame, kind: str) -> str:
    from facedeblur.reports.leaderboard.files import front_matter, model_index, to_csv, to_json

    if kind == "csv":
        return to_csv(frame)
    if kind == "json":
        return to_json(frame) + "\n"
    return "\n".join(front_matter(card) for card in model_index(frame).values())


def _write(frame: pd.DataFrame, path: Path, kind: str) -> list[str]:
    """Write the leaderboard, and return one line per file for the screen."""
    from facedeblur.reports.leaderboard.files import write_cards, write_json, write_leaderboard

    if kind == "model-index":
        write_cards(frame, path)
        return [f"{path}: one card per method"]
    if kind == "json":
        write_json(frame, path)
        return [f"{path}: all columns"]
    csv, json_ = write_leaderboard(frame, path)
    return [f"{csv}: one row per method and set", f"{json_}: all columns, with the full names of the metrics"]
