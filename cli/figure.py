"""``facedeblur figure``."""

from __future__ import annotations

import click

from facedeblur.cli import options

SCORES = click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())


def _common(width: float) -> options.Decorator:
    return options.several(
        click.option("-o", "--out", required=True, type=click.Path(), help="File to write: NAME.pdf, .svg or .png."),
        click.option(
            "--width",
            type=click.FloatRange(1, 50),
            default=width,
            show_default=True,
            help="Width in inches: 3.5 for a column, 7.16 for a page.",
        ),
    )


@click.group()
def figure() -> None:
    """Draw figures for a paper as PDF, SVG or PNG.

    SCORES are score tables, or the OUTPUTS folders that hold them; SET is a set.
    Colours can be told apart by colour-blind readers, and the same input gives the same file, byte for byte.
    """


@figure.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--pairs",
    default="worst,median,best",
    show_default=True,
    help="Pairs to show, separated by commas: ids, or worst, median, best, random, each with :N for N pairs.",
)
@click.option(
    "--by",
    metavar="METHOD",
    help="Method whose worst, median and best pairs are shown (default: the first without the true kernel).",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the random pairs.")
@click.option(
    "--inset",
    "insets",
    multiple=True,
    metavar="X,Y,W,H",
    help="Part to show enlarged; at most three.",
)
@click.option("--captions/--no-captions", default=True, show_default=True, help="Print PSNR and SSIM below the images.")
@click.option("--smooth", is_flag=True, help="Enlarge by bicubic interpolation instead of repeating pixels.")
@_common(7.16)
def grid(
    set_path: str,
    outputs: tuple[str, ...],
    pairs: str,
    by: str | None,
    seed: int,
    insets: tuple[str, ...],
    captions: bool,
    smooth: bool,
    out: str,
    width: float,
) -> None:
    """Images side by side: blurred with its kernel, every method, sharp.

    OUTPUTS are folders of methods, in the order of the columns.
    """
    from facedeblur.benchmark.outputs import Outputs
    from facedeblur.benchmark.sets.set import Set
    from facedeblur.reports.figures.grid import choose_pairs, collect, draw, read_box, table_of
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    boxes = [read_box(text) for text in insets]
    opened = Set.open(set_path)
    found = [Outputs.open(path, opened) for path in outputs]
    chosen = choose_pairs(opened, [one for one in pairs.split(",") if one], by=table_of(found, by), seed=seed)
    drawn, dpi = draw(collect(opened, found, chosen), insets=boxes, width=width, captions=captions, smooth=smooth)
    click.echo(f"{save(drawn, out, dpi=dpi)}")
    for one in chosen:
        click.echo(f"  {one.pair.pair_id}  ({one.why})")


def _of_board(kind: str, scores: tuple[str, ...], out: str, width: float) -> None:
    from facedeblur.reports.figures.plots import PLOTS
    from facedeblur.reports.figures.style import check_suffix, save
    from facedeblur.reports.leaderboard.board import gather

    check_suffix(out)
    click.echo(f"{save(PLOTS[kind](gather(scores), width=width), out)}")


@figure.command("kernel-size")
@SCORES
@_common(3.5)
def kernel_size(scores: tuple[str, ...], out: str, width: float) -> None:
    """The first metric over kernel size, with 95 % intervals."""
    _of_board("kernel-size", scores, out, width)


@figure.command()
@SCORES
@_common(3.5)
def distribution(scores: tuple[str, ...], out: str, width: float) -> None:
    """How the first metric is distributed over the pairs."""
    _of_board("distribution", scores, out, width)


@figure.command()
@SCORES
@_common(3.5)
def runtime(scores: tuple[str, ...], out: str, width: float) -> None:
    """The first metric against run time, with the Pareto front."""
    _of_board("runtime", scores, out, width)


@figure.command()
@click.argument("tables", metavar="RECOGNITION...", nargs=-1, required=True, type=click.Path())
@click.option("--most", default=20, show_default=True, type=click.IntRange(1), help="Largest rank to show.")
@_common(3.5)
def cmc(tables: tuple[str, ...], most: int, out: str, width: float) -> None:
    """Cumulative match curves of recognition tests.

    RECOGNITION are files recognition.parquet, or the OUTPUTS folders that hold them.
    """
    from facedeblur.benchmark.whole_set.recognition import Recognition
    from facedeblur.reports.figures.plots import cmc as draw
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    click.echo(f"{save(draw([Recognition.read(path) for path in tables], most=most, width=width), out)}")


@figure.command()
@click.argument("tables", metavar="PARSING...", nargs=-1, required=True, type=click.Path())
@click.option("--partition", default="helen11", show_default=True, help="Partition of the classes.")
@_common(3.5)
def fscore(tables: tuple[str, ...], partition: str, out: str, width: float) -> None:
    """F-score of every component of the face.

    PARSING are files parsing.parquet, or the OUTPUTS folders that hold them.
    """
    from facedeblur.benchmark.whole_set.parsing import Parsing
    from facedeblur.reports.figures.plots import fscore as draw
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    click.echo(f"{save(draw([Parsing.read(path) for path in tables], partition=partition, width=width), out)}")
