"""``facedeblur align``."""

from __future__ import annotations

import click

from facedeblur.cli.progress import bar


@click.command()
@click.argument("photos", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--template", default="shen128", show_default=True, help="Size of the crop and place of the landmarks.")
@click.option("--detector", default="dlib-hog", show_default=True, help="Finds the faces, e.g. dlib-hog,up1.")
@click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five points that are aligned.")
@click.option("--margin", default=0, show_default=True, help="Pixels of surrounding kept around each crop.")
@click.option(
    "--choose",
    type=click.Choice(["largest", "central"]),
    default="largest",
    show_default=True,
    help="Which of several faces to take.",
)
@click.option("--strict", is_flag=True, help="Refuse photographs with several faces.")
@click.option("--min-coverage", default=0.95, show_default=True, help="Least share of a crop inside its photograph.")
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def align(
    ctx: click.Context,
    photos: str,
    out: str,
    template: str,
    detector: str,
    landmarker: str,
    margin: int,
    choose: str,
    strict: bool,
    min_coverage: float,
    jobs: int,
    quiet: bool,
) -> None:
    """Cut aligned face crops out of PHOTOS into OUT.

    OUT/images.csv has a row with a status for every file; OUT/sharp holds the crops that are
    usable, OUT/cut those that leave their photograph. A second run does only what is new.
    """
    from facedeblur.generators.align import align as run

    with bar("aligning", quiet=quiet) as update:
        table = run(
            photos,
            out,
            template=template,
            detector=detector,
            landmarker=landmarker,
            margin=margin,
            choose=choose,
            strict=strict,
            min_coverage=min_coverage,
            jobs=jobs,
            progress=update,
        )
    failed = table[table["status"] != "ok"]
    if not quiet:
        for status, rows in table.groupby("status"):
            click.echo(f"{len(rows):>7,}  {status!s}")
        several = int((table["n_faces"] > 1).sum())
        if several:
            click.echo(f"{several:>7,}  of all with several faces")
        click.echo(f"{len(table):>7,}  files, listed in {out}/images.csv")
    for row in failed.head(10).to_dict("records"):
        click.echo(f"{row['source']}: {row['status']}" + (f" ({row['note']})" if row["note"] else ""), err=True)
    if len(failed) > 10:
        click.echo(f"and {len(failed) - 10:,} more", err=True)
    if len(failed):
        ctx.exit(1)
