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


@click.command()
@click.option("--faces", type=click.Path(), help="Your own photographs; default: two public-domain portraits.")
@click.option("-o", "--out", default="facedeblur-demo", show_default=True, type=click.Path(), help="Where to write.")
@click.option("--recipe", default="shen2020", show_default=True, help="Of the set: a name or a TOML file.")
@click.option("--protocol", default="shen2020", show_default=True, help="Of the scores: a name or a TOML file.")
@click.option("--method", "methods", multiple=True, default=METHODS, show_default=True, help="Repeatable.")
@click.option("--seed", default=0, show_default=True, help="With an item's index it determines the item.")
@options.jobs
@click.option("--quiet", is_flag=True, help="Print the table only.")
def demo(
    faces: str | None,
    out: str,
    recipe: str,
    protocol: str,
    methods: tuple[str, ...],
    seed: int,
    workers: Workers,
    quiet: bool,
) -> None:
    """Build a set, run methods on it, score them, and write leaderboard and report.

    Run it again and only what is missing is done. With --faces it does the same to your own
    photographs of faces.
    """
    from facedeblur.benchmark.scoring.score import score
    from facedeblur.cli.display.leaderboard import print_board
    from facedeblur.cli.display.summary import print_set
    from facedeblur.generators.build import build
    from facedeblur.generators.portraits import LICENCE, write_portraits
    from facedeblur.methods.running.runner import run
    from facedeblur.reports.leaderboard.board import gather
    from facedeblur.reports.leaderboard.files import write_csv
    from facedeblur.reports.leaderboard.table import leaderboard
    from facedeblur.reports.page.report import report

    start, folder = time.monotonic(), Path(out)
    photographs = Path(faces) if faces else write_portraits(folder / "photographs")
    set_path, outputs = folder / "set", [folder / "outputs" / method for method in methods]
    with bars(quiet=quiet) as reporter:
        made = build(
            recipe,
            photographs,
            set_path,
            seed=seed,
            workers=workers,
            licence="" if faces else LICENCE,
            progress=reporter,
        )
        for method, target in zip(methods, outputs, strict=True):
            run(method, set_path, target, workers=workers, progress=reporter)
        tables = score(made, outputs, protocol=protocol, workers=workers, progress=reporter)
        reporter.progress("drawing the report", 0, 1)
        board = gather(tables)
        frame = leaderboard(board)
        write_csv(frame, folder / "leaderboard.csv")
        page = report(board, folder / "report.html")
        reporter.progress("drawing the report", 1, 1)
    if not quiet:
        print_set(made)
        click.echo()
    print_board(frame, [board])
    click.echo(f"\n{folder / 'leaderboard.csv'}\n{page}   (open it in a browser)")
    if not quiet:
        click.echo(f"{time.monotonic() - start:.0f} s")
