"""``facedeblur check``."""

from __future__ import annotations

import click

from facedeblur.cli.progress import bar


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def check(ctx: click.Context, set_path: str, jobs: int, quiet: bool) -> None:
    """Verify every file of SET: missing, altered, truncated, superfluous, of the wrong size."""
    from facedeblur.benchmark.set_check import check as verify
    from facedeblur.benchmark.sets import Set

    with bar("checking", quiet=quiet) as update:
        problems = verify(set_path, jobs=jobs, progress=update)
    for problem in problems:
        click.echo(f"{problem.file}: {problem.problem}")
    if problems:
        click.echo(f"{len(problems)} problem{'s' * (len(problems) > 1)}; build the set again", err=True)
        ctx.exit(1)
    if not quiet:
        opened = Set.open(set_path)
        click.echo(f"{opened.name}: {opened.n_pairs:,} pairs as built, content hash {opened.content_hash[:16]}")
