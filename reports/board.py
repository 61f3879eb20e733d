"""Score tables that may stand side by side: read, checked against each other, summarised and ranked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scores import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics import Summary, summary
from facedeblur.benchmark.uncertainty import Spread, spreads
from facedeblur.reports.agreement import check
from facedeblur.reports.text import short, value


@dataclass(frozen=True, eq=False)
class Entry:
    """One score table on a board.

    Attributes
    ----------
    scores : Scores
    source : Path or None
        File the table was read from; None for one that was handed over in memory.
    label : str
        The method's name, with the run hash where two runs of one method are compared.
    """

    scores: Scores
    source: Path | None
    label: str

    @property
    def meta(self) -> ScoreMeta:
        return self.scores.meta

    @property
    def oracle(self) -> bool:
        return self.meta.oracle

    @property
    def is_input(self) -> bool:
        """True for the blurred images themselves, entered as the method ``blurred``."""
        return self.meta.method == "blurred"

    @property
    def total(self) -> int:
        return len(self.scores.frame)

    @cached_property
    def ok(self) -> np.ndarray:
        """(n,) bool: rows whose output could be scored."""
        return np.asarray(self.scores.frame["status"].astype(str) == "ok")

    @property
    def failures(self) -> dict[str, int]:
        """How many rows failed for each reason, the most frequent first."""
        statuses = self.scores.frame["status"].astype(str)[~self.ok]
        return dict(Counter(status.removeprefix("failed: ") for status in statuses).most_common())

    def column(self, signature: str) -> Column | None:
        """The column called `signature`, None where this table has none."""
        return next((column for column in self.meta.columns if column.signature == signature), None)

    def values(self, column: Column, *, filled: bool = True) -> np.ndarray:
        """Values of one metric, (n,) float64.

        Parameters
        ----------
        column : Column
        filled : bool
            Count failed rows as ``column.failure``; else they are NaN.
        """
        values = self.scores.frame[column.signature].to_numpy(np.float64, copy=True)
        values[~self.ok] = np.nan
        return np.where(np.isnan(values), column.failure, values) if filled else values

    def summary(self, column: Column) -> Summary:
        """Mean, spread and worst of one metric; failures count as ``column.failure``."""
        if column.signature not in self._summaries:
            self._summaries[column.signature] = summarise(
                column.counted(self.values(column, filled=False), self.ok), column
            )
        return self._summaries[column.signature]

    @cached_property
    def _summaries(self) -> dict[str, Summary]:
        return {}

    def spread(self, column: Column) -> Spread:
        """The 95 % interval of the mean for other faces and other kernels, or why there is none."""
        return self._spreads[column.signature]

    @cached_property
    def _spreads(self) -> dict[str, Spread]:
        return spreads(self.scores)

    @property
    def timings(self) -> dict[str, Any]:
        """Run time by the papers' rule as the run recorded it: mean, median, spread, images; empty where it did not."""
        return dict(self.meta.run.get("timings") or {})

    @property
    def seconds_per_image(self) -> float:
        """Mean run time of an image in seconds, NaN where the run did not say."""
        return _number(self.timings.get("mean_s"))

    @property
    def image_size(self) -> str:
        """``WIDTHxHEIGHT`` of the images timed, empty where they differ or nobody said."""
        width, height = self.timings.get("width"), self.timings.get("height")
        return f"{width}x{height}" if width and height else ""

    @property
    def peak_bytes(self) -> float:
        """Peak memory, one image at a time: resident on the processor, allocated on a GPU; NaN where not known."""
        return _number((self.meta.run.get("memory") or {}).get("peak_bytes"))

    @property
    def precision(self) -> str:
        """``fp32``, ``bf16`` or ``fp16`` as the run recorded it, empty where it did not."""
        return str(self.meta.run.get("precision") or "")

    @property
    def parameters(self) -> float:
        """Number of parameters, NaN where the run did not say."""
        return _number(self.meta.run.get("parameters"))

    @property
    def bytes_fp32(self) -> float:
        """Size of the parameters in bytes at 4 bytes each, NaN where the run did not say."""
        return _number(self.meta.run.get("bytes_fp32"))

    @property
    def bytes_weights(self) -> float:
        """Size of the weight files in bytes, NaN where the run did not say."""
        return _number(self.meta.run.get("bytes_weights"))

    @property
    def device(self) -> str:
        """``cpu``, ``cuda``, ... as the run recorded it, empty where it did not."""
        return str(self.meta.run.get("device") or "")


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def summarise(values: np.ndarray, column: Column) -> Summary:
    """Summary of one metric's values, where NaN marks a failure that counts as ``column.failure``."""
    return summary(values, higher_is_better=column.higher_is_better, failure_value=column.failure)


