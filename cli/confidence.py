"""``facedeblur confidence``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options
from facedeblur.cli.display.terminal import aligned

if TYPE_CHECKING:
    from facedeblur.methods.confidence import Confidence, Confidences

MOST = 24
"""Rows that are printed one by one; of more the means are printed."""


@options.command(
    examples="""
    # Keep the weights of some steps, and see how the confidences grow
    facedeblur train umsn --faces celebamask:A -o umsn/ --keep-steps 3000,50000
    facedeblur confidence set/ umsn/checkpoints/4-whole-*.safetensors -o steps.csv
    # Of one small and one large kernel only
    facedeblur confidence set/ umsn/ --pairs '*_ker01_blur_k17,*_ker01_blur_k27'
    # Of images of your own
    facedeblur confidence sharp/ umsn/ --blurred blurred/
    # Fill tables VII and VIII of the paper
    facedeblur tables steps.csv --protocol umsn --table VII --table VIII
    """
)
@click.argument("the_set", metavar="SET", type=click.Path())
@click.argument("weights", metavar="WEIGHTS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=options.Output(dir_okay=False),
    help="Write the confidences of every pair to this file; its name ends in .csv.",
)
@click.option(
    "--blurred",
    metavar="FOLDER",
    type=click.Path(),
    show_default="those of the set",
    help="Blurred images; SET is then a folder of sharp ones with the same names.",
)
@click.option(
    "--pairs",
    metavar="ID,...",
    default="",
    show_default="all",
    help="Look at these pairs only: ids, as in manifest.csv of the set, or patterns.",
)
@click.option("--limit", metavar="N", type=int, show_default="all", help="Look at the first N pairs only.")
@click.option("--network", metavar="NAME", default="umsn", help="Network that the weights are of.")
@options.device("cpu, cuda, cuda:N or mps")
@options.as_json
@options.quiet
def confidence(
    the_set: str, weights: tuple[str, ...], out: str | None, pairs: str, json_: bool, quiet: bool, **given: Any
) -> None:
    """Estimate how well each semantic class of the pairs of SET is restored.

    SET is a set, or with --blurred a folder of sharp images.
    WEIGHTS are weight files or checkpoints of a training of UMSN, or folders of them. Its confidence network compares
    the restored with the sharp image in the background (C_1), the skin (C_2), brows, eyes, nose, lips and teeth
    (C_3) and the hair (C_4); 1 is restored perfectly. `facedeblur tables` fills tables VII and VIII of the paper
    with what is written.
    """
    from facedeblur.methods.confidence import confidence as compute

    if out is not None and not out.lower().endswith(".csv"):
        raise click.BadParameter(f"'{out}' does not end in .csv", param_hint="--out")
    names = [name.strip() for name in pairs.split(",") if name.strip()]
    with bars(quiet=quiet or json_) as reporter:
        found = compute(the_set, weights, pairs=names, progress=reporter, **given)
    if out is not None:
        found.write(out)
    if json_ and not quiet:
        options.echo_json(dataclasses.asdict(row) for row in found.rows)
    elif not quiet:
        _print(found)
        if out is not None:
            click.echo(f"-> {out}")


def _print(found: Confidences) -> None:
    """Print every row, or of many the means of each of the weights and each size of the kernel."""
    from facedeblur.methods.confidence import CLASSES, mean

    alone = len(found.rows) <= MOST
    lines = [["weights", "step", "pair" if alone else "pairs", "kernel", *(f"C_{at}" for at in range(1, CLASSES + 1))]]
    for rows in found.by_weights():
        groups: dict[object, list[Confidence]] = {}
        for row in rows:
            groups.setdefault(row.pair_id if alone else row.kernel_size, []).append(row)
        for some in groups.values():
            first = some[0]
            size = f"{first.kernel_size}x{first.kernel_size}" if first.kernel_size else "-"
            step = f"{first.step:,}" if first.step else "-"
            what = first.pair_id if alone else f"{len(some):,}"
            lines.append([first.weights, step, what, size, *(f"{value:.3f}" for value in mean(some))])
    for line in aligned(lines):
        click.echo(line)
