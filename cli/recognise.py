"""``facedeblur recognise``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from facedeblur.cli.progress import bar

if TYPE_CHECKING:
    from facedeblur.benchmark.metrics.verification import Verification
    from facedeblur.benchmark.recognition import Curve, Recognition


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, type=click.Path())
@click.option("--input", "with_input", is_flag=True, help="Test the blurred images of SET too.")
@click.option("--embedder", default="dlib-resnet", show_default=True, help="What tells faces apart.")
@click.option("--mode", type=click.Choice(["aligned", "detect"]), default="aligned", show_default=True,
              help="Take images as they are, or find the face in each again.")  # fmt: skip
@click.option("--distance", type=click.Choice(["l2", "cosine"]), default="l2", show_default=True)
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def recognise(
    ctx: click.Context,
    set_path: str,
    outputs: tuple[str, ...],
    with_input: bool,
    embedder: str,
    mode: str,
    distance: str,
    jobs: int,
    json_: bool,
    quiet: bool,
) -> None:
    """Look for the restored faces of OUTPUTS in the gallery of SET.

    Prints how often the right person is among the 1, 3 and 5 nearest gallery images. A probe without
    a face, or whose output is missing, is a miss.
    """
    from facedeblur.benchmark.recognise import recognise as compute

    if not outputs and not with_input:
        raise click.UsageError("give OUTPUTS, or --input for the blurred images themselves")
    with bar("recognising", quiet=quiet or json_) as update:
        found = compute(
            set_path,
            [*([None] if with_input else []), *outputs],
            embedder=embedder,
            mode=mode,
            distance=distance,
            jobs=jobs,
            progress=update,
        )
    if json_ and not quiet:
        click.echo(json.dumps([one.summary() for one in found], indent=1, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        _print(found)
    if any(one.ranks["status"].str.startswith("failed").any() for one in found):
        ctx.exit(1)


def _print(found: list[Recognition]) -> None:
    first = found[0]
    click.echo(f"{first.set_name}: gallery of {first.n_gallery:,} images, {first.n_identities:,} people")
    if first.gallery_left_out:
        click.echo(f"{first.gallery_left_out:,} gallery photographs without a face, never found")
    click.echo(f"{first.embedder}, {first.distance}; a miss is a probe that is never recognised")
    rows: list[tuple[str, Curve, Verification | None]] = [
        ("clear images, leave-one-out", first.leave_one_out, None),
        ("clear probes", first.clear, None),
    ]
    rows += [(one.method + " (oracle)" * one.oracle, one.curve, one.verification) for one in found]
    width = max(len(name) for name, _, _ in rows)
    click.echo(f"{'':<{width}}  probes  top-1 %  top-3 %  top-5 %  misses  verification %   EER %")
    for name, curve, verified in rows:
        shares = "".join(f"{curve.top(k) * 100:9.2f}" for k in (1, 3, 5))
        pairs = (
            f"  {verified.accuracy * 100:7.2f} ±{verified.std * 100:5.2f}  {verified.eer * 100:6.2f}"
            if verified
            else ""
        )
        click.echo(f"{name:<{width}}{curve.n_probes:8,}{shares}{curve.misses:8,}{pairs}")
        if curve.outside:
            click.echo(f"  {curve.outside:,} of a person whom the gallery lacks, never recognised either")
    for one in found:
        statuses = one.ranks["status"].value_counts()
        for status, count in list(statuses[statuses.index != "ok"].items())[:5]:
            click.echo(f"{one.method}: {count:,} {status}")
