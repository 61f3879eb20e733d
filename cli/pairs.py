"""``facedeblur pairs``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("recipe")
@click.option("--faces", required=True, type=click.Path(), help="Folder of photographs, or one that `align` wrote.")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the pairs.")
@click.option("--count", required=True, type=int, help="Number of pairs to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tar", "folder"]),
    default="tar",
    show_default=True,
    help="Tar shards, or a folder of PNG files.",
)
@click.option("--shard-size", default=1000, show_default=True, help="Pairs in a tar shard.")
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option("--augment", help="Augmentation: shen, lin, mspl or none.  [default: that of the recipe]")
@click.option("--per-size", type=int, help="Kernels of each size.  [default: that of the recipe]")
@click.option("--first", type=int, help="Number of the first kernel of each size.  [default: that of the recipe]")
@click.option("--photographs", type=int, help="Number of photographs; 0 takes all.  [default: that of the recipe]")
@click.option("--repeats", default=1, show_default=True, help="How often every face is combined with every kernel.")
@click.option(
    "--shuffle/--in-order", default=True, show_default=True, help="Pairs in a pseudo-random order, or face after face."
)
@options.match
@options.limit
@options.as_selection
@options.finders
@options.workers
@options.quiet
@click.pass_context
def pairs(ctx: click.Context, out: str, count: int, quiet: bool, **given: Any) -> None:
    """Write training pairs of RECIPE, a name or a TOML file, as tar shards or as a folder of PNG files.

    The pairs are the first of the virtual set that the recipe describes; a larger COUNT begins with the same ones. An
    interrupted run resumes when the same command is run again.
    """
    from facedeblur.generators.pairs.shards import materialise

    # Options that are not given are those of the recipe.
    chosen = {name: value for name, value in given.items() if value is not None}
    with bars(quiet=quiet) as reporter:
        done = materialise(out=out, count=count, progress=reporter, **chosen)
    if not quiet:
        click.echo(
            f"{count:,} of {len(done):,} pairs of {done.n_images:,} faces and {done.n_kernels:,} kernels in {out}"
        )
    failed = [image for image in done.images if image.status != "ok"]
    for image in failed[:10]:
        click.echo(f"{image.source}: {image.status}" + (f" ({image.note})" if image.note else ""), err=True)
    if len(failed) > 10:
        click.echo(f"and {len(failed) - 10:,} more, listed in {out}/images.csv", err=True)
    if failed:
        ctx.exit(1)
