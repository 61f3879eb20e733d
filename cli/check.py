"""``facedeblur check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.parallel import Workers
    from facedeblur.benchmark.sets.set import Set


@options.command(
    examples="""
    # Verify that a set is complete and unaltered
    facedeblur check set/
    # Also verify that it shares no person, photograph or kernel with training
    facedeblur check set/ --against training-set/
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option(
    "--against",
    "train_sets",
    metavar="TRAIN_SET",
    multiple=True,
    type=click.Path(),
    help="Fail if an identity, photograph or kernel of SET is also in this training set; repeatable.",
)
@click.option(
    "--other-people",
    is_flag=True,
    help="With --against: treat people with the same name in both sets as different people.",
)
@options.jobs
@options.quiet
@click.pass_context
def check(
    ctx: click.Context, set_path: str, train_sets: tuple[str, ...], other_people: bool, workers: Workers, quiet: bool
) -> None:
    """Check every file of SET, and that training and test images are kept apart.

    Reports files that are missing, altered, truncated, superfluous or of the wrong size, and people,
    photographs and kernels that are used for both training and testing: within SET and, with
    --against, between SET and other sets.
    """
    from facedeblur.benchmark.sets.set import Set

    for train_set in train_sets:
        Set.open(train_set)
    _check_files(ctx, set_path, workers, quiet=quiet)
    opened = Set.open(set_path)
    _check_leaks(ctx, opened, train_sets, workers, names=not other_people, quiet=quiet)
    if not quiet:
        pairs, digest = many(opened.n_pairs, "pair"), opened.content_hash[:16]
        click.echo(f"{opened.name}: {pairs}, complete and unaltered; content hash {digest}")
        for train_set in train_sets:
            click.echo(f"no identity, photograph or kernel is shared with {train_set}")


def _check_files(ctx: click.Context, set_path: str, workers: Workers, *, quiet: bool) -> None:
    from facedeblur.benchmark.sets.check import check as verify

    with bars(quiet=quiet) as reporter:
        problems = verify(set_path, workers=workers, progress=reporter)
    for problem in problems:
        click.echo(f"{problem.file}: {problem.problem}")
    if problems:
        click.echo(f"{many(len(problems), 'problem')}; build the set again", err=True)
        ctx.exit(1)


def _check_leaks(
    ctx: click.Context, opened: Set, train_sets: tuple[str, ...], workers: Workers, *, names: bool, quiet: bool
) -> None:
    from facedeblur.benchmark.sets.leaks import leaks, overlaps

    own = overlaps(opened, ["train"], ["test", "probe", "gallery"], workers=workers)
    found = [("role train of the same set", leak) for leak in own]
    for train_set in train_sets:
        with bars(quiet=quiet) as reporter:
            shared = leaks(train_set, opened, names=names, workers=workers, progress=reporter)
        found += [(train_set, leak) for leak in shared]
    for where, leak in found:
        click.echo(f"{leak.kind} {leak.test}: also in {where}, as {leak.train} ({leak.detail})")
    if found:
        click.echo(
            f"{many(len(found), 'leak')}; remove each from one side, for example with facedeblur split",
            err=True,
        )
        ctx.exit(1)
    if not quiet:
        for twin in overlaps(opened, ["gallery"], ["probe"], workers=workers):
            click.echo(f"note: probe {twin.test} is the photograph {twin.train} of the gallery ({twin.detail})")
