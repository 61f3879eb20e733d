"""Options and output that `recognise`, `parse` and `fid`, the tests of whole sets, share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.outputs import OneOrMany
    from facedeblur.benchmark.whole_set.record import Record

Result = TypeVar("Result", bound="Record")

tested = options.several(
    click.argument("set_path", metavar="SET", type=click.Path()),
    click.argument("outputs", metavar="[OUTPUTS]...", nargs=-1, type=click.Path()),
    click.option(
        "--input", "with_input", is_flag=True, help="Also test the blurred images of SET; OUTPUTS can then be left out."
    ),
)
"""Arguments and options that a test of a whole set begins with; see `run_test`."""


def testing(registers: str) -> options.Decorator:
    """Return the options that these commands end with; `registers` says what a plugin adds."""
    force = click.option("--force", is_flag=True, help="Compute again even if there is a result already.")
    return options.several(options.plugin(registers), force, options.workers, options.as_json, options.quiet)


def label(one: Record) -> str:
    """Return what a table calls the method of a result."""
    return one.method + " (oracle)" * one.oracle


def print_statuses(found: Sequence[Record], *, but: Sequence[str] = ("ok",)) -> None:
    """Print how many images of each method have no value and why: the five most frequent reasons."""
    for one in found:
        statuses = one.rows["status"].value_counts()
        for status, count in list(statuses[~statuses.index.isin(but)].items())[:5]:
            click.echo(f"{one.method}: {count:,} {status}")


def run_test(
    ctx: click.Context,
    compute: OneOrMany[str | None, ..., Result],
    show: Callable[[list[Result]], None],
    *,
    set_path: str,
    outputs: Sequence[str],
    with_input: bool,
    json_: bool,
    quiet: bool,
    summary: Callable[[Result], Any] = lambda found: found.summary(),
    **given: Any,
) -> None:
    """Run a test of a whole set and show its results; the exit code is 1 if an output is missing or damaged.

    Parameters
    ----------
    ctx : click.Context
    compute : callable
        The test, as `facedeblur.benchmark.whole_set` has it.
    show : callable
        Prints the results.
    set_path, outputs, with_input, json_, quiet, **given
        The options of `tested`, of `testing` and of the test itself.
    summary : callable
        Returns what ``--json`` prints for a result.
    """
    if not outputs and not with_input:
        raise click.UsageError("give OUTPUTS, or --input for the blurred images themselves")
    # None means the blurred images.
    runs = [*([None] if with_input else []), *outputs]
    with bars(quiet=quiet or json_) as reporter:
        found = compute(set_path, runs, progress=reporter, **given)
    if json_ and not quiet:
        options.echo_json(summary(one) for one in found)
    elif not quiet:
        show(found)
    if any(one.failed for one in found):
        ctx.exit(1)
