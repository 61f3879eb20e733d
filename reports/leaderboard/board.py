"""The score tables of one set, one per method: checked against each other, summarised and ranked."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.agreement import (
    check_columns,
    check_sets,
    check_tables,
    labels,
    refuse_definition,
    set_pairs,
    short,
)
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores, ScoresLike, read_scores
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.statistics.intervals import Spread, factors, spreads, too_few
from facedeblur.benchmark.statistics.summary import Summary, summary
from facedeblur.benchmark.weights import short_digest
from facedeblur.benchmark.words import many
from facedeblur.methods.weight_cards.data_sets import Overlap, of_set, overlaps_of
from facedeblur.methods.weight_cards.facts import Facts, facts_of_run
from facedeblur.reports.leaderboard.ranking import best


@dataclass(frozen=True, eq=False)
class MethodScores:
    """One score table on a board.

    Attributes
    ----------
    scores : Scores
    label : str
        The method's name, with the run hash where two runs of one method are compared.
    """

    scores: Scores
    label: str

    @property
    def meta(self) -> ScoreMeta:
        """What the table was made from."""
        return self.scores.meta

    @property
    def file(self) -> Path | None:
        """File the table was read from; None for one that was handed over in memory."""
        return self.scores.file

    @property
    def oracle(self) -> bool:
        return self.meta.oracle

    @property
    def of_board(self) -> str:
        """Name of the board that the scores are from (``--with``); empty for the user's own."""
        return str(self.meta.run.get("board") or "")

    @property
    def is_input(self) -> bool:
        """True for the blurred images themselves, entered as the method ``blurred``."""
        return (self.meta.run.get("name") or self.meta.method) == "blurred"

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
        values = self.scores.values(column.signature)
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
        """The 95 % interval of the mean for unseen faces and kernels, or why it is missing."""
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
        """Mean run time of an image in seconds, NaN if the run did not record it."""
        return _number(self.timings.get("mean_s"))

    @property
    def image_size(self) -> str:
        """``WIDTHxHEIGHT`` of the images timed, empty if they differ or are unknown."""
        width, height = self.timings.get("width"), self.timings.get("height")
        return f"{width}x{height}" if width and height else ""

    @property
    def peak_bytes(self) -> float:
        """Peak memory, one image at a time: resident on the processor, allocated on a GPU; NaN where not known."""
        return _number((self.meta.run.get("memory") or {}).get("peak_bytes"))

    @property
    def precision(self) -> str:
        """``fp32``, ``bf16`` or ``fp16`` as the run recorded it; empty if it did not."""
        return str(self.meta.run.get("precision") or "")

    @property
    def parameters(self) -> float:
        """Number of parameters, NaN if the run did not record it."""
        return _number(self.meta.run.get("parameters"))

    @property
    def bytes_fp32(self) -> float:
        """Size of the parameters in bytes at 4 bytes each, NaN if the run did not record it."""
        return _number(self.meta.run.get("bytes_fp32"))

    @property
    def bytes_weights(self) -> float:
        """Size of the weight files in bytes, NaN if the run did not record it."""
        return _number(self.meta.run.get("bytes_weights"))

    @cached_property
    def facts(self) -> Facts:
        """What the method was trained on, and its licence, as far as they are known."""
        return facts_of_run(self.meta.run)

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Its training data that share photographs with the collections of the set."""
        return overlaps_of(self.facts.trained_on, of_set(self.meta.set))

    @property
    def device(self) -> str:
        """``cpu``, ``cuda``, ... as the run recorded it; empty if it did not."""
        return str(self.meta.run.get("device") or "")

    def located(self, path: Any) -> Path:
        """A path that the table names: as seen from its folder, or for a table in memory from the working folder."""
        return (self.file.parent if self.file else Path()) / str(path or "")

    @property
    def outputs_folder(self) -> Path:
        """The outputs folder that the table names; what was computed of them is there."""
        return self.located(self.meta.run.get("path"))


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
    methods : tuple of MethodScores
        By the mean of the headline metric, best first; those with the true kernel after all others.
    columns : tuple of Column
        Every metric that any of the tables has, in the order of the protocol.
    palette : tuple of str
        Labels by which colours and markers are given out, where the board is one of several on a page;
        otherwise those of `methods`.
    """

    methods: tuple[MethodScores, ...]
    columns: tuple[Column, ...]
    palette: tuple[str, ...] = ()

    @property
    def headline(self) -> Column:
        """The metric that ranks: the first of the protocol."""
        return self.columns[0]

    @property
    def ranked(self) -> tuple[MethodScores, ...]:
        """The methods without the true kernel."""
        return tuple(method for method in self.methods if not method.oracle)

    @property
    def leader(self) -> MethodScores:
        """The best method that restores without the true kernel, or else the best with it.

        The blurred input, which is entered as a method for comparison, leads only if it is the only method.
        """
        return next((method for method in self.methods if not method.is_input), self.methods[0])

    @property
    def input(self) -> MethodScores | None:
        """The blurred images themselves, where they are on the board."""
        return next((method for method in self.methods if method.is_input), None)

    def best(self, column: Column, part: str = "mean") -> tuple[MethodScores, ...]:
        """Entries without the true kernel whose `part` is printed like the best; none where all are alike.

        Parameters
        ----------
        column : Column
        part : {'mean', 'worst'}
        """
        measured = [method for method in self.ranked if method.column(column.signature)]
        return best({method: getattr(method.summary(column), part) for method in measured}, column)

    @property
    def basis(self) -> tuple[str, ...]:
        """Basis of the intervals, such as ``2 faces x 80 kernels``; several if some pairs lack a value."""
        found = [method.spread(column).interval for method in self for column in method.meta.columns]
        return tuple(dict.fromkeys(one.basis for one in found if one))

    @property
    def pairs(self) -> int:
        """Number of pairs that all numbers are of."""
        return self.methods[0].total

    @cached_property
    def set_pairs(self) -> int:
        """Number of pairs of the set: more than `pairs` where the methods are compared on a part of it."""
        return max(set_pairs([method.scores for method in self]), self.pairs)

    @property
    def part(self) -> str:
        """``100 of the set's 8,000 pairs`` where the methods are compared on these only; empty for the whole set."""
        return part_of_set(self.pairs, self.set_pairs)

    @property
    def common(self) -> bool:
        """True where some method has more pairs, of which only those are compared that all have."""
        return any((method.meta.run.get("sample") or {}).get("pairs", self.set_pairs) > self.pairs for method in self)

    @cached_property
    def pairs_hash(self) -> str:
        """sha256 (hex) of the names of the pairs where they are not all of the set; else empty."""
        names = sorted(self.methods[0].scores.column("pair_id").astype(str)) if self.part else []
        return hashlib.sha256("\n".join(names).encode()).hexdigest() if names else ""

    @property
    def of_boards(self) -> dict[str, list[str]]:
        """Board (``--with``) -> labels of its methods."""
        found: dict[str, list[str]] = {}
        for method in self:
            if method.of_board:
                found.setdefault(method.of_board, []).append(method.label)
        return found

    @property
    def namesakes(self) -> list[str]:
        """What tells apart runs of one name, one line per name."""
        runs: dict[str, list[dict[str, Any]]] = {}
        for method in self:
            runs.setdefault(method.meta.method, []).append(method.meta.run)
        return [
            f"{len(some)} runs are called '{name}': "
            + "; ".join(f"run {short(str(run.get('hash', '')))} is {_origin(run)}" for run in some)
            for name, some in runs.items()
            if len(some) > 1
        ]

    @cached_property
    def too_few(self) -> str:
        """Why the set supports no intervals and no tests, ``only 2 faces``; empty where it does."""
        return too_few(*factors(self.methods[0].scores))

    def look(self, method: MethodScores) -> int:
        """The number of a method's colour and marker."""
        return self.palette.index(method.label) if self.palette else self.methods.index(method)

    @property
    def unavailable(self) -> list[tuple[str, tuple[str, ...]]]:
        """Reasons why metrics of the protocol were not computed, each with those metrics."""
        reasons: dict[str, dict[str, None]] = {}
        for method in self.methods:
            for metric, why in method.meta.unavailable:
                reasons.setdefault(why, {})[metric] = None
        return [(why, tuple(metrics)) for why, metrics in reasons.items()]

    @property
    def set(self) -> dict[str, Any]:
        """What is known of the set: name, hash, recipe, seed, counts."""
        return self.methods[0].meta.set

    def __iter__(self) -> Iterator[MethodScores]:
        return iter(self.methods)

    def open_set(self) -> Set:
        """Open the set, where any of the tables says it is.

        Raises
        ------
        InputError
            If it is missing, or is not the set that was scored.
        """
        wrong: InputError | None = None
        for method in self:
            if method.of_board:
                continue
            path = method.located(method.meta.set.get("path"))
            try:
                opened = Set.open(path)
            except InputError as error:
                wrong = wrong or error
                continue
            if opened.content_hash == self.set.get("hash"):
                return opened
            wrong = InputError(
                f"{path} is not the set that was scored: its content hash is {short(opened.content_hash)} instead of "
                f"{short(str(self.set.get('hash')))}",
            )
        raise wrong or InputError("scores of a board alone do not say where the set is")


