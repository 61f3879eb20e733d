"""``facedeblur leaderboard``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facedeblur.cli import options

if TYPE_CHECKING:
    import pandas as pd

    from facedeblur.reports.leaderboard.board import Board
    from facedeblur.reports.leaderboard.strata import Strata

HUB = ("markdown", "model-index", "eval-results")
"""Formats in which the name of a set on the Hugging Face Hub appears."""


@options.command(
    examples="""
    # Show a table of all methods and write it to a file
    facedeblur leaderboard outputs/* -o leaderboard.csv
    # Add a method to an existing leaderboard
    facedeblur leaderboard outputs/new --into leaderboard.csv
    # Also compare the methods by an attribute and by the pose of the head
    facedeblur leaderboard outputs/* --by Smiling --by yaw
    # Compare with a method that was run on a sample, on the pairs of the sample
    facedeblur leaderboard outputs/* --common
    # Write a table for a pull request
    facedeblur leaderboard leaderboard.csv --format markdown -o leaderboard.md
    # Show the methods of a board next to your own
    facedeblur leaderboard outputs/mine --with board.parquet
    # Write a model card for each method
    facedeblur leaderboard leaderboard.csv --format model-index -o cards/
    # Write results for the repositories of the models on the Hugging Face Hub
    facedeblur leaderboard leaderboard.csv --format eval-results \\
        --dataset me/face-set -o results/
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="PATH",
    type=options.Output(),
    help="Also write the leaderboard to this CSV file, and all its columns to a JSON file of the same name. With "
    "--format json or markdown, write that file alone; with model-index and eval-results, write to this folder.",
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
    type=click.Choice(["csv", "json", "markdown", "model-index", "eval-results"]),
    show_default="csv and json for --out, a table for the screen",
    help="Format of what is written or printed. For the Hugging Face Hub: model-index writes model cards, and "
    "eval-results a folder per method with .eval_results/.",
)
@click.option(
    "--dataset",
    "datasets",
    metavar="[SET=]OWNER/NAME",
    multiple=True,
    show_default="none",
    help="Name of a set on the Hugging Face Hub, which eval-results needs; repeat it with SET= for several sets.",
)
@options.common
@options.with_board
@options.by
@options.as_json
@click.option("--quiet", is_flag=True, help="Print nothing; needs --out or --into.")
def leaderboard(
    scores: tuple[str, ...],
    out: str | None,
    into: str | None,
    replace: bool,
    format_: str | None,
    common: bool,
    datasets: tuple[str, ...],
    board: str | None,
    by: tuple[str, ...],
    json_: bool,
    quiet: bool,
) -> None:
    """Compare methods in one table per set, best first, oracles (methods given true kernels or labels) last.

    SCORES are score tables, OUTPUTS folders that hold scores.parquet, or earlier leaderboards (.csv or .json).
    Methods are ranked on each set separately; equal methods share a rank. Tables are rejected if they
    cannot be compared: if pairs or the definition of a metric differ, or if different sets have the same name.

    The CSV file has the mean, standard deviation, 95 % interval and worst value of each metric, under short
    names. The JSON file has all columns, and the full names of the metrics. With --by, the first metric is also
    shown by traits of the faces, and --out writes these tables to a second CSV file, FILE-traits.csv.
    """
    from facedeblur.benchmark.files.lock import only_writer
    from facedeblur.cli.display.leaderboard import print_board
    from facedeblur.cli.display.traits import print_traits
    from facedeblur.reports.boards.shipped import with_board
    from facedeblur.reports.leaderboard.board import boards
    from facedeblur.reports.leaderboard.files import SUFFIXES, both_files, read_leaderboard
    from facedeblur.reports.leaderboard.results import data_sets
    from facedeblur.reports.leaderboard.table import leaderboard as compute
    from facedeblur.reports.leaderboard.table import merge
    from facedeblur.reports.leaderboard.traits import by_traits

    if quiet and out is None and into is None:
        raise click.UsageError("--quiet needs --out or --into: nothing would be printed or written")
    if not scores and board is None:
        raise click.UsageError("Missing argument 'SCORES...'.")
    if replace and into is None:
        raise click.UsageError("--replace needs --into, the leaderboard whose rows are replaced")
    if datasets and format_ not in HUB:
        raise click.UsageError(f"--dataset needs --format {' or '.join(HUB)}")
    if by and (json_ or format_ is not None):
        raise click.UsageError("--by is for tables on the screen and --out FILE.csv: leave out --json and --format")
    # From reading the board to writing it: rows of a command in between would be lost.
    with only_writer(*([] if into is None else both_files(into)[:1])):
        given = [path for path in scores if path.lower().endswith(SUFFIXES)]
        tables = [path for path in scores if path not in given]
        shown_next = tables if board is None else with_board(tables, board)
        made = boards(shown_next, common=common) if shown_next else ()
        if by and not made:
            raise click.UsageError("--by needs score tables or OUTPUTS folders: a leaderboard does not have the pairs")
        strata = by_traits(made, by)
        frame: pd.DataFrame | None = compute(made) if made else None
        standing = [into] if into is not None and any(file.is_file() for file in both_files(into)) else []
        for path in [*given, *standing]:
            before = read_leaderboard(path)
            frame = before if frame is None else merge(before, frame, replace=replace)
        assert frame is not None
        hub = data_sets(frame, datasets)
        written = [] if into is None else _write(frame, Path(into), "csv", hub)
        if out is not None:
            written += _write(frame, Path(out), format_ or "csv", hub)
            written += _write_traits(made, strata, Path(out)) if by else []
    shown = "json" if json_ else format_ if out is None else None
    if quiet:
        return
    if shown is None:
        print_board(frame, made)
        print_traits(made, strata)
    else:
        click.echo(_text(frame, shown, hub), nl=False)
    for line in written:
        click.echo(line, err=shown is not None)


def _write_traits(made: Sequence[Board], strata: Sequence[Sequence[Strata]], path: Path) -> list[str]:
    """Write the strata next to the leaderboard at `path`, and return a line for the screen."""
    from facedeblur.benchmark.files.atomic import write_text
    from facedeblur.benchmark.files.tables import frame_to_csv
    from facedeblur.reports.leaderboard.files import both_files
    from facedeblur.reports.leaderboard.traits import traits_frame

    csv = both_files(path)[0]
    file = csv.with_name(f"{csv.stem}-traits.csv")
    write_text(file, frame_to_csv(traits_frame(made, strata)))
    return [f"{file}: one row per set, trait, stratum and method"]


def _text(frame: pd.DataFrame, kind: str, hub: Mapping[str, str]) -> str:
    from facedeblur.benchmark.files.tables import printable
    from facedeblur.reports.hub import front_matter, to_yaml
    from facedeblur.reports.leaderboard.files import to_csv, to_json
    from facedeblur.reports.leaderboard.results import eval_results, model_index, to_markdown

    if kind == "csv":
        return to_csv(frame)
    if kind == "json":
        return to_json(frame) + "\n"
    if kind == "markdown":
        return to_markdown(frame, hub)
    if kind == "eval-results":
        return "\n".join(
            f"# {printable(method)}\n{to_yaml(entries)}" for (method, _), entries in eval_results(frame, hub).items()
        )
    return "\n".join(front_matter(card) for card in model_index(frame, hub).values())


def _write(frame: pd.DataFrame, path: Path, kind: str, hub: Mapping[str, str]) -> list[str]:
    """Write the leaderboard, and return one line per file for the screen."""
    from facedeblur.benchmark.files.atomic import write_text
    from facedeblur.benchmark.files.lock import only_writer
    from facedeblur.reports.leaderboard.files import write_json, write_leaderboard
    from facedeblur.reports.leaderboard.results import left_out, to_markdown, write_cards, write_eval_results

    if kind == "model-index":
        write_cards(frame, path, hub)
        return [f"{path}: one card per method"]
    if kind == "eval-results":
        written = write_eval_results(frame, path, hub)
        return [*(f"{file}: add it to the repository of the model" for file in written), *left_out(frame)]
    if kind == "markdown":
        with only_writer(path):
            write_text(path, to_markdown(frame, hub))
        return [f"{path}: one table per set, with definitions"]
    if kind == "json":
        write_json(frame, path)
        return [f"{path}: all columns"]
    csv, json_ = write_leaderboard(frame, path)
    return [f"{csv}: one row per method and set", f"{json_}: all columns, with the full names of the metrics"]
