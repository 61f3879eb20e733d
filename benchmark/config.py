"""Settings read from TOML into frozen dataclasses, strictly: an unknown key is an error with a suggestion."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.schema import bounded, reading
from facedeblur.benchmark.options import one_of

Record = TypeVar("Record")

MOST_BYTES = 2**20
"""Largest TOML file that is read."""

MOST_DOTS = 50
_BETWEEN_KEYS = re.compile("[=,{}]")


def read_toml(path: str | Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file; return its contents and its text verbatim.

    Raises
    ------
    InputError
        When it is missing or not TOML.
    """
    with reading(path, "a TOML file", do="correct it"):
        text = bounded(path, MOST_BYTES).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    return parse_toml(text, str(path)), text


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Parse TOML.

    Parameters
    ----------
    text : str
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        When it is not TOML, or a key has more than 50 parts.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        # tomllib keeps every beginning of a dotted key, which takes gigabytes for a key of a megabyte.
        if line.count(".") > MOST_DOTS and any(part.count(".") > MOST_DOTS for part in _BETWEEN_KEYS.split(line)):
            raise InputError(f"{where} line {number}", f"a key of more than {MOST_DOTS} parts", do="correct that line")
    with reading(where, "a TOML file", do="correct that line"):
        return tomllib.loads(text)


def shipped(package: str) -> list[str]:
    """Return the names of the TOML files in an installed package, without their suffix."""
    return sorted(entry.name[:-5] for entry in files(package).iterdir() if entry.name.endswith(".toml"))


def read_named(name: str | Path, package: str, what: str) -> tuple[dict[str, Any], str, str]:
    """Read a TOML file by its name in a package, or the user's own by its path, which ends in ``.toml``.

    Parameters
    ----------
    name : str or Path
    package : str
        Import name of the package that holds the files.
    what : str
        What the file is, for the message.

    Returns
    -------
    values, text, where : dict, str, str
        As `read_toml` has them, and what messages call the file.

    Raises
    ------
    InputError
        When there is no such file, or it cannot be read.
    """
    if str(name).endswith(".toml"):
        return *read_toml(name), str(name)
    known = shipped(package)
    if str(name) not in known:
        raise InputError(f"unknown {what} '{name}'", do=f"{suggest(str(name), known)}; or give a .toml file")
    with as_file(files(package) / f"{name}.toml") as path:
        return *read_toml(path), path.name


def strict(kind: type[Record], values: Mapping[str, Any], where: str) -> Record:
    """Make the dataclass `kind` from `values`, nested tables included.

    Parameters
    ----------
    kind : type
        A dataclass whose annotations are bool, int, float, str, tuples of one of these or of
        dataclasses, dataclasses, ``X | None``, or unions of the first four.
    values : mapping
        As TOML gives them.
    where : str
        The file, for the error lines.

    Raises
    ------
    InputError
        For a key that `kind` does not have, one that is missing, or a value of another type.
    """
    # A key that Python reserves, such as "from", is the field "from_".
    fields = {field.name.rstrip("_"): field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = {name.rstrip("_"): hint for name, hint in get_type_hints(kind).items()}
    for key in values:
        one_of(f"{where}: key", key, fields)
    given = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()}
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in given and not optional:
            raise InputError(f"{where}: required key '{name}' is missing")
    return kind(**{fields[key].name: value for key, value in given.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise InputError(where, expected="a table", found=repr(value))
        return strict(hint, value, where)
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(where, expected="a list", found=repr(value))
        return tuple(_convert(get_args(hint)[0], item, f"{where}[{at}]") for at, item in enumerate(value))
    if type(None) in get_args(hint):
        return _convert(next(arg for arg in get_args(hint) if arg is not type(None)), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any or type(value) is hint or type(value) in get_args(hint):
        return value
    raise InputError(where, expected=f"a value of type {getattr(hint, '__name__', hint)}", found=repr(value))
