"""``facedeblur pairs``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many
from facedeblur.cli import options


@options.command(
    examples="""
    # Write 10,000 training pairs of CelebA as tar shards
    facedeblur pairs shen2020-train --faces celeba:CELEBA --count 10000 -o shards/
    # Use all of your own photographs, however few, and write PNG files
    facedeblur pairs shen2020-train --faces photos/ --photographs 0 --count 50 \\
        --format folder -o pairs/
    """
)
@click.argument("recipe")
@options.faces
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder for the pairs.")
@click.option("--count", metavar="N", required=True, type=int, help="Number of pairs to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tar", "parquet", "folder", "basicsr", "restormer", "lmdb"]),
    default="tar",
    help="Write tar shards, Parquet shards for Hugging Face datasets, a folder of PNG files (sharp/ and blur/, or as "
    "BasicSR or Restormer name them), or LMDB databases as BasicSR has them.",
)
@click.option("--shard-size", metavar="N", default=1000, help="Number of pairs in a shard.")
@options.seed("kernels, noise, augmentation and order")
@click.option(
    "--augment",
    metavar="NAME",
    show_default="that of the recipe",
    help="Augmentation: shen, lin, mspl or none.",
)
@click.option(
    "--per-size", metavar="N", type=int, show_default="that of the recipe", help="Number of kernels of each size."
)
@click.option(
    "--first",
    metavar="N",
    type=int,
    show_default="that of the recipe",
    help="Number of the first kernel of each size. Ranges that do not overlap keep training and test kernels apart.",
)
@click.option(
    "--photographs",
    metavar="N",
    type=int,
    show_default="that of the recipe",
    help="Number of photographs to use; 0 uses all, and fewer than this number are an error.",
)
@click.option("--repeats", metavar="N", default=1, help="Number of times each face is combined with each kernel.")
@click.option(
    "--shuffle/--in-order", default=True, help="Write pairs in a pseudo-random order, or one face after the other."
)
@options.match
@options.listed
@options.people
@options.limit
@options.identity
@options.as_selection
@options.finders
@options.as_finders
@options.min_coverage
@options.as_limits
@options.workers
@options.quiet
@click.pass_context
def pairs(ctx: click.Context, out: str, count: int, quiet: bool, **given: Any) -> None:
    """Write training pairs as RECIPE describes them.

    RECIPE is a name (see `facedeblur list recipes`) or a TOML file. It combines every face with
    every kernel, which gives more pairs than are usually written; this command writes the first --count of
    them. A larger --count begins with the same pairs. Run the command again to resume an interrupted run.
    """
    from facedeblur.generators.pairs.shards import materialise

    # Options that are not given keep the value of the recipe.
    chosen = {name: value for name, value in given.items() if value is not None}
    with bars(quiet=quiet) as reporter:
        done = materialise(out=out, count=count, progress=reporter, **chosen)
    if not quiet:
        faces, kernels = many(done.n_images, "face"), many(done.n_kernels, "kernel")
        click.echo(f"{count:,} of {many(len(done), 'pair')} of {faces} and {kernels} in {out}")
    failed = [image for image in done.images if image.status != "ok"]
    for image in failed[:10]:
        click.echo(f"{image.source}: {image.status}" + (f" ({image.note})" if image.note else ""), err=True)
    if len(failed) > 10:
        click.echo(f"and {len(failed) - 10:,} more, listed in {out}/images.csv", err=True)
    if failed:
        ctx.exit(1)
