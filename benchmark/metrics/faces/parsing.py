"""F-score of a face parsing: how well two label images agree, class by class.

Hits, false alarms and misses are counted for every image and added up over the set before the F-score is taken, which
is not the mean of the images' own F-scores. Shen et al. (IJCV 2020, Table 3) give ten components of Helen and their
unweighted mean, UMSN (Table II) four groups; see `facedeblur.benchmark.sets.classes.GROUPS`.
"""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN, groups_of


def confusion(predicted: np.ndarray, truth: np.ndarray, *, partition: str = "helen11") -> np.ndarray:
    """Count hits, false alarms and misses of every group in one image.

    Parameters
    ----------
    predicted, truth : ndarray, (H, W) uint8
        Label images, places in `facedeblur.benchmark.sets.classes.HELEN`.
    partition : {"helen11", "umsn4"}
        The groups; confusing two classes of one group is no error.

    Returns
    -------
    ndarray, (K, 3) int64
        TP, FP, FN in pixels, one row per group, in the order of `GROUPS`.

    Raises
    ------
    InputError
        When the two are not label images of one size, or the partition is unknown.
    """
    groups, n = groups_of(partition), len(HELEN)
    for name, labels in (("predicted", predicted), ("true", truth)):
        if labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0:
            raise InputError(f"{name} labels", expected="(H, W) uint8", found=f"{labels.shape} {labels.dtype}")
        if labels.max() >= n:
            raise InputError(f"{name} labels", expected=f"classes 0 to {n - 1}", found=str(labels.max()))
    if predicted.shape != truth.shape:
        raise InputError("predicted labels", expected=f"the truth's {truth.shape}", found=f"{predicted.shape}")
    both = np.bincount((truth.astype(np.intp) * n + predicted).ravel(), minlength=n * n).reshape(n, n)
    counts = np.empty((len(groups), 3), np.int64)
    for row, classes in enumerate(groups.values()):
        members = list(classes)
        hits = both[np.ix_(members, members)].sum()
        counts[row] = hits, both[:, members].sum() - hits, both[members].sum() - hits
    return counts


def fscores(counts: np.ndarray) -> np.ndarray:
    """F-scores ``2 TP / (2 TP + FP + FN)`` of the pixels of all images together.

    Parameters
    ----------
    counts : ndarray, (N, K, 3) int
        TP, FP, FN of each image and group; see `confusion`.

    Returns
    -------
    ndarray, (K,) float64
        In [0, 1]; NaN where a group is neither there nor predicted.

    Raises
    ------
    InputError
        When the counts are not of that form.
    """
    counts = np.asarray(counts)
    if counts.ndim != 3 or counts.shape[2] != 3 or counts.dtype.kind not in "iu" or counts.min(initial=0) < 0:
        raise InputError(
            "counts", expected="(N, K, 3) whole numbers TP, FP, FN", found=f"{counts.shape} {counts.dtype}"
        )
    hits, alarms, misses = counts.sum(axis=0).T
    pixels = 2.0 * hits + alarms + misses
    return np.divide(2.0 * hits, pixels, out=np.full(hits.shape, np.nan), where=pixels > 0)


def mean_fscore(scores: np.ndarray, *, partition: str = "helen11") -> float:
    """Unweighted mean of the groups' F-scores.

    Parameters
    ----------
    scores : ndarray, (K,) float64
        One per group; those that are NaN do not take part.
    partition : {"helen11", "umsn4"}
        Of ``helen11`` the ten components without the background, as Shen et al. have it; of ``umsn4`` all four.

    Returns
    -------
    float
        In [0, 1]; NaN where no group has a score.

    Raises
    ------
    InputError
        When the number of scores is another than that of the groups, or the partition is unknown.
    """
    names = groups_of(partition)
    if np.shape(scores) != (len(names),):
        raise InputError("F-scores", expected=f"{len(names)} of {partition}", found=f"shape {np.shape(scores)}")
    used = np.asarray(scores)[1:] if partition == "helen11" else np.asarray(scores)
    used = used[~np.isnan(used)]
    return float(used.mean()) if used.size else float("nan")
