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
@click.option("--count", required=True, type=int, help="How many pairs to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tar", "folder"]),
    default="tar",
    show_default=True,
    help="Shards, or loose files.",
)
@click.option("--shard-size", default=1000, show_default=True, help="Pairs in a tar shard.")
@click.option("--seed", default=0, show_default=True, help="With a pair's number it determines the pair.")
@click.option("--augment", help="shen, lin, mspl or none, instead of the recipe's.")
@click.option("--per-size", type=int, help="Kernels of each size, instead of the recipe's.")
@click.option("--first", type=int, help="Number of the first kernel of each size, instead of the recipe's.")
@click.option("--photographs", type=int, help="How many there are, instead of the recipe's; 0 takes all.")
@click.option("--repeats", default=1, show_default=True, help="How often every face meets every kernel.")
@click.option("--shuffle/--in-order", default=True, show_default=True, help="A fair sample, or face after face.")
@click.option("--match", default="", help="Only photographs whose path matches this pattern.")
@click.option("--limit", type=int, help="At most so many photographs.")
@options.finders
@options.workers
@options.quiet
@click.pass_context
def pairs(ctx: click.Context, out: str, count: int, quiet: bool, **given: Any) -> None:
    """Write training pairs of RECIPE, the name of one or a TOML file, as tar shards or as a folder of PNG.

    The pairs are the first of the virtual set that the recipe makes of the photographs; a larger
    COUNT begins with the same ones. A stopped run goes on when the same command is run again.
    """
    from facedeblur.generators.pairs.shards import materialise

    # What is left out is the recipe's.
    chosen = {name: value for name, value in given.items() if value is not None}
    with bars(quiet=quiet) as reporter:
        done = materialise(out=out, count=count, reporter=reporter, **chosen)
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
