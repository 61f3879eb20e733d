"""Progress bars with a rate and the time left, on standard error, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from facedeblur.benchmark.reporter import Reporter
from facedeblur.cli.options import say


class Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """The rate of `task`, once it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def bars(*, quiet: bool = False, lines: bool = True) -> Iterator[Reporter]:
    """Show progress bars while the block runs, one per stage that the `Reporter` is told of, and print what it is told.

    Parameters
    ----------
    quiet : bool
        Show no bars.
    lines : bool
        Print the lines, which `quiet` alone does not stop.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:

        def update(stage: str, done: int, total: int, note: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total, note=note)
            progress.update(tasks[stage], completed=done, total=total, note=note)

        yield Reporter(update, say if lines else None)
