"""The interval of an F-score whose pixels are pooled over images."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.metrics.faces.parsing import fscores
from facedeblur.benchmark.statistics.bootstrap import Interval
from facedeblur.benchmark.statistics.crossed import crossing, standard_error
from facedeblur.benchmark.statistics.intervals import LEVEL, Spread, alone


def pooled_spread(counts: np.ndarray, faces: np.ndarray, kernels: np.ndarray) -> Spread:
    """95 % interval of an F-score of pooled pixels for other faces and other kernels, cut to [0, 1].

    The score is a ratio of sums, 2 TP over 2 TP + FP + FN; its error is that of the mean of its linear part (delta
    method), by `facedeblur.benchmark.statistics.crossed.standard_error`; nothing is drawn.

    Parameters
    ----------
    counts : (N, 3) int
        TP, FP and FN of each image.
    faces, kernels : (N,)
        Names of its face and its kernel.
    """
    from scipy.special import stdtrit

    if not len(counts):
        return Spread(None, "no values")
    if lone := alone(faces, kernels):
        return Spread(None, lone)
    hits, size = 2.0 * counts[:, 0], (2.0 * counts[:, 0] + counts[:, 1] + counts[:, 2])
    if not size.any():
        return Spread(None, "no values")
    score, crossed = float(fscores(counts[:, None])[0]), crossing(faces, kernels)
    found = standard_error((hits - score * size) / size.mean(), crossed)
    # The same score on every image, to rounding.
    if found.error < 1e-12:
        return Spread(None, "equal values")
    reach = float(stdtrit(found.freedom, (1 + LEVEL) / 2)) * found.error
    ends = Interval(score - reach, score + reach, LEVEL, 0, crossed.method, crossed.faces, crossed.kernels)
    return Spread(ends.within(0.0, 1.0))
