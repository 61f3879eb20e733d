"""``facedeblur build``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Build the open test set, whose faces come with the package
    facedeblur build open -o set/
    # Build the test set of Shen et al. 2020 from your own photographs
    facedeblur build shen2020 --faces photos/ -o set/
    # Build it from CelebA, under a name of its own
    facedeblur build shen2020 --faces celeba:CELEBA --name celeba -o celeba-set/
    # Mix two collections: 100 test photographs of Helen, and those of a folder
    facedeblur build shen2020 --faces helen:HELEN,test,100 --faces photos/ -o set/
    # Use only the people that `facedeblur split` chose for testing
    facedeblur build shen2020 --faces photos/ --list split.csv --role test -o set/
    # Make a set of pairs that others made, such as the test pairs of GoPro
    facedeblur build pairs --faces gopro:GOPRO_Large,test -o gopro/
    # Average the frames of videos
    facedeblur build anand-motion --faces videos/ -o video-set/
    """
)
@click.argument("recipe")
@options.faces_of("those of the recipe")
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder of the new set.")
@options.name("name of the recipe")
@options.seed("kernels, noise and random choices")
@options.store
@options.match
@options.listed
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["test", "train", "probe", "gallery"]),
    show_default="all",
    help="Use only photographs with this role in the collection or image list; repeatable.",
)
@options.people
@options.limit
@options.identity
@options.as_selection
@options.finders
@options.as_finders
@options.min_coverage
@options.as_limits
@options.licence
@options.workers
@options.quiet
@click.pass_context
def build(ctx: click.Context, quiet: bool, **given: Any) -> None:
    """Build a test set as RECIPE describes it.

    RECIPE is a name (see `facedeblur list recipes`) or a TOML file. Faces are found and aligned first;
    images that already have the recipe's crop size are taken to be aligned. Photographs without a
    usable face are listed in images.csv. Run the command again to resume an interrupted build.
    """
    from facedeblur.cli.display.summary import print_set, print_videos
    from facedeblur.generators.build import build as make

    with bars(quiet=quiet) as reporter:
        made = make(progress=reporter, **given)
    if not quiet:
        print_set(made)
    counts = made.info["counts"]
    if print_videos(made) if made.info.get("videos") else counts["images"] < counts["photographs"]:
        ctx.exit(1)
