"""``facedeblur compare``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from facedeblur.benchmark.comparison import Comparison, Comparisons


@click.command()
@click.argument("scores_a", metavar="SCORES_A", type=click.Path())
@click.argument("scores_b", metavar="SCORES_B", type=click.Path())
@click.option("--metric", "metrics", multiple=True, help="Compare by this metric alone (its signature); repeatable.")
@click.option("--level", default=0.95, show_default=True, help="Level of the intervals.")
@click.option("--draws", default=2000, show_default=True, help="Bootstrap draws.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--tie", default=1e-6, show_default=True, help="Values no further apart than this are a tie.")
@click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")
def compare(
    scores_a: str,
    scores_b: str,
    metrics: tuple[str, ...],
    level: float,
    draws: int,
    seed: int,
    tie: float,
    json_: bool,
) -> None:
    """Compare method A with method B, pair by pair.

    SCORES_A and SCORES_B are score tables of one set, or the OUTPUTS folders that hold
    scores.parquet. Intervals and p-values hold for other faces and other kernels; p-values are
    corrected for the number of metrics (Holm).
    """
    from facedeblur.benchmark.comparison import compare as compute

    found = compute(
        [scores_a], baseline=scores_b, metrics=metrics or None, level=level, draws=draws, seed=seed, tie=tie
    )
    if json_:
        click.echo(_as_json(found, draws, seed))
    else:
        _print(found)


def _print(found: Comparisons) -> None:
    first = found.rows[0]
    of = f" x {found.kernels:,} kernels" if found.kernels else ""
    faces = f"{found.faces:,} face{'s' * (found.faces != 1)}"
    click.echo(f"A = {first.method}, B = {first.baseline}: {first.n:,} pairs, {faces}{of}")
    head = (
        "metric",
        "A",
        "B",
        "A - B",
        f"{100 * first.level:g} % interval",
        "p (Holm)",
        "A wins",
        "ties",
        "losses",
        "better",
    )
    lines = [head, *(_line(row) for row in found.rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo(
        f"interval and p: for other {first.resampled.replace(' x ', ' and other ')}; "
        f"p corrected for {len(found.rows)} metric{'s' * (len(found.rows) != 1)}; tie: at most {first.tie:g} apart; "
        "a failed pair counts as the worst"
    )
    for row in found.rows:
        for failed, name in ((row.failed, "A"), (row.baseline_failed, "B")):
            if failed:
                click.echo(f"{row.metric}: {failed:,} of {row.n:,} pairs failed in {name}")
        if row.infinite:
            click.echo(f"{row.metric}: {row.infinite:,} infinite differences (output = sharp image): no interval, no p")
    for metric, why in found.left_out:
        click.echo(f"left out {metric}: {why}")


def _line(row: Comparison) -> tuple[str, ...]:
    better = {"": "-", row.method: "A", row.baseline: "B"}[row.better]
    between = "-" if math.isnan(row.low) else f"{row.low:+.4f} .. {row.high:+.4f}"
    p = "-" if math.isnan(row.p_holm) else "< 0.0001" if row.p_holm < 1e-4 else f"{row.p_holm:.4f}"
    counts = (f"{row.wins:,}", f"{row.ties:,}", f"{row.losses:,}")
    means = (f"{row.mean:.4f}", f"{row.baseline_mean:.4f}", f"{row.difference:+.4f}")
    return (row.metric, *means, between, p, *counts, better)


def _as_json(found: Comparisons, draws: int, seed: int) -> str:
    """Missing values are null, infinite ones ``"inf"`` or ``"-inf"``, as in the leaderboard's JSON."""
    from dataclasses import asdict

    def known(value: object) -> object:
        if isinstance(value, float):
            return None if math.isnan(value) else str(value) if math.isinf(value) else value
        return value

    rows = [{name: known(value) for name, value in {**asdict(row), "better": row.better}.items()} for row in found.rows]
    whole = {
        "faces": found.faces,
        "kernels": found.kernels,
        "draws": draws,
        "seed": seed,
        "comparisons": rows,
        "left_out": dict(found.left_out),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
