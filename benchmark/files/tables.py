"""CSV files whose rows are frozen dataclasses, and names that fit into a table."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin, get_type_hints

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing

Row = TypeVar("Row")


def printable(name: str) -> str:
    """Return a name from outside without line breaks, escape sequences and marks that turn the text around."""
    return "".join(letter if letter.isprintable() else " " for letter in name)


_KNOWN: dict[type[Any], dict[str, Callable[[str], Any]]] = {}


def _columns(kind: type[Any]) -> dict[str, Callable[[str], Any]]:
    """Return the names of the columns of a record, in order, each with the type of its values."""
    if kind not in _KNOWN:
        hints = get_type_hints(kind, include_extras=True)
        _KNOWN[kind] = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}
    return _KNOWN[kind]


def _reader(hint: Any) -> Callable[[str], Any]:
    """What makes a value of a field: its type, or the function with which the type is annotated (`files.paths`)."""
    return hint.__metadata__[0] if get_origin(hint) is Annotated else hint


def _line(fields: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def header_line(kind: type[Any]) -> bytes:
    """Return the names of the columns of the record `kind` as the first line of a CSV file."""
    return _line(_columns(kind)).encode()


def to_line(row: Any) -> bytes:
    """Return a record as a line of CSV; floats in the shortest form that reads back the same."""
    return _line(getattr(row, name) for name in _columns(type(row))).encode()


def from_line(line: bytes, kind: type[Row]) -> Row:
    """Return the record that `to_line` wrote.

    Raises
    ------
    ValueError
        When the line does not have the right fields.
    """
    return _made(next(csv.reader([line.decode()]), []), kind)


def _made(fields: Sequence[str], kind: type[Row]) -> Row:
    columns = _columns(kind)
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} fields instead of {len(columns)}")
    values = {}
    for (name, read), text in zip(columns.items(), fields, strict=True):
        try:
            values[name] = read(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return kind(**values)


def from_json(values: Mapping[str, Any], kind: type[Row]) -> Row:
    """Return the record whose `dataclasses.asdict` was kept as JSON.

    Raises
    ------
    ValueError
        When a field is missing, unknown or of another type.
    """
    row = kind(**values)  # a TypeError where a field is missing or unknown
    for name, read in _columns(kind).items():
        value = getattr(row, name)
        if read in (int, float):
            if isinstance(value, bool) or not isinstance(value, int | read):
                raise ValueError(f"{name}: {value!r} is not a number")
        elif not isinstance(value, str):
            raise ValueError(f"{name}: {value!r} is not text")
        else:
            read(value)
    return row


def write_rows(path: str | Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write records as CSV, atomically."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        names = list(_columns(kind))
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def read_rows(path: str | Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the records of a CSV file one at a time.

    Raises
    ------
    InputError
        When the file is missing, its columns are others, or a field is not of its type.
    """
    path = Path(path)
    names = list(_columns(kind))
    try:
        stream = path.open(encoding="utf-8", newline="")
    except FileNotFoundError as error:
        raise MissingFile(path, expected="a table", do="copy or make the folder again") from error
    with stream:
        reader = csv.reader(stream)
        first = next(reader, None)
        if first != names:
            raise InputError(str(path), expected=f"columns {','.join(names)}", found=",".join(first or ["nothing"]))
        for fields in reader:
            try:
                yield _made(fields, kind)
            except ValueError as error:
                where = f"{path} line {reader.line_num}"
                raise InputError(where, expected="readable fields", found=str(error)) from None
