"""``facedeblur score``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Score two methods as Shen et al. 2020 do
    facedeblur score set/ outputs/a outputs/b --protocol shen2020
    # Add one metric to the tables
    facedeblur score set/ outputs/* --metric lpips
    # Score images that were restored elsewhere, and write a CSV file
    facedeblur score set/ my-images/ -o scores.csv
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--protocol",
    metavar="PROTOCOL",
    default="shen2020",
    help="Metrics to compute: a name from `facedeblur list protocols`, or a TOML file.",
)
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    show_default="those of the protocol",
    help="Compute this metric instead of the protocol's and add it to the table; see `facedeblur list metrics`; "
    "repeatable.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=options.Output(),
    show_default="OUTPUTS/scores.parquet",
    help="Table to write (.parquet or .csv), for one OUTPUTS only.",
)
@click.option("--force", is_flag=True, help="Compute metrics again even if the table holds them.")
@options.plugin("metrics, detectors, landmarkers or embedders")
@options.workers
@options.quiet
@click.pass_context
def score(
    ctx: click.Context, set_path: str, outputs: tuple[str, ...], metrics: tuple[str, ...], quiet: bool, **given: Any
) -> None:
    """Score the OUTPUTS of methods on SET, one row per pair.

    Each OUTPUTS is a folder that `facedeblur run` wrote, or any folder of PNG files with the names of
    the blurred images of SET. Values that a table already holds are not computed again, unless the outputs
    have changed: run the command again to resume or to add a metric. Metrics of an image alone, such as detection, are
    also computed of the sharp images, into scores.sharp.parquet next to the first table.
    """
    from facedeblur.benchmark.scoring.score import score as compute
    from facedeblur.cli.display.summary import print_scores

    with bars(quiet=quiet) as reporter:
        tables = compute(set_path, outputs, metrics=metrics or None, progress=reporter, **given)
    if not quiet:
        print_scores(tables)
    if any((table.column("status") != "ok").any() for table in tables):
        ctx.exit(1)
