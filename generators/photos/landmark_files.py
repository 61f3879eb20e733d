"""Landmarks that somebody has found already: a CSV file with five points a photograph."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.names import canonical

PROVIDER = "file"
"""What stands for these points where a landmarker is named."""


def read_landmarks(path: str | Path) -> dict[str, tuple[float, ...]]:
    """Read five points for each photograph.

    A line holds the photograph's path relative to its collection, forward slashes, and ten
    numbers: x and y of left eye, right eye, nose, mouth left and mouth right, the viewer's left,
    in pixels of the photograph as it is seen (turned by EXIF), the first pixel's centre at 0. A
    first line without numbers is a heading.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to tuple of ten floats
        By path, as `names.canonical` writes it.

    Raises
    ------
    InputError
        When the file is not there, a line is not of that form, or a photograph stands in it twice.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        do = "give the file"
        raise InputError(str(path), expected="a CSV file of landmarks", found=type(error).__name__, do=do) from error
    found: dict[str, tuple[float, ...]] = {}
    reader = csv.reader(text.splitlines())
    for line in reader:
        where = f"{path} line {reader.line_num}"
        if not any(field.strip() for field in line) or (reader.line_num == 1 and not any(map(_is_number, line[1:]))):
            continue
        source = canonical(line[0].strip())
        if len(line) != 11 or not all(map(_is_number, line[1:])):
            raise InputError(where, expected="a path and ten numbers", found=",".join(line)[:80], do="correct it")
        if source in found:
            raise InputError(where, expected="each photograph once", found=f"{source} again", do="leave one line")
        found[source] = tuple(float(field) for field in line[1:])
    if not found:
        raise InputError(str(path), expected="a line for each photograph", found="none", do="give another file")
    return found


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
