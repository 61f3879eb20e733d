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
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scores import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics import Summary, summary
from facedeblur.reports.text import short

@dataclass(frozen=True)
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
            self._summaries[column.signature] = summarise(self.values(column, filled=False), column)
        return self._summaries[column.signature]

    @cached_property
    def _summaries(self) -> dict[str, Summary]:
        return {}

    @property
    def seconds_per_image(self) -> float:
        """Run time by the papers' rule as the run recorded it, NaN where it did not."""
        return _number((self.meta.run.get("timing") or {}).get("mean_s"))

    @property
    def parameters(self) -> float:
        """Number of parameters, NaN where the run did not say."""
        return _number(self.meta.run.get("parameters"))

    @property
    def bytes(self) -> float:
        """Size of the parameters in bytes, NaN where the run did not say."""
        return _number(self.meta.run.get("bytes"))


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
    _check(entries)
    columns = _columns(entries)
    return Board(tuple(sorted(entries, key=lambda entry: _rank(entry, columns[0]))), columns)


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / "scores.parquet" if path.is_dir() else path


def _rank(entry: Entry, headline: Column) -> tuple[bool, float, str]:
    mean = entry.summary(headline).mean
    better = -mean if headline.higher_is_better else mean
    return entry.oracle, math.inf if math.isnan(better) else better, entry.label


def _check(entries: Sequence[Entry]) -> None:
    """Refuse tables that must not stand in one ranking; the line names both."""
    first = entries[0]
    if not first.meta.columns or not first.total:
        raise InputError(_name(first), expected="rows and metrics", found="an empty table", do="score again")
    for entry in entries[1:]:
        one, other = first.meta.set.get("hash"), entry.meta.set.get("hash")
        if one != other:
            raise InputError(
                _name(entry),
                expected=f"the set of {_name(first)} ('{first.meta.set.get('name')}', {short(str(one))})",
                found=f"'{entry.meta.set.get('name')}', {short(str(other))}",
                do="make one board a set",
            )
        if not np.array_equal(first.scores.frame["pair_id"], entry.scores.frame["pair_id"]):
            raise InputError(
                _name(entry),
                expected=f"the {first.total:,} pairs of {_name(first)}",
                found=f"{entry.total:,} rows, other pairs",
                do="score again",
            )
        _check_signatures(first, entry)
    seen: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.meta.method, str(entry.meta.run.get("hash")))
        if key in seen:
            raise InputError(
                _name(entry), expected="each run once", found=f"the run of {_name(seen[key])} again", do="give it once"
            )
        seen[key] = entry


def _check_signatures(one: Entry, other: Entry) -> None:
    if one.meta.columns[0].signature != other.meta.columns[0].signature:
        _refuse(one, other, one.meta.columns[:1], other.meta.columns[:1])
    families = [_families(entry.meta.columns) for entry in (one, other)]
    for family in families[0].keys() & families[1].keys():
        mine, theirs = families[0][family], families[1][family]
        if {c.signature for c in mine} != {c.signature for c in theirs}:
            _refuse(one, other, mine, theirs)
        for column in mine:
            if column != other.column(column.signature):
                raise InputError(
                    f"{column.signature} of {_name(other)}",
                    expected=f"a failure value of {column.failure:g} as in {_name(one)}",
                    found=f"{getattr(other.column(column.signature), 'failure', '')}",
                    do="score both by one protocol",
                )


def _refuse(one: Entry, other: Entry, mine: Sequence[Column], theirs: Sequence[Column]) -> None:
    raise InputError(
        _name(other),
        expected=f"{', '.join(column.signature for column in mine)} as in {_name(one)}",
        found=", ".join(column.signature for column in theirs),
        do="score both by one protocol: values of different definitions do not compare",
    )


def _families(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """Columns by what they measure with: ``ssim``, ``identity[facenet-...``; a missing provider is no other definition."""
    families: dict[str, list[Column]] = {}
    for column in columns:
        parsed = Signature.parse(column.signature)
        # Of the measures that need a network, the network is the first argument.
        provider = parsed.args[0].partition("@")[0] if parsed.name not in ("psnr", "ssim") and parsed.args else ""
        families.setdefault(f"{parsed.name} {provider}", []).append(column)
    return families


def _columns(entries: Sequence[Entry]) -> tuple[Column, ...]:
    """Every column once, in the order of the table that has most."""
    order = sorted(entries, key=lambda entry: -len(entry.meta.columns))
    found = {column.signature: column for entry in order for column in entry.meta.columns}
    first = entries[0].meta.columns[0].signature
    return (found.pop(first), *found.values())


def _name(entry: Entry) -> str:
    return f"scores of '{entry.label}'" + (f" ({entry.source})" if entry.source else "")
