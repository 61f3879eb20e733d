"""``facedeblur error-ratio``."""

from __future__ import annotations

import statistics

import click

from facedeblur.cli import options
from facedeblur.cli.display.terminal import aligned


@click.command("error-ratio")
@click.argument("scores", nargs=-1, required=True, type=click.Path())
@click.option("--reference", required=True, type=click.Path(), help="Scores of the run with the true kernels.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    type=float,
    help="Report the share of pairs up to this ratio; repeatable (default: 2, 3, 5).",
)
@options.as_json
def error_ratio(scores: tuple[str, ...], reference: str, limits: tuple[float, ...], json_: bool) -> None:
    """Show how often blind methods come close to a restoration with the true kernel.

    SCORES are score tables of one set, or OUTPUTS folders that hold them, made with `facedeblur score --protocol
    levin2009`. The error ratio is the squared error of a restoration over that of the reference, both
    at the best shift.

    To compare kernels alone, restore with the estimated ones as the reference does:

    \b
        facedeblur run krishnan-fergus-2009 SET -o TRUE
        facedeblur run xu-2013 SET -o BLIND
        facedeblur run krishnan-fergus-2009 SET --kernels BLIND -o GIVEN
        facedeblur score SET TRUE GIVEN --protocol levin2009
        facedeblur error-ratio GIVEN --reference TRUE
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
    click.echo(f"squared error over that of {found[0].reference}, both at the best shift ({found[0].metric})")
