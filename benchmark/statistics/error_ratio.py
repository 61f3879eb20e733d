"""Error ratio of blind deconvolution: a restoration against one with the true kernel (Levin et al. 2009).

The ratio of a pair is the sum of squared differences that its restoration leaves, over what the non-blind method leaves
with the true kernel, each at its best shift. Both are taken from score tables that hold PSNR after a shift search with
one definition: over the same samples, 10 dB less is ten times the squared error.

Levin et al. compare kernels: all restorations are by one non-blind method. So are these when the run restores as the
reference does, with the kernels that a blind run estimated (``run REFERENCE SET --kernels OUTPUTS``); the outputs of a
blind method itself are compared with its own last step in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.agreement import check_tables
from facedeblur.benchmark.scoring.table import Scores

LIMITS = (2.0, 3.0, 5.0)
"""Ratios at which the literature cumulates."""


@dataclass(frozen=True, eq=False)
class ErrorRatio:
    """Error ratios of one run.

    Attributes
    ----------
    method, reference : str
    metric : str
        Signature of the PSNR that they are computed from.
    ratios : (n,) float64
        One per pair, in the order of the run's table; infinite where the restoration failed, 0 where it is perfect.
    within : tuple of (float, float)
        Limit and share of the pairs whose ratio is at most that.
    failed : int
        Pairs without a restoration, which are within no limit.
    psnr : float
        Mean in dB over the pairs that did not fail.
    """

    method: str
    reference: str
    metric: str
    ratios: np.ndarray
    within: tuple[tuple[float, float], ...]
    failed: int
    psnr: float

    def summary(self) -> dict[str, Any]:
        """Everything, ready for JSON, which has no infinity: such a ratio, or PSNR, is None."""
        bare = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {**bare, "ratios": [_json(ratio) for ratio in self.ratios.tolist()], "psnr": _json(self.psnr)}


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None


def error_ratio(scores: Scores, reference: Scores, *, limits: Sequence[float] = LIMITS) -> ErrorRatio:
    """Compare a run with the run of a non-blind method that was given the true kernels.

    Parameters
    ----------
    scores, reference : Scores
        Tables of one set with ``psnr-shift``, as the protocol ``levin2009`` makes them. For the ratio to be of kernels
        alone, the reference must be the non-blind method by which the run restores.
    limits : sequence of float
        Finite: a failed pair is within no limit.

    Raises
    ------
    InputError
        When a limit is not finite, the reference is not an oracle, the tables are of one run or of different
        sets, have no such column with one definition, or the reference failed on a pair.
    """
    for limit in limits:
        if not math.isfinite(limit):
            raise InputError("limit of the error ratio", expected="a finite number", found=f"{limit:g}")
    name, other = scores.meta.method, reference.meta.method
    if not reference.meta.oracle:
        raise InputError(f"reference '{other}'", "not an oracle", do="give a method that gets the true kernel")
    _, order = check_tables([scores, reference], [f"scores of '{name}'", f"scores of '{other}'"])
    metric = _column(scores, reference)
    own, best = scores.values(metric), reference.values(metric)[order]
    if np.isnan(best).any():
        raise InputError(
            f"reference '{other}'", f"{int(np.isnan(best).sum()):,} of {best.size:,} pairs have no score",
            do="run it on every pair and score it again",
        )  # fmt: skip
    failed = np.isnan(own)
    with np.errstate(invalid="ignore", over="ignore"):
        ratios = 10 ** ((best - own) / 10)
    # Both perfect: infinite less infinite. As good as the reference is 1.
    ratios[np.isinf(own) & np.isinf(best)] = 1.0
    ratios[failed] = np.inf
    within = tuple((float(limit), float(np.mean(ratios <= limit))) for limit in limits)
    psnr = float(own[~failed].mean()) if not failed.all() else float("nan")
    return ErrorRatio(name, other, metric, ratios, within, int(failed.sum()), psnr)


def _column(scores: Scores, reference: Scores) -> str:
    """The first PSNR after a shift search that both tables have."""
    theirs = {column.signature for column in reference.meta.columns}
    for column in scores.meta.columns:
        if Signature.parse(column.signature).name == "psnr-shift" and column.signature in theirs:
            return column.signature
    raise InputError(
        f"'{scores.meta.method}' and '{reference.meta.method}' have no psnr-shift of one definition in common",
        do="score both with --protocol levin2009",
    )  # fmt: skip