def part_of_set(pairs: int, of: int) -> str:
    """``100 of the set's 8,000 pairs``; empty where these are all."""
    return f"{pairs:,} of the set's {many(of, 'pair')}" if of > pairs else ""


def _origin(run: dict[str, Any]) -> str:
    """Method, options and weights of a run in a few words."""
    weights = "".join(sorted(map(str, (run.get("weights") or {}).values())))
    told = str(run.get("described") or run.get("name") or "a folder of images" * bool(run.get("foreign")))
    return (told or str(run["method"])) + (f", weights {short_digest([weights])}" if weights else "")


def gather(scores: ScoresLike | Iterable[ScoresLike], *, common: bool = False) -> Board:
    """Read score tables of one set and rank them by the mean of their first metric.

    Parameters
    ----------
    scores : Scores, path, or several of them
        Tables, their files, or the outputs folders that hold ``scores.parquet``.
    common : bool
        Compare on the pairs that all have, where some runs are on samples of the set. It is the rule next to methods of
        a board of which some are.

    Raises
    ------
    InputError
        If no table is given, or two belong to different sets or to one run, or define a metric differently.
    """
    tables = read_scores(scores)
    if not tables:
        raise InputError("no score tables were given", do="run facedeblur score first")
    found = [MethodScores(*one) for one in zip(tables, labels(tables), strict=True)]
    names = [f"scores of '{one.label}'" + (f" ({one.file})" if one.file else "") for one in found]
    common = common or any(table.meta.run.get("board") and table.meta.run.get("sample") for table in tables)
    orders = check_tables(tables, names, common=common)
    for at, (one, name) in enumerate(zip(found, names, strict=True)):
        # With all before it: what the first table lacks, two others may define differently.
        for other, other_name in zip(found[:at], names, strict=False):
            first, theirs = one.meta.columns[:1], other.meta.columns[:1]
            if first[0].signature != theirs[0].signature:
                refuse_definition(name, first, f"in {other_name}", theirs)
            check_columns(name, one.meta.columns, f"in {other_name}", other.meta.columns)
    found = [MethodScores(one.scores.taken(order), one.label) for one, order in zip(found, orders, strict=True)]
    columns = _columns(found)
    return Board(tuple(sorted(found, key=lambda method: _rank(method, columns[0]))), columns)


