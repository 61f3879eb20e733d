"""F-score of a face parsing: how well two label images agree, class by class.

Hits, false alarms and misses are counted for every image and added up over the set before the
F-score is taken (``pooled``); the mean of the images' own F-scores is the other way.
Shen et al. (IJCV 2020, Table 3) give ten components of Helen and their unweighted mean, UMSN
(Table II) four groups; see `facedeblur.benchmark.sets.classes.GROUPS`.
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
        TP, FP, FN in pixels, one row a group, in the order of `GROUPS`.

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


def fscores(counts: np.ndarray, *, pooled: bool = True, lenient: bool = False) -> np.ndarray:
    """F-scores ``2 TP / (2 TP + FP + FN)``.

    Parameters
    ----------
    counts : ndarray, (N, K, 3) int
        TP, FP, FN of each image and group; see `confusion`.
    pooled : bool
        Add the counts up over the images first; else one F-score an image.
    lenient : bool
        1 wherever nothing was hit, as the monitor of UMSN's training code has it, which rewards a parser that misses a
        group wholly. (That monitor also adds up the groups of an image and takes the mean over images:
        ``fscores(counts.sum(axis=1, keepdims=True), pooled=False, lenient=True).mean()``.)

    Returns
    -------
    ndarray, (K,) or (N, K) float64
        In [0, 1]; NaN where a group is neither there nor predicted, unless `lenient`.

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
    if pooled:
        counts = counts.sum(axis=0)
    hits, pixels = 2.0 * counts[..., 0], 2.0 * counts[..., 0] + counts[..., 1] + counts[..., 2]
    scores = np.divide(hits, pixels, out=np.full(hits.shape, np.nan), where=pixels > 0)
    return np.where(counts[..., 0] == 0, 1.0, scores) if lenient else scores


def mean_fscore(scores: np.ndarray, *, partition: str = "helen11") -> float:
    """Unweighted mean of the groups' F-scores.

    Parameters
    ----------
    scores : ndarray, (K,) float64
        One a group; those that are NaN do not take part.
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


def fscore_table(
    counts: np.ndarray, *, partition: str = "helen11", pooled: bool = True, lenient: bool = False
) -> dict[str, tuple[float, int]]:
    """F-score of every group of a set and of their mean, as the papers print them.

    Parameters
    ----------
    counts, partition, pooled, lenient
        As above. Not pooled, a group's score is the mean over the images that have one, and the mean that of these.

    Returns
    -------
    dict of str to (float, int)
        Group, and last ``mean`` -> score and the number of images that enter it.

    Raises
    ------
    InputError
        When the counts are not of `partition`.
    """
    names = groups_of(partition)
    each = fscores(counts, pooled=False, lenient=lenient)
    if each.shape[1] != len(names):
        raise InputError("counts", expected=f"{len(names)} groups of {partition}", found=str(each.shape[1]))
    there = ~np.isnan(each)
    n = there.sum(axis=0)
    if pooled:
        scores = fscores(counts, lenient=lenient)
    else:
        scores = np.divide(np.where(there, each, 0).sum(axis=0), n, out=np.full(len(names), np.nan), where=n > 0)
    table = {name: (float(score), int(k)) for name, score, k in zip(names, scores, n, strict=True)}
    return table | {"mean": (mean_fscore(scores, partition=partition), len(each))}
