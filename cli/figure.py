"""``facedeblur figure``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.words import many
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.reports.figures.choice import Chosen
    from facedeblur.reports.figures.grid import Kernels

SCORES = click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())


def _common(width: float) -> options.Decorator:
    return options.several(
        click.option(
            "-o",
            "--out",
            metavar="FILE",
            required=True,
            type=options.Output(),
            help="File to write; its name ends in .pdf, .svg or .png.",
        ),
        click.option(
            "--width",
            metavar="INCHES",
            type=click.FloatRange(1, 50),
            default=width,
            help="Width of the figure: 3.5 for a column, 7.16 for a page.",
        ),
    )


def _pairs(default: str | None) -> options.Decorator:
    """Options that choose pairs and enlarge parts of their images."""
    return options.several(
        click.option(
            "--pairs",
            metavar="PAIRS",
            default=default,
            show_default=True if default else "those of the figure",
            help="Pairs to show, separated by commas: ids, or worst, median, best or random, each with :N for N pairs.",
        ),
        click.option(
            "--by",
            metavar="METHOD",
            show_default=f"the {'first' if default else 'last'} restored one that is not an oracle",
            help="Method whose worst, median and best pairs are shown.",
        ),
        options.seed("the choice of random pairs"),
        click.option(
            "--inset",
            "insets",
            multiple=True,
            metavar="X,Y,W,H",
            show_default="no inset",
            help="Enlarge this part of the images: its left, top, width and height, in pixels; at most three times.",
        ),
        click.option("--smooth", is_flag=True, help="Enlarge by bicubic interpolation instead of repeating pixels."),
    )


@click.group(
    cls=options.Group,
    examples="""
    # Show images of several methods side by side
    facedeblur figure grid set/ outputs/* -o grid.pdf
    # Plot how PSNR depends on the size of the kernel
    facedeblur figure kernel-size outputs/* -o kernel-size.pdf
    """,
)
def figure() -> None:
    """Draw figures for a paper as PDF, SVG or PNG.

    SCORES are score tables, or the OUTPUTS folders that hold them; SET is a set. The first
    metric is that of the first column of metrics in the tables. Colour-blind readers
    can tell the colours apart, and the same input gives the same file, byte for byte.
    """


@figure.command(
    examples="""
    # Show the worst, the median and the best pair
    facedeblur figure grid set/ outputs/a outputs/b -o grid.pdf
    # Show two bad pairs and a random one, with a part enlarged
    facedeblur figure grid set/ outputs/* --pairs worst:2,random \\
        --inset 40,50,32,24 -o grid.png
    # Choose all columns and their titles, with a kept intermediate result
    facedeblur figure grid set/ Blurred=set:blurred Labels=out/shen/parsing \\
        Ours=out/shen Truth=set:sharp -o stages.pdf
    # Draw estimated kernels too, and six images per line
    facedeblur figure grid set/ outputs/* --kernels all --wrap 6 -o kernels.pdf
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, required=True, type=click.Path())
@_pairs("worst,median,best")
@click.option("--captions/--no-captions", default=True, help="Print PSNR and SSIM below the images.")
@click.option(
    "--kernels",
    type=click.Choice(["true", "all", "none"]),
    default="true",
    help="Kernels to draw in the corners: the true one of the blurred image, the estimated ones too (all), or none.",
)
@click.option("--wrap", metavar="N", type=click.IntRange(1), show_default="all", help="Most images next to each other.")
@click.option("--turn", is_flag=True, help="Show one column per pair and one row per method.")
@_common(7.16)
def grid(
    set_path: str,
    outputs: tuple[str, ...],
    pairs: str,
    by: str | None,
    seed: int,
    insets: tuple[str, ...],
    smooth: bool,
    captions: bool,
    kernels: Kernels,
    wrap: int | None,
    turn: bool,
    out: str,
    width: float,
) -> None:
    """Show images of several methods side by side.

    Each row shows the blurred image with its kernel, what each method made of it, and the sharp image.
    OUTPUTS are folders of restored images, in the order of the columns, or of intermediate results that a
    run kept, such as outputs/shen/parsing; NAME=OUTPUTS gives a column a title. The blurred and the sharp
    image and the true labels can be placed among them as set:blurred, set:sharp and set:labels. Label maps
    have one colour per class, and the share of pixels with the true label below.
    """
    from facedeblur.benchmark.outputs import Outputs
    from facedeblur.benchmark.sets.set import Set
    from facedeblur.reports.figures.choice import choose_pairs, table_of
    from facedeblur.reports.figures.columns import read_column
    from facedeblur.reports.figures.drawing import draw, read_box
    from facedeblur.reports.figures.grid import collect
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    boxes = [read_box(text) for text in insets]
    opened = Set.open(set_path)
    columns = [read_column(text, opened) for text in outputs]
    runs = [one.source for one in columns if isinstance(one.source, Outputs)]
    chosen = choose_pairs(opened, [one for one in pairs.split(",") if one], by=table_of(runs, by), seed=seed)
    drawn, dpi = draw(
        collect(opened, columns, chosen, kernels=kernels),
        insets=boxes,
        width=width,
        captions=captions,
        smooth=smooth,
        wrap=wrap or 0,
        turned=turn,
    )
    click.echo(f"{save(drawn, out, dpi=dpi)}")
    _say_pairs(chosen)


def _say_pairs(chosen: Sequence[Chosen]) -> None:
    for one in chosen:
        click.echo(f"  {one.pair.pair_id}  ({one.why})")


def _of_board(kind: str, scores: tuple[str, ...], out: str, width: float) -> None:
    from facedeblur.reports.figures.plots import PLOTS
    from facedeblur.reports.figures.style import check_suffix, save
    from facedeblur.reports.leaderboard.board import gather

    check_suffix(out)
    click.echo(f"{save(PLOTS[kind](gather(scores), width=width), out)}")


@figure.command(
    "kernel-size",
    examples="""
    # Plot the first metric of the score tables
    facedeblur figure kernel-size outputs/* -o kernel-size.pdf
    """,
)
@SCORES
@_common(3.5)
def kernel_size(scores: tuple[str, ...], out: str, width: float) -> None:
    """Plot the first metric over the size of the kernel. Shows 95 % confidence intervals."""
    _of_board("kernel-size", scores, out, width)


@figure.command(
    examples="""
    # Plot over the full width of a page
    facedeblur figure distribution outputs/* --width 7.16 -o distribution.pdf
    """
)
@SCORES
@_common(3.5)
def distribution(scores: tuple[str, ...], out: str, width: float) -> None:
    """Plot the distribution of the first metric over the pairs."""
    _of_board("distribution", scores, out, width)


@figure.command(
    examples="""
    # Which methods are good and fast?
    facedeblur figure runtime outputs/* -o runtime.pdf
    """
)
@SCORES
@_common(3.5)
def runtime(scores: tuple[str, ...], out: str, width: float) -> None:
    """Plot the first metric against the run time. Shows the Pareto front."""
    _of_board("runtime", scores, out, width)


@figure.command(
    examples="""
    # Plot what `facedeblur recognise` found
    facedeblur figure cmc outputs/a outputs/b -o cmc.pdf
    """
)
@click.argument("tables", metavar="RECOGNITION...", nargs=-1, required=True, type=click.Path())
@click.option("--most", metavar="RANK", default=20, type=click.IntRange(1), help="Largest rank to show.")
@_common(3.5)
def cmc(tables: tuple[str, ...], most: int, out: str, width: float) -> None:
    """Plot the cumulative match curves of recognition tests.

    RECOGNITION are files recognition.parquet, which `facedeblur recognise` writes, or the OUTPUTS folders
    that hold them.
    """
    from facedeblur.benchmark.whole_set.recognition import Recognition
    from facedeblur.reports.figures.plots import cmc as draw
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    click.echo(f"{save(draw([Recognition.read(path) for path in tables], most=most, width=width), out)}")


@figure.command(
    examples="""
    # Plot what `facedeblur parse` found
    facedeblur figure fscore outputs/a outputs/b -o fscore.pdf
    """
)
@click.argument("tables", metavar="PARSING...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--partition",
    metavar="PARTITION",
    default="helen11",
    help="Classes to show: those of Helen (helen11) or the four groups of UMSN (umsn4).",
)
@_common(3.5)
def fscore(tables: tuple[str, ...], partition: str, out: str, width: float) -> None:
    """Plot the F-score of each part of the face.

    PARSING are files parsing.parquet, which `facedeblur parse` writes, or the OUTPUTS folders that hold
    them.
    """
    from facedeblur.benchmark.whole_set.parsing import Parsing
    from facedeblur.reports.figures.plots import fscore as draw
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    click.echo(f"{save(draw([Parsing.read(path) for path in tables], partition=partition, width=width), out)}")


METRICS = click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    show_default="the first of the tables",
    help="Metric to plot, named as in the score tables, such as ssim; repeatable.",
)


@figure.command(
    examples="""
    # Plot against an option of the method
    facedeblur figure curves outputs/* --over options.amount -o amount.pdf
    # Plot against the weight of a loss in the training recipe
    facedeblur figure curves outputs/* --over weights.adversarial \\
        --trained trainings/ -o adversarial.pdf
    # Give the numbers, in two plots
    facedeblur figure curves a:0=out/a0 a:1e-4=out/a4 b:1=out/b1 b:9=out/b9 \\
        --width 7.16 -o weights.pdf
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--over",
    metavar="KEY",
    show_default="the X of each table",
    help="Number of the run: a key of run.json such as options.amount, the weight of a loss in the training recipe as "
    "weights.NAME, or another number of the recipe as recipe.KEY.",
)
@click.option(
    "--trained",
    metavar="FOLDER",
    multiple=True,
    type=click.Path(),
    help="Folder of trainings, where the recipe of a run is found by the hash of its weights; repeatable.",
)
@click.option("--label", metavar="TEXT", show_default="KEY", help="Label of the horizontal axis.")
@METRICS
@_common(3.5)
def curves(
    scores: tuple[str, ...],
    over: str | None,
    trained: tuple[str, ...],
    label: str | None,
    metrics: tuple[str, ...],
    out: str,
    width: float,
) -> None:
    """Plot metrics over a number by which runs differ. Shows 95 % confidence intervals.

    The number is given as X=SCORES, or read from the run by --over. LABEL:X=SCORES also names what the number
    is: each LABEL has a plot. Runs of one method on one set are a curve. An axis whose numbers span a factor
    of 50 or more is logarithmic.
    """
    from facedeblur.reports.figures.measures import curves as draw
    from facedeblur.reports.figures.measures import points_of
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    points = points_of(scores, over=over or "", trained=trained, label=label)
    click.echo(f"{save(draw(points, metrics=metrics, width=width), out)}")


@figure.command(
    examples="""
    # Compare methods by the distance of identities
    facedeblur figure bars outputs/* --metric identity -o identity.pdf
    # Choose names and order, and two metrics
    facedeblur figure bars Blurred=out/blurred Ours=out/net \\
        --metric psnr --metric ssim --width 7.16 -o bars.pdf
    """
)
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True, type=click.Path())
@METRICS
@_common(3.5)
def bars(scores: tuple[str, ...], metrics: tuple[str, ...], out: str, width: float) -> None:
    """Plot metrics as one bar per method, in the order given. Shows 95 % confidence intervals.

    NAME=SCORES gives a bar another name than that of the method. Results on several sets are bars in several
    colours.
    """
    from facedeblur.reports.figures.measures import bars as draw
    from facedeblur.reports.figures.measures import bars_of
    from facedeblur.reports.figures.style import check_suffix, save

    check_suffix(out)
    click.echo(f"{save(draw(bars_of(scores), metrics=metrics, width=width), out)}")


@figure.command(
    examples="""
    # Does the open set rank methods as photographs do?
    facedeblur figure agreement open/* lfw/* -o agreement.pdf
    # Write the numbers per kernel size, too
    facedeblur figure agreement open/* lfw/* --table ranks.csv -o agreement.pdf
    """
)
@SCORES
@METRICS
@click.option(
    "--table",
    metavar="FILE",
    type=options.Output(),
    show_default="none",
    help="Also write the rank correlations and regressions of each kernel size to this CSV file.",
)
@_common(7.16)
def agreement(scores: tuple[str, ...], metrics: tuple[str, ...], table: str | None, out: str, width: float) -> None:
    """Plot what one set says of the methods against what others say.

    SCORES are of the same methods on two sets or more; the first set is compared with each other one. By
    default PSNR and SSIM are plotted. Rank correlations (Spearman, Kendall), the pairs of methods in another
    order and the regression are printed.
    """
    from facedeblur.benchmark.files.atomic import write_text
    from facedeblur.benchmark.files.tables import frame_to_csv
    from facedeblur.reports.figures.agreement import ALL, agreement_figure
    from facedeblur.reports.figures.agreement import agreement as compute
    from facedeblur.reports.figures.style import check_suffix, save
    from facedeblur.reports.leaderboard.board import boards

    check_suffix(out)
    made = boards(scores)
    found = compute(made, metrics=metrics)
    click.echo(f"{save(agreement_figure(made, metrics=metrics, width=width), out)}")
    for _, row in found[found["kernel_size"] == ALL].iterrows():
        click.echo(
            f"  {row['against']} and {row['set']}, {row['metric']}: {row['methods']} methods, Spearman "
            f"{row['spearman']:.3f}, Kendall {row['kendall']:.3f}, {row['discordant']} of "
            f"{row['methods'] * (row['methods'] - 1) // 2} pairs in another order, "
            f"{row['against']} = {row['slope']:.3f} x {row['set']} + {row['intercept']:.3f}, R2 {row['r2']:.3f}"
        )
    if table is not None:
        write_text(table, frame_to_csv(found))
        click.echo(f"{table}")


@figure.command(
    examples="""
    # Plot loss and PSNR against the step
    facedeblur figure training trained/ -o training.pdf
    # Compare two trainings by one of the losses
    facedeblur figure training A=out/a B=out/b --show gradient-l1,ssim -o two.pdf
    """
)
@click.argument("trainings", metavar="FOLDER...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--show",
    metavar="COLUMN,...",
    default="loss,psnr",
    help="Columns of the logs to plot, separated by commas: loss, psnr, ssim, rate, or the name of one loss.",
)
@_common(3.5)
def training(trainings: tuple[str, ...], show: str, out: str, width: float) -> None:
    """Plot losses and checks on held-out faces against the step of a training.

    FOLDER is what `facedeblur train -o` wrote, or one of the logs N-STAGE.csv in it; NAME=FOLDER gives it
    another name. Stages follow each other; folders under one name continue each other, too.
    """
    from facedeblur.reports.figures.style import check_suffix, save
    from facedeblur.reports.figures.training import logs_of
    from facedeblur.reports.figures.training import training as draw

    check_suffix(out)
    columns = [one.strip() for one in show.split(",") if one.strip()]
    click.echo(f"{save(draw(logs_of(trainings), columns=columns, width=width), out)}")


@figure.command(
    examples="""
    # List the figures of a paper and what each needs
    facedeblur figure paper shen2020
    facedeblur figure paper shen2020 5
    # Draw one from outputs
    facedeblur figure paper lin2020 7 set/ ours=out/lin naive=out/naive \\
        -o lin7.pdf
    # Draw one from the rows of an ablation
    facedeblur figure paper shen2020 7 --ablation table5/ -o shen7.pdf
    # Draw a plot of scores
    facedeblur figure paper shen2020 9 lambda_s:0=out/a lambda_s:50=out/b \\
        -o shen9.pdf
    """
)
@click.argument("paper")
@click.argument("number", required=False)
@click.argument("results", nargs=-1, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=options.Output(),
    show_default="say what the figure needs",
    help="File to write; its name ends in .pdf, .svg or .png.",
)
@click.option(
    "--ablation",
    metavar="FOLDER",
    type=click.Path(),
    help="Folder that `facedeblur ablate -o` wrote, whose rows are taken as results.",
)
@_pairs(None)
@click.option("--captions/--no-captions", default=True, help="Print PSNR and SSIM below the images.")
@click.option(
    "--metric",
    "metrics",
    metavar="METRIC",
    multiple=True,
    show_default="those of the figure",
    help="Metric to plot, named as in the score tables; repeatable.",
)
@click.option(
    "--width",
    metavar="INCHES",
    type=click.FloatRange(1, 50),
    show_default="that of the figure",
    help="Width of the figure: 3.5 for a column, 7.16 for a page.",
)
def paper(
    paper: str,
    number: str | None,
    results: tuple[str, ...],
    out: str | None,
    ablation: str | None,
    pairs: str | None,
    by: str | None,
    seed: int,
    insets: tuple[str, ...],
    smooth: bool,
    captions: bool,
    metrics: tuple[str, ...],
    width: float | None,
) -> None:
    """Draw a figure of a paper from your results, laid out like the printed one.

    PAPER is shen2020, lin2020, umsn, dfpgnet or anand, or a TOML file like those of the toolkit; NUMBER is the
    number of the figure. Without --out the command prints what the figure needs, without NUMBER it lists all
    figures. RESULTS are, for figures of images, a set and then NAME=OUTPUTS for each result; for plots,
    NAME=SCORES, or LABEL:X=SCORES where X is a number that varies. Results that are not given are left out,
    which is reported.
    """
    from facedeblur.reports.figures.drawing import read_box
    from facedeblur.reports.figures.papers.make import Wishes, explained, make
    from facedeblur.reports.figures.papers.spec import load_figures
    from facedeblur.reports.figures.style import check_suffix, save

    known = load_figures(paper)
    if number is None:
        click.echo(f"{known.title}: {many(len(known.figure), 'figure')}")
        longest = max(len(one.number) for one in known.figure)
        for one in known.figure:
            click.echo(f"  {one.number:>{longest}}  {one.kind:<8}  {one.shows}")
            if one.slots:
                click.echo(f"  {'':>{longest}}            needs {', '.join(one.slots)}")
        click.echo(f"More on one of them: facedeblur figure paper {paper} NUMBER")
        return
    if out is None:
        if results or ablation:
            raise click.UsageError("give the file to write with -o FILE")
        click.echo("\n".join(explained(known, known.find(number))))
        return
    check_suffix(out)
    wishes = Wishes(
        pairs=pairs or "",
        by=by,
        seed=seed,
        insets=[read_box(text) for text in insets],
        smooth=smooth,
        captions=captions,
        metrics=metrics,
        width=width or 0.0,
    )
    made = make(known, number, results, ablation=ablation, wishes=wishes)
    click.echo(f"{save(made.figure, out, dpi=made.dpi)}")
    _say_pairs(made.chosen)
    for remark in made.remarks:
        click.echo(f"  {remark}")
