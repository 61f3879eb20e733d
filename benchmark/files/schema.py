"""The door for files that describe something: each is bounded, decoded and compared with its schema before it is used.

A schema is a type that msgspec knows: a `msgspec.Struct` (keys that it does not have are kept, not checked), a
dataclass, a list or a dictionary of these. Whatever is wrong, one line names the file, the key, what is expected there
and what was found.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from facedeblur.benchmark.errors import MOST_FOUND, InputError, MissingFile, shorten
from facedeblur.benchmark.files.paths import open_file

Value = TypeVar("Value")

MOST_BYTES = 16 * 2**20
"""Largest JSON file that is read: decoded it may take fifty times its size."""

MOST_LINE = 2**20
"""Longest line of a file that holds one JSON value per line."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A whole number of 0 or more that any JSON reader takes exactly."""

Side = Annotated[int, msgspec.Meta(ge=0, le=2**16)]
"""A number of pixels along one side."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
"""A name or a hash."""


@contextmanager
def reading(path: str | os.PathLike[str], expected: str, *, do: str | None = None) -> Iterator[None]:
    """Turn whatever a parser raises inside the block into one line about the file.

    Parsers of files from outside raise what they like on damaged ones: zlib, zip, MATLAB, HDF5 and Arrow errors,
    `RecursionError`, `OverflowError`, `MemoryError`. The block should hold nothing but the parser.

    Parameters
    ----------
    path : path
    expected : str
        What the file should be.
    do : str, optional
        What the user does next.

    Raises
    ------
    InputError
        For every exception, except an `InputError`, which passes; `MissingFile` if there is no file.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise MissingFile(os.fspath(path), expected=expected, do=do) from error
    except RecursionError as error:
        raise _unreadable(path, expected, "too many nested levels", do) from error
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(path, expected, reason or type(error).__name__, do) from error


def _unreadable(path: str | os.PathLike[str], expected: str, reason: str, do: str | None) -> InputError:
    return InputError(os.fspath(path), f"cannot be read as {expected} ({shorten(reason, MOST_FOUND)})", do=do)


def bounded(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Return the content of a file of at most `most` bytes.

    Raises
    ------
    InputError
        When it is larger.
    OSError
        When it cannot be read.
    """
    with open_file(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        found = f"{max(Path(path).stat().st_size, len(data)):,}"
        raise InputError(os.fspath(path), expected=f"at most {most:,} bytes", found=found)
    return data


def read_json(
    path: str | os.PathLike[str], schema: Any, what: str, *, most: int = MOST_BYTES, do: str | None = None
) -> Any:
    """Read a JSON file; see `decode_json`.

    Raises
    ------
    InputError
        When it is missing, too large, not JSON, or something else than its schema says.
    """
    where = os.fspath(path)
    with reading(where, what, do=do):
        data = bounded(where, most)
    return decode_json(data, schema, where, what, do=do)


def read_json_lines(path: str | os.PathLike[str], schema: Any, what: str, *, do: str | None = None) -> Iterator[Any]:
    """Yield the JSON values of a file, one per line; see `decode_json`.

    Raises
    ------
    InputError
        When the file is missing, or a line is too long, not JSON, or something else than the schema says.
    """
    where = os.fspath(path)
    with reading(where, what, do=do):
        stream = open_file(where)
    with stream:
        number = 0
        while line := stream.readline(MOST_LINE + 1):
            number += 1
            if len(line) > MOST_LINE:
                found = "a longer one"
                raise InputError(f"{where} line {number}", expected=f"at most {MOST_LINE:,} bytes", found=found, do=do)
            yield decode_json(line, schema, f"{where} line {number}", what, do=do)


def decode_json(data: bytes | str, schema: Any, where: str, what: str, *, do: str | None = None) -> Any:
    """Decode JSON and check it.

    Parameters
    ----------
    data : bytes or str
    schema : type
        What it must be.
    where : str
        The file, and the line in it, for messages.
    what : str
        What it should describe, for messages: ``the description of a set``.
    do : str, optional
        What the user does about another thing.

    Returns
    -------
    dict, list, str, float, int, bool or None
        As in the file, with keys that the schema does not know.

    Raises
    ------
    InputError
    """
    with reading(where, what, do=do):
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            # Half of a character, which could not be written again.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    conform(value, schema, where, what, do=do)
    return value


def conform(value: Any, schema: type[Value], where: str, what: str, *, do: str | None = None) -> Value:
    """Return `value`, as JSON has it, as an instance of `schema`.

    Raises
    ------
    InputError
        For a missing key or a value of another type, with the path of the key.
    """
    try:
        return msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        key, reason = plain_reason(error)
        raise InputError(f"{where}: {shorten(key, 100)}" if key else where, f"{reason} in {what}", do=do) from error
    except (RecursionError, OverflowError) as error:
        raise _unreadable(where, what, str(error) or "too many nested levels", do) from error


def plain_reason(error: msgspec.ValidationError) -> tuple[str, str]:
    """Return where a value is (``counts.pairs``) and what is wrong with it, in plain words.

    msgspec says ``Expected `int`, got `str` - at `$.counts.pairs```.
    """
    reason, _, at = str(error).partition(" - at ")
    for word, plain in _WORDS.items():
        reason = reason.replace(f"`{word}`", plain)
    reason = re.sub(r"Object missing required field `(.*)`", r"required key '\1' is missing", reason)
    reason = reason.replace(", got ", ", found ").replace("`", "'")
    return at.strip("`").removeprefix("$").removeprefix("."), reason[:1].lower() + reason[1:]


_WORDS = {
    "object": "a table", "array": "a list", "str": "text", "int": "a whole number", "float": "a number",
    "bool": "true or false", "null": "nothing",
}  # fmt: skip


class _Versioned(msgspec.Struct):
    schema: Any


def read_description(
    path: Path, schema: type[Value], of: str, *, version: int, do: str, most: int = MOST_BYTES
) -> dict[str, Any]:
    """Read a JSON file that describes a set or a run.

    Parameters
    ----------
    path : Path
    schema : type
        What it must be.
    of : str
        What it describes, for messages: ``a set``.
    version : int
        The schema version that is understood, which the file has under ``schema``.
    do : str
        What the user does about another thing.
    most : int
        Largest size of the file, in bytes.

    Raises
    ------
    InputError
        When it is something else, or has another schema version.
    """
    what = f"the description of {of}"
    info: dict[str, Any] = read_json(path, _Versioned, what, most=most, do=do)
    check_version(info, version, str(path), do=do)
    conform(info, schema, str(path), what, do=do)
    return info


def check_version(info: dict[str, Any], version: int, where: str, *, do: str) -> None:
    """Raise InputError unless the value of ``schema`` is `version`."""
    if info.get("schema") != version or isinstance(info["schema"], bool):
        raise InputError(where, expected=f"schema {version}", found=f"{info.get('schema')}", do=do)
