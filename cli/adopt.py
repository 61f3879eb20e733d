"""``facedeblur adopt``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many
from facedeblur.cli import options


@options.command(
    examples="""
    # Take in images called NAME_deblurred.png, NAME.PNG or results/NAME.png
    facedeblur adopt set/ their-images/ -o outputs/theirs
    # Of several images of each pair take those that end in _out3
    facedeblur adopt set/ mspl-results/ -o outputs/mspl --suffix _out3
    # Accept JPEG files, which have lost something
    facedeblur adopt set/ jpegs/ -o outputs/theirs --lossy
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("folder", type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="OUTPUTS",
    required=True,
    type=options.Output(),
    help="Folder of the new outputs; its name becomes that of the method.",
)
@options.suffix
@options.lossy
@options.jobs
@options.quiet
@click.pass_context
def adopt(ctx: click.Context, set_path: str, folder: str, quiet: bool, **given: Any) -> None:
    """Make outputs of images in FOLDER that another program restored from SET.

    A file belongs to the pair whose name it begins with, in any case and in any sub-folder. Grey, palette,
    16-bit and transparent images become 8-bit RGB PNG if nothing is lost by that. The new folder can be
    scored, compared and reported like any other.
    """
    from facedeblur.benchmark.adopt import adopt as make

    with bars(quiet=quiet) as reporter:
        made = make(set_path, folder, progress=reporter, **given)
    if not quiet:
        click.echo(
            f"{made.outputs.method}: {made.taken:,} of {many(made.outputs.n_pairs, 'pair')}  ->  {made.outputs.root}"
        )
    for note in made.notes:
        click.echo(note, err=quiet)
    for what, some in ((("pair", "without a file"), made.missing), (("file", "of no pair"), made.others)):
        if some:
            click.echo(f"{many(len(some), what[0])} {what[1]}, such as {some[0]}", err=True)
    if made.missing or made.taken < made.outputs.n_pairs:
        ctx.exit(1)
