"""``facedeblur score``."""

from __future__ import annotations

import click

from facedeblur.cli.progress import bar


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.argument("outputs", metavar="OUTPUTS...", nargs=-1, required=True, type=click.Path())
@click.option("--protocol", default="shen2020", show_default=True, help="Name of a protocol, or a TOML file.")
@click.option("--metric", "metrics", multiple=True, help="Compute this metric instead of the protocol's; repeatable.")
@click.option("-o", "--out", type=click.Path(), help="Table (.parquet or .csv); default OUTPUTS/scores.parquet.")
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--backend", type=click.Choice(["loky", "dask"]), default="loky", show_default=True)
@click.option("--scheduler", help="Address of a dask scheduler.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def score(
    ctx: click.Context,
    set_path: str,
    outputs: tuple[str, ...],
    protocol: str,
    metrics: tuple[str, ...],
    out: str | None,
    jobs: int,
    backend: str,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """Score the OUTPUTS of methods on SET, one row a pair.

    OUTPUTS is a folder that `facedeblur run` wrote, or any folder of PNG files named as the
    blurred images of SET.
    """
    from facedeblur.benchmark.score import score as compute
    from facedeblur.cli.summary import print_scores

    with bar("scoring", quiet=quiet) as update:
        tables = compute(
            set_path,
            outputs,
            protocol=protocol,
            metrics=metrics or None,
            out=out,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            progress=update,
        )
    if not quiet:
        print_scores(tables)
    if any((table.column("status") != "ok").any() for table in tables):
        ctx.exit(1)
