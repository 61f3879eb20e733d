"""``facedeblur score``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.scoring.table import Scores


@options.command(
    examples="""
    # Score two methods as Shen et al. 2020 do
    facedeblur score set/ outputs/a outputs/b --protocol shen2020
    # Add one metric to the tables
    facedeblur score set/ outputs/* --metric lpips
    # Score a folder of images against a folder of sharp ones, without a set
    facedeblur score --pairs sharp/ restored/ --metric psnr -o scores.csv
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
@click.option(
    "--pairs",
    is_flag=True,
    help="Score without a set: SET is a folder of sharp images, and OUTPUTS have images with their names.",
)
@options.suffix
@options.lossy
@options.device(default="cpu")
@options.plugin("metrics, detectors, landmarkers or embedders")
@options.workers
@options.quiet
@click.pass_context
def score(
    ctx: click.Context,
    set_path: str,
    outputs: tuple[str, ...],
    metrics: tuple[str, ...],
    pairs: bool,
    suffix: str | None,
    lossy: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Score the OUTPUTS of methods on SET, one row per pair.

    Each OUTPUTS is a folder that `facedeblur run` wrote, or any folder of PNG files with the names of
    the blurred images of SET. Values that a table already holds are not computed again, unless the outputs
    have changed: run the command again to resume or to add a metric. Metrics of an image alone, such as detection, are
    also computed of the sharp images, into scores.sharp.parquet next to the first table.

    With --device cuda, PSNR, SSIM and the metrics with networks are computed on a GPU. Their values may differ from
    those of the processor by rounding, so the table names the GPU, and a table of another device is scored from the
    start.

    With --pairs no set is needed: images are compared with the sharp images whose names they begin with.
    """
    from facedeblur.benchmark.scoring.folders import score_folders
    from facedeblur.benchmark.scoring.score import score as compute
    from facedeblur.cli.display.summary import print_scores

    if not pairs and (suffix is not None or lossy):
        raise click.UsageError("--suffix and --lossy are for --pairs; with a set use facedeblur adopt", ctx)
    if pairs and len(outputs) > 1 and given["out"]:
        raise click.UsageError("--out is for one folder", ctx)
    with bars(quiet=quiet) as reporter:
        given |= {"metrics": metrics or None, "progress": reporter}
        if pairs:
            del given["force"]  # Nothing is kept between two scorings.
            tables = [score_folders(set_path, one, suffix=suffix, lossy=lossy, **given) for one in outputs]
        else:
            tables = compute(set_path, outputs, **given)
    if not quiet:
        print_scores(tables)
        if not pairs and any(map(_can_be_adopted, tables)):
            click.echo("to convert names and kinds of files: facedeblur adopt SET FOLDER -o OUTPUTS")
    if any((table.column("status") != "ok").any() for table in tables):
        ctx.exit(1)


def _can_be_adopted(table: Scores) -> bool:
    """Whether images of a foreign folder failed by their kind, or lack while others are there."""
    statuses = set(table.column("status"))
    of_kind = any("expected 8-bit RGB" in status or "expected a PNG" in status for status in statuses)
    return table.meta.run.get("foreign", False) and (
        of_kind or (bool(table.meta.extra) and "failed: output missing" in statuses)
    )
