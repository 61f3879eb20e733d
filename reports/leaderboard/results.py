"""A leaderboard for other places: model cards and results for the Hugging Face Hub, and Markdown for pull requests.

A value is never without its definition: the signature of a metric, the content hash of the set and the protocol are
among the arguments of a model card (where the hash is the data set's revision), in the notes of a result, and below a
table. Values are self-reported: ``verified`` and ``verifyToken`` are left out.

References
----------
Hugging Face, *Model card metadata*, huggingface/hub-docs, ``modelcard.md`` (``model-index``). *Evaluation Results*,
``docs/hub/eval-results.md`` (``.eval_results/*.yaml``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.metrics.base import describe
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.hub import (
    FRAMEWORK,
    TASK,
    data_set_url,
    front_matter,
    repository,
    safe_name,
    task_id,
    to_yaml,
)
from facedeblur.reports.leaderboard.board import part_of_set
from facedeblur.reports.leaderboard.columns import Row, columns_of, filled, measured, metric_cells, shown_on
from facedeblur.reports.leaderboard.training import mark, notes
from facedeblur.reports.markdown import code, plain, table

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ".eval_results"
"""Where the Hub looks for results in the repository of a model."""


def data_sets(frame: pd.DataFrame, given: Sequence[str]) -> dict[str, str]:
    """Return the names on the Hub of the sets of a leaderboard.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`.
    given : sequence of str
        ``SET=OWNER/NAME`` for each set that is on the Hub; ``OWNER/NAME`` if there is only one set.

    Returns
    -------
    dict
        Name of a set -> ``OWNER/NAME``.

    Raises
    ------
    InputError
        When a set is not on the leaderboard or is named twice, or a name is not of that form.
    """
    sets = list(dict.fromkeys(map(str, frame["set"])))
    found: dict[str, str] = {}
    for one in given:
        name, equals, repo = one.rpartition("=")
        if not equals:
            if len(sets) > 1:
                raise InputError(f"'{one}'", expected="SET=OWNER/NAME with several sets", found="no name of a set",
                                 do=suggest("", sets))  # fmt: skip
            name = sets[0]
        if name not in sets:
            raise InputError(f"set '{name}' is not on the leaderboard", do=suggest(name, sets))
        if name in found:
            raise InputError(f"set '{name}' has two names on the Hub", do="give one of them")
        found[name] = repository(repo)
    return found


def model_index(frame: pd.DataFrame, hub: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Method -> the ``model-index`` of its card, as plain data.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`; several sets are several results of a method.
    hub : mapping, optional
        Names of sets on the Hub; see `data_sets`.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in frame.to_dict("records"):
        method = str(row["method"])
        card = found.setdefault(method, {"name": method, "results": []})
        card["results"].append(_result(row, hub or {}))
    return {method: {"model-index": [card]} for method, card in found.items()}


def _result(row: Row, hub: Mapping[str, str]) -> dict[str, Any]:
    dataset = {
        "type": hub.get(str(row["set"])) or safe_name(str(row["set"]), "set"),
        "name": str(row["set"]),
        "split": "test",
        "revision": str(row["set_hash"]),
        "args": {"pairs": int(row["pairs"]), **({"part": part} if (part := _part(row)) else {})},
    }
    return {"task": dict(TASK), "dataset": dataset, "metrics": [_metric(row, column) for column in _valued(row)]}


def _part(row: Row) -> str:
    """``100 of the set's 8,000 pairs`` where the values are of a part of the set; else empty."""
    return part_of_set(int(row["pairs"]), int(row["set_pairs"]))


def _valued(row: Row) -> list[Column]:
    """The metrics of which a row has a mean."""
    return [
        column
        for column in columns_of(row)
        if measured(row, column.signature) and not math.isnan(row[f"{column.signature}:mean"])
    ]


