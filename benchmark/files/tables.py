"""CSV files whose rows are frozen dataclasses, and names that fit into a table."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar, get_type_hints

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing

Row = TypeVar("Row")


def printable(name: str) -> str:
    """A name from outside without line breaks, escape sequences and marks that turn the text around."""
    return "".join(letter if letter.isprintable() else " " for letter in name)


def header(kind: type[Any]) -> list[str]:
    """Column names of the record `kind`, in order."""
    return [field.name for field in dataclasses.fields(kind)]


def write_rows(path: str | Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write records as CSV, atomically."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        append_rows(stream, kind, rows, with_header=True)


def append_rows(stream: TextIO, kind: type[Row], rows: Iterable[Row], *, with_header: bool = False) -> None:
    """Write records to an open CSV file; floats in the shortest form that reads back the same."""
    names = header(kind)
    writer = csv.writer(stream, lineterminator="\n")
    if with_header:
        writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)


def read_rows(path: str | Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the records of a CSV file one at a time.

    Raises
    ------
    InputError
        When the file is not there, its columns are others, or a field is not of its type.
    """
    path = Path(path)
    names, hints = header(kind), get_type_hints(kind)
    try:
        stream = path.open(encoding="utf-8", newline="")
    except FileNotFoundError as error:
        raise MissingFile(str(path), expected="a table", do="make the set again") from error
    with stream:
        reader = csv.reader(stream)
        first = next(reader, None)
        if first != names:
            raise InputError(str(path), expected=f"columns {','.join(names)}", found=",".join(first or ["nothing"]))
        for line in reader:
            if len(line) != len(names):
                raise InputError(
                    f"{path} line {reader.line_num}", expected=f"{len(names)} fields", found=f"{len(line)}"
                )
            try:
                yield kind(**{name: hints[name](text) for name, text in zip(names, line, strict=True)})
            except ValueError as error:
                raise InputError(
                    f"{path} line {reader.line_num}", expected="readable fields", found=str(error)
                ) from None
