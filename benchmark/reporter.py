"""What a long job tells whoever started it: how far it is, and what deserves a line.

Long jobs take ``progress: Reporter | bool | None = None`` and open it with `reporting`: True shows progress bars, False
is silent, and without a value bars appear in a notebook only. A program of its own passes a `Reporter`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from html import escape

from facedeblur.benchmark.options import checked

Progress = Callable[[str, int, int, str], None]
FRAME_S = 0.1
"""Bars in a notebook are drawn at most so often, in seconds."""


@checked
class Reporter:
    """Passes progress and remarks on to two functions; without them it is silent.

    Parameters
    ----------
    progress : callable, optional
        Called with (stage, done, total, note): what is being done (``"scoring"``), how many items are
        finished, how many there are, and text to show next to the numbers, mostly empty.
    say : callable, optional
        Called with one line that the user should read.

    Examples
    --------
    >>> import facedeblur as fd
    >>> def show(stage, done, total, note):
    ...     print(f"{stage}: {done} of {total}")
    >>> reporter = fd.Reporter(show, say=print)
    >>> scores = fd.score("set/", "outputs/unsharp", metrics=["psnr"], force=True, progress=reporter)
    scoring: 80 of 80
    """

    def __init__(self, progress: Progress | None = None, say: Callable[[str], None] | None = None):
        self._progress, self._say = progress, say

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tell how far a stage is."""
        if self._progress is not None:
            self._progress(stage, done, total, note)

    def say(self, line: str) -> None:
        """Tell the user something in one line."""
        if self._say is not None:
            self._say(line)


SILENT = Reporter()
"""Tells nothing."""


def reporting(progress: Reporter | bool | None) -> AbstractContextManager[Reporter]:
    """Open what a job is given to report to: a `Reporter` as it is, bars for True, nothing for False.

    None shows bars in a notebook, where somebody watches, and nothing in scripts.
    """
    if isinstance(progress, Reporter):
        return nullcontext(progress)
    if progress is False or (progress is None and not in_notebook()):
        return nullcontext(SILENT)
    return notebook_bars() if in_notebook() else bars()


def in_notebook() -> bool:
    """True in the kernel of a Jupyter notebook, False in scripts, workers and terminals."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


@contextmanager
def bars(*, quiet: bool = False, lines: bool = True) -> Iterator[Reporter]:
    """Show progress bars on standard error while the block runs, one per stage, and print its lines.

    Parameters
    ----------
    quiet : bool
        Show no bars, as always when standard error is not a terminal.
    lines : bool
        Print the lines, which `quiet` alone does not stop.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Display
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")

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
    with Display(*columns, console=console, disable=quiet or not console.is_terminal) as display:

        def update(stage: str, done: int, total: int, note: str) -> None:
            if stage not in tasks:
                tasks[stage] = display.add_task(stage, total=total, note=note)
            display.update(tasks[stage], completed=done, total=total, note=note)

        def say(line: str) -> None:
            console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)

        yield Reporter(update, say if lines else None)


@contextmanager
def notebook_bars() -> Iterator[Reporter]:
    """Show progress bars under a notebook's cell while the block runs, and below them its lines."""
    from IPython.display import HTML, DisplayHandle, display

    begun: dict[str, float] = {}
    stages: dict[str, str] = {}
    lines: list[str] = []
    handle: DisplayHandle | None = None
    drawn, reported = 0.0, time.monotonic()

    def draw(*, now: bool) -> None:
        nonlocal handle, drawn
        if not (stages or lines) or not (now or time.monotonic() - drawn >= FRAME_S):
            return
        shown = HTML("<br>".join([*stages.values(), *map(escape, lines)]))
        if handle is None:
            handle = display(shown, display_id=True)
        else:
            handle.update(shown)
        drawn = time.monotonic()

    def update(stage: str, done: int, total: int, note: str) -> None:
        nonlocal reported
        now = time.monotonic()
        # A stage begins where the one before it ended: its first report may come when much of it is done.
        seconds, reported = now - begun.setdefault(stage, reported), now
        counts = f"{stage} {done:,}/{total:,}, {seconds:,.0f} s {note}".rstrip()
        stages[stage] = f'<progress value="{done}" max="{max(total, 1)}"></progress> {escape(counts)}'
        draw(now=False)

    def say(line: str) -> None:
        lines.append(line)
        draw(now=True)

    try:
        yield Reporter(update, say)
    finally:
        draw(now=True)
