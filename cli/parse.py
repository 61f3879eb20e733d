"""``facedeblur parse``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from facedeblur.cli import options, whole_set

if TYPE_CHECKING:
    from facedeblur.benchmark.whole_set.parsing import Parsing


@options.command(
    examples="""
    # Compare two methods
    facedeblur parse set/ outputs/a outputs/b
    # Include the blurred images, and use the four groups of UMSN
    facedeblur parse set/ outputs/a --input --partition umsn4
    # Let the parsing network of a training parse, and score what a run kept
    facedeblur run shen2020 set/ -o out/ --weights shen2020/ --keep coarse,parsing
    facedeblur parse set/ out/ out/parsing --parser shen2020:shen2020/
    # Let S-Net of UMSN parse sharp and blurred images after its first stage
    facedeblur parse set/ --input --partition umsn4 \\
        --parser umsn:umsn/checkpoints/1-segmentation-sharp.safetensors
    """
)
@whole_set.tested
@click.option(
    "--parser",
    metavar="NAME",
    default="facedeblur",
    help="Parser that labels the parts of a face; see `facedeblur list parsers`. shen2020:WEIGHTS, shen2018:WEIGHTS "
    "and umsn:WEIGHTS are the parsing networks of these weights.",
)
@click.option(
    "--partition",
    type=click.Choice(["helen11", "umsn4"]),
    default="helen11",
    help="Classes that are scored: the eleven of Helen, or the four groups of UMSN.",
)
@whole_set.testing("a parser")
@click.pass_context
def parse(ctx: click.Context, partition: str, **given: Any) -> None:
    """Parse restored faces and compare their parts with the label images of SET.

    OUTPUTS are folders of restored images. Prints the F-score of each part of the face, and their mean. All
    pixels of an image count as missed if no face is found in it or the output is missing. The first column
    scores the sharp images: the best that the parser can reach. Label images that a run kept (`run --keep parsing`)
    are compared as they are.
    """
    from facedeblur.methods.parsing import parse as compute

    whole_set.run_test(
        ctx, compute, lambda found: _print(found, partition), summary=lambda one: one.summary(partition), **given
    )


def _print(found: list[Parsing], partition: str) -> None:
    first = found[0]
    absent = first.not_parsed(partition)
    names = [name for name in first.scores(partition) if name not in absent]
    taken = [name for name in names if partition != "helen11" or name != "background"]
    by = list(dict.fromkeys(one.parser for one in found))
    named = f"{first.parser}, " * (len(by) == 1)
    click.echo(f"{first.set_name}, {named}{partition}: F-score in %, pixels pooled over the images")
    missing = f"; {', '.join(absent)} not parsed" if absent else ""
    apart = "" if taken == names else " without the background"
    click.echo(f"mean over {len(taken)} components{apart}{missing}")
    click.echo("a miss is an image without a face or without an output; all its pixels count as missed")
    methods = [whole_set.label(one) for one in found]
    width = max(map(len, [*names, "no label"]))
    parsers = [one.parser for one in found] if len(by) > 1 else []
    # Components are rows: eleven of them do not fit side by side.
    columns = [max(8, *map(len, texts)) for texts in zip(methods, *([parsers] if parsers else []), strict=True)]
    click.echo(" " * width + "".join(f"  {method:>{n}}" for method, n in zip(methods, columns, strict=True)))

    def line(name: str, values: list[str]) -> None:
        click.echo(f"{name:<{width}}" + "".join(f"  {one:>{n}}" for one, n in zip(values, columns, strict=True)))

    if parsers:
        line("parser", parsers)
    scores = [one.scores(partition) for one in found]
    for name in names:
        line(name, [_percent(table[name]) for table in scores])
    line("mean", [_percent(one.mean(partition)) for one in found])
    line("images", [f"{one.n_images:,}" for one in found])
    line("misses", [f"{one.misses:,}" for one in found])
    if any(one.unlabelled for one in found):
        line("no label", [f"{one.unlabelled:,}" for one in found])
    whole_set.print_statuses(found, but=("ok", "no label"))


def _percent(score: float) -> str:
    """Return the score in per cent, or a dash for a class that is in no label and no image."""
    return "-" if math.isnan(score) else f"{score * 100:.2f}"
