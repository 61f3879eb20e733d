"""``facedeblur ablate``."""

from __future__ import annotations

import click

from facedeblur.benchmark.parallel import Workers
from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@options.command(
    examples="""
    # Train the rows of table 4 of Shen et al. 2020 and fill the table
    facedeblur ablate shen2020 --table 4 --faces HELEN --test H=HELEN -o t4/
    # The same on a processor, divided by the factors that the table names
    facedeblur ablate shen2020 --table 4 --faces A --test B=B -o s/ --scale small
    # Table 5 of DFPGnet, whose two test sets are made by different recipes
    facedeblur ablate dfpgnet --table 5 --faces celebamask:CELEBA,train -o t5/ \\
        --test MSPL-Center=celebamask:CELEBA,test --test Shen=CELEBA2
    # Table VI of UMSN, from labelled faces; at full scale it needs VGG_FACE.pth
    facedeblur ablate umsn --table VI --faces celebamask:A --test B=B -o u/ \\
        --scale small
    # One row only
    facedeblur ablate lin2020 --table 2 --row Ours --faces A --test B=B -o r/
    """
)
@click.argument("paper")
@click.option("--table", "number", metavar="NUMBER", required=True, help="Number of the table, as the paper prints it.")
@options.faces
@click.option(
    "--test",
    "tests",
    metavar="NAME=FOLDER",
    multiple=True,
    required=True,
    help="Name of a test set and the photographs to make it of, as for --faces; repeatable.",
)
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder for all results.")
@click.option(
    "--scale",
    metavar="NAME",
    default="full",
    help="Size of the training: full, or small to divide widths, steps and faces by the ablation's factors.",
)
@click.option(
    "--row",
    "rows",
    metavar="LABEL",
    multiple=True,
    show_default="all",
    help="Train only the row with this label; repeatable.",
)
@options.device()
@options.seed("weights, pairs and test sets")
@options.jobs
@options.quiet
def ablate(
    paper: str,
    number: str,
    faces: tuple[str, ...],
    tests: tuple[str, ...],
    out: str,
    scale: str,
    rows: tuple[str, ...],
    device: str,
    seed: int,
    workers: Workers,
    quiet: bool,
) -> None:
    """Train the networks of an ablation of PAPER, run and score them, and fill the paper's table.

    PAPER is shen2020, lin2020, dfpgnet or umsn, or a TOML file like those. The test sets of dfpgnet are called
    MSPL-Center and Shen. Run the command again to resume, or with other rows or tables: networks and outputs
    stay, stages that rows have in common are trained once, and the table has the rows and test sets of this call.
    Photographs and people of a test set that are also trained on are named on the screen and below the table.
    """
    from facedeblur.cli.tables import print_tables
    from facedeblur.methods.training.devices import Hardware
    from facedeblur.reports.ablations.run import ablate as carry_out

    named = {}
    for text in tests:
        name, sign, photographs = text.partition("=")
        if not sign or not name or not photographs:
            raise click.UsageError(f"--test '{text}': expected NAME=FOLDER, for instance LFW=lfw:photos")
        named[name] = photographs
    with bars(quiet=quiet, lines=not quiet) as reporter:
        table = carry_out(
            paper,
            number,
            faces,
            named,
            out,
            scale=scale,
            rows=rows,
            seed=seed,
            hardware=Hardware(device),
            workers=workers,
            progress=reporter,
        )
    print_tables([table])
