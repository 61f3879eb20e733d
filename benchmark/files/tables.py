"""CSV files whose rows are frozen dataclasses, and names that fit into a table.

Spreadsheets execute cells that begin with ``= + - @``, a tab or a carriage return. Such a text is written with an
apostrophe before it, which is taken off when it is read (`to_cell`, `from_cell`); numbers stay as they are.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin, get_type_hints

import msgspec

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.paths import open_file
from facedeblur.benchmark.files.schema import plain_reason, reading

if TYPE_CHECKING:
    import pandas as pd

Row = TypeVar("Row")


def printable(name: str) -> str:
    """Return a name from outside without line breaks, escape sequences and marks that turn the text around."""
    return "".join(letter if letter.isprintable() else " " for letter in name)


_STARTS = "='+-@\t\r"
# Apostrophes before such a start are escaped, too, so that every text comes back as it was.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|nan)"
_NUMBERS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*", re.ASCII)


def to_cell(value: Any) -> Any:
    """Return what is written for a value, so that no spreadsheet takes a text for a formula.

    Everything but text, and text of numbers only (``-0.5 1.25``), is returned as it is.
    """
    if not isinstance(value, str) or value[:1] not in _STARTS or not _FORMULA.match(value):
        return value
    return value if _NUMBERS.fullmatch(value) else f"'{value}"


def from_cell(text: str) -> str:
    """Return the text for which `to_cell` gave `text`."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def frame_to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV, without its index; texts as `to_cell` writes them."""
    safe = frame.rename(columns=to_cell)
    for place, kind in enumerate(safe.dtypes):
        if not (hasattr(kind, "kind") and kind.kind in "biufM"):
            safe.isetitem(place, safe.iloc[:, place].map(to_cell).array)
    return str(safe.to_csv(index=False, lineterminator="\n"))


_Check = Callable[[str], Any]
_KNOWN: dict[type[Any], tuple[tuple[str, ...], tuple[tuple[str, _Check], ...]]] = {}


def _columns(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the columns of a record, in order."""
    return _described(kind)[0]


def _described(kind: type[Any]) -> tuple[tuple[str, ...], tuple[tuple[str, _Check], ...]]:
    """Return the columns of a record, and those whose texts are checked, each with the function that does it."""
    if kind not in _KNOWN:
        hints = get_type_hints(kind, include_extras=True)
        names = tuple(field.name for field in dataclasses.fields(kind))
        checks = ((name, _check_of(hints[name])) for name in names)
        _KNOWN[kind] = names, tuple((name, check) for name, check in checks if check is not None)
    return _KNOWN[kind]


def _check_of(hint: Any) -> _Check | None:
    """The function with which the type of a column is annotated (`files.paths`)."""
    return next(filter(callable, hint.__metadata__), None) if get_origin(hint) is Annotated else None


def csv_line(fields: Iterable[Any]) -> str:
    """Return one line of CSV; texts as `to_cell` writes them."""
    text = io.StringIO()
    # With this line end, the csv module of every Python quotes both of its characters.
    csv.writer(text, lineterminator="\r\n").writerow(map(to_cell, fields))
    return text.getvalue()[:-2] + "\n"


def header_line(kind: type[Any]) -> bytes:
    """Return the names of the columns of the record `kind` as the first line of a CSV file."""
    return csv_line(_columns(kind)).encode()


def to_line(row: Any) -> bytes:
    """Return a record as a line of CSV; floats in the shortest form that reads back the same."""
    return csv_line(getattr(row, name) for name in _columns(type(row))).encode()


def from_line(line: bytes, kind: type[Row]) -> Row:
    """Return the record that `to_line` wrote.

    Raises
    ------
    ValueError
        When the line does not have the right fields.
    """
    try:
        return _made(next(csv.reader([line.decode()]), []), kind)
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _made(fields: Sequence[str], kind: type[Row]) -> Row:
    columns = _columns(kind)
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} fields instead of {len(columns)}")
    # Both signs are rare, so that they are looked for in all fields at once.
    line = "".join(fields)
    values = dict(zip(columns, map(from_cell, fields) if "'" in line else fields, strict=True))
    return _checked(values, kind, strict=False, nul="\0" in line)


def from_json(values: Mapping[str, Any], kind: type[Row]) -> Row:
    """Return the record that `asdict` of dataclasses turned into what was kept as JSON.

    Raises
    ------
    ValueError
        When a field is missing or of another type.
    """
    return _checked(values, kind, strict=True)


def _checked(values: Mapping[str, Any], kind: type[Row], *, strict: bool, nul: bool = True) -> Row:
    """Make a record of its fields, which are text unless `strict`; `nul` says that one may hold a NUL character."""
    try:
        row = msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError as error:
        name, reason = plain_reason(error)
        if name not in _columns(kind):
            raise ValueError(reason) from None
        wanted = reason.partition(", found")[0]
        raise ValueError(f"{name}: {wanted}, found '{shorten(str(values.get(name)), 60)}'") from None
    for name in _columns(kind) if nul else ():
        text = getattr(row, name)
        if isinstance(text, str) and "\0" in text:
            raise ValueError(f"{name}: a NUL character")
    name = ""
    try:
        for name, check in _described(kind)[1]:
            check(getattr(row, name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return row


def write_rows(path: str | Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write records as CSV, atomically."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(header_line(kind))
        stream.writelines(map(to_line, rows))


def read_rows(path: str | Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the records of a CSV file one at a time.

    Raises
    ------
    InputError
        When the file is missing, its columns are others, or a field is not of its type.
    """
    names = _columns(kind)
    with reading(path, "a table", do="make it again"):
        stream = io.TextIOWrapper(open_file(path), encoding="utf-8", newline="")
    with stream:
        reader = csv.reader(stream, strict=True)
        try:
            first = next(reader, None)
            if first != list(names):
                found = ",".join(first or ["nothing"])
                raise InputError(str(path), expected=f"columns {','.join(names)}", found=found, do="make it again")
            for fields in reader:
                yield _made(fields, kind)
        except InputError:
            raise
        except (csv.Error, ValueError) as error:
            where = f"{path} line {max(1, reader.line_num)}"
            raise InputError(where, problem=f"cannot be read ({error})", do="make it again") from error
