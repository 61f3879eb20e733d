"""``facedeblur demo``: the whole chain."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.parallel import Workers

METHODS = ("blurred", "unsharp", "facedeblur-base", "wiener", "richardson-lucy")


@options.command(
    examples="""
    # Try everything on fourteen faces that come with facedeblur
    facedeblur demo
    # Do the same with your own photographs
    facedeblur demo --faces photos/ -o my-demo
    # Choose the methods
    facedeblur demo --method blurred --method wiener --method unsharp
    """
)
@click.option(
    "--faces",
    metavar="FOLDER",
    multiple=True,
    show_default="fourteen that come with facedeblur",
    help="Your own photographs, with one face each; as --faces of `facedeblur build`.",
)
@click.option(
    "-o", "--out", metavar="FOLDER", default="facedeblur-demo", type=options.Output(), help="Folder for all results."
)
@click.option(
    "--recipe",
    metavar="RECIPE",
    show_default="demo, or shen2020 with --faces",
    help="How to build the set: a name from `facedeblur list recipes`, or a TOML file.",
)
@click.option(
    "--protocol",
    metavar="PROTOCOL",
    default="shen2020",
    help="How to score: a name from `facedeblur list protocols`, or a TOML file.",
)
@click.option(
    "--method",
    "methods",
    metavar="METHOD",
    multiple=True,
    default=METHODS,
    help="Method to run, from `facedeblur list methods`; repeatable.",
)
@options.seed("the set")
@options.jobs
@click.option("--quiet", is_flag=True, help="Print the leaderboard and problems only.")
def demo(
    faces: tuple[str, ...],
    out: str,
    recipe: str | None,
    protocol: str,
    methods: tuple[str, ...],
    seed: int,
    workers: Workers,
    quiet: bool,
) -> None:
    """Build a set, run methods on it, score them, and write a leaderboard and a report.

    Run the command again to resume it; finished results are not computed again.
    """
    from facedeblur.benchmark.scoring.score import score
    from facedeblur.cli.display.leaderboard import print_board
    from facedeblur.cli.display.summary import print_set
    from facedeblur.generators.build import build
    from facedeblur.methods.running.runner import run
    from facedeblur.reports.leaderboard.board import gather
    from facedeblur.reports.leaderboard.files import write_leaderboard
    from facedeblur.reports.leaderboard.table import leaderboard
    from facedeblur.reports.page.report import report

    start, folder = time.monotonic(), Path(out)
    set_path, outputs = folder / "set", [folder / "outputs" / method for method in methods]
    with bars(quiet=quiet) as reporter:
        used = recipe or ("shen2020" if faces else "demo")
        made = build(used, faces, set_path, seed=seed, workers=workers, progress=reporter)
        for method, target in zip(methods, outputs, strict=True):
            run(method, set_path, target, workers=workers, progress=reporter)
        tables = score(made, outputs, protocol=protocol, workers=workers, progress=reporter)
        reporter.progress("drawing the report", 0, 1)
        board = gather(tables)
        frame = leaderboard(board)
        files = write_leaderboard(frame, folder / "leaderboard.csv")
        page = report(board, folder / "report.html")
        reporter.progress("drawing the report", 1, 1)
    if not quiet:
        print_set(made)
        click.echo()
    print_board(frame, [board])
    click.echo("\n" + "\n".join(map(str, files)) + f"\n{page}   (open it in a browser)")
    if not quiet:
        click.echo(f"finished in {time.monotonic() - start:.0f} s")
