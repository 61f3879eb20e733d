"""``facedeblur error-ratio``."""

from __future__ import annotations

import statistics

import click

from facedeblur.cli import options
from facedeblur.cli.display.terminal import aligned


@options.command(
    "error-ratio",
    examples="""
    # Restore with the true kernels: the reference
    facedeblur run krishnan-fergus-2009 levin/ -o out/true
    # Restore with a blind method, then with its kernels as the reference does
    facedeblur run xu-2013 levin/ -o out/xu
    facedeblur run krishnan-fergus-2009 levin/ --kernels out/xu -o out/kf-xu
    # Score all three, and count how often the other two come close
    facedeblur score levin/ out/* --protocol levin2009
    facedeblur error-ratio out/xu out/kf-xu --reference out/true
    """,
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--reference",
    metavar="SCORES",
    required=True,
    type=click.Path(),
    help="Scores of the restoration with the true kernels.",
)
@click.option(
    "--limit",
    "limits",
    metavar="RATIO",
    multiple=True,
    type=float,
    show_default="2, 3 and 5",
    help="Report the share of pairs up to this error ratio; repeatable.",
)
@options.as_json
def error_ratio(scores: tuple[str, ...], reference: str, limits: tuple[float, ...], json_: bool) -> None:
    """Count how often methods come close to a restoration with the true kernel.

    SCORES are score tables of one set, or OUTPUTS folders that hold them, made with `facedeblur score
    --protocol levin2009`. The error ratio of a pair is the squared error of its restoration divided by
    that of the reference, both at the best shift.

    Restoring with the estimated kernels in the same way as the reference (`facedeblur run --kernels`)
    compares the kernels alone.
    """
    from facedeblur.benchmark.scoring.table import Scores
    from facedeblur.benchmark.statistics.error_ratio import LIMITS
    from facedeblur.benchmark.statistics.error_ratio import error_ratio as compute

    best = Scores.read(reference)
    found = [compute(Scores.read(one), best, limits=limits or LIMITS) for one in scores]
    if json_:
        options.echo_json(one.summary() for one in found)
        return
    limited = [f"<= {limit:g}" for limit, _ in found[0].within]
    lines = [["method", "pairs", "failed", *limited, "median", "PSNR shift"]]
    for one in found:
        shares = [f"{100 * share:.0f} %" for _, share in one.within]
        middle = statistics.median(one.ratios.tolist())
        lines.append(
            [one.method, str(len(one.ratios)), str(one.failed), *shares, f"{middle:.2f}", f"{one.psnr:.2f} dB"]
        )
    for line in aligned(lines):
        click.echo(line)
    click.echo(
        f"error ratio: squared error over that of {found[0].reference}, both at the best shift ({found[0].metric})"
    )
