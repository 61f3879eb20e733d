"""Files that are either whole or absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name in the same folder, and rename the file to `path` when the block succeeds.

    The suffix is kept, so that writers which choose the format by suffix work. When the
    block fails or is interrupted the temporary file is removed and `path` is untouched. A file
    that only its owner can read (safetensors writes such) gets the mode of other new files.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".tmp-{os.getpid()}-{final.name}")
    try:
        yield temporary
        if not temporary.stat().st_mode & 0o077:
            temporary.chmod(ordinary_mode())
        temporary.replace(final)
    except OSError as error:
        # A failed write does not say into which file, a failed renaming speaks of the temporary one.
        error.filename = str(final) if error.filename in (None, str(temporary)) else error.filename
        raise
    finally:
        temporary.unlink(missing_ok=True)


def is_free(folder: Path) -> bool:
    """Tell whether there is nothing, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def ordinary_mode() -> int:
    """Permissions of a file that `open` makes."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` atomically; the lean way, for the many small files of a set."""
    final = os.fspath(path)
    folder, name = os.path.split(final)
    temporary = f"{folder or '.'}/.tmp-{os.getpid()}-{name}"
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
        if isinstance(error, OSError):
            error.filename = final if error.filename in (None, temporary) else error.filename
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 with unix line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically; keys keep their order."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_description(path: Path, of: str, *, schema: int, keys: Sequence[str], do: str) -> dict[str, Any]:
    """Read a JSON file that describes a set or a run.

    Parameters
    ----------
    path : Path
    of : str
        What it describes, for messages: ``a set``.
    schema : int
        The schema version that is understood, which the file has under ``schema``.
    keys : sequence of str
        Keys that it must have, ``a.b`` for a key of a table.
    do : str
        What the user does about another schema version.

    Raises
    ------
    InputError
        When it is something else, or has another schema version.
    """
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        for key in ("schema", *keys):
            table = info
            for name in key.split("."):
                table = table[name]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(str(path), expected=f"the description of {of}", found=repr(error)) from error
    if info["schema"] != schema:
        raise InputError(str(path), expected=f"schema {schema}", found=f"{info['schema']}", do=do)
    return dict(info)