def _metric(row: Row, column: Column) -> dict[str, Any]:
    signature, unit = column.signature, column.unit
    ends = [float(row[f"{signature}:{end}"]) for end in ("low", "high")]
    args: dict[str, Any] = {
        "signature": signature,
        "protocol": str(row["protocol"]),
        "coverage": str(row["coverage"]),
        "failed": int(row[f"{signature}:failed"]),
        "failed_count_as": column.failure,
        "std": float(row[f"{signature}:std"]),
        "interval_95": ends,
        "interval_95_from": math.nan if _missing(ends) else str(row[f"{signature}:interval"]),
        "oracle": bool(row["oracle"]),
        "run_hash": str(row["run_hash"]),
    }
    known = {name: value for name, value in args.items() if not _missing(value)}
    name = f"{column.label} ({unit})" if unit and unit != "fraction" else column.label
    value = float(row[f"{signature}:mean"])
    return {"type": Signature.parse(signature).name, "value": value, "name": name, "args": known}


def _missing(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, float) and math.isnan(one) for one in values)


def eval_results(frame: pd.DataFrame, hub: Mapping[str, str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(method, name of the set on the Hub) -> its results, as plain data of a file in ``.eval_results/``.

    A metric is a task of the benchmark (`facedeblur.reports.hub.task_id`). Infinite means are left out: the Hub takes
    numbers only.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`.
    hub : mapping
        Names of all sets on the Hub; see `data_sets`.

    Raises
    ------
    InputError
        When a set has no name there, or values are of a part of its pairs.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in frame.to_dict("records"):
        name = str(row["set"])
        if name not in hub:
            raise InputError(
                f"set '{name}' has no name on the Hub",
                do=f"give it with --dataset '{name}=OWNER/NAME', or leave it out",
            )
        if part := _part(row):
            raise InputError(
                f"the values on set '{name}' are of {part}, and those of a benchmark are of all pairs",
                do="run and score the methods on the whole set",
            )
        entries = found.setdefault((str(row["method"]), hub[name]), [])
        for column in _valued(row):
            if math.isinf(value := float(row[f"{column.signature}:mean"])):
                continue
            entries.append(
                {
                    "dataset": {"id": hub[name], "task_id": task_id(column.signature)},
                    "value": value,
                    "evaluation_framework": FRAMEWORK,
                    "notes": _notes(row, column),
                }
            )
    return {place: entries for place, entries in found.items() if entries}


def _notes(row: Row, column: Column) -> str:
    """What a value is of, in a line."""
    signature, failed = column.signature, int(row[f"{column.signature}:failed"])
    better = "higher" if column.higher_is_better else "lower"
    parts = [
        f"mean of {signature}{f' in {column.unit}' if column.unit else ''} ({better} is better) "
        f"over {text.count(int(row['pairs']))} pairs",
        f"{text.count(failed)} failed, which count as {column.failure:g}" if failed else "none failed",
    ]
    low, high = (float(row[f"{signature}:{end}"]) for end in ("low", "high"))
    parts += [] if math.isnan(low) else [f"95 % interval {low:.6g} to {high:.6g}"]
    parts += ["oracle: given the true kernel"] if row["oracle"] else []
    parts += [f"set {row['set']}, content hash {row['set_hash']}", f"protocol {row['protocol']}",
              f"run {row['run_hash']}"]  # fmt: skip
    return "; ".join(parts)


def left_out(frame: pd.DataFrame) -> list[str]:
    """What `eval_results` leaves out, a line each."""
    return [
        f"left out: {column.label} of {row['method']} on {row['set']} is infinite"
        for row in frame.to_dict("records")
        for column in _valued(row)
        if math.isinf(float(row[f"{column.signature}:mean"]))
    ]


def to_markdown(frame: pd.DataFrame, hub: Mapping[str, str] | None = None) -> str:
    """A leaderboard as Markdown: a table per set, best first, and below it the definition of each metric.

    Parameters
    ----------
    frame : pandas.DataFrame
        By `facedeblur.reports.leaderboard.table.leaderboard`.
    hub : mapping, optional
        Names of sets on the Hub, which are linked; see `data_sets`.
    """
    parts = [_set_table(some.to_dict("records"), hub or {}) for _, some in frame.groupby("set_hash", sort=False)]
    shown = {one.signature: one for row in frame.to_dict("records") for one in _valued(row)}
    intervals = any(one[f"{name}:low"] == one[f"{name}:low"] for one in frame.to_dict("records") for name in shown)
    legend = (
        f"Mean ± standard deviation{', [95 % interval of the mean]' if intervals else ''}; bold: best; an oracle is "
        "given the true kernel and has no rank."
    )
    definitions = [
        f"- {plain(one.label)}: {code(signature)}, {plain(describe(signature, one.label))}. A failed pair counts as "
        f"{text.plain(one.failure)}."
        for signature, one in shown.items()
    ]
    return "\n\n".join([*parts, legend, "\n".join(definitions)]) + "\n"


def _set_table(rows: Sequence[Row], hub: Mapping[str, str]) -> str:
    name = str(rows[0]["set"])
    called = f"[{plain(name)}]({data_set_url(hub[name])})" if name in hub else plain(name)
    protocols = ", ".join(dict.fromkeys(plain(str(row["protocol"])) for row in rows))
    pairs = _part(rows[0]) or f"{text.count(int(rows[0]['pairs']))} pairs"
    title = f"**{called}**: {pairs}, content hash {code(str(rows[0]['set_hash']))}, protocol {protocols}"
    before, after = shown_on("terminal")
    columns: list[tuple[str, list[str], bool]] = [
        ("#", ["" if row["oracle"] else str(row["rank"]) for row in rows], False),
        ("method", [plain(f"{row['method']}{mark(row)}") + " (oracle)" * bool(row["oracle"]) for row in rows], True),
        *(_shown(*one) for one in filled(before, rows)),
    ]
    for metric in columns_of(rows[0]):
        cells = metric_cells(rows, metric)
        if any(cells):
            columns.append((plain(text.heading(metric)), [_cell(cell) for cell in cells], False))
    columns += [_shown(*one) for one in filled(after, rows)]
    lines = list(zip(*(cells for _, cells, _ in columns), strict=True))
    right = [at for at, (_, _, words) in enumerate(columns) if not words]
    below = "".join(f"\n\n{plain(line)}." for line in notes(rows))
    return f"{title}\n\n{table([heading for heading, _, _ in columns], lines, right=right)}{below}"


def _shown(column: Any, cells: Sequence[Any]) -> tuple[str, list[str], bool]:
    """Heading and cells of a column that is no metric, and whether they are words, which begin on the left."""
    return plain(column.shown.terminal), [plain(cell.text) for cell in cells], column.shown.roomy


def _cell(cell: Any) -> str:
    if cell is None:
        return text.NONE
    mean = f"**{cell.mean}**" if "mean" in cell.best else cell.mean
    return f"{mean} ±{cell.std}" + (f" {plain(cell.between)}" if cell.between else "")


def write_cards(frame: pd.DataFrame, folder: str | Path, hub: Mapping[str, str] | None = None) -> list[Path]:
    """Write one ``METHOD.md`` per method into `folder`; names are made safe for files and stay apart."""
    cards = model_index(frame, hub)
    names = _apart(list(cards))
    return [_write(Path(folder) / f"{names[method]}.md", front_matter(card)) for method, card in cards.items()]


def write_eval_results(frame: pd.DataFrame, folder: str | Path, hub: Mapping[str, str]) -> list[Path]:
    """Write ``METHOD/.eval_results/OWNER-NAME.yaml`` per method and set into `folder`.

    ``METHOD/`` is what is added to the repository of the model.

    Raises
    ------
    InputError
        When a set has no name on the Hub.
    """
    results = eval_results(frame, hub)
    names = _apart([method for method, _ in results])
    return [
        _write(Path(folder) / names[method] / FOLDER / f"{repo.replace('/', '-')}.yaml", to_yaml(entries))
        for (method, repo), entries in results.items()
    ]


def _apart(methods: Sequence[str]) -> dict[str, str]:
    """Method -> a name for files that no other method has, whatever the case of its letters."""
    names: dict[str, str] = {}
    for method in dict.fromkeys(methods):
        stem = safe_name(method, "method")
        name, number, taken = stem, 1, {one.lower() for one in names.values()}
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        names[method] = name
    return names


def _write(path: Path, content: str) -> Path:
    with only_writer(path), replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="")
    return path