@dataclass(frozen=True)
class Board:
    """Tables of one set with one definition of every metric, ranked.

    Attributes
    ----------
    entries : tuple of Entry
        By the mean of the headline metric, best first; those with the true kernel after all others.
    columns : tuple of Column
        Every metric that any of the tables has, in the order of the protocol.
    """

    entries: tuple[Entry, ...]
    columns: tuple[Column, ...]

    @property
    def headline(self) -> Column:
        """The metric that ranks: the first of the protocol."""
        return self.columns[0]

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """The entries without the true kernel."""
        return tuple(entry for entry in self.entries if not entry.oracle)

    @property
    def leader(self) -> Entry:
        """The best entry that restores without the true kernel; where there is none, the best with it.

        The blurred input, which is entered as a method for comparison, leads only where it is alone.
        """
        return next((entry for entry in self.entries if not entry.is_input), self.entries[0])

    @property
    def input(self) -> Entry | None:
        """The blurred images themselves, where they are on the board."""
        return next((entry for entry in self.entries if entry.is_input), None)

    def best(self, column: Column, part: str = "mean") -> tuple[Entry, ...]:
        """Entries without the true kernel whose `part` is printed like the best; none where all are alike.

        Parameters
        ----------
        column : Column
        part : {'mean', 'worst'}
        """
        numbers = {
            entry: number
            for entry in self.ranked
            if entry.column(column.signature) and not math.isnan(number := getattr(entry.summary(column), part))
        }
        if len({value(number, column) for number in numbers.values()}) < 2:
            return ()
        extreme = max(numbers.values()) if column.higher_is_better else min(numbers.values())
        return tuple(entry for entry, number in numbers.items() if value(number, column) == value(extreme, column))

    @property
    def unavailable(self) -> list[tuple[str, tuple[str, ...]]]:
        """Reasons why metrics of the protocol were not computed, each with those metrics."""
        reasons: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            for metric, why in entry.meta.unavailable:
                reasons.setdefault(why, {})[metric] = None
        return [(why, tuple(metrics)) for why, metrics in reasons.items()]

    @property
    def set(self) -> dict[str, Any]:
        """What is known of the set: name, hash, recipe, seed, counts."""
        return self.entries[0].meta.set

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


def gather(tables: Sequence[Scores | str | Path]) -> Board:
    """Read score tables and rank them by the mean of their first metric.

    Parameters
    ----------
    tables : sequence of Scores or path
        Tables, their files, or the outputs folders that hold ``scores.parquet``.

    Raises
    ------
    InputError
        When there is none, two are of different sets, define a metric differently, or are the same run.
    """
    if isinstance(tables, Scores | str | Path):
        tables = [tables]
    read = [(table, None) if isinstance(table, Scores) else (Scores.read(table), _file(table)) for table in tables]
    if not read:
        raise InputError("score tables", expected="at least one", found="none", do="run facedeblur score first")
    names = Counter(scores.meta.method for scores, _ in read)
    entries = []
    for scores, source in read:
        method = scores.meta.method
        label = method if names[method] == 1 else f"{method} (run {short(str(scores.meta.run.get('hash', '')))})"
        entries.append(Entry(scores, source, label))
    check(entries)
    columns = _columns(entries)
    return Board(tuple(sorted(entries, key=lambda entry: _rank(entry, columns[0]))), columns)


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / "scores.parquet" if path.is_dir() else path


def _rank(entry: Entry, headline: Column) -> tuple[bool, float, str]:
    mean = entry.summary(headline).mean
    better = -mean if headline.higher_is_better else mean
    return entry.oracle, math.inf if math.isnan(better) else better, entry.label


def _columns(entries: Sequence[Entry]) -> tuple[Column, ...]:
    """Every column once, in the order of the table that has most."""
    order = sorted(entries, key=lambda entry: -len(entry.meta.columns))
    found = {column.signature: column for entry in order for column in entry.meta.columns}
    first = entries[0].meta.columns[0].signature
    return (found.pop(first), *found.values())


def without_interval(board: Board) -> list[str]:
    """Why means have no interval, each reason with what it holds for: ``the set has one kernel``."""
    told: dict[str, list[str]] = {}
    for entry in board:
        for column in entry.meta.columns:
            why = entry.spread(column).absent
            if why:
                told.setdefault(why, []).append(f"{column.label} of {entry.label}")
    every = sum(len(entry.meta.columns) for entry in board)
    lines = []
    for why, where in told.items():
        reason = f"the set has {why}" if why.startswith("one ") else why
        lines.append(reason if len(where) == every else f"{reason} ({', '.join(where)})")
    return lines
