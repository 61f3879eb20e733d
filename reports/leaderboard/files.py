"""A leaderboard on disk: CSV for people, and JSON that reads back the same.

The CSV file has a few columns under short names, and values of six digits. The JSON file next to it has all columns
under full names, and every digit; it is the one that is read.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.files.tables import frame_to_csv, printable
from facedeblur.reports.leaderboard.columns import (
    BoardColumn,
    columns_in_file,
    csv_columns,
    metrics_of,
)
from facedeblur.reports.leaderboard.table import Leaderboard, framed

if TYPE_CHECKING:
    import pandas as pd


MOST_BYTES = 64 * 2**20
"""Largest leaderboard that is read; a row takes some kilobytes."""

_ROWS = Annotated[list[dict[str, Any]], Meta(min_length=1)]

SUFFIXES = (".csv", ".json")


def both_files(path: str | Path) -> tuple[Path, Path]:
    """The CSV and the JSON file of a leaderboard, of which `path` names either."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
    csv, json_ = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    return (csv, path) if path.suffix.lower() == ".json" else (path, json_)


def write_leaderboard(frame: pd.DataFrame, path: str | Path) -> tuple[Path, Path]:
    """Write a leaderboard as CSV for people and as JSON next to it, both atomically and the JSON file first.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`.
    path : str or Path
        Either of the two files; the other one has the same name and the other suffix.

    Returns
    -------
    tuple of Path
        The CSV file and the JSON file.

    Raises
    ------
    InputError
        If the JSON file exists and is not a leaderboard.
    """
    csv, json_ = both_files(path)
    _spare(json_)
    with only_writer(csv, working=(json_,)), replacing(csv) as for_people:
        for_people.write_text(to_csv(frame), encoding="utf-8", newline="")
        write_json(frame, json_)
    return csv, json_


def _spare(path: Path) -> None:
    """Refuse to overwrite a JSON file that is not a leaderboard: the user named the CSV file only."""
    if not path.exists():
        return
    try:
        known = all(
            "run_hash" in row for row in read_json(path, list[dict[str, Any]], "a leaderboard", most=MOST_BYTES)
        )
    except InputError:
        known = False
    if not known:
        raise InputError(f"{path} is not a leaderboard and would be overwritten", do="choose another name")


def write_json(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a leaderboard as JSON alone, atomically; `to_json` says how."""
    with replacing(path) as temporary:
        temporary.write_text(to_json(frame, Path(path).parent) + "\n", encoding="utf-8", newline="")


def to_csv(frame: pd.DataFrame) -> str:
    """A leaderboard as CSV for people: few columns, short names, six digits; infinite ``inf``, missing empty."""
    import pandas as pd

    signatures = metrics_of([str(name) for name in frame])
    columns = columns_in_file(signatures)
    names = {signature: str(frame[f"{signature}:short_name"].iloc[0]) for signature in signatures}
    shown = {}
    for name, of in csv_columns(names).items():
        kind, values = columns[of].kind, frame[of]
        if kind == "number":
            values = values.map(lambda number: float(f"{number:.6g}"))
        shown[name] = values.map(printable) if kind == "text" else values
    return frame_to_csv(pd.DataFrame(shown))


def read_leaderboard(path: str | Path) -> Leaderboard:
    """Read a leaderboard that `write_leaderboard` wrote, to the last bit.

    Parameters
    ----------
    path : str or Path
        Either of the two files; what is read is the JSON file.

    Raises
    ------
    InputError
        When the JSON file is missing, or is not a leaderboard of this version.
    """
    path = Path(path)
    csv, file = both_files(path)
    again = f"write both files again with: facedeblur leaderboard SCORES... -o {csv}"
    if not file.is_file():
        if csv.is_file():
            raise MissingFile(csv, f"cannot be read without {file.name} next to it", do=again)
        raise MissingFile(path, expected="a leaderboard", do="write one with --out")
    rows = read_json(file, _ROWS, "a leaderboard", most=MOST_BYTES, do=again)
    signatures = metrics_of(list(rows[0]))
    columns = columns_in_file(signatures)
    for number, row in enumerate(rows, start=1):
        odd = sorted(set(columns) ^ set(row))
        if odd:
            found = f"{len(odd)} missing or unknown: {', '.join(odd[:3])}"
            raise InputError(f"{file} row {number}", expected="the columns of a leaderboard", found=found, do=again)
        for name, column in columns.items():
            row[name] = _value(row[name], column, f"{file} row {number}, column {name}")
        if row["ranked_by"] not in signatures:
            raise InputError(f"{file} row {number}", expected="a metric in ranked_by", found=row["ranked_by"], do=again)
        row["scores"] = (file.parent / row["scores"]).as_posix() if row["scores"] else ""
    return framed(rows, signatures)


_KINDS = {"text": "a text", "flag": "true or false", "count": "a whole number of 0 or more", "number": "a number"}


def _value(found: Any, column: BoardColumn, where: str) -> Any:
    """A value of the JSON file, checked; infinite ones are words there."""
    if column.kind == "number" and found in ("inf", "-inf"):
        return float(found)
    if found is None and column.kind in ("count", "number") and not column.required:
        return math.nan if column.kind == "number" else None
    numeric = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) <= sys.float_info.max
    right = {
        "text": isinstance(found, str),
        "flag": isinstance(found, bool),
        "count": numeric and isinstance(found, int) and found >= 0,
        "number": numeric,
    }
    if not right[column.kind]:
        raise InputError(where, expected=_KINDS[column.kind], found=f"'{found}'")
    return found


def to_json(frame: pd.DataFrame, folder: str | Path = ".") -> str:
    """A leaderboard as a JSON list of objects; missing values are null, infinite ones ``"inf"`` or ``"-inf"``.

    Paths are as seen from `folder`. `facedeblur.reports.leaderboard.columns.schema` describes the objects.
    """
    seen = frame.assign(scores=[_relative(path, Path(folder)) for path in frame["scores"]])
    return json.dumps(records_of(seen), indent=1, ensure_ascii=False, allow_nan=False)


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as `to_json` prints them."""

    def known(value: Any) -> Any:
        if hasattr(value, "item"):
            value = value.item()
        if isinstance(value, float):
            return None if math.isnan(value) else str(value) if math.isinf(value) else value
        # pandas marks a missing integer by an object of its own.
        return value if isinstance(value, bool | int | str) else None

    return [{str(name): known(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _relative(path: str, folder: Path) -> str:
    if not path:
        return ""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(path).resolve().as_posix()
