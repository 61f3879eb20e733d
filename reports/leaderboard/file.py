"""A leaderboard on disk: CSV that reads back the same, and JSON."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.reports.leaderboard.columns import HEAD, TAIL, fields_of, kind_of, metrics_of

if TYPE_CHECKING:
    import pandas as pd


def to_csv(frame: pd.DataFrame, folder: str | Path = ".") -> str:
    """A leaderboard as CSV: infinite values as ``inf``, missing ones empty, paths as seen from `folder`."""
    seen = frame.assign(scores=[_relative(path, Path(folder)) for path in frame["scores"]])
    return str(seen.to_csv(index=False, lineterminator="\n"))


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a leaderboard as CSV, atomically; infinite values as ``inf``, missing ones empty."""
    with replacing(path) as temporary:
        temporary.write_text(to_csv(frame, Path(path).parent), encoding="utf-8", newline="")


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read a leaderboard that `write_csv` wrote, to the last bit.

    Raises
    ------
    InputError
        When there is none, or it has other columns.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise MissingFile(str(path), expected="a leaderboard", do="write one with --out")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            names, *lines = csv.reader(stream, strict=True)
    except (ValueError, csv.Error) as error:
        found = " ".join(str(error).split())[:120]
        raise InputError(str(path), expected="a leaderboard", found=found) from error
    wanted = [*HEAD, *(name for signature in metrics_of(names) for name in fields_of(signature)), *TAIL]
    uneven = [number for number, line in enumerate(lines, start=2) if len(line) != len(names)]
    if uneven:
        raise InputError(
            f"{path} row {uneven[0]}", expected=f"{len(names)} fields", found=f"{len(lines[uneven[0] - 2])}"
        )
    if names != wanted or not lines:
        odd = sorted(set(wanted) ^ set(names)) or ["columns in another order" if lines else "no row"]
        raise InputError(
            str(path),
            expected="the columns of a leaderboard",
            found=f"{len(odd)} missing or unknown: {', '.join(odd[:3])}",
            do="write it again from the score tables",
        )
    raw = pd.DataFrame(lines, columns=names, dtype=object)
    try:
        frame = pd.DataFrame({name: _typed(raw[name], kind_of(name)) for name in names})
    except ValueError as error:
        raise InputError(str(path), expected="readable fields", found=str(error)) from error
    seen = [(path.parent / text).as_posix() if text else "" for text in frame["scores"]]
    return frame.assign(scores=pd.Series(seen, dtype=object))


def _typed(column: pd.Series, kind: str) -> Any:
    import pandas as pd

    if kind == "text":
        return column.astype(object)
    if kind == "flag":
        unknown = set(column) - {"True", "False"}
        if unknown:
            raise ValueError(f"'{min(unknown)}' in column {column.name}, expected True or False")
        return column == "True"
    try:
        numbers = [math.nan if text == "" else float(text) for text in column]
    except ValueError as error:
        raise ValueError(f"{error} in column {column.name}") from None
    found = pd.Series(numbers, index=column.index, dtype=float)
    if kind != "count":
        return found
    broken = [text for text, number in zip(column, numbers, strict=True) if not (math.isnan(number) or number % 1 == 0)]
    if broken:
        raise ValueError(f"'{broken[0]}' in column {column.name}, expected a whole number")
    return found.astype("Int64")


def to_json(frame: pd.DataFrame) -> str:
    """A leaderboard as a JSON list of objects; missing values are null, infinite ones ``"inf"`` or ``"-inf"``.

    `facedeblur.reports.leaderboard.columns.schema` describes it.
    """
    return json.dumps(rows_of(frame), indent=1, ensure_ascii=False, allow_nan=False)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
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
