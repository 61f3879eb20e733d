"""Verification: are two faces one person? Accuracy at the best threshold, and equal error rate.

The evaluation of MSPL's released script (Lee et al. 2020) and of DFPGnet: ten folds, the threshold
chosen on nine, the accuracy of the tenth, on squared Euclidean distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError


@dataclass(frozen=True)
class Verification:
    """Result of a verification.

    Attributes
    ----------
    accuracy, std : float
        Mean and standard deviation over the folds of the share of right decisions, in [0, 1].
    threshold : float
        Mean of the folds' thresholds; a pair at or below it is taken as one person.
    eer : float
        Rate at which false acceptances and false rejections are equally frequent, in [0, 1].
    n : int
        Number of pairs.
    misses : int
        Pairs without a distance, wrong at every threshold.
    accuracy_found : float or None
        The accuracy without those pairs, as MSPL's script leaves them out; None where too few remain.
    """

    accuracy: float
    std: float
    threshold: float
    eer: float
    n: int
    misses: int
    accuracy_found: float | None = None


def verification(distances: np.ndarray, same: np.ndarray, *, folds: int = 10) -> Verification:
    """Verify pairs of faces by their distance.

    Each fold takes a contiguous block of the pairs of one person and one of those of two, so that
    pairs in the order of their people keep a person in one or two folds. Thresholds tried are the midpoints between
    neighbouring distances (so all decisions that any threshold can take); of equally good ones the smallest.

    Parameters
    ----------
    distances : np.ndarray, shape (N,)
        Any distance; MSPL squares the Euclidean one. NaN (no face) is a wrong decision at any threshold.
    same : np.ndarray, shape (N,), bool
        True where both faces are one person's.
    folds : int

    Returns
    -------
    Verification

    Raises
    ------
    InputError
        When there are fewer than `folds` pairs of either kind, or shapes differ.
    """
    distances, same = np.array(distances, dtype=np.float64), np.asarray(same, dtype=bool)
    if distances.ndim != 1 or distances.shape != same.shape:
        raise InputError("distances", expected="one per pair", found=f"{distances.shape} for {same.shape}")
    least = int(min(same.sum(), (~same).sum()))
    if folds < 2 or least < folds:
        raise InputError(
            "verification", expected=f"at least 2 folds and {folds} pairs of each kind", found=f"{least} pairs"
        )
    missing = np.isnan(distances)
    remain = min(int((same & ~missing).sum()), int((~same & ~missing).sum()))
    found = (
        verification(distances[~missing], same[~missing], folds=folds) if missing.any() and remain >= folds else None
    )
    distances[missing] = np.where(same[missing], np.inf, -np.inf)
    fold = np.empty(len(same), dtype=np.int64)
    for kind in (same, ~same):
        fold[kind] = np.arange(kind.sum()) * folds // kind.sum()
    rates, thresholds = [], []
    for held_out in range(folds):
        test = fold == held_out
        threshold = _best(distances[~test], same[~test])
        rates.append(np.mean((distances[test] <= threshold) == same[test]))
        thresholds.append(threshold)
    accuracy = float(np.mean(rates))
    return Verification(
        accuracy=accuracy,
        std=float(np.std(rates)),
        threshold=float(np.mean(thresholds)),
        eer=equal_error_rate(distances, same),
        n=len(same),
        misses=int(missing.sum()),
        accuracy_found=found.accuracy if found else None if missing.any() else accuracy,
    )


def _counts(distances: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds between all finite distances, ascending, and how many of each kind they accept."""
    values = np.unique(distances[np.isfinite(distances)])
    if not values.size:
        values = np.zeros(1)
    cuts = np.concatenate([values[:1] - 1.0, values[:-1] + (values[1:] - values[:-1]) / 2, values[-1:] + 1.0])
    # Two neighbouring doubles have no midpoint; the lower one is the cut there.
    cuts[1:-1] = np.where(cuts[1:-1] >= values[1:], values[:-1], cuts[1:-1])
    accepted = np.searchsorted(np.sort(distances[same]), cuts, side="right")
    return cuts, accepted, np.searchsorted(np.sort(distances[~same]), cuts, side="right")


def _best(distances: np.ndarray, same: np.ndarray) -> float:
    """The smallest threshold with the most right decisions."""
    cuts, accepted, wrongly = _counts(distances, same)
    return float(cuts[np.argmax(accepted - wrongly)])


def equal_error_rate(distances: np.ndarray, same: np.ndarray) -> float:
    """Rate at which false acceptances equal false rejections, interpolated between neighbouring thresholds.

    Parameters
    ----------
    distances : np.ndarray, shape (N,)
        Not NaN; infinite ones are never (or, negative, always) accepted.
    same : np.ndarray, shape (N,), bool

    Returns
    -------
    float
        In [0, 1].
    """
    same = np.asarray(same, dtype=bool)
    _, accepted, wrongly = _counts(np.asarray(distances, dtype=np.float64), same)
    rejecting, accepting = 1.0 - accepted / same.sum(), wrongly / (~same).sum()
    gap = rejecting - accepting
    after = int(np.argmax(gap <= 0))
    if after == 0:
        return float((rejecting[0] + accepting[0]) / 2)
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(accepting[after - 1] + part * (accepting[after] - accepting[after - 1]))
