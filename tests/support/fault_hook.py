"""Faults that strike a process at one of its file operations: a kill, a signal, a full disk.

Python's audit events report every file that is opened for writing, renamed or removed, every folder that is made or
removed, and every lock. Only those below the workspace count. What is written in between is interrupted by a limit on
the size of files, which strikes in compiled code as well.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATHS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}
LOCKS = {"fcntl.flock", "fcntl.lockf"}
TAKES_SPACE = {"open", "os.mkdir", "os.link", "os.symlink"}


def install(fault: dict[str, Any], root: str) -> None:
    """Let the fault strike this process.

    Parameters
    ----------
    fault : dict
        ``kind`` is ``kill``, ``signal``, ``full`` or ``size``, or ``count``, which lists the operations. A ``kill``
        or a ``signal`` comes before operation number ``at``, from 1; a ``kill`` of ``whom`` ``group`` takes the whole
        process group along. From operation ``at`` on, the disk is ``full`` for whatever takes space. With ``size``, no
        file can grow beyond ``bytes``; if ``dies`` is set, an attempt kills the process in the middle of its write.
        ``token``, if there is one, is a file that the first process to be struck makes: no other is struck.
    root : str
        The workspace.
    """
    kind = fault["kind"]
    if kind == "size":
        _limit_files(fault)
        return
    strike: Callable[[str, str], None] = {"kill": _kill, "signal": _signal, "full": _full, "count": _list}[kind](fault)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if not (isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
                return
        elif event not in PATHS and event not in LOCKS:
            return
        path = _path(args[0])
        if path is not None and path.startswith(root + "/"):
            strike(event, path[len(root) + 1 :])

    sys.addaudithook(hook)


def _path(given: Any) -> str | None:
    """Absolute path of what an event names, by path or by descriptor."""
    try:
        if isinstance(given, int):
            return str(Path(f"/proc/self/fd/{given}").readlink())
        return str(Path(os.fsdecode(given)).absolute())
    except (OSError, TypeError):
        return None


def _counted(fault: dict[str, Any]) -> Callable[[], int]:
    count = 0

    def count_on() -> int:
        nonlocal count
        count += 1
        return count - fault["at"]

    return count_on


def _first(fault: dict[str, Any]) -> bool:
    """Tell whether no process was struck before."""
    if not fault.get("token"):
        return True
    try:
        os.close(os.open(fault["token"], os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def _kill(fault: dict[str, Any]) -> Callable[[str, str], None]:
    count = _counted(fault)

    def strike(event: str, path: str) -> None:
        if count() == 0 and _first(fault):
            if fault.get("whom") == "group":
                os.killpg(0, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    return strike


def _signal(fault: dict[str, Any]) -> Callable[[str, str], None]:
    count = _counted(fault)

    def strike(event: str, path: str) -> None:
        if count() == 0 and _first(fault):
            os.kill(os.getpid(), fault["signal"])

    return strike


def _full(fault: dict[str, Any]) -> Callable[[str, str], None]:
    count = _counted(fault)

    def strike(event: str, path: str) -> None:
        if count() >= 0 and event in TAKES_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    return strike


def _list(fault: dict[str, Any]) -> Callable[[str, str], None]:
    def strike(event: str, path: str) -> None:
        with open(fault["to"], "a", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(f"{event} {path}\n")

    return strike


def _limit_files(fault: dict[str, Any]) -> None:
    if fault.get("dies"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (fault["bytes"], resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
