"""``facedeblur score``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, required=True, type=click.Path())
@click.option("--protocol", default="shen2020", show_default=True, help="Name of a protocol, or a TOML file.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Compute this metric instead of the protocol's and add it to the table; repeatable.",
)
@click.option("-o", "--out", type=click.Path(), help="Table (.parquet or .csv); default OUTPUTS/scores.parquet.")
@click.option("--force", is_flag=True, help="Compute what is asked for even where it is there already.")
@options.plugin("metrics or face providers")
@options.workers
@options.quiet
@click.pass_context
def score(
    ctx: click.Context, set_path: str, outputs: tuple[str, ...], metrics: tuple[str, ...], quiet: bool, **given: Any
) -> None:
    """Score the OUTPUTS of methods on SET, one row per pair.

    OUTPUTS is a folder that `facedeblur run` wrote, or any folder of PNG files named as the
    blurred images of SET. Only what the table lacks is computed: run the command again to resume it, and
    `--metric` adds a column at its own cost. Outputs that have changed are scored again.
    """
    from facedeblur.benchmark.scoring.score import score as compute
    from facedeblur.cli.display.summary import print_scores

    with bars(quiet=quiet) as reporter:
        tables = compute(set_path, outputs, metrics=metrics or None, progress=reporter, **given)
    if not quiet:
        print_scores(tables)
    if any((table.column("status") != "ok").any() for table in tables):
        ctx.exit(1)
