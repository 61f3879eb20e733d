"""``facedeblur label``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Label faces by the parser that comes with the package, and train on them
    facedeblur label celeba:CELEBA,train,2300 --by facedeblur -o labelled/
    facedeblur train shen2020 --faces labelled/ -o shen2020/
    # Label by the parsing network of a training
    facedeblur label crops/ --by shen2020:shen2020/ -o labelled/
    """
)
@click.argument("photos", metavar="FACES...", nargs=-1, required=True)
@click.option(
    "--by",
    metavar="NAME",
    default="facedeblur",
    help="Parser, see `facedeblur list parsers`. shen2020:WEIGHTS or shen2018:WEIGHTS is the parsing network of these "
    "weights, a file or folder.",
)
@click.option(
    "-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder for the labelled faces."
)
@click.option(
    "--template",
    metavar="TEMPLATE",
    default="shen128",
    help="Size and placement of faces that must be aligned; see `facedeblur list templates`.",
)
@click.option("--margin", metavar="PIXELS", default=0, help="Width of the surroundings kept around each face.")
@options.match
@options.listed
@options.people
@options.limit
@options.identity
@options.as_selection
@options.finders
@options.as_finders
@options.seed("photographs that are drawn")
@options.workers
@options.quiet
@click.pass_context
def label(ctx: click.Context, photos: tuple[str, ...], out: str, quiet: bool, **given: Any) -> None:
    """Label the faces of FACES that have no labels.

    FACES are folders that `facedeblur align` wrote, or photographs, which are aligned first. The folder that is
    written holds the faces with their labels, and can be given to `build`, `pairs` and `train` as --faces. Its
    labels are pseudo-labels: images.csv, labels.json and every set made of it say by what they were made. Labels
    that the collection has are kept. Run the command again to resume it.
    """
    from facedeblur.methods.labelling import label as make

    with bars(quiet=quiet) as reporter:
        done = make(photos, out, progress=reporter, **given)
    if not quiet:
        click.echo(f"{done.new:>7,}  faces labelled by {done.by}")
        if done.kept:
            click.echo(f"{done.kept:>7,}  with labels of their own")
        if done.without:
            click.echo(f"{done.without:>7,}  without labels: {done.by} finds no face in them")
        if done.failed:
            click.echo(f"{done.failed:>7,}  photographs cannot be used, see {done.folder}/images.csv")
        click.echo(f"         in {done.folder}")
    if done.failed:
        ctx.exit(1)
