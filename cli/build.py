"""``facedeblur build``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("recipe")
@click.option(
    "--faces", required=True, help="Folder of photographs, or one that `align` wrote; NAME:FOLDER names a collection."
)
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the set.")
@options.name
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@options.store
@options.match
@options.listed
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["test", "train", "probe", "gallery"]),
    help="Use photographs of this role only, as the collection or the list states it; repeatable.",
)
@options.limit
@options.as_selection
@options.finders
@click.option("--licence", default="", help="Licence of the photographs, for the record.")
@options.workers
@options.quiet
@click.pass_context
def build(ctx: click.Context, quiet: bool, **given: Any) -> None:
    """Build the set that RECIPE describes: a name (`facedeblur list recipes`) or a TOML file.

    Photographs are aligned first; those that already have the recipe's size are taken as aligned
    crops. Run the command again to resume an interrupted build.
    """
    from facedeblur.cli.display.summary import print_set
    from facedeblur.generators.build import build as make

    with bars(quiet=quiet) as reporter:
        made = make(progress=reporter, **given)
    if not quiet:
        print_set(made)
    if made.info["counts"]["images"] < made.info["counts"]["photographs"]:
        ctx.exit(1)
