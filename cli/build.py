"""``facedeblur build``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("recipe")
@click.option(
    "--faces", required=True, help="Folder of photographs, or one that `align` wrote; NAME:FOLDER names a layout."
)
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the set.")
@options.name
@click.option("--seed", default=0, show_default=True, help="With an item's index it determines the item.")
@options.store
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
@options.finders
@click.option("--licence", default="", help="Licence of the photographs, for the record.")
@options.workers
@options.quiet
@click.pass_context
def build(
    ctx: click.Context,
    quiet: bool,
    match: str,
    listed: str | None,
    roles: tuple[str, ...],
    limit: int | None,
    detector: str,
    landmarker: str,
    choose: str,
    **given: Any,
) -> None:
    """Build a set by RECIPE, the name of one (`facedeblur list recipes`) or a TOML file.

    Photographs are aligned first; those whose size is already the recipe's are taken as aligned
    crops. A stopped build goes on when the same command is run again.
    """
    from facedeblur.cli.display.summary import print_set
    from facedeblur.generators.align.photo import Finders
    from facedeblur.generators.build import build as make
    from facedeblur.generators.photos.collection import Selection

    selection, finders = Selection(match, roles, limit, listed), Finders(detector, landmarker, choose)
    with bars(quiet=quiet) as reporter:
        made = make(selection=selection, finders=finders, progress=reporter, **given)
    if not quiet:
        print_set(made)
    if made.info["counts"]["images"] < made.info["counts"]["photographs"]:
        ctx.exit(1)
