"""``facedeblur kernels``: draw motion-blur kernels, or read existing ones, and write them in one of three formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from facedeblur.benchmark.words import many
from facedeblur.cli import options


@options.command(
    examples="""
    # Draw 80 kernels, ten of each odd size from 13 to 27
    facedeblur kernels kernels.npz
    # Draw five kernels of two sizes, and look at them
    facedeblur kernels kernels.npz --sizes 21,31 --per-size 5 --sheet kernels.png
    # Convert kernels from a .mat file to a folder of PNG files
    facedeblur kernels kernels.npz --from kernels.mat --normalise --png kernels/
    """
)
@click.argument("out", type=options.Output(path_type=Path))
@click.option(
    "--draw",
    type=click.Choice(["trajectory", "spline", "deblurgan"]),
    show_default="trajectory",
    help="Law of the kernels: random camera trajectories (Boracchi and Foi 2012), random splines (Chakrabarti 2016), "
    "or the code of DeblurGAN including its mistakes.",
)
@click.option(
    "--sizes",
    metavar="SIZES",
    show_default="13:27:2, or 65 for deblurgan",
    help="Odd widths of the kernels, in pixels: FIRST:LAST:STEP with LAST included, or a list such as 21,31.",
)
@click.option("--per-size", metavar="N", type=int, show_default="10", help="Number of kernels of each size.")
@click.option(
    "--seed",
    metavar="N",
    type=int,
    show_default="0",
    help="Random seed, from 0 to 2^64 - 1; the same seed gives the same kernels.",
)
@click.option(
    "--anxiety",
    metavar="LIST",
    show_default="the list of DeblurGAN",
    help="Shakiness of a trajectory, drawn from this list of numbers from 0 to 1, such as 0.001,0.005; 0 gives a "
    "straight line.",
)
@click.option(
    "--length",
    metavar="PIXELS",
    type=float,
    show_default="1.85 times the size, or 60 for deblurgan",
    help="Length of a trajectory.",
)
@click.option(
    "--exposure",
    metavar="SHARE",
    type=float,
    show_default="1",
    help="Share of a trajectory (0 to 1) after which the shutter closes.",
)
@click.option(
    "--begin",
    metavar="SHARE",
    type=float,
    show_default="0",
    help="Share of a trajectory (0 to 1) after which the shutter opens.",
)
@click.option(
    "--samples",
    metavar="N",
    type=int,
    show_default="2000, or 30000 for spline",
    help="Number of points on a trajectory or a spline.",
)
@click.option(
    "--centre",
    type=click.Choice(["bbox", "barycentre", "original"]),
    show_default="bbox",
    help="Place on the central pixel the middle of the bounding box, the centre of mass, or the point that the "
    "authors' code places there.",
)
@click.option(
    "--grid",
    metavar="PIXELS",
    type=int,
    show_default="24/41 of the size",
    help="Width of the grid on which the control points of a spline lie.",
)
@click.option(
    "--from",
    "source",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Read kernels from a .npz, .mat or .npy file, a picture or a folder of pictures, instead of drawing them.",
)
@click.option("--normalise", is_flag=True, help="With --from: divide each kernel by its sum.")
@click.option(
    "--pad",
    is_flag=True,
    help="With --from: pad kernels that are not square or have even sides with zeros, instead of refusing them.",
)
@click.option("--trim", is_flag=True, help="With --from: remove the rings of zeros around each kernel.")
@click.option(
    "--png", metavar="FOLDER", type=options.Output(path_type=Path), help="Also write 16-bit PNG files to this folder."
)
@click.option(
    "--sheet",
    metavar="FILE",
    type=options.Output(path_type=Path),
    help="Also write a contact sheet of the kernels, a PNG file.",
)
def kernels(
    out: Path,
    draw: str | None,
    sizes: str | None,
    per_size: int | None,
    seed: int | None,
    anxiety: str | None,
    source: Path | None,
    normalise: bool,
    pad: bool,
    trim: bool,
    png: Path | None,
    sheet: Path | None,
    **model: Any,
) -> None:
    """Make motion-blur kernels (point spread functions) and write them to OUT.

    OUT is a .npz or .mat file, or a folder for PNG files. A kernel depends only on the seed, its size, its
    number and the options of its law; ker03_k13 is the third of size 13.
    """
    from facedeblur.benchmark.files.tables import printable
    from facedeblur.generators.kernels import bank
    from facedeblur.generators.kernels.files import check_out, read_bank, write_bank, write_pngs
    from facedeblur.generators.sheets import check_sheet, kernel_sheet

    check_out(out)
    if sheet is not None:
        check_sheet(sheet)
    drawing = {"draw": draw, "sizes": sizes, "per-size": per_size, "seed": seed, "anxiety": anxiety, **model}
    reading = {"normalise": normalise or None, "pad": pad or None, "trim": trim or None}
    for name, value in (reading if source is None else drawing).items():
        if value is not None:
            raise click.UsageError(f"--{name} is {'only' if source is None else 'not'} valid with --from")
    if source is not None:
        made, origin = read_bank(source, normalise=normalise, pad=pad, trim=trim), f"from {source}"
    else:
        made = bank.kernels(
            sizes,
            10 if per_size is None else per_size,
            seed or 0,
            draw=draw or "trajectory",
            anxiety=None if anxiety is None else bank.parse_anxiety(anxiety),
            **model,
        )
        origin = f"seed {seed or 0}"
    write_bank(made, out)
    places = [str(out)]
    if png is not None:
        write_pngs(made, png)
        places.append(str(png))
    if sheet is not None:
        kernel_sheet(made, sheet)
        places.append(str(sheet))
    spans = f"{made.sizes.min()} to {made.sizes.max()}" if made.sizes.min() < made.sizes.max() else str(made.sizes[0])
    where = " and ".join([", ".join(places[:-1]), places[-1]]) if len(places) > 1 else places[0]
    skipped = made.meta.get("skipped", []) if source is not None else []
    if skipped:
        more = f" and {len(skipped) - 10:,} more" if len(skipped) > 10 else ""
        click.echo(f"skipped, not kernels: {', '.join(map(printable, skipped[:10]))}{more}", err=True)
    counted = many(len(made), "kernel")
    click.echo(f"{counted} of size {spans}, {origin}, sha256 {made.digest()[:12]}, in {where}")
