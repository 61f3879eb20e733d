"""``facedeblur build``."""

from __future__ import annotations

import click

from facedeblur.cli.progress import stages


@click.command()
@click.argument("recipe")
@click.option(
    "--faces", required=True, help="Folder of photographs, or one that `align` wrote; NAME:FOLDER names a layout."
)
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the set.")
@click.option("--seed", default=0, show_default=True, help="With an item's index it determines the item.")
@click.option("--store", type=click.Choice(["png", "npy"]), default="png", show_default=True)
@click.option("--match", default="", help="Take photographs of this pattern only, e.g. '*_0001.jpg'.")
@click.option("--list", "listed", type=click.Path(), help="Take the photographs of an image list (`facedeblur split`).")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["test", "train", "probe", "gallery"]),
    help="Take photographs of this role only, by the collection's or the list's word; repeatable.",
)
@click.option("--limit", type=int, help="Take at most so many photographs.")
@click.option("--detector", default="dlib-hog", show_default=True, help="Finds the faces in photographs.")
@click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five points that are aligned.")
@click.option("--choose", type=click.Choice(["largest", "central"]), default="largest", help="Which face of several.")
@click.option("--licence", default="", help="Licence of the photographs, for the record.")
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--backend", type=click.Choice(["loky", "dask"]), default="loky", show_default=True)
@click.option("--scheduler", help="Address of a dask scheduler.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def build(
    ctx: click.Context,
    recipe: str,
    faces: str,
    out: str,
    seed: int,
    store: str,
    match: str,
    roles: tuple[str, ...],
    listed: str | None,
    limit: int | None,
    detector: str,
    landmarker: str,
    choose: str,
    licence: str,
    jobs: int,
    backend: str,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """Build a set by RECIPE, the name of one (`facedeblur list recipes`) or a TOML file.

    Photographs are aligned first; those whose size is already the recipe's are taken as aligned
    crops. A stopped build goes on when the same command is run again.
    """
    from facedeblur.cli.summary import print_set
    from facedeblur.generators.build import build as make

    with stages(quiet=quiet) as stage:
        made = make(
            recipe,
            faces,
            out,
            seed=seed,
            store=store,
            match=match,
            roles=roles,
            listed=listed,
            limit=limit,
            detector=detector,
            landmarker=landmarker,
            choose=choose,
            licence=licence,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            align_progress=stage("aligning"),
            progress=stage("blurring"),
        )
    if not quiet:
        print_set(made)
    if made.info["counts"]["images"] < made.info["counts"]["photographs"]:
        ctx.exit(1)
