"""``facedeblur align``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Cut 128x128 faces out of a folder of photographs
    facedeblur align photos/ crops/
    # Use the identities, roles and landmarks of CelebA
    facedeblur align celeba:CELEBA crops/ --landmarker file --sheet
    # One photograph each of 100 people of CelebA's test set
    facedeblur align celeba:CELEBA,test celeba-faces/ --people 100
    # Keep only large, frontal faces, and print what was measured
    facedeblur align photos/ crops/ --max-yaw 20 --min-eye-distance 40 --quality
    """
)
@click.argument("photos", nargs=-1, required=True)
@click.argument("out", type=options.Output())
@options.match
@options.listed
@options.people
@options.identity
@options.as_selection
@click.option(
    "--template",
    metavar="TEMPLATE",
    default="shen128",
    help="Size and placement of the crops: a name from `facedeblur list templates`, or a TOML file.",
)
@options.finders
@options.as_finders
@click.option(
    "--landmarks",
    metavar="FILE",
    type=click.Path(),
    help="Use the landmarks in this CSV file: the path of the photograph, then x and y of the left eye, the right eye, "
    "the nose and the two corners of the mouth, in pixels.",
)
@click.option("--margin", metavar="PIXELS", default=0, help="Width of the surroundings kept around each crop.")
@click.option("--strict", "one_face", is_flag=True, help="Reject photographs with several faces.")
@options.min_coverage
@click.option(
    "--max-yaw",
    metavar="DEGREES",
    type=float,
    show_default="no limit",
    help="Reject faces turned to the side by more than this.",
)
@click.option(
    "--max-pitch",
    metavar="DEGREES",
    type=float,
    show_default="no limit",
    help="Reject faces turned up or down by more than this.",
)
@click.option(
    "--max-roll",
    metavar="DEGREES",
    type=float,
    show_default="no limit",
    help="Reject heads tilted by more than this.",
)
@click.option(
    "--min-eye-distance",
    metavar="PIXELS",
    type=float,
    show_default="no limit",
    help="Reject faces whose eyes are closer together than this in the photograph.",
)
@click.option(
    "--min-laplacian",
    metavar="VARIANCE",
    type=float,
    show_default="no limit",
    help="Reject blurred crops: those whose Laplacian has less than this variance (in squared grey levels).",
)
@click.option(
    "--max-clipped",
    metavar="SHARE",
    type=float,
    show_default="no limit",
    help="Reject crops with more than this share (0 to 1) of samples at 0 or 255.",
)
@click.option(
    "--role",
    type=click.Choice(["test", "train", "probe", "gallery"]),
    default="test",
    help="Role of photographs for which the collection states none.",
)
@options.seed("drawing photographs and for the positions of random crops (template mspl-random)")
@click.option(
    "--quality", is_flag=True, help="Write what was measured on each crop to OUT/quality.csv, and print its quantiles."
)
@click.option("--sheet", is_flag=True, help="Write a contact sheet of the crops, OUT/sheet.png.")
@options.workers
@options.quiet
@options.as_limits
@click.pass_context
def align(
    ctx: click.Context,
    photos: tuple[str, ...],
    out: str,
    quality: bool,
    sheet: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Cut aligned face crops out of PHOTOS and write them to the folder OUT.

    PHOTOS is one folder or several. For a known folder layout, NAME:FOLDER also reads its identities, roles,
    labels and landmarks (see `facedeblur list collections`; auto:FOLDER recognises the layout). FOLDER,2000
    draws 2,000 photographs at random, FOLDER,25% a quarter of all, and FOLDER,train uses only those with the
    role train. With --landmarker file, crops are aligned by the landmarks of the collection.

    OUT/images.csv lists every photograph with its status. OUT/sharp holds the usable crops, OUT/labels
    their labels, and OUT/cut the crops that extend beyond their photograph. Run the command again to
    process new photographs only.
    """
    from pathlib import Path

    from facedeblur.benchmark.sets.traits import FILE, read_traits
    from facedeblur.generators.align.run import align as run
    from facedeblur.generators.sheets import crop_sheet

    with bars(quiet=quiet) as reporter:
        table = run(
            photos,
            out,
            quality=quality,
            progress=reporter,
            **given,
        )
        if sheet:
            crop_sheet(out, Path(out) / "sheet.png")
    failed = table[table["status"] != "ok"]
    if not quiet:
        for status, rows in table.groupby("status"):
            click.echo(f"{len(rows):>7,}  {status!s}")
        several = int((table["n_faces"] > 1).sum())
        if several:
            click.echo(f"{several:>7,}  of these have several faces")
        labels = int((table["label"] != "").sum())
        if labels:
            click.echo(f"{labels:>7,}  with labels")
        click.echo(f"{len(table):>7,}  photographs, listed in {out}/images.csv")
        if (Path(out) / FILE).is_file():
            known = read_traits(Path(out) / FILE)
            click.echo(f"{len(known.rows):>7,}  with traits, listed in {out}/{FILE}")
        if quality:
            _print_quantiles(Path(out) / "quality.csv")
    for row in failed.head(10).to_dict("records"):
        click.echo(f"{row['source']}: {row['status']}" + (f" ({row['note']})" if row["note"] else ""), err=True)
    if len(failed) > 10:
        click.echo(f"and {len(failed) - 10:,} more, listed in {out}/images.csv", err=True)
    if len(failed):
        ctx.exit(1)


def _print_quantiles(path: Any) -> None:
    from facedeblur.benchmark.files.tables import read_rows
    from facedeblur.generators.align.quality import Quality, quantiles

    at = (0.05, 0.25, 0.5, 0.75, 0.95)
    click.echo(f"{'quality':<13}" + "".join(f"{share:>10.0%}" for share in at))
    for name, values in quantiles(read_rows(path, Quality), at).items():
        known = values[0] == values[0]  # not NaN
        click.echo(f"{name:<13}" + ("".join(f"{value:>10.4g}" for value in values) if known else "  no landmarks"))
