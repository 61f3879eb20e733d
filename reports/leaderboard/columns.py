"""The columns of a leaderboard, in one list.

The JSON file and its schema, the CSV file, the table of the report and the table on the terminal are made from
`COLUMNS`. Each metric has columns of its own. In the JSON file they are named by its signature, as in
``psnr[rgb,255]:mean``; in the CSV file by its short name (`facedeblur.reports.leaderboard.short_names`), as in
``psnr_mean``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import Spread
from facedeblur.benchmark.statistics.summary import Summary
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.ranking import best
from facedeblur.reports.leaderboard.significance import Groups

VERSION = 3
NOT_MEASURED = "absent: not measured"

Kind = Literal["text", "flag", "count", "number"]
Row = Mapping[Any, Any]
"""A row of a leaderboard: name of a column -> value."""


@dataclass(frozen=True)
class Source:
    """What a column is read off.

    Attributes
    ----------
    board : Board
    method : MethodScores
        The method of the row.
    groups : Groups
        The letters of the board's methods.
    of : Column or None
        The metric, for a column that each metric has.
    """

    board: Board
    method: MethodScores
    groups: Groups
    of: Column | None = None

    @property
    def metric(self) -> Column:
        """The metric that the column is of."""
        assert self.of is not None
        return self.of

    @property
    def summary(self) -> Summary:
        """Mean, worst, quantiles of the metric."""
        return self.method.summary(self.metric)

    @property
    def spread(self) -> Spread:
        """The 95 % interval of the metric's mean, or why it is missing."""
        return self.method.spread(self.metric)


@dataclass(frozen=True)
class Line:
    """A further line in a cell of the page; `title` is shown when somebody points at it."""

    text: str
    title: str = ""


@dataclass(frozen=True)
class ShownCell:
    """A cell as people see it.

    Attributes
    ----------
    text : str
    key : float or str
        What the page sorts by; empty where there is no value.
    lines : tuple of Line
        Below the text, in small print; on the page alone, and there on demand.
    title : str
        Shown when somebody points at the cell.
    short : bool
        True where something is missing, which is marked.
    """

    text: str
    key: float | str = ""
    lines: tuple[Line, ...] = ()
    title: str = ""
    short: bool = False


@dataclass(frozen=True)
class Shown:
    """How a column is shown to people.

    Attributes
    ----------
    page, terminal : str
        Heading in the report and on the terminal; empty where the column is not shown.
    unit, below : str
        Unit behind the page's heading, and the small line below it.
    key : str
        Short name by which the page sorts; the column's own name by default.
    ascending : bool
        Whether the page sorts the least first.
    before_metrics : bool
        Left of the metrics; right of them otherwise.
    left : bool
        Aligned to the left on the terminal.
    at_least : int
        The column is left out where fewer rows have a value.
    roomy : bool
        Whether it holds words; a terminal that is too narrow for the whole table leaves it out.
    cell : callable, optional
        Makes the cell from a row; by default the value as its kind is printed.
    """

    page: str = ""
    terminal: str = ""
    unit: str = ""
    below: str = ""
    key: str = ""
    ascending: bool = False
    before_metrics: bool = False
    left: bool = False
    at_least: int = 0
    roomy: bool = False
    cell: Callable[[Row], ShownCell] | None = None


