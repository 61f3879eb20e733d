"""The similarity that takes points to points: how a face is brought to where a network or a template wants it."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError


def similarity(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Rotation, uniform scale and shift that take `src` to `dst` with least squared error.

    In complex numbers ``w = a z + b`` with ``a = sum(conj(z) w) / sum(|z|^2)`` of the centred
    points: the solution of Umeyama (IEEE PAMI 1991) in two dimensions, without reflection.
    `skimage.transform.SimilarityTransform` agrees to about 1e-12 but not in every bit, and the content hashes of
    sets depend on the bits.

    Parameters
    ----------
    src, dst : np.ndarray, shape (N, 2)
        Corresponding points ``(x, y)``, at least two different ones in `src`.

    Returns
    -------
    np.ndarray, shape (2, 3), float64
        ``dst ~ M[:, :2] @ src + M[:, 2]``.

    Raises
    ------
    InputError
        When the shapes differ, a value is not finite, or all points of `src` or of `dst` coincide.
    """
    source, target = paired_points(src, dst, "a similarity", 2)
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    mean_z, mean_w = z.mean(), w.mean()
    z, w = z - mean_z, w - mean_w
    spread = float(np.sum(np.abs(z) ** 2))
    factor = np.sum(np.conj(z) * w) / spread if spread > 0 else np.nan
    if not np.isfinite(factor) or abs(factor) == 0:
        raise InputError("points of a similarity", "the points are all the same, or not finite")
    shift = mean_w - factor * mean_z
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def paired_points(src: np.ndarray, dst: np.ndarray, what: str, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of (N, 2) points as float64.

    Raises
    ------
    InputError
        When they are no such lists of equal length, at least `least` long; `what` they are for is named.
    """
    source, target = np.asarray(src, dtype=np.float64), np.asarray(dst, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < least:
        raise InputError(
            f"points of {what}",
            expected=f"two arrays of shape (N, 2), N >= {least}",
            found=f"{source.shape} and {target.shape}",
        )
    return source, target
