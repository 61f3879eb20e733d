"""``facedeblur align``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("photos")
@click.argument("out", type=click.Path())
@options.match
@options.listed
@options.as_selection
@click.option(
    "--template",
    default="shen128",
    show_default=True,
    help="Crop: see `facedeblur list templates`; or a TOML file.",
)
@click.option("--detector", default="dlib-hog", show_default=True, help="Face detector, e.g. dlib-hog,up1.")
@click.option(
    "--landmarker", default="dlib-68", show_default=True, help="Finds the five landmarks; 'file' uses given ones."
)
@click.option(
    "--landmarks", type=click.Path(), help="CSV file of landmarks: path, then x and y of eyes, nose and mouth corners."
)
@click.option(
    "--margin", default=0, show_default=True, help="Width of the surroundings kept around each crop, in pixels."
)
@options.chosen_face
@options.as_finders
@click.option("--strict", "one_face", is_flag=True, help="Refuse photographs with several faces.")
@click.option("--min-coverage", default=0.95, show_default=True, help="Smallest share of a crop inside its photograph.")
@click.option("--max-yaw", type=float, help="Reject faces turned further to a side, in degrees.")
@click.option("--max-pitch", type=float, help="Reject faces turned further up or down, in degrees.")
@click.option("--max-roll", type=float, help="Reject heads tilted further, in degrees.")
@click.option("--min-eye-distance", type=float, help="Reject faces with closer eyes, in pixels of the photograph.")
@click.option("--min-laplacian", type=float, help="Reject blurred crops: variance of the Laplacian.")
@click.option("--max-clipped", type=float, help="Reject crops with a larger share of samples at 0 or 255.")
@click.option(
    "--role",
    type=click.Choice(["test", "train", "probe", "gallery"]),
    default="test",
    show_default=True,
    help="Role of photographs for which the collection states none.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed for the place of random windows (mspl-random).")
@click.option("--quality", is_flag=True, help="Write OUT/quality.csv and print quantiles.")
@click.option("--sheet", is_flag=True, help="Write a contact sheet of the crops, OUT/sheet.png.")
@options.workers
@options.quiet
@click.pass_context
def align(
    ctx: click.Context,
    photos: str,
    out: str,
    quality: bool,
    sheet: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Cut aligned face crops out of PHOTOS into OUT.

    PHOTOS is a folder, or NAME:FOLDER for a known collection with its identities, roles, labels
    and landmarks (auto:FOLDER recognises it). OUT/images.csv lists every photograph with its
    status; OUT/sharp holds the usable crops, OUT/labels their labels, OUT/cut the crops that extend
    beyond their photograph. Run the command again to process new photographs only.
    """
    from pathlib import Path

    from facedeblur.generators.align.quality import Limits
    from facedeblur.generators.align.run import align as run
    from facedeblur.generators.sheets import crop_sheet

    limits = Limits(**{name: given.pop(name) for name in list(given) if name in Limits.__dataclass_fields__})
    with bars(quiet=quiet) as reporter:
        table = run(
            photos,
            out,
            limits=limits,
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
            click.echo(f"{several:>7,}  of all with several faces")
        labels = int((table["label"] != "").sum())
        if labels:
            click.echo(f"{labels:>7,}  with labels")
        click.echo(f"{len(table):>7,}  photographs, listed in {out}/images.csv")
        if quality:
            _print_quantiles(Path(out) / "quality.csv")
    for row in failed.head(10).to_dict("records"):
        click.echo(f"{row['source']}: {row['status']}" + (f" ({row['note']})" if row["note"] else ""), err=True)
    if len(failed) > 10:
        click.echo(f"and {len(failed) - 10:,} more", err=True)
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