@dataclass(frozen=True)
class BoardColumn:
    """A column of a leaderboard.

    Attributes
    ----------
    name : str
        In the JSON file; of a metric's column the part behind the colon.
    kind : {'text', 'flag', 'count', 'number'}
        A count is a whole number of 0 or more.
    meaning : str
        One line for the schema and the documentation.
    read : callable, optional
        Reads the value off a `Source`; None, or NaN for a number, where it is not known. Without it the column is
        filled in when all rows of a leaderboard are known.
    per_metric : bool
        Whether each metric has such a column.
    defines : bool
        Whether it says what a metric is, so that it is known even where nothing was measured.
    required : bool
        Whether no row may leave it empty.
    in_file : bool
        False for what is only shown.
    csv : str
        Name in the CSV file, and of a metric's column the part behind the short name of the metric; empty for columns
        of the JSON file alone.
    pattern : str
        Regular expression of a text.
    shown : Shown, optional
    """

    name: str
    kind: Kind
    meaning: str
    read: Callable[[Source], Any] | None = None
    per_metric: bool = False
    defines: bool = False
    required: bool = False
    in_file: bool = True
    csv: str = ""
    pattern: str = ""
    shown: Shown | None = None

    def cell(self, row: Row) -> ShownCell:
        """The cell of a row for people."""
        if self.shown is not None and self.shown.cell is not None:
            return self.shown.cell(row)
        value = row.get(self.name)
        if self.kind == "text":
            return ShownCell(str(value or ""), str(value or ""))
        if self.kind == "flag":
            return ShownCell("yes" if value else "no", int(bool(value)))
        found = number(row, self.name)
        if math.isnan(found):
            return ShownCell(text.NONE)
        return ShownCell(f"{found:,.0f}" if self.kind == "count" else f"{found:.4g}", found)


def number(row: Row, name: str) -> float:
    """A value as a float; NaN if it is missing, for which pandas has objects of its own."""
    found: Any = row.get(name)
    return float(found) if isinstance(found, int | float) or hasattr(found, "dtype") else math.nan


def _key(found: float) -> float | str:
    return "" if math.isnan(found) else found


def _coverage(row: Row) -> ShownCell:
    ok, pairs = int(row["ok"]), int(row["pairs"])
    return ShownCell(text.coverage(ok, pairs), ok, short=ok < pairs)


def _group(row: Row) -> ShownCell:
    return ShownCell(str(row["group"]))


def _mean_rank(row: Row) -> ShownCell:
    found = number(row, "mean_rank_sets")
    return ShownCell("" if math.isnan(found) else f"{found:.2f}", _key(found))


def _seconds(row: Row) -> ShownCell:
    """Mean; below it median and deviation, the size of the images, and the device with its precision."""
    mean, median, std = (number(row, f"seconds_{part}") for part in ("per_image", "median", "std"))
    width, height = number(row, "image_width"), number(row, "image_height")
    lines = []
    if not math.isnan(median) and not math.isnan(std):
        images = number(row, "images_timed")
        rule = row.get("timing_rule")
        timed = "unknown number of images timed" if math.isnan(images) else f"{images:.0f} images timed"
        title = f"{timed}: {rule}" if rule else timed
        lines.append(Line(f"{text.seconds(median)} ±\N{NARROW NO-BREAK SPACE}{text.seconds(std)}", title))
    if width > 0 and height > 0:
        lines.append(Line(f"{width:.0f}×{height:.0f}"))
    if row["device"]:
        lines.append(Line(f"{row['device']} {row['precision']}".rstrip()))
    return ShownCell(text.seconds(mean), _key(mean), tuple(lines))


def _size(row: Row) -> ShownCell:
    found, files = _bytes(row, "mb_fp32"), _bytes(row, "mb_weights")
    lines = (Line(text.amount(files, "B")),) if files > 0 else ()
    return ShownCell(text.amount(found, "B"), _key(found), lines)


def _memory(row: Row) -> ShownCell:
    found = _bytes(row, "peak_memory_mb")
    return ShownCell(text.amount(found, "B"), _key(found), title=str(row["peak_memory_rule"]))


def _parameters(row: Row) -> ShownCell:
    found = number(row, "parameters")
    return ShownCell(text.amount(found), _key(found))


def _bytes(row: Row, name: str) -> float:
    found = number(row, name)
    return found if math.isnan(found) else float(round(found * 1e6))


_metric = partial(BoardColumn, per_metric=True)

