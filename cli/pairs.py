"""``facedeblur pairs``."""

from __future__ import annotations

import click

from facedeblur.cli.progress import stages


@click.command()
@click.argument("recipe")
@click.option("--faces", required=True, type=click.Path(), help="Folder of photographs, or one that `align` wrote.")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the pairs.")
@click.option("--count", required=True, type=int, help="How many pairs to write.")
@click.option("--format", "form", type=click.Choice(["tar", "folder"]), default="tar", show_default=True)
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
@click.option("--detector", default="dlib-hog", show_default=True, help="Finds the faces in photographs.")
@click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five points that are aligned.")
@click.option("--choose", type=click.Choice(["largest", "central"]), default="largest", help="Which face of several.")
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--backend", type=click.Choice(["loky", "dask"]), default="loky", show_default=True)
@click.option("--scheduler", help="Address of a dask scheduler.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def pairs(
    ctx: click.Context,
    recipe: str,
    faces: str,
    out: str,
    count: int,
    form: str,
    shard_size: int,
    seed: int,
    augment: str | None,
    per_size: int | None,
    first: int | None,
    photographs: int | None,
    repeats: int,
    shuffle: bool,
    match: str,
    limit: int | None,
    detector: str,
    landmarker: str,
    choose: str,
    jobs: int,
    backend: str,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """Write training pairs of RECIPE, the name of one or a TOML file, as tar shards or as a folder of PNG.

    The pairs are the first of the virtual set that the recipe makes of the photographs; a larger
    COUNT begins with the same ones. A stopped run goes on when the same command is run again.
    """
    from facedeblur.generators.pair_sets import materialise

    changes = {"augment": augment, "per_size": per_size, "first": first, "photographs": photographs}
    with stages(quiet=quiet) as stage:
        done = materialise(
            recipe,
            faces,
            out,
            count=count,
            form=form,
            shard_size=shard_size,
            seed=seed,
            repeats=repeats,
            shuffle=shuffle,
            match=match,
            limit=limit,
            detector=detector,
            landmarker=landmarker,
            choose=choose,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            align_progress=stage("aligning"),
            progress=stage("writing"),
            **{name: value for name, value in changes.items() if value is not None},
        )
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
