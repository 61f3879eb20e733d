"""Files that are either whole or absent.

A file is written under a temporary name and renamed. That name begins with a dot and ends in ``.tmp``, so no pattern
such as ``*.png`` or ``*.parquet`` matches a file that is not whole, whoever was killed while writing it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCK, WRITER = ".lock", ".writer"
"""Ends of the names of the files by which `facedeblur.benchmark.files.lock` keeps writers apart."""

_TEMPORARY = re.compile(r"\.(.+)\.[0-9]+\.tmp")


def temporary_name(name: str) -> str:
    """Return the name under which this process writes the file called `name` until it is whole."""
    return f".{name}.{os.getpid()}.tmp"


def is_temporary(name: str, *, of: str | None = None) -> bool:
    """Tell whether a file of this name is unfinished, of the file `of` if given; see `temporary_name`."""
    found = _TEMPORARY.fullmatch(name)
    return found is not None and of in (None, found[1])


def parts_of(file: Path) -> Path:
    """Return the folder of the finished parts of a file that is not whole; see `facedeblur.benchmark.resume`."""
    return file.with_name(f".{file.name}.parts")


def remove_temporaries(folder: Path) -> None:
    """Remove all unfinished files in a folder and the folders below it; no other process may be writing there."""
    for below, _, names in os.walk(folder):
        for name in filter(is_temporary, names):
            Path(below, name).unlink(missing_ok=True)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name in the same folder, and rename the file to `path` when the block succeeds.

    The temporary name has another suffix, so a writer that chooses the format by suffix has to be told the format. When
    the block fails or is interrupted the temporary file is removed and `path` is untouched. An error names `path`, not
    the temporary file. A file that only its owner can read (safetensors writes such) gets the mode of other new files.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(temporary_name(final.name))
    try:
        yield temporary
        if not temporary.stat().st_mode & 0o077:
            temporary.chmod(ordinary_mode())
        temporary.replace(final)
    except Exception as error:
        _name_final(error, str(temporary), str(final))
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _name_final(error: Exception, temporary: str, final: str) -> None:
    """Name the final file in an error instead of the temporary one; a failed write names no file at all."""
    error.args = tuple(one.replace(temporary, final) if isinstance(one, str) else one for one in error.args)
    if isinstance(error, OSError):
        error.filename = final if error.filename in (None, temporary) else error.filename
        if error.strerror:
            error.strerror = error.strerror.replace(temporary, final)


def is_free(folder: Path) -> bool:
    """Return whether the path does not exist, or is a folder that is empty except for its own lock."""
    return not folder.exists() or (folder.is_dir() and all(one.name in (LOCK, WRITER) for one in folder.iterdir()))


def ordinary_mode() -> int:
    """Return the permissions of a file that `open` creates."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` atomically, with few system calls, for the many small files of a set."""
    final = os.fspath(path)
    folder, name = os.path.split(final)
    temporary = f"{folder or '.'}/{temporary_name(name)}"
    try:
        try:
            stream = open(temporary, "wb", buffering=0)  # noqa: PTH123, SIM115
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            stream = open(temporary, "wb", buffering=0)  # noqa: PTH123, SIM115
        with stream:
            view = memoryview(data)
            while view:
                view = view[stream.write(view) :]
        os.replace(temporary, final)  # noqa: PTH105
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, Exception):
            _name_final(error, temporary, final)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 with unix line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically; keys keep their order."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