COLUMNS: list[BoardColumn] = [
    BoardColumn("rank", "count",
                "place on this set by the mean of `ranked_by`, from 1; means that are equal to the digits that are "
                "shown share a place (1, 2, 2, 4); empty with the true kernel", csv="rank"),
    BoardColumn("method", "text", "name, with the run hash where two runs of one method are compared",
                lambda one: one.method.label, required=True, csv="method"),
    BoardColumn("set", "text", "name of the set", lambda one: one.board.set.get("name", ""), required=True, csv="set"),
    BoardColumn("group", "text", "letters; methods that share one do not differ; empty where there is no test",
                lambda one: one.groups.letters[one.method.label], csv="group",
                shown=Shown(terminal="group", before_metrics=True, left=True, at_least=1, cell=_group)),
    BoardColumn("pairs", "count", "pairs that the methods of the set are compared on", lambda one: one.method.total,
                required=True, csv="n"),
    BoardColumn("set_pairs", "count", "pairs of the set; more than `pairs` if the methods are compared on a part of it",
                lambda one: one.board.set_pairs, required=True, csv="n_set"),
    BoardColumn("pairs_hash", "text", "hash of the names of the pairs if they are not all of the set; else empty",
                lambda one: one.board.pairs_hash),
    BoardColumn("pairs_failed", "count", "pairs without an output that could be scored",
                lambda one: one.method.total - int(one.method.ok.sum()), required=True, csv="failed"),
    BoardColumn("oracle", "flag", "given the true kernel: after all others, without a rank",
                lambda one: one.method.oracle, required=True, csv="oracle"),
    BoardColumn("ok", "count", "pairs with an output that could be scored",
                lambda one: int(one.method.ok.sum()), required=True),
    BoardColumn("coverage", "text", "`ok/pairs`",
                lambda one: text.coverage(int(one.method.ok.sum()), one.method.total), pattern="^[0-9,]+/[0-9,]+$",
                shown=Shown("Coverage", "coverage", below="scored / all", key="ok", before_metrics=True,
                            cell=_coverage)),
    BoardColumn("group_rule", "text", "what was tested, or `absent: why`", lambda one: one.groups.rule),
    BoardColumn("ranked_by", "text", "signature of the metric that ranks: the first of the protocol",
                lambda one: one.board.headline.signature, required=True),
    BoardColumn("set_hash", "text", "content hash of the set",
                lambda one: one.method.meta.set.get("hash", ""), required=True),
    BoardColumn("protocol", "text", "name of the protocol", lambda one: one.method.meta.protocol, required=True),
    _metric("mean", "number", "mean over all pairs, each failed one as `failure`", lambda one: one.summary.mean,
            csv="mean"),
    _metric("std", "number", "standard deviation over all pairs", lambda one: one.summary.std, csv="std"),
    _metric("low", "number", "lower end of the 95 % interval of the mean, cut to what a mean can be; "
            "empty with fewer than 5 faces or 5 kernels",
            lambda one: one.spread.interval.low if one.spread.interval else math.nan, csv="low"),
    _metric("high", "number", "upper end of the 95 % interval of the mean",
            lambda one: one.spread.interval.high if one.spread.interval else math.nan, csv="high"),
    _metric("worst", "number", "worst pair", lambda one: one.summary.worst, csv="worst"),
    _metric("interval", "text",
            "what it holds for another choice of, and on how many it rests: `20 faces x 80 kernels`; or `absent: why`",
            lambda one: one.spread.interval.basis if one.spread.interval else f"absent: {one.spread.absent}"),
    _metric("q05", "number", "5 % quantile over all pairs, linear between neighbours", lambda one: one.summary.q05),
    _metric("median", "number", "median over all pairs", lambda one: one.summary.median),
    _metric("q95", "number", "95 % quantile over all pairs", lambda one: one.summary.q95),
    _metric("tail", "number", "mean of the worst 5 % of pairs (expected shortfall)", lambda one: one.summary.tail),
    _metric("failed", "count", "pairs without a value", lambda one: one.summary.failed),
    _metric("infinite", "count", "infinite values (PSNR of identical images)", lambda one: one.summary.infinite),
    _metric("failure", "number", "what a failed pair counts as", lambda one: one.metric.failure, defines=True),
    _metric("label", "text", "short heading", lambda one: one.metric.label, defines=True),
    _metric("short_name", "text", "name of the metric in the CSV file: `psnr` in `psnr_mean`"),
    _metric("unit", "text", "unit of the values; `fraction`: 1 is 100 %", lambda one: one.metric.unit, defines=True),
    _metric("higher_is_better", "flag", "direction", lambda one: one.metric.higher_is_better, defines=True),
    _metric("partial", "flag", "whether a pair may have no such value (a class that is not in the picture)",
            lambda one: one.metric.partial, defines=True),
    BoardColumn("mean_rank", "number", "mean of the places in the metrics of `mean_rank_of`", csv="mean_rank"),
    BoardColumn("mean_rank_of", "text", "signatures of the metrics that enter, with blanks between"),
    BoardColumn("mean_rank_sets", "number",
                "mean of `mean_rank` over the sets, of methods that stand on every set of several",
                shown=Shown(terminal="mean\nrank", at_least=2, cell=_mean_rank)),
    BoardColumn("seconds_per_image", "number", "mean run time of an image, one at a time",
                lambda one: one.method.seconds_per_image, csv="seconds",
                shown=Shown("Time", "s/image", "s", "per image", "seconds", ascending=True, cell=_seconds)),
    BoardColumn("seconds_median", "number", "median run time", lambda one: one.method.timings.get("median_s")),
    BoardColumn("seconds_std", "number", "standard deviation of the run time",
                lambda one: one.method.timings.get("std_s")),
    BoardColumn("device", "text", "`cpu`, `cuda`, ...: where it was timed", lambda one: one.method.device,
                csv="device"),
    BoardColumn("device_name", "text", "model of the device", lambda one: one.method.meta.run.get("device_name", "")),
    BoardColumn("precision", "text", "`fp32`, `bf16` or `fp16`", lambda one: one.method.precision, csv="precision"),
    BoardColumn("images_timed", "count", "images the times are of", lambda one: one.method.timings.get("images")),
    BoardColumn("timing_rule", "text", "how run times were measured",
                lambda one: one.method.timings.get("rule", ""), in_file=False),
    BoardColumn("image_width", "count", "width of these images in pixels, empty where they differ",
                lambda one: one.method.timings.get("width")),
    BoardColumn("image_height", "count", "height of these images in pixels",
                lambda one: one.method.timings.get("height")),
    BoardColumn("parameters", "count", "number of parameters", lambda one: one.method.parameters,
                csv="parameters",
                shown=Shown("Parameters", "parameters", ascending=True, cell=_parameters)),
    BoardColumn("mb_fp32", "number", "size of the parameters at 4 bytes each, in 1e6 bytes",
                lambda one: one.method.bytes_fp32 / 1e6, csv="mb_fp32",
                shown=Shown("Size", "fp32", below="fp32", key="fp32", ascending=True, cell=_size)),
    BoardColumn("mb_weights", "number", "size of the weight files in 1e6 bytes",
                lambda one: one.method.bytes_weights / 1e6, csv="mb_weights"),
    BoardColumn("peak_memory_mb", "number", "peak memory with one image at a time in 1e6 bytes",
                lambda one: one.method.peak_bytes / 1e6, csv="peak_memory_mb",
                shown=Shown("Memory", "memory", below="peak", key="peak", ascending=True, cell=_memory)),
    BoardColumn("peak_memory_rule", "text", "how the peak memory was measured",
                lambda one: (one.method.meta.run.get("memory") or {}).get("rule", "")),
    BoardColumn("trained_on", "text", "data sets that the method was trained on; empty if not known",
                lambda one: ", ".join(one.method.facts.trained_on), csv="trained_on",
                shown=Shown("Trained on", "trained on", left=True, at_least=1, roomy=True)),
    BoardColumn("licence", "text", "licence of the method or its weights, as stated; of the code where that is said",
                lambda one: one.method.facts.licence, csv="licence",
                shown=Shown("Licence", "licence", left=True, at_least=1, roomy=True)),
    BoardColumn("told_by", "text",
                "where these are known from: `description`, `training`, `hash` of the weights, or their `name` alone",
                lambda one: one.method.facts.told_by),
    BoardColumn("overlap", "text",
                "data sets that it was trained on and that share photographs with the collection of the set's",
                lambda one: "; ".join(overlap.told for overlap in one.method.overlaps), csv="overlap"),
    BoardColumn("run_hash", "text", "hash of what was run and what came out",
                lambda one: one.method.meta.run.get("hash", ""), required=True),
    BoardColumn("scores", "text",
                "score table that the row was made from, relative to the file; empty where unknown",
                lambda one: one.method.file.as_posix() if one.method.file else ""),
]  # fmt: skip
"""All columns in the order of the files; those of a metric stand together and are repeated for each."""


