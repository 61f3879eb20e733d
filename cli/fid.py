"""``facedeblur fid``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facedeblur.cli import whole_set

if TYPE_CHECKING:
    from facedeblur.benchmark.whole_set.fid import Fid


@click.command()
@whole_set.tested
@click.option("--by", default="inception", show_default=True, help="What describes images: inception or an embedder.")
@whole_set.testing("an embedder")
@click.pass_context
def fid(ctx: click.Context, **given: Any) -> None:
    """Measure how differently the images of OUTPUTS are distributed from the sharp ones of SET.

    Prints the Frechet distance of the features of all restored images from those of the sharp images. A failed
    output has no stand-in: it is left out and counted.
    """
    from facedeblur.benchmark.whole_set.fid import fid as compute

    whole_set.run_test(ctx, compute, _print, **given)


def _print(found: list[Fid]) -> None:
    first = found[0]
    click.echo(f"{first.set_name}: {first.signature} from {first.n_sharp:,} sharp images; lower is closer")
    names = [whole_set.label(one) for one in found]
    width = max(map(len, names))
    click.echo(f"{'':<{width}}  distance  images  left out")
    for name, one in zip(names, found, strict=True):
        click.echo(f"{name:<{width}}  {one.value:8.4g}  {one.n_restored:>6,}  {one.left_out:>8,}")
    for note in dict.fromkeys(one.note for one in found if one.note):
        click.echo(note)
