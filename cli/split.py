"""``facedeblur split``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.words import word
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.generators.photos.specs import Selection


@options.command(
    examples="""
    # Use 30 % of the people for testing, and build a set of them
    facedeblur split photos/ -o split.csv --test-share 0.3
    facedeblur build shen2020 --faces photos/ --list split.csv --role test -o set/
    # Choose one probe and nine gallery images of each person
    facedeblur split celeba:CELEBA -o probes.csv --probe-gallery 1:9
    """
)
@click.argument("collections", metavar="COLLECTION...", nargs=-1, required=True)
@click.option(
    "-o", "--out", metavar="FILE", required=True, type=options.Output(dir_okay=False), help="Image list (CSV) to write."
)
@click.option(
    "--test-share",
    metavar="SHARE",
    type=float,
    show_default="0.3",
    help="Share of the people (0 to 1) that is used for testing.",
)
@click.option(
    "--probe-gallery",
    metavar="P:G",
    show_default="training and test instead",
    help="Choose P probes and G gallery images for each person, e.g. 1:9.",
)
@options.seed("the choice")
@options.match
@options.people
@options.identity
@options.as_selection
@click.option(
    "--keep",
    metavar="FILE",
    type=click.Path(),
    help="With --probe-gallery: earlier image list whose choices are kept.",
)
@options.quiet
def split(
    collections: tuple[str, ...],
    out: str,
    test_share: float | None,
    probe_gallery: str | None,
    seed: int,
    selection: Selection,
    keep: str | None,
    quiet: bool,
) -> None:
    """Divide the people of COLLECTION into training and test, or their images into probes and gallery.

    COLLECTION is a folder, or NAME:FOLDER for a known folder layout (see `facedeblur list collections`).
    Of several collections one image list is made; give `facedeblur build` all of them with it.
    Nobody is on both sides, and photographs that are added later do not move anyone. `facedeblur align` and
    `facedeblur build` take the image list as --list.
    """
    from facedeblur.benchmark.errors import InputError
    from facedeblur.generators.photos import splits
    from facedeblur.generators.photos.lists import read_list, write_list
    from facedeblur.generators.photos.opening import open_collection

    if probe_gallery and test_share is not None:
        raise click.UsageError("give --test-share or --probe-gallery, not both")
    if keep and not probe_gallery:
        raise click.UsageError("--keep needs --probe-gallery")
    numbers = (probe_gallery or "1:9").split(":")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise InputError(f"--probe-gallery {probe_gallery}", expected="two numbers such as 1:9")
    opened = open_collection(collections, selection, seed=seed)
    if probe_gallery:
        probes, gallery = map(int, numbers)
        earlier = read_list(keep) if keep else ()
        choices = splits.probe_gallery(opened, seed=seed, probes=probes, gallery=gallery, keep=earlier)
    else:
        choices = splits.split(opened, seed=seed, test_share=0.3 if test_share is None else test_share)
    write_list(out, choices)
    if not quiet:
        click.echo(opened.describe())
        for name, (photographs, people) in splits.tally(choices).items():
            identities = word(people, "identity", "identities")
            click.echo(
                f"{photographs:>9,} {word(photographs, 'photograph'):<11} of {people:>7,} {identities:<10}  {name}"
            )
        click.echo(f"seed {seed}, listed in {out}")
