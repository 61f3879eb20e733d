"""A process that has loaded everything, and forks commands for tests: each starts in milliseconds.

It reads requests from its standard input, one JSON line each: a list of commands that start at once. It answers with
one JSON line: how each of them ended. `FaultServer` is the side of the tests.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).resolve().parent
HEAVY = [
    "cv2",
    "jinja2",
    "lightning_fabric",
    "matplotlib.pyplot",
    "numba",
    "pandas",
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.stats",
    "skimage.transform",
    "torch",
]


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
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

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
        assert self._process.stdin and self._process.stdout
        request = {
            "root": str(root),
            "scratch": str(self._scratch),
            "limit": limit,
            "warm": warm,
            "commands": [[list(map(str, one.argv)), one.fault, one.within] for one in commands],
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the server has died"
        return [Ended(*one) for one in json.loads(answer)]

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


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


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        outputs = [f"{request['scratch']}/output{number}.txt" for number in range(len(request["commands"]))]
        begin = time.monotonic()
        if request["warm"]:
            codes: list[int | None] = [
                _in_this_process(argv, output, request["root"])
                for (argv, _, _), output in zip(request["commands"], outputs, strict=True)
            ]
        else:
            gc.collect()
            gc.freeze()  # or collections in the children would copy the memory that they share
            started = [
                _start(argv, fault, within, output, request["root"])
                for (argv, fault, within), output in zip(request["commands"], outputs, strict=True)
            ]
            codes = [_wait(pid, begin + request["limit"]) for pid in started]
        seconds = round(time.monotonic() - begin, 3)
        texts = [Path(output).read_text(encoding="utf-8", errors="replace") for output in outputs]
        print(json.dumps([[code, text, seconds] for code, text in zip(codes, texts, strict=True)]), flush=True)


def _in_this_process(argv: list[str], output: str, root: str) -> int:
    kept = os.dup(1), os.dup(2)
    try:
        _redirect(output)
        os.chdir(root)
        return _carry_out(argv)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _start(argv: list[str], fault: dict[str, Any] | None, within: str, output: str, root: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _redirect(output)
        os.chdir(root)
        os.environ["FACEDEBLUR_FAULT_ROOT"] = root
        if fault is not None and within == "main":
            import fault_hook

            fault_hook.install(fault, root)
        elif fault is not None:
            os.environ["FACEDEBLUR_FAULT"] = json.dumps([fault, root])
            os.environ["FACEDEBLUR_FAULT_HOOK"] = str(SUPPORT)
            os.environ["PYTHONPATH"] = f"{SUPPORT / 'faulty_processes'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        code = _carry_out(argv)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _redirect(output: str) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _carry_out(argv: list[str]) -> int:
    from facedeblur.cli.main import main

    try:
        main(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _wait(pid: int, until: float) -> int | None:
    """Exit code of a child, -N after signal N; None if it was stopped at `until`."""
    descriptor = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            os.killpg(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code if ready else None
    finally:
        os.close(descriptor)


def _load() -> None:
    import pkgutil

    import facedeblur

    for name in HEAVY:
        import_module(name)
    for module in pkgutil.walk_packages(facedeblur.__path__, "facedeblur."):
        import_module(module.name)


if __name__ == "__main__":
    _load()
    _serve()