def _rank(method: MethodScores, headline: Column) -> tuple[bool, float, str]:
    mean = method.summary(headline).mean
    better = -mean if headline.higher_is_better else mean
    return method.oracle, math.inf if math.isnan(better) else better, method.label


def _columns(methods: Sequence[MethodScores]) -> tuple[Column, ...]:
    """Every column once, in the order of the table that has most."""
    order = sorted(methods, key=lambda method: -len(method.meta.columns))
    found = {column.signature: column for method in order for column in method.meta.columns}
    first = methods[0].meta.columns[0].signature
    return (found.pop(first), *found.values())


ALL = "all metrics"


def without_interval(board: Board) -> list[str]:
    """Why means have no interval, each reason with what it holds for: ``the set has only 2 faces``."""
    told: dict[str, dict[str, list[str]]] = {}
    for method in board:
        reasons = [method.spread(column).absent for column in method.meta.columns]
        labels = [ALL if len(set(reasons)) == 1 else column.label for column in method.meta.columns]
        for label, why in dict.fromkeys(zip(labels, reasons, strict=True)):
            if why:
                told.setdefault(why, {}).setdefault(label, []).append(method.label)
    lines = []
    for why, where in told.items():
        reason = f"{'these pairs have' if board.part else 'the set has'} {why}" if why == board.too_few else why
        of = "; ".join(f"{label} of {', '.join(methods)}" for label, methods in where.items())
        lines.append(reason if where.get(ALL) == [method.label for method in board] else f"{reason} ({of})")
    return lines


BoardsLike = Board | Iterable[Board] | ScoresLike | Iterable[ScoresLike]
"""What a leaderboard or a report is made of: score tables of any number of sets, or boards of them."""


def boards(scores: BoardsLike, *, common: bool = False) -> tuple[Board, ...]:
    """Read score tables and rank those of each set among themselves.

    Parameters
    ----------
    scores : Scores, path, or several of them, or Board, or several
        Tables, their files, or the outputs folders that hold ``scores.parquet``; boards are returned as they are.
    common : bool
        Compare the methods of a set on the pairs that all have, where some runs are on samples of it.

    Returns
    -------
    tuple of Board
        In the order in which their sets come first.

    Raises
    ------
    InputError
        When no table is given, two sets have one name, or those of one set do not compare.
    """
    given = [scores] if isinstance(scores, Board | Scores | str | os.PathLike) else list(scores)
    ready = tuple(board for board in given if isinstance(board, Board))
    by_set: dict[str, list[Scores]] = {}
    tables = list(read_scores(one for one in given if not isinstance(one, Board)))
    check_sets(tables)
    for table in tables:
        by_set.setdefault(str(table.meta.set.get("hash", "")), []).append(table)
    return (*ready, *(gather(some, common=common) for some in by_set.values())) or (gather([]),)
