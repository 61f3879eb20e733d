"""Paths that come from files, kept inside their folder, and files that have an end."""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Annotated

from facedeblur.benchmark.errors import InputError

_SEPARATORS = re.compile(r"[\\/]")
# Names without dots at an end or one after the other, single slashes between them: most paths, tested at once.
_PLAIN = re.compile(r"[^\\/:.\0]+(?:[/.][^\\/:.\0]+)*")
_DRIVE = re.compile(r"[A-Za-z]:" if os.name == "nt" else r"[A-Za-z]:[\\/]")


def relative_path(text: str) -> str:
    r"""Return `text` if it is a path that stays inside the folder that it is joined to, whatever the system.

    Raises
    ------
    ValueError
        When it is empty or absolute, contains ``..``, a drive letter or NUL; ``\`` counts as a slash.
    """
    if _PLAIN.fullmatch(text):
        return text
    parts = _SEPARATORS.split(text)
    if "" in parts or ".." in parts or "\0" in text or _DRIVE.match(text):
        raise ValueError(f"path {text!r} leaves its folder")
    return text


def optional_path(text: str) -> str:
    """Return `text` if it is empty or a `relative_path`."""
    return relative_path(text) if text else text


def file_stem(text: str) -> str:
    r"""Return `text` if it can be the name of a file, without its suffix, on every system.

    Raises
    ------
    ValueError
        When it is empty, contains ``/``, ``\`` or NUL, or is ``.`` or ``..``.
    """
    relative_path(text)
    if "/" in text or "\\" in text or text == ".":
        raise ValueError(f"{text!r} cannot be the name of a file")
    return text


RelativePath = Annotated[str, relative_path]
"""Type of a column that holds the path of a file next to the table; a table with another one is refused."""
OptionalPath = Annotated[str, optional_path]
"""The same for a column that may be empty."""
FileStem = Annotated[str, file_stem]
"""Type of a column from which names of files are made."""


def inside(root: str | os.PathLike[str], relative: str, *, links: bool = False) -> Path:
    """Join a path that comes from a file to the folder that it belongs to.

    Every path that was read from a file goes through this function before anything is opened, written or removed.

    Parameters
    ----------
    root : path
        The folder.
    relative : str
        Path inside it; forward slashes.
    links : bool
        Follow links that lead out of `root`: in the user's own collection of photographs they are wanted.

    Raises
    ------
    InputError
        When it is no `relative_path`, or a link on the way leads out of `root`.
    """
    try:
        relative_path(relative)
    except ValueError:
        raise _outside(relative, root) from None
    folder = os.fspath(root)
    joined = f"{folder}/{relative}" if folder else relative
    # Links are rare and `realpath` is slow: only what is below `root` is looked at, and resolved only if needed.
    place = folder
    for part in relative.split("/"):
        place = f"{place}/{part}" if place else part
        if not links and os.path.islink(place):  # noqa: PTH114
            real, home = os.path.realpath(joined), os.path.realpath(folder or ".")
            if os.path.commonpath([real, home]) != home:
                raise InputError(
                    joined, expected=f"a file inside {home}", found=f"a link to {real}", do="put a copy there"
                )
            break
    return Path(joined)


def _outside(relative: str, root: str | os.PathLike[str]) -> InputError:
    shown = relative.replace("\0", "\\0")
    return InputError(f"path '{shown}'", expected=f"a path inside {os.fspath(root)}", found="one that leaves it")


def open_file(path: str | os.PathLike[str]) -> BufferedReader:
    """Open an ordinary file for reading; what has no end, or blocks until somebody writes, is refused.

    Raises
    ------
    InputError
        When it is a pipe, a device, a socket or a folder, or a link to one.
    OSError
        As `open`.
    """
    # A pipe would block in `open` itself.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        number = os.open(path, flags)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR) or (error.errno == errno.EACCES and Path(path).is_dir()):
            raise _special(path, Path(path).stat().st_mode) from error
        raise
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise _special(path, mode)
    return os.fdopen(number, "rb")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of an ordinary file; see `open_file`."""
    with open_file(path) as stream:
        return stream.read()


_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}  # fmt: skip


def special_kind(path: str | os.PathLike[str]) -> str:
    """What a path is if it is neither an ordinary file nor a folder (``a pipe``, ``a broken link``), else empty."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return "a broken link" if Path(path).is_symlink() else ""
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def _special(path: str | os.PathLike[str], mode: int) -> InputError:
    found = _KINDS.get(stat.S_IFMT(mode), "something else")
    return InputError(os.fspath(path), expected="a file", found=found, do="remove it or give a file")
