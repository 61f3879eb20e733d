"""One score table on a board: its method, what became of its pairs, and the statistics of its metrics."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.intervals import Spread, spreads
from facedeblur.benchmark.statistics.summary import Summary, summary


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
