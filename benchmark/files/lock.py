"""One writer per output: a second command that would write the same folder or file learns who does.

The lock of ``OUT`` is the file ``.OUT.lock`` next to it, or ``OUT/.lock`` where the folder around it cannot be written.
The operating system holds it for the process (`filelock`), so it is free as soon as the process has ended, however it
ended. ``.OUT.writer`` says who has it. Both files are removed at the end. After a kill they are still there: whoever
takes the lock next then knows that there may be unfinished files, and removes those.

On network disks this holds between machines where the disk supports ``flock``: NFS version 4, NFS version 3 with its
lock service, Lustre mounted with ``-o flock``, SMB and CephFS. NFS mounted with ``nolock`` or ``local_lock=flock`` and
Lustre with ``localflock`` keep apart only the processes of one machine. Where ``flock`` is missing altogether,
`filelock` makes do with a file that names its process. On object stores mounted as folders nothing is guaranteed: give
every command an output of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import LOCK, WRITER, is_temporary, parts_of, remove_temporaries

WAIT_S = 10.0
"""How long a command waits for another one that writes the same output, in seconds."""

_held: dict[Path, int] = {}
"""The outputs whose lock this process has, each with the thread that took it."""


@contextmanager
def only_writer(*outs: str | os.PathLike[str], working: Iterable[Path] = ()) -> Iterator[None]:
    """Let nobody else write some outputs during the block.

    The thread that has a lock may take it again. Files that a killed writer left unfinished are removed when the lock
    is taken, those of this block when it fails. Nothing is locked where nothing can be written.

    Parameters
    ----------
    *outs : path
        Folders or files, which need not exist.
    working : iterable of Path
        Other places where the block writes parts of them: working folders.

    Raises
    ------
    InputError
        When another process is still writing one of them after `WAIT_S` seconds; it names process, machine and command.
    """
    given = {Path(os.path.realpath(out)): os.fspath(out) for out in outs}
    # All processes take them in one order, so that no two of them wait for each other.
    mine = [place for place in sorted(given) if _held.get(place) != threading.get_ident()]
    with ExitStack() as stack:
        killed = [stack.enter_context(_locked(place, given[place])) for place in mine]
        if any(killed):
            _sweep((*mine, *working))
        try:
            yield
        except BaseException:
            _sweep((*mine, *working))
            raise


@contextmanager
def _locked(out: Path, shown: str) -> Iterator[bool]:
    """Hold the lock of one output, called `shown`; give whether its last writer was killed."""
    made = _make_parents(out)
    folder, name = (out.parent, f".{out.name}") if os.access(out.parent, os.W_OK) else (out, "")
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        yield False
        return
    lock, writer = folder / f"{name}{LOCK}", folder / f"{name}{WRITER}"
    held = FileLock(lock)
    _take(held, lock, writer, shown)
    try:
        killed = writer.exists()
        told = {"pid": os.getpid(), "host": socket.gethostname(), "command": _command()}
        # Not by way of a temporary file, which nobody would remove after a kill: it matters that this one is there.
        writer.write_text(json.dumps(told), encoding="utf-8")
        _held[out] = threading.get_ident()
        yield killed
    finally:
        _held.pop(out, None)
        writer.unlink(missing_ok=True)
        # A file with something in it is the mark of a disk without `flock`, which `filelock` removes itself.
        with suppress(OSError):
            if not lock.stat().st_size:
                lock.unlink()
        held.release()
        for parent in made:
            with suppress(OSError):
                parent.rmdir()  # of a command that was refused: it is empty


def _make_parents(out: Path) -> list[Path]:
    """Make the folders around an output; return those that were missing, the deepest first."""
    missing = [parent for parent in out.parents if not parent.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        error.filename = str(out.parent)
        raise
    return missing


def _take(held: FileLock, lock: Path, writer: Path, shown: str) -> None:
    """Take a lock, or say who has it."""
    end = time.monotonic() + WAIT_S
    while True:
        try:
            held.acquire(timeout=max(0.0, end - time.monotonic()))
        except Timeout:
            raise InputError(
                f"{shown} is being written by {_who(writer)}", do="wait until that has ended, or choose another output"
            ) from None
        if _is_file(held, lock):
            return
        # The last writer removed the file after this process had opened it: then this is the lock of nothing.
        held.release()


def _is_file(held: FileLock, lock: Path) -> bool:
    """Tell whether what is locked is still the file of that name, and not one that was removed meanwhile."""
    # `filelock` has no public name for what it has opened, and its own check, a count of links, cannot see this on NFS:
    # there a file that is removed while it is open keeps its link.
    opened = held._context.lock_file_fd
    if opened is None:  # a mark on a disk without `flock`
        return lock.exists()
    try:
        return os.path.samestat(os.fstat(opened), lock.stat())
    except FileNotFoundError:
        return False


def _who(writer: Path) -> str:
    try:
        told = json.loads(writer.read_text(encoding="utf-8"))
        return f"process {told['pid']} on {told['host']} ({told['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _command() -> str:
    """What the user started, at most 200 letters of it."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    program = "facedeblur" if program in ("main.py", "__main__.py") else program
    return " ".join(shlex.join([program, *sys.argv[1:]]).split())[:200]


def _sweep(places: Iterable[Path]) -> None:
    """Remove unfinished files: those in a folder, those of a file, and those of its parts."""
    for place in places:
        if place.parent.is_dir():
            for file in place.parent.iterdir():
                if is_temporary(file.name, of=place.name):
                    file.unlink(missing_ok=True)
        for folder in (place, parts_of(place)):
            if folder.is_dir():
                remove_temporaries(folder)
