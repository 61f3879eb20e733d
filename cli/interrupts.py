"""Ctrl-C at any moment: one line on standard error and exit code 130.

`facedeblur.cli.main` imports this module before anything else, which takes Ctrl-C until its own imports are done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

STOPPED = "facedeblur: stopped; run the same command again to resume"


def stopped() -> str:
    """The line, below the ``^C`` that a terminal echoes."""
    return "\n" * os.isatty(2) + STOPPED


def leave(*_: object) -> NoReturn:
    """End at once, with the line."""
    os.write(2, f"{stopped()}\n".encode())
    os._exit(130)


def _take(handler: Any) -> bool:
    """Handle Ctrl-C, unless it is ignored (in a job in the background of a shell) or somebody else's."""
    ours = signal.getsignal(signal.SIGINT) in (signal.default_int_handler, leave)
    try:
        return ours and signal.signal(signal.SIGINT, handler) is not None
    except ValueError:  # not in the main thread
        return False


_take(leave)


def imported() -> None:
    """Let whoever imports the command line without being it have Ctrl-C back."""
    _take(signal.default_int_handler)


@contextmanager
def noted() -> Iterator[list[int]]:
    """Note every Ctrl-C in the list that the block is given, and raise KeyboardInterrupt.

    Libraries turn that into errors of their own when it strikes their imports, and Python reports one that strikes a
    destructor and continues: the list tells that it was Ctrl-C.
    """
    found: list[int] = []

    def note(number: int, _: object) -> None:
        found.append(number)
        raise KeyboardInterrupt

    if not _take(note):
        yield found
        return

    import sys

    def unraisable(lost: Any, /) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            from _thread import interrupt_main
            from threading import Timer

            # Once this is over: what is raised here is ignored as well.
            Timer(0.05, interrupt_main).start()
        else:
            reported(lost)

    reported, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield found
    finally:
        sys.unraisablehook = reported
        # After the first one what is still cleaned up can be cut short by a second one.
        signal.signal(signal.SIGINT, _at_once if found else signal.default_int_handler)


def _at_once(*_: object) -> NoReturn:
    os._exit(130)
