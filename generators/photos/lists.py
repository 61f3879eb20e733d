"""Lists that come with photographs: tables of publishers, image lists (``facedeblur split``), files of landmarks."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.files.tables import from_cell, read_rows, write_rows
from facedeblur.benchmark.options import one_of
from facedeblur.generators.photos.files import canonical

ROLES = ("test", "train", "probe", "gallery")


def lines_of(path: Path) -> list[str]:
    """Lines of a list, stripped, without empty ones and comments (``#``).

    Raises
    ------
    InputError
        When the file is not UTF-8 text.
    """
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not a UTF-8 text file ({error})", do="download it again") from error
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def table_of(path: Path, columns: int) -> dict[str, list[str]]:
    """Read a publisher's table, separated by commas or blanks: first field to the other ones.

    A count or a heading before the first row is skipped.

    Parameters
    ----------
    path : Path
    columns : int
        Fields per row, including the first one.

    Raises
    ------
    InputError
        When a row has another number of fields, or there are no rows.
    """
    rows: dict[str, list[str]] = {}
    for line in lines_of(path):
        fields = _fields(line)
        heading = len(fields) != columns or not any(char.isdigit() for char in "".join(fields[1:]))
        if heading and not rows:
            continue
        if heading:
            raise InputError(
                f"{path}: line '{line[:60]}'", expected=f"{columns} fields", found=f"{len(fields)}",
                do="download it again",
            )  # fmt: skip
        rows[fields[0]] = fields[1:]
    if not rows:
        raise InputError(str(path), f"no rows of {columns} fields in it", do="download it again")
    return rows


def named_table(path: Path) -> tuple[list[str], Iterator[tuple[str, list[str]]]]:
    """Read a publisher's table whose columns have names, separated by commas or blanks.

    A count before the heading is skipped; the first column, of the photographs, may have a name.

    Parameters
    ----------
    path : Path

    Returns
    -------
    names : list of str
        Of all columns but the first.
    rows : iterator of (str, list of str)
        First field and the other ones, one row at a time: the attributes of CelebA are 8 million fields.

    Raises
    ------
    InputError
        When there are no rows or, from the iterator, a row has another number of fields than the first one.
    """
    lines = lines_of(path)
    start = 1 if lines and lines[0].isdecimal() else 0
    if len(lines) < start + 2:
        raise InputError(str(path), "no rows below a heading in it", do="download it again")
    heading, width = _fields(lines[start]), len(_fields(lines[start + 1]))
    names = heading[1:] if len(heading) == width else heading
    if len(names) + 1 != width:
        raise InputError(
            str(path), expected=f"{width - 1} names in its heading", found=f"{len(names)}", do="download it again"
        )

    def rows() -> Iterator[tuple[str, list[str]]]:
        for line in lines[start + 1 :]:
            first, *fields = _fields(line)
            if len(fields) != len(names):
                raise InputError(
                    f"{path}: line '{line[:60]}'", expected=f"{width} fields", found=f"{len(fields) + 1}",
                    do="download it again",
                )  # fmt: skip
            yield first, fields

    return names, rows()


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split(",")] if "," in line else line.split()


def numbers(path: Path, name: str, fields: Iterable[str]) -> tuple[float, ...]:
    """Fields of a table as numbers.

    Raises
    ------
    InputError
        When one is not a number.
    """
    try:
        return tuple(float(field) for field in fields)
    except ValueError as error:
        raise InputError(f"{path}: {name}", f"not a number ({error})", do="download it again") from None


@dataclass(frozen=True)
class Choice:
    """One photograph of an image list: its role in a set, or why it has none.

    Attributes
    ----------
    source : str
        Path relative to the collection's root; empty for an identity without photographs.
    identity : str
    role : str
        ``test``, ``train``, ``probe`` or ``gallery``; empty if it is not used.
    status : str
        ``ok``, or why it has no role: ``no identity``, ``no photograph``, ``no gallery``, ``too few photographs``,
        ``not chosen``.
    """

    source: str
    identity: str
    role: str
    status: str


def write_list(path: str | Path, choices: Iterable[Choice]) -> None:
    """Write an image list as CSV, atomically."""
    with only_writer(path):
        write_rows(path, Choice, choices)


def read_list(path: str | Path) -> list[Choice]:
    """Read an image list.

    Raises
    ------
    InputError
        When the file is missing or not an image list, or a role is unknown.
    """
    choices = list(read_rows(path, Choice))
    for choice in choices:
        if choice.role:
            one_of(f"{path}: {choice.source}: role", choice.role, ROLES)
    return choices


def read_landmarks(path: str | Path) -> dict[str, tuple[float, ...]]:
    """Read a CSV file with five landmarks for each photograph.

    A line holds the photograph's path relative to its collection, with forward slashes, and ten numbers: x and y of
    left eye, right eye, nose, left and right corner of the mouth, where left is the viewer's left. Units are pixels of
    the photograph after its EXIF orientation is applied; the centre of the first pixel is 0. A first line without
    numbers is a heading.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to tuple of ten floats
        By path, as `canonical` writes it.

    Raises
    ------
    InputError
        When the file is missing, a line has another form, or a photograph is listed twice.
    """
    path = Path(path)
    what = "a CSV file of landmarks"
    with reading(path, what, do="give a CSV file in UTF-8"):
        text = read_file(path).decode("utf-8-sig")
    found: dict[str, tuple[float, ...]] = {}
    with reading(path, what, do="correct it"):
        lines = list(csv.reader(text.splitlines()))
    for number, line in enumerate(lines, start=1):
        where = f"{path} line {number}"
        if not any(field.strip() for field in line) or (number == 1 and not any(map(_is_number, line[1:]))):
            continue
        source = canonical(from_cell(line[0].strip()))
        if len(line) != 11 or not all(map(_is_number, line[1:])):
            raise InputError(where, expected="a path and ten numbers", found=",".join(line), do="correct this line")
        if source in found:
            raise InputError(where, f"photograph '{source}' is listed twice", do="remove one of the lines")
        found[source] = tuple(float(field) for field in line[1:])
    if not found:
        raise InputError(str(path), "no photographs in this list", do="give another file")
    return found


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
