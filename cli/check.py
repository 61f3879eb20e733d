"""``facedeblur check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.parallel import Workers


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option(
    "--against",
    "train_sets",
    metavar="TRAIN_SET",
    multiple=True,
    type=click.Path(),
    help="Refuse SET when an identity, photograph or kernel of it also stands in this one; may be given again.",
)
@click.option("--other-people", is_flag=True, help="With --against: equal names of identities are different people.")
@options.jobs
@options.quiet
@click.pass_context
def check(
    ctx: click.Context, set_path: str, train_sets: tuple[str, ...], other_people: bool, workers: Workers, quiet: bool
) -> None:
    """Verify every file of SET: missing, altered, truncated, superfluous, of the wrong size.

    In a set with roles, nothing for training may also stand for test. With --against, nothing
    of SET may stand in a training set.
    """
    from facedeblur.benchmark.sets.check import check as verify
    from facedeblur.benchmark.sets.leaks import leaks, overlaps
    from facedeblur.benchmark.sets.set import Set

    for train_set in train_sets:
        Set.open(train_set)
    with bars(quiet=quiet) as reporter:
        problems = verify(set_path, workers=workers, reporter=reporter)
    for problem in problems:
        click.echo(f"{problem.file}: {problem.problem}")
    if problems:
        click.echo(f"{len(problems)} problem{'s' * (len(problems) > 1)}; build the set again", err=True)
        ctx.exit(1)
    opened = Set.open(set_path)
    shared = [
        ("role train of the same set", overlaps(opened, ["train"], ["test", "probe", "gallery"], workers=workers))
    ]
    for train_set in train_sets:
        with bars(quiet=quiet) as reporter:
            shared.append(
                (train_set, leaks(train_set, opened, names=not other_people, workers=workers, reporter=reporter))
            )
    for where, found in shared:
        for leak in found:
            click.echo(f"{leak.kind} {leak.test}: stands in {where} as {leak.train} ({leak.detail})")
    count = sum(len(found) for _, found in shared)
    if count:
        click.echo(f"{count} leak{'s' * (count > 1)}; leave them out on one side (facedeblur split)", err=True)
        ctx.exit(1)
    if not quiet:
        for twin in overlaps(opened, ["gallery"], ["probe"], workers=workers):
            click.echo(f"note: probe {twin.test} is the photograph {twin.train} of the gallery ({twin.detail})")
        click.echo(f"{opened.name}: {opened.n_pairs:,} pairs as built, content hash {opened.content_hash[:16]}")
        for where, _ in shared[1:]:
            click.echo(f"no identity, photograph or kernel of it stands in {where}")
