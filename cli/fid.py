"""``facedeblur fid``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facedeblur.cli import options, whole_set

if TYPE_CHECKING:
    from facedeblur.benchmark.whole_set.fid import Fid


@options.command(
    examples="""
    # Compare two methods, and the blurred images themselves
    facedeblur fid set/ outputs/a outputs/b --input
    # Use the features of a face network instead of Inception's
    facedeblur fid set/ outputs/a --by dlib-resnet
    """
)
@whole_set.tested
@click.option(
    "--by",
    metavar="NAME",
    default="inception",
    help="Network whose features describe an image: inception, or one from `facedeblur list embedders`.",
)
@whole_set.testing("an embedder")
@click.pass_context
def fid(ctx: click.Context, **given: Any) -> None:
    """Compare the distribution of restored images with that of the sharp images of SET.

    OUTPUTS are folders of restored images. Prints the Frechet distance between the features of all
    restored and all sharp images; lower is better. Failed outputs are left out and counted.
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
