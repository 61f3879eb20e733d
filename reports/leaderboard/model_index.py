"""A leaderboard as Hugging Face model cards: the front matter ``model-index``, one card a method.

The hash of the set is the data set's revision and the signature of a metric stands in its arguments, so that a value
cannot be taken for one of another definition. Values are self-reported: ``verified`` is left out.

References
----------
Hugging Face, *Model card metadata*, huggingface/hub-docs, ``modelcard.md`` (``model-index``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.reports.leaderboard.table import columns_of, measured

if TYPE_CHECKING:
    import pandas as pd

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
    """A card's data as YAML between two lines ``---``, as it stands on top of a ``README.md``."""
    return "---\n" + "\n".join(_yaml(card, 0)) + "\n---\n"


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


def _yaml(value: Any, depth: int) -> list[str]:
    """Block YAML of mappings and lists of mappings; scalars are quoted as in JSON, which YAML contains."""
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, part in value.items():
            if isinstance(part, Mapping):
                lines += [f"{pad}{key}:", *_yaml(part, depth + 1)]
            elif isinstance(part, list) and part and isinstance(part[0], Mapping):
                lines += [f"{pad}{key}:", *_yaml(part, depth)]
            else:
                lines.append(f"{pad}{key}: {_scalar(part)}")
        return lines
    for item in value:
        first, *rest = _yaml(item, depth + 1)
        lines += [f"{pad}- {first.strip()}", *rest]
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_scalar(one) for one in value)}]"
    if isinstance(value, float):
        if math.isinf(value):
            return ".inf" if value > 0 else "-.inf"
        # YAML 1.1 takes 1e-06 for a word.
        text = repr(value)
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    text = json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
