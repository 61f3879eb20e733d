"""``facedeblur card``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many
from facedeblur.cli import options


@options.command(
    examples="""
    # Make a folder that can be uploaded to the Hugging Face Hub
    facedeblur card set/ -o set-card/ --repo me/face-set --creator "A. Author" \\
        --date 2026-05-31
    # State the licence of your own photographs
    facedeblur card set/ -o set-card/ --licence cc-by-4.0
    # Describe a set whose photographs may not be passed on
    facedeblur card celeba-set/ -o celeba-card/ --no-images
    # Register the metrics of a protocol as a benchmark of the Hub
    facedeblur card set/ -o set-card/ --repo me/face-set --protocol shen2020
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder of the new card.")
@click.option(
    "--licence",
    metavar="TEXT",
    default="",
    show_default="the one that the set states",
    help="Licence of the set: an identifier of the Hub such as cc-by-4.0, or a licence in words.",
)
@click.option("--images/--no-images", default=True, help="Copy the images, or write the texts alone.")
@click.option(
    "--repo", metavar="OWNER/NAME", default="", show_default="not stated", help="Name of the data set on the Hub."
)
@click.option(
    "--creator",
    "creators",
    metavar="NAME",
    multiple=True,
    show_default="not stated",
    help="Who made the set, for the citation; repeatable.",
)
@click.option(
    "--date", metavar="YYYY-MM-DD", default="", show_default="not stated", help="Day on which the set is published."
)
@click.option("--release", metavar="VERSION", default="1.0.0", help="Version of the published set.")
@click.option(
    "--protocol",
    metavar="NAME",
    default="",
    show_default="no benchmark",
    help="Also write eval.yaml, whose tasks are the metrics of this protocol; see `facedeblur list protocols`.",
)
@options.quiet
def card(set_path: str, out: str, quiet: bool, **given: Any) -> None:
    """Write a card of SET for the Hugging Face Hub, with everything that belongs into its repository.

    The folder has README.md, metadata.csv (one row per pair with both images), croissant.json,
    SHA256SUMS and, with the images, the whole set: facedeblur reads it as SET. Photographs that may
    not be passed on are not copied. Needs the extra 'report'.
    """
    from facedeblur.reports.cards.write import card as write

    with bars(quiet=quiet) as reporter:
        done = write(set_path, out, progress=reporter, **given)
    if quiet:
        return
    what = "with images" if done.images else "without images"
    click.echo(f"{done.folder}: {many(done.pairs, 'pair')} {what}, licence {done.licence}")
    if done.missing:
        click.echo(f"not stated: {', '.join(done.missing)}")
    for line in done.remarks:
        click.echo(line)
