"""``facedeblur recognise``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facedeblur.benchmark.words import many
from facedeblur.cli import options, whole_set

if TYPE_CHECKING:
    from facedeblur.benchmark.metrics.faces.verification import Verification
    from facedeblur.benchmark.whole_set.recognition import Curve, Recognition


@options.command(
    examples="""
    # Build a set with probes and a gallery, restore it and look for the faces
    facedeblur build shen2020-recognition --faces celeba:CELEBA -o set/
    facedeblur run facedeblur-base set/ -o outputs/base
    facedeblur recognise set/ outputs/base --input
    # Find the faces again in each image, and use another network
    facedeblur recognise set/ outputs/base --mode detect --embedder edgeface-xs
    """
)
@whole_set.tested
@click.option(
    "--embedder",
    metavar="NAME",
    default="dlib-resnet",
    help="Network that describes faces; see `facedeblur list embedders`.",
)
@click.option(
    "--mode",
    type=click.Choice(["aligned", "detect"]),
    default="aligned",
    help="Use the whole image as an aligned face, or detect the face in it again.",
)
@click.option(
    "--distance", type=click.Choice(["l2", "cosine"]), default="l2", help="Distance between the descriptions of faces."
)
@whole_set.testing("an embedder")
@click.pass_context
def recognise(ctx: click.Context, **given: Any) -> None:
    """Look for restored faces in the gallery of SET.

    OUTPUTS are folders of restored images. Prints how often the right person is among the 1, 3 and 5
    nearest gallery images. A probe whose face is not found or whose output is missing counts as a miss.
    SET needs probes and a gallery, as the recipe shen2020-recognition makes them.
    """
    from facedeblur.benchmark.whole_set.recognition import recognise as compute

    whole_set.run_test(ctx, compute, _print, **given)


def _print(found: list[Recognition]) -> None:
    first = found[0]
    click.echo(
        f"{first.set_name}: gallery of {many(first.n_gallery, 'image')}, {many(first.n_identities, 'person', 'people')}"
    )
    if first.gallery_left_out:
        click.echo(f"{first.gallery_left_out:,} gallery photographs have no detectable face and cannot be found")
    click.echo(f"{first.embedder}, {first.distance}; a miss is a probe that is never recognised")
    rows: list[tuple[str, Curve, Verification | None]] = [
        ("clear images, leave-one-out", first.leave_one_out, None),
        ("clear probes", first.clear, first.clear_verification),
    ]
    rows += [(whole_set.label(one), one.curve, one.verification) for one in found]
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
            click.echo(f"  {curve.outside:,} further misses: the person is not in the gallery")
    whole_set.print_statuses(found)
