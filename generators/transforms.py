"""Affine maps between a photograph and its crop: how they are fitted, turned round and written down.

A transform is a (2, 3) array `M`: ``crop = M[:, :2] @ photograph + M[:, 2]``, in pixels ``(x, y)`` with centres at
whole numbers.
"""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.geometry import paired_points


def affine(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Affine map that takes `src` to `dst`: exactly for three points, with least squared error for more.

    Parameters
    ----------
    src, dst : np.ndarray, shape (N, 2)
        Corresponding points ``(x, y)``, at least three that are not in a line.

    Returns
    -------
    np.ndarray, shape (2, 3), float64

    Raises
    ------
    InputError
        When the shapes differ, a value is not finite, or the points lie in a line.
    """
    source, target = paired_points(src, dst, "an affine map", 3)
    centre = source.mean(axis=0)
    design = np.column_stack([source - centre, np.ones(len(source))])
    if not np.isfinite(design).all() or not np.isfinite(target).all() or np.linalg.matrix_rank(design) < 3:
        raise InputError("points of an affine map", expected="finite points that are not in a line", found="none such")
    found = np.linalg.lstsq(design, target, rcond=None)[0].T
    return np.column_stack([found[:, :2], found[:, 2] - found[:, :2] @ centre])


def window(x: float, y: float, width: float, height: float, size: tuple[int, int]) -> np.ndarray:
    """Transform that takes a window of the photograph to a whole crop; pixel edges go to pixel edges.

    Parameters
    ----------
    x, y : float
        The window's first column and row.
    width, height : float
        Its size in pixels.
    size : (width, height)
        Size of the crop.

    Returns
    -------
    np.ndarray, shape (2, 3), float64
    """
    across, down = size[0] / width, size[1] / height
    return np.array([[across, 0.0, (0.5 - x) * across - 0.5], [0.0, down, (0.5 - y) * down - 0.5]])


def scale_of(transform: np.ndarray) -> float:
    """Magnification: pixels of the crop for one of the photograph, in the direction in which it is largest."""
    return float(np.linalg.norm(np.asarray(transform, dtype=np.float64)[:, :2], 2))


def invert(transform: np.ndarray) -> np.ndarray:
    """The transform from the crop back to the photograph, shape (2, 3).

    Raises
    ------
    InputError
        When `transform` is not of that shape or flattens the plane.
    """
    given = np.asarray(transform, dtype=np.float64)
    if given.shape != (2, 3) or not np.isfinite(given).all() or np.linalg.matrix_rank(given[:, :2]) < 2:
        raise InputError("transform", expected="six numbers, shape (2, 3), that can be inverted", found=f"{given}")
    linear = np.linalg.inv(given[:, :2])
    return np.column_stack([linear, -linear @ given[:, 2]])


def forth(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points of the photograph, shape (..., 2), as points of the crop."""
    given = np.asarray(transform, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ given[:, :2].T + given[:, 2]


def back(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points of the crop, shape (..., 2), as points of the photograph."""
    return forth(points, invert(transform))


def write_transform(transform: np.ndarray | None) -> str:
    """The six numbers row by row, as they stand in ``images.csv``; empty for None."""
    return "" if transform is None else " ".join(repr(float(number)) for number in np.asarray(transform).ravel())


def read_transform(text: str) -> np.ndarray:
    """The transform of a row of ``images.csv``, shape (2, 3).

    Raises
    ------
    InputError
        When the field does not hold six numbers.
    """
    try:
        return np.array([float(word) for word in text.split()], dtype=np.float64).reshape(2, 3)
    except ValueError as error:
        raise InputError("transform", expected="six numbers", found=repr(text)) from error
