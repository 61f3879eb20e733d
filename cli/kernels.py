"""``facedeblur kernels``: draw motion-blur kernels, or read existing ones, and write them in one of three formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--draw",
    type=click.Choice(["trajectory", "spline", "deblurgan"]),
    help="Boracchi and Foi 2012, Chakrabarti 2016, or the code of DeblurGAN with its slips.  [default: trajectory]",
)
@click.option("--sizes", help="first:last:step, last included, or a list 21,31.  [default: 13:27:2; 65 for deblurgan]")
@click.option("--per-size", type=int, help="Kernels of each size.  [default: 10]")
@click.option("--seed", type=int, help="From 0 to 2^64 - 1; the same seed gives the same kernels.  [default: 0]")
@click.option("--anxiety", help="Anxieties to draw from, such as 0.001,0.005, instead of the list of DeblurGAN.")
@click.option("--length", type=float, help="Trajectory length in pixels, instead of 1.85 times the size.")
@click.option("--exposure", type=float, help="Part of the trajectory after which the shutter closes.  [default: 1]")
@click.option("--begin", type=float, help="Part of the trajectory before the shutter opens.  [default: 0]")
@click.option("--samples", type=int, help="Points of a trajectory or a spline.  [default: 2000; 30000 for spline]")
@click.option(
    "--centre",
    type=click.Choice(["bbox", "barycentre", "original"]),
    help="What lies on the central pixel.  [default: bbox]",
)
@click.option(
    "--grid", type=int, help="Side of the grid of control points of a spline, in pixels.  [default: 24/41 of the size]"
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="Read kernels from a .npz, .mat, .npy or .png file, or a folder.",
)
@click.option("--normalise", is_flag=True, help="With --from: divide each kernel by its sum.")
@click.option("--pad", is_flag=True, help="With --from: also read kernels of even or unequal sides, padded with zeros.")
@click.option("--png", type=click.Path(path_type=Path), help="Also write 16-bit PNG files into this folder.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Also write a contact sheet of the kernels.")
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
    png: Path | None,
    sheet: Path | None,
    **model: Any,
) -> None:
    """Write motion-blur kernels (point spread functions) to OUT.npz, OUT.mat or the folder OUT.

    Kernel ker03_k13 depends only on the seed, its size and number, and the options of the law.
    """
    from facedeblur.generators.kernels import bank
    from facedeblur.generators.kernels.files import check_out, read_bank, write_bank, write_pngs
    from facedeblur.generators.sheets import check_sheet, kernel_sheet

    check_out(out)
    if sheet is not None:
        check_sheet(sheet)
    drawing = {"draw": draw, "sizes": sizes, "per-size": per_size, "seed": seed, "anxiety": anxiety, **model}
    reading = {"normalise": normalise or None, "pad": pad or None}
    for name, value in (reading if source is None else drawing).items():
        if value is not None:
            raise click.UsageError(f"--{name} is {'only' if source is None else 'not'} valid with --from")
    if source is not None:
        made, origin = read_bank(source, normalise=normalise, pad=pad), f"from {source}"
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
    click.echo(f"{len(made)} kernels of size {spans}, {origin}, sha256 {made.digest()[:12]}, in {where}")