def sections() -> tuple[list[BoardColumn], list[BoardColumn], list[BoardColumn]]:
    """The columns of the JSON file: before the metrics, of a metric, and after the metrics."""
    listed = [column for column in COLUMNS if column.in_file]
    places = [at for at, column in enumerate(listed) if column.per_metric]
    return listed[: places[0]], listed[places[0] : places[-1] + 1], listed[places[-1] + 1 :]


def columns_in_file(signatures: Sequence[str]) -> dict[str, BoardColumn]:
    """Names of the JSON file's columns in order, of a leaderboard with these metrics, and what they are."""
    before, parts, after = sections()
    return {
        **{column.name: column for column in before},
        **{f"{signature}:{part.name}": part for signature in signatures for part in parts},
        **{column.name: column for column in after},
    }


def csv_columns(short: Mapping[str, str]) -> dict[str, str]:
    """Names of the CSV file's columns in order, each with the column of the leaderboard that it shows.

    Parameters
    ----------
    short : mapping
        Signature of every metric -> its short name.
    """
    before, parts, after = sections()
    return {
        **{column.csv: column.name for column in before if column.csv},
        **{f"{name}_{part.csv}": f"{of}:{part.name}" for of, name in short.items() for part in parts if part.csv},
        **{column.csv: column.name for column in after if column.csv},
    }


