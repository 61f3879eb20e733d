"""A leaderboard on disk: CSV that reads back the same, JSON, and Hugging Face model cards, one for each method.

In a card the hash of the set is the data set's revision and the signature of a metric is among its arguments, so that a
value cannot be taken for one of another definition. Values are self-reported: ``verified`` is left out.

References
----------
Hugging Face, *Model card metadata*, huggingface/hub-docs, ``modelcard.md`` (``model-index``).
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, MissingFile, need
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.reports.leaderboard.columns import columns_of, kinds, measured, metrics_of
from facedeblur.reports.leaderboard.table import Leaderboard

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


def read_csv(path: str | Path) -> Leaderboard:
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
    columns = kinds(metrics_of(names))
    wanted = list(columns)
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
        frame = pd.DataFrame({name: _typed(raw[name], kind) for name, kind in columns.items()})
    except ValueError as error:
        raise InputError(str(path), expected="readable fields", found=str(error)) from error
    seen = [(path.parent / text).as_posix() if text else "" for text in frame["scores"]]
    return Leaderboard(frame.assign(scores=pd.Series(seen, dtype=object)))


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
    return json.dumps(records_of(frame), indent=1, ensure_ascii=False, allow_nan=False)


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


TASK = {"type": "image-to-image", "name": "Face deblurring"}


def model_index(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Method -> the ``model-index`` of its card, as plain data.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`; several sets are several results of a method.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in frame.to_dict("records"):
        method = str(row["method"])
        card = found.setdefault(method, {"name": method, "results": []})
        card["results"].append(_result(row))
    return {method: {"model-index": [card]} for method, card in found.items()}


def _result(row: Mapping[Any, Any]) -> dict[str, Any]:
    dataset = {
        "type": re.sub(r"[^A-Za-z0-9._-]+", "-", str(row["set"])).strip("-") or "set",
        "name": str(row["set"]),
        "split": "test",
        "revision": str(row["set_hash"]),
        "args": {"pairs": int(row["pairs"])},
    }
    metrics = [
        _metric(row, column.signature, column.label)
        for column in columns_of(row)
        if measured(row, column.signature) and not math.isnan(row[f"{column.signature}:mean"])
    ]
    return {"task": dict(TASK), "dataset": dataset, "metrics": metrics}


def _metric(row: Mapping[Any, Any], signature: str, label: str) -> dict[str, Any]:
    unit, ends = str(row[f"{signature}:unit"]), [float(row[f"{signature}:{end}"]) for end in ("low", "high")]
    args: dict[str, Any] = {
        "signature": signature,
        "protocol": str(row["protocol"]),
        "coverage": str(row["coverage"]),
        "failed": int(row[f"{signature}:failed"]),
        "failed_count_as": float(row[f"{signature}:failure"]),
        "std": float(row[f"{signature}:std"]),
        "interval_95": ends,
        "interval_95_from": math.nan if _missing(ends) else str(row[f"{signature}:interval"]),
        "oracle": bool(row["oracle"]),
        "run_hash": str(row["run_hash"]),
    }
    known = {name: value for name, value in args.items() if not _missing(value)}
    name = f"{label} ({unit})" if unit and unit != "fraction" else label
    value = float(row[f"{signature}:mean"])
    return {"type": Signature.parse(signature).name, "value": value, "name": name, "args": known}


def _missing(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, float) and math.isnan(one) for one in values)


def front_matter(card: Mapping[str, Any]) -> str:
    """A card's data as YAML between two lines ``---``, as it stands on top of a ``README.md``.

    Raises
    ------
    InputError
        When PyYAML is not installed.
    """
    yaml = need("yaml", "report")

    class Dumper(yaml.SafeDumper):  # type: ignore[name-defined]
        """Quotes words that YAML 1.2, which Hugging Face reads, takes for numbers and YAML 1.1 does not: ``1e5``."""

    def quoted(dumper: Any, word: str) -> Any:
        style = '"' if re.match(r"[-+.]?[0-9]", word) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", word, style=style)

    Dumper.add_representer(str, quoted)
    text = yaml.dump(dict(card), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=math.inf)
    return f"---\n{text}---\n"


def write_cards(frame: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Write one ``METHOD.md`` a method into `folder`; names are made safe for files and stay apart."""
    written: list[Path] = []
    Path(folder).mkdir(parents=True, exist_ok=True)
    for method, card in model_index(frame).items():
        stem = re.sub(r"[^A-Za-z0-9._=-]+", "-", method).strip("-.") or "method"
        path, number = Path(folder) / f"{stem}.md", 1
        while path in written:
            number += 1
            path = Path(folder) / f"{stem}-{number}.md"
        with replacing(path) as temporary:
            temporary.write_text(front_matter(card), encoding="utf-8", newline="")
        written.append(path)
    return written
