"""Commands that start in milliseconds, from a warm server, and are struck by faults."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warm_processes import Asked, Warm

SUPPORT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Command:
    """A command line, and the fault that strikes it.

    Attributes
    ----------
    argv : sequence of str
    fault : dict, optional
        See `fault_hook.install`.
    within : {'main', 'workers'}
        Whether the fault strikes the command's own process or those that it starts.
    """

    argv: Sequence[str]
    fault: dict[str, Any] | None = None
    within: str = "main"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, -N after signal N, or None if it had to be stopped; what it printed."""

    code: int | None
    output: str
    seconds: float = field(compare=False)

    @property
    def is_plain(self) -> bool:
        """True unless it printed a traceback."""
        return "Traceback (most recent call last)" not in self.output

    def problems(self, *codes: int) -> list[str]:
        """What is wrong with how it ended: a traceback, or another exit code than these."""
        said = self.output[-300:]
        problems = [] if self.code in codes else [f"exit {self.code}: {said}"]
        return problems if self.is_plain else [*problems, f"not plain: {said}"]


class FaultServer:
    """The server process, seen from a test."""

    def __init__(self, scratch: Path):
        self._scratch = scratch
        self._warm = Warm.started(scratch / "log.txt", os.getpid(), workers=False)

    def run(self, root: Path, *commands: Command, limit: float = 60.0, warm: bool = False) -> list[Ended]:
        """Start commands at once in the folder `root`, and wait until all have ended.

        Parameters
        ----------
        root : path
            The workspace: current folder of the commands, below which file operations count.
        limit : float
            Seconds until a command is stopped.
        warm : bool
            Carry the commands out in the server itself, which has loaded what they need from then on.
        """
        begin = time.monotonic()
        outputs = [self._scratch / f"output{number}.txt" for number in range(len(commands))]
        started = [self._start(root, one, output, warm) for one, output in zip(commands, outputs, strict=True)]
        codes = [_code(asked, begin + limit) for asked in started]
        seconds = round(time.monotonic() - begin, 3)
        texts = [output.read_text(encoding="utf-8", errors="replace") for output in outputs]
        return [Ended(code, text, seconds) for code, text in zip(codes, texts, strict=True)]

    def _start(self, root: Path, command: Command, output: Path, warm: bool) -> Asked:
        environment = os.environ | {"FACEDEBLUR_FAULT_ROOT": str(root)}
        before = []
        if command.fault is not None and command.within == "main":
            before = [["fault_hook", "install", [command.fault, str(root)]]]
        elif command.fault is not None:
            environment["FACEDEBLUR_FAULT"] = json.dumps([command.fault, str(root)])
            environment["FACEDEBLUR_FAULT_HOOK"] = str(SUPPORT)
            places = [str(SUPPORT / "faulty_processes"), os.environ.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(places)
        more = {"folder": str(root), "environment": environment, "session": True, "before": before, "here": warm}
        with Path(os.devnull).open("rb") as nothing, output.open("wb") as printed:
            files = {0: nothing.fileno(), 1: printed.fileno(), 2: printed.fileno()}
            return self._warm.start(list(map(str, command.argv)), files, **more)


def _code(asked: Asked, until: float) -> int | None:
    """Exit code of a command, -N after signal N; None if it was stopped at `until`."""
    ready = select.select([asked], [], [], max(0.0, until - time.monotonic()))[0]
    if not ready:
        os.killpg(asked.pid, signal.SIGKILL)
    code = asked.code()
    return code if ready else None


def started_by(root: Path) -> list[int]:
    """Processes that commands in `root` have started and that are still running."""
    mark, found = f"FACEDEBLUR_FAULT_ROOT={root}\0".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes() and " Z " not in (process / "stat").read_text():
                found.append(int(process.name))
        except OSError:
            continue
    return found
