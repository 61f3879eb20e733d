"""What a long job tells whoever started it: how far it is, and what deserves a line."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]


class Reporter:
    """Passes progress and remarks on to two functions; without them it is silent.

    Parameters
    ----------
    progress : callable, optional
        Called with (stage, done, total, note): what is being done (``"scoring"``), how many items are
        finished, how many there are, and text to show next to the numbers, mostly empty.
    say : callable, optional
        Called with one line that the user should read.
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
