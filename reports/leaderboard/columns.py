"""The columns of a leaderboard: names, kinds and meaning in one place, and the JSON Schema made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facedeblur.benchmark.scoring.table import Column

VERSION = 1
Field = tuple[str, str]
"""Kind (``text``, ``flag``, ``count``, ``number``) and meaning."""

HEAD: dict[str, Field] = {
    "rank": ("count", "place on this set by the mean of `ranked_by`, from 1; empty with the true kernel"),
    "method": ("text", "name, with the run hash where two runs of one method are compared"),
    "oracle": ("flag", "given the true kernel: after all others, without a rank"),
    "group": ("text", "letters; methods that share one do not differ; empty where there is no test"),
    "group_rule": ("text", "what was tested, or `absent: why`"),
    "mean_rank": ("number", "mean of the places in the metrics of `mean_rank_of`"),
    "mean_rank_of": ("text", "signatures of the metrics that enter, with blanks between"),
    "mean_rank_sets": ("number", "mean of `mean_rank` over the sets, of methods that stand on every set of several"),
    "ranked_by": ("text", "signature of the metric that ranks: the first of the protocol"),
    "set": ("text", "name of the set"),
    "set_hash": ("text", "content hash of the set"),
    "protocol": ("text", "name of the protocol"),
    "pairs": ("count", "pairs of the set"),
    "ok": ("count", "pairs with an output that could be scored"),
    "coverage": ("text", "`ok/pairs`"),
}
PARTS: dict[str, Field] = {
    "mean": ("number", "mean over all pairs, each failed one as `failure`"),
    "low": ("number", "lower end of the 95 % interval of the mean, cut to what a mean can be"),
    "high": ("number", "upper end"),
    "interval": (
        "text",
        "what it holds for another choice of, and on how many it rests: `2 faces x 80 kernels`; or `absent: why`",
    ),
    "std": ("number", "standard deviation over all pairs"),
    "q05": ("number", "5 % quantile over all pairs, linear between neighbours"),
    "median": ("number", "median over all pairs"),
    "q95": ("number", "95 % quantile over all pairs"),
    "tail": ("number", "mean of the worst 5 % of pairs (expected shortfall)"),
    "worst": ("number", "worst pair"),
    "failed": ("count", "pairs without a value"),
    "infinite": ("count", "infinite values (PSNR of identical images)"),
    "failure": ("number", "what a failed pair counts as"),
    "label": ("text", "short heading"),
    "unit": ("text", "unit of the values; `fraction`: 1 is 100 %"),
    "higher_is_better": ("flag", "direction"),
    "partial": ("flag", "whether a pair may have no such value (a class that is not in the picture)"),
}
TAIL: dict[str, Field] = {
    "seconds_per_image": ("number", "mean run time of an image, one at a time"),
    "seconds_median": ("number", "median run time"),
    "seconds_std": ("number", "its standard deviation"),
    "images_timed": ("count", "images the times are of"),
    "image_width": ("count", "their width in pixels, empty where they differ"),
    "image_height": ("count", "their height in pixels"),
    "parameters": ("count", "number of parameters"),
    "mb_fp32": ("number", "size of the parameters at 4 bytes each, in 1e6 bytes"),
    "mb_weights": ("number", "size of the weight files in 1e6 bytes"),
    "peak_memory_mb": ("number", "peak memory with one image at a time in 1e6 bytes"),
    "peak_memory_rule": ("text", "how it was measured"),
    "device": ("text", "`cpu`, `cuda`, ..."),
    "device_name": ("text", "model of the device"),
    "precision": ("text", "`fp32`, `bf16` or `fp16`"),
    "run_hash": ("text", "hash of what was run and what came out"),
    "scores": ("text", "score table that the row was made from; in a CSV file relative to it; empty where unknown"),
}
ALWAYS = ("method", "oracle", "ranked_by", "set", "set_hash", "protocol", "pairs", "ok", "run_hash")
"""Columns that no row may leave empty."""

_METRIC = r"^[a-z][a-z0-9_-]*(\[[^\[\]]+\])?"
_KINDS: dict[str, list[dict[str, Any]]] = {
    "text": [{"type": "string"}],
    "flag": [{"type": "boolean"}],
    "count": [{"type": "integer", "minimum": 0}],
    "number": [{"type": "number"}, {"enum": ["inf", "-inf"]}],
}


def kind_of(name: str) -> str:
    """Kind of the column called `name`: ``text`` for one that is not known."""
    known = HEAD | TAIL
    if name in known:
        return known[name][0]
    return PARTS.get(name.rpartition(":")[2], ("text", ""))[0]


def metrics_of(names: list[str]) -> list[str]:
    """Signatures among the columns of a leaderboard, in order."""
    return [name.removesuffix(":mean") for name in names if name.endswith(":mean")]


def fields_of(signature: str) -> dict[str, Field]:
    """The columns of one metric."""
    return {f"{signature}:{part}": field for part, field in PARTS.items()}


def columns_of(row: Mapping[str, Any]) -> list[Column]:
    """The metrics of a leaderboard's row, in order; those that were not measured too."""
    return [
        Column(
            signature,
            str(row[f"{signature}:label"]),
            str(row[f"{signature}:unit"]),
            bool(row[f"{signature}:higher_is_better"]),
            float(row[f"{signature}:failure"]),
            bool(row[f"{signature}:partial"]),
        )
        for signature in metrics_of(list(row))
    ]


def measured(row: Mapping[str, Any], signature: str) -> bool:
    """Whether the row's method was measured by this metric."""
    return bool(row[f"{signature}:interval"] != NOT_MEASURED)


NOT_MEASURED = "absent: not measured"


def told(column: Column) -> dict[str, Any]:
    """What a row says of the metric itself."""
    return {
        f"{column.signature}:failure": column.failure,
        f"{column.signature}:label": column.label,
        f"{column.signature}:unit": column.unit,
        f"{column.signature}:higher_is_better": column.higher_is_better,
        f"{column.signature}:partial": column.partial,
    }


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what ``facedeblur leaderboard --format json`` prints: a list of rows.

    Missing values are null, infinite ones the words ``inf`` and ``-inf``, which JSON has no numbers for.
    """
    properties = {name: _property(name, field) for name, field in (HEAD | TAIL).items()}
    properties["coverage"]["pattern"] = "^[0-9,]+/[0-9,]+$"
    patterns = {f"{_METRIC}:{part}$": _property("", field) for part, field in PARTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"facedeblur leaderboard, version {VERSION}",
        "type": "array",
        "items": {"$ref": "#/$defs/row"},
        "$defs": {
            "row": {
                "description": "one method on one set; a metric has its columns under SIGNATURE:PART",
                "type": "object",
                "properties": properties,
                "patternProperties": patterns,
                "additionalProperties": False,
                "required": [*HEAD, *TAIL],
            }
        },
    }


def _property(name: str, field: Field) -> dict[str, Any]:
    kind, meaning = field
    choices = _KINDS[kind] + ([] if name in ALWAYS or kind == "flag" else [{"type": "null"}])
    one: dict[str, Any] = {"description": meaning}
    return {**one, **choices[0]} if len(choices) == 1 else {**one, "anyOf": choices}
