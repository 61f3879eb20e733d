"""``facedeblur channel-weights``."""

from __future__ import annotations

from dataclasses import asdict

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options
from facedeblur.cli.display.terminal import aligned


@options.command(
    "channel-weights",
    examples="""
    # Train DFPG-B, and average what its discriminator weighs over a test set
    facedeblur train dfpgnet-b --faces celebamask:CELEBA,train -o dfpg-b/
    facedeblur build mspl-center --faces celebamask:CELEBA,test -o set/
    facedeblur channel-weights dfpg-b/ set/ -o weights.csv
    # Draw the sorted weights too, as Fig. 1 of the paper shows them
    facedeblur channel-weights dfpg-b/ set/ -o weights.csv --figure weights.pdf
    """,
)
@click.argument("weights", type=click.Path())
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option(
    "-o", "--out", metavar="FILE", required=True, type=options.Output(), help="CSV file for the weight of each channel."
)
@click.option(
    "--figure",
    metavar="FILE",
    type=options.Output(),
    show_default="no figure",
    help="Draw the sorted weights; the name ends in .pdf, .svg or .png.",
)
@click.option(
    "--width",
    metavar="INCHES",
    type=click.FloatRange(1, 50),
    default=3.5,
    help="Width of the figure: 3.5 for a column, 7.16 for a page.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    show_default="all",
    help="Average over at most N blurred images, drawn at random, the same ones each time.",
)
@options.device()
@options.as_json
@options.quiet
def channel_weights(
    weights: str,
    set_path: str,
    out: str,
    figure: str | None,
    width: float,
    limit: int | None,
    device: str,
    json_: bool,
    quiet: bool,
) -> None:
    """Average the channel weights of DFPGnet's discriminator over the blurred images of SET.

    WEIGHTS is the folder of a training, or one of its checkpoints. VGG-Face's features of each blurred image go
    through the channel attention of the discriminator, which weighs each channel between 0 and 1. Prints the shares
    of channels over 0.8 and under 0.2 next to those that the paper prints.
    """
    import pandas as pd

    from facedeblur.benchmark.files.atomic import write_text
    from facedeblur.benchmark.files.lock import only_writer
    from facedeblur.benchmark.files.tables import frame_to_csv
    from facedeblur.methods.training.channel_weights import channel_weights as compute
    from facedeblur.reports.channel_weights import draw, shares
    from facedeblur.reports.figures.style import check_suffix, save

    if figure is not None:
        check_suffix(figure)
    with bars(quiet=quiet or json_) as reporter:
        found = compute(weights, set_path, limit=limit, device=device, progress=reporter)
    with only_writer(out):
        write_text(out, frame_to_csv(pd.DataFrame(found.rows())))
    if figure is not None:
        save(draw(found, width=width), figure)
    compared = shares(found)
    if json_:
        options.echo_json(asdict(one) for one in compared)
        return
    if quiet:
        return
    click.echo(
        f"{found.set_name}: mean channel weights of {found.images:,} blurred images, by the discriminator of "
        f"{found.checkpoint.name} (stage '{found.stage}', step {found.step:,} of {found.steps:,})"
    )
    if not found.learned:
        click.echo("this discriminator weighs all channels alike")
    lines = [["layer", "channels", "over 0.8 %", "printed", "under 0.2 %", "printed"]]
    for one in compared:
        high, low = f"{100 * one.high:.2f}", f"{100 * one.low:.2f}"
        lines.append([one.layer, str(one.channels), high, one.printed_high, low, one.printed_low])
    for line in aligned(lines):
        click.echo(line)
    click.echo("printed: Jung et al., supplementary material, section 2.1, of blurred images of MSPL-Center")
    for one in compared:
        if one.channels != one.printed_channels:
            click.echo(f"{one.layer}: this network knows {one.channels} of its {one.printed_channels} channels")
    for file in filter(None, (out, figure)):
        click.echo(f"{file}")
