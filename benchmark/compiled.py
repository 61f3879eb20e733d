"""Compiled loops: numba's `njit`, and where it keeps what it has compiled for the next process.

It is kept next to the source or in the user's cache. In a container that runs as another user neither may be writable,
and numba then refuses to compile at all. A private folder for temporary files serves instead. Every module that has
compiled loops takes `njit` from here, so that the place is chosen first.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"

note = ""
"""One line for the user where compiled code is kept in a temporary folder, else empty."""


def find_place() -> None:
    """Choose a temporary folder if numba can write nowhere else; called before numba compiles anything."""
    global note
    if os.environ.get(VARIABLE) or any(map(_writable, _usual_places())):
        return
    folder = _private_folder()
    # Workers inherit it; numba reads it when it is imported, which may have happened.
    os.environ[VARIABLE] = folder
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = folder
    note = f"compiled code is kept in {folder}, because neither the package nor the home folder can be written; "
    note += f"set {VARIABLE} to a folder that lasts to start faster"


def _usual_places() -> list[Path]:
    places = [Path(__file__).parent / "__pycache__"]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return [*places, Path(cache) / "numba"] if os.path.isabs(cache) else places  # noqa: PTH117


def _writable(folder: Path) -> bool:
    """Tell whether a folder can be written, or made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _private_folder() -> str:
    """Return a folder that only this user can write: numba unpickles what it finds there."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"facedeblur-compiled-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == user and not state.st_mode & 0o077:
            return str(folder)
    except OSError:
        pass
    return tempfile.mkdtemp(prefix="facedeblur-compiled-")


find_place()

from numba import njit  # noqa: E402

__all__ = ["find_place", "njit"]
