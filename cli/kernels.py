"""``facedeblur kernels``: draw motion blur kernels and write them in one of three formats."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--sizes", default="13:27:2", show_default=True, help="first:last:step, last included, or a list 21,31.")
@click.option("--per-size", default=10, show_default=True, help="Kernels of each size.")
@click.option("--seed", default=0, show_default=True, help="From 0 to 2^64 - 1; the same seed gives the same kernels.")
@click.option("--anxiety", help="Draw from these instead of DeblurGAN's list: 0.005 or 0.001,0.005.")
@click.option("--length", type=float, help="Trajectory length in pixels, instead of 1.85 of the size.")
@click.option("--exposure", type=float, help="Part of the trajectory that is seen, 0 to 1.  [default: 1]")
@click.option("--samples", type=int, help="Points of a trajectory.  [default: 2000]")
@click.option("--centre", type=click.Choice(["bbox", "barycentre", "original"]), help="[default: bbox]")
@click.option("--png", type=click.Path(path_type=Path), help="Write 16-bit PNG files into this folder, too.")
def kernels(
    out: Path,
    sizes: str,
    per_size: int,
    seed: int,
    anxiety: str | None,
    length: float | None,
    exposure: float | None,
    samples: int | None,
    centre: str | None,
    png: Path | None,
) -> None:
    """Make motion-blur point spread functions (Boracchi and Foi 2012) in OUT.npz, OUT.mat or the folder OUT.

    Kernel ker03_k13 depends on the seed, its size and number and the model alone.
    """
    from facedeblur.generators.kernel_files import bank, parse_sizes, write_bank, write_pngs
    from facedeblur.generators.kernels import KernelModel, parse_anxiety

    anxieties = None if anxiety is None else parse_anxiety(anxiety)
    model = KernelModel.given(length=length, exposure=exposure, samples=samples, centre=centre, anxiety=anxieties)
    made = bank(seed, parse_sizes(sizes), per_size, model=model)
    write_bank(made, out)
    if png is not None:
        write_pngs(made, png)
    places = f"{out} and {png}" if png is not None else str(out)
    spans = f"{made.sizes.min()} to {made.sizes.max()}" if made.sizes.min() < made.sizes.max() else str(made.sizes[0])
    click.echo(f"{len(made)} kernels of size {spans}, seed {seed}, sha256 {made.digest()[:12]}, in {places}")