def row_of(board: Board, method: MethodScores, groups: Groups) -> dict[str, Any]:
    """What the columns say of one method on a board, but for the ranks."""
    row: dict[str, Any] = {}
    for column in COLUMNS:
        if column.read is not None and not column.per_metric:
            row[column.name] = column.read(Source(board, method, groups))
    for metric in board.columns:
        one = Source(board, method, groups, metric)
        known = method.column(metric.signature) is not None
        row |= {f"{metric.signature}:mean": math.nan, **unmeasured([metric.signature])}
        for part in sections()[1]:
            if part.read is not None and (known or part.defines):
                row[f"{metric.signature}:{part.name}"] = part.read(one)
    return row


def metrics_of(names: Sequence[str]) -> list[str]:
    """Signatures among the names of columns, in order."""
    return [name.removesuffix(":mean") for name in names if name.endswith(":mean")]


def columns_of(row: Row) -> list[Column]:
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


def definitions(rows: Sequence[Row]) -> dict[str, Any]:
    """What the rows say of the metrics themselves, the first row first."""
    parts = {part.name for part in sections()[1] if part.defines}
    return {name: row[name] for row in reversed(rows) for name in row if name.rpartition(":")[2] in parts}


def measured(row: Row, signature: str) -> bool:
    """Whether the row's method was measured by this metric."""
    return bool(row[f"{signature}:interval"] != NOT_MEASURED)


def unmeasured(signatures: Sequence[str]) -> dict[str, Any]:
    """What a row says of metrics by which its method was not measured."""
    return {f"{name}:interval": NOT_MEASURED for name in signatures}


def shown_on(where: Literal["page", "terminal"]) -> tuple[list[BoardColumn], list[BoardColumn]]:
    """The columns that people see there: left of the metrics, and right of them."""
    shown = [(column, column.shown) for column in COLUMNS if column.shown is not None]
    seen = [(column, how) for column, how in shown if (how.page if where == "page" else how.terminal)]
    return [one for one, how in seen if how.before_metrics], [one for one, how in seen if not how.before_metrics]


