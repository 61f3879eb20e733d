"""Progress bars with a rate and the time left, on standard error, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Update = Callable[[int, int], None]


class Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """The rate of `task`, once it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


@contextmanager
def stages(*, quiet: bool = False) -> Iterator[Callable[[str], Update]]:
    """Show bars while the block runs.

    The block is given ``stage(title)``, which adds a bar and returns its ``update(done, total)``.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:

        def stage(title: str) -> Update:
            task = progress.add_task(title, total=None, visible=False)
            return lambda done, total: progress.update(task, completed=done, total=total, visible=True)

        yield stage


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Update]:
    """Show one bar while the block runs; the block is given ``update(done, total)``."""
    with stages(quiet=quiet) as stage:
        yield stage(title)