def filled(columns: Sequence[BoardColumn], rows: Sequence[Row]) -> Iterator[tuple[BoardColumn, list[ShownCell]]]:
    """Yield those of shown columns in which enough rows have a value, with their cells."""
    for column in columns:
        assert column.shown is not None
        cells = [column.cell(row) for row in rows]
        if sum(bool(cell.text) for cell in cells) >= column.shown.at_least:
            yield column, cells


CELL_PARTS = ("mean", "std", "low", "high", "worst", "q05", "median", "q95")
"""Numbers of a metric that a cell can show, in the order of an export."""


@dataclass(frozen=True)
class MetricCell:
    """What people see of one metric of one method.

    Attributes
    ----------
    mean, std, worst : str
        As printed.
    between : str
        The 95 % interval of the mean; empty if absent.
    basis : str
        On what the interval rests, or why it is missing.
    quantiles : str
        The 5 %, 50 % and 95 % quantiles.
    values : dict
        The numbers of mean, std, worst, the quantiles and the interval.
    best : frozenset of str
        Which of mean and worst are best among the methods without the true kernel.
    """

    mean: str
    std: str
    worst: str
    between: str
    basis: str
    quantiles: str
    values: dict[str, float]
    best: frozenset[str]


def metric_cells(rows: Sequence[Row], metric: Column) -> list[MetricCell | None]:
    """The cells of one metric in the rows of one set; None where a method was not measured by it."""
    ranked = [at for at, row in enumerate(rows) if not row["oracle"] and measured(row, metric.signature)]
    leading = {
        part: best({at: float(rows[at][f"{metric.signature}:{part}"]) for at in ranked}, metric)
        for part in ("mean", "worst")
    }
    cells: list[MetricCell | None] = []
    for at, row in enumerate(rows):
        if not measured(row, metric.signature):
            cells.append(None)
            continue
        values = {part: float(row[f"{metric.signature}:{part}"]) for part in CELL_PARTS}
        low, high = values["low"], values["high"]
        between = "" if math.isnan(low) else text.between(low, high, metric)
        basis = str(row[f"{metric.signature}:interval"]).removeprefix("absent: ")
        mean, std, worst = (text.value(values[part], metric) for part in ("mean", "std", "worst"))
        quantiles = ", ".join(text.value(values[part], metric) for part in ("q05", "median", "q95"))
        leads = frozenset(part for part, which in leading.items() if at in which)
        cells.append(MetricCell(mean, std, worst, between, basis, quantiles, values, leads))
    return cells


_SIGNATURE = r"^[a-z][a-z0-9_-]*(\[[^\[\]]+\])?"
_JSON: dict[Kind, list[dict[str, Any]]] = {
    "text": [{"type": "string"}],
    "flag": [{"type": "boolean"}],
    "count": [{"type": "integer", "minimum": 0}],
    "number": [{"type": "number"}, {"enum": ["inf", "-inf"]}],
}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of ``leaderboard.json``, which ``facedeblur leaderboard --json`` prints: a list of rows.

    Missing values are null, infinite ones the words ``inf`` and ``-inf``, which JSON has no numbers for.
    """
    before, parts, after = sections()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"facedeblur leaderboard, version {VERSION}",
        "type": "array",
        "items": {"$ref": "#/$defs/row"},
        "$defs": {
            "row": {
                "description": "one method on one set; a metric has its columns under SIGNATURE:PART",
                "type": "object",
                "properties": {column.name: _property(column) for column in (*before, *after)},
                "patternProperties": {f"{_SIGNATURE}:{part.name}$": _property(part) for part in parts},
                "additionalProperties": False,
                "required": [column.name for column in (*before, *after)],
            }
        },
    }


def _property(column: BoardColumn) -> dict[str, Any]:
    choices = _JSON[column.kind] + ([] if column.required or column.kind == "flag" else [{"type": "null"}])
    one: dict[str, Any] = {"description": column.meaning}
    one |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {**one, "pattern": column.pattern} if column.pattern else one


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=1) + "\n")
