"""Affine maps from a photograph to its crop: fitted, inverted, written down, and applied to pixels without aliasing.

A transform is a (2, 3) array `M`: ``crop = M[:, :2] @ photograph + M[:, 2]``, in pixels ``(x, y)`` with centres at
whole numbers.
"""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.geometry import paired_points
from facedeblur.generators.align.template import Template


def affine(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Affine map that takes `src` to `dst`: exactly for three points, with least squared error for more.

    `skimage.transform.AffineTransform` agrees to about 1e-9 but not in every bit, and the content hashes of sets
    depend on the bits.

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
        When the shapes differ, a value is not finite, or the points are in a line.
    """
    source, target = paired_points(src, dst, "an affine map", 3)
    centre = source.mean(axis=0)
    design = np.column_stack([source - centre, np.ones(len(source))])
    if not np.isfinite(design).all() or not np.isfinite(target).all() or np.linalg.matrix_rank(design) < 3:
        raise InputError("points of an affine map", "the points are in a line, or not finite")
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
        When `transform` has another shape or cannot be inverted.
    """
    given = np.asarray(transform, dtype=np.float64)
    if given.shape != (2, 3) or not np.isfinite(given).all() or np.linalg.matrix_rank(given[:, :2]) < 2:
        raise InputError("transform", expected="six numbers, shape (2, 3), that can be inverted", found=f"{given}")
    linear = np.linalg.inv(given[:, :2])
    return np.column_stack([linear, -linear @ given[:, 2]])


def write_transform(transform: np.ndarray | None) -> str:
    """The six numbers row by row, as in ``images.csv``; empty for None."""
    return "" if transform is None else " ".join(repr(float(number)) for number in np.asarray(transform).ravel())


def read_transform(text: str) -> np.ndarray | None:
    """The transform that `write_transform` wrote, shape (2, 3); None for an empty text.

    Raises
    ------
    InputError
        When it is not six numbers.
    """
    if not text:
        return None
    try:
        return np.array([float(number) for number in text.split()]).reshape(2, 3)
    except ValueError as error:
        raise InputError("transform", expected="six numbers", found=text, do="align again") from error


def coverage(transform: np.ndarray, template: Template, width: int, height: int) -> float:
    """Return the share of the template's pixels whose centre is inside a photograph of the given size."""
    x, y = np.meshgrid(np.arange(template.width), np.arange(template.height))
    return float(np.mean(_inside(transform, x, y, width, height)))


def margin_inside(transform: np.ndarray, template: Template, width: int, height: int, *, at_most: int) -> int:
    """Return the largest margin, up to `at_most` pixels, with which the crop is inside a photograph of a given size.

    Returns
    -------
    int
        0 also if the crop itself extends beyond the photograph.
    """
    m = np.arange(at_most + 1)
    left, right, top, bottom = -m, template.width - 1 + m, -m, template.height - 1 + m
    x, y = np.stack([left, right, left, right]), np.stack([top, top, bottom, bottom])
    inside = np.all(_inside(transform, x, y, width, height), axis=0)
    return max(0, int(np.count_nonzero(inside)) - 1)


def _inside(transform: np.ndarray, x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray:
    px, py = (a * x + b * y + c for a, b, c in invert(transform))
    return np.asarray((px >= -0.5) & (px <= width - 0.5) & (py >= -0.5) & (py <= height - 0.5))


def warp(
    photo: np.ndarray, transform: np.ndarray, width: int, height: int, *, margin: int = 0, filter: str = "triangle"
) -> np.ndarray:
    """Cut an aligned crop out of a photograph.

    Every pixel of the crop is a weighted mean around its position in the photograph. The weights are
    a triangle, one pixel wide to each side if the crop is magnified (bilinear interpolation), and
    as wide as a pixel of the crop if it is reduced; or, twice as wide, Keys' cubic (1981) with
    a = -0.5. The photograph is continued by its mirror image (the edge pixel is not repeated).
    Computed in float64 in a fixed order and rounded half up: identical on every machine.

    Parameters
    ----------
    photo : np.ndarray, shape (H, W, 3), uint8 RGB
    transform : np.ndarray, shape (2, 3)
        Affine map from pixels ``(x, y)`` of the photograph to pixels of the crop.
    width, height : int
        Size of the crop.
    margin : int
        Width of the surroundings added on every side, in pixels; the crop itself does not change.
    filter : {'triangle', 'cubic'}

    Returns
    -------
    np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB
    """
    inverse = invert(transform)
    linear, origin = np.ascontiguousarray(inverse[:, :2]), np.ascontiguousarray(inverse[:, 2])
    # Extent of a unit circle of the crop along each axis of the photograph.
    reach = np.maximum(1.0, np.hypot(linear[:, 0], linear[:, 1]))
    out = np.empty((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    _warp(np.ascontiguousarray(photo), linear, origin, reach, margin, filter == "cubic", out)
    return out


def warp_label(label: np.ndarray, transform: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cut the labels of the crop out of a label image: each pixel takes the nearest label.

    Parameters
    ----------
    label : np.ndarray, shape (H, W), uint8
    transform : np.ndarray, shape (2, 3)
        As for `warp`.
    width, height : int
        Size of the crop.

    Returns
    -------
    np.ndarray, shape (height, width), uint8
        0, the background, beyond the label image.
    """
    inverse = invert(transform)
    u, v = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
    column, row = (np.floor(a * u + b * v + c + 0.5).astype(np.int64) for a, b, c in inverse)
    rows, columns = label.shape
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    return np.where(inside, label[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)], 0).astype(np.uint8)


@njit(cache=True, error_model="numpy")
def _mirror(i: int, n: int) -> int:
    if n == 1:
        return 0
    i = i % (2 * n - 2)
    return i if i < n else 2 * n - 2 - i


@njit(cache=True, error_model="numpy")
def _weight(distance: float, cubic: bool) -> float:
    d = abs(distance)
    if not cubic:
        return 1.0 - d
    if d < 1.0:
        return (1.5 * d - 2.5) * d * d + 1.0
    return ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0


@njit(cache=True, error_model="numpy")
def _taps(
    place: float, reach: float, cubic: bool, n: int, weights: np.ndarray, places: np.ndarray
) -> tuple[int, float]:
    """Write the weights around a position along one axis and their pixels; return their number and sum."""
    support = reach * (2.0 if cubic else 1.0)
    first = int(np.ceil(place - support))
    count = int(np.floor(place + support)) - first + 1
    total = 0.0
    for k in range(count):
        weights[k] = _weight((first + k - place) / reach, cubic)
        places[k] = _mirror(first + k, n)
        total += weights[k]
    return count, total


@njit(cache=True, error_model="numpy")
def _level(value: float) -> np.uint8:
    return np.uint8(min(255.0, max(0.0, np.floor(value + 0.5))))


@njit(cache=True, error_model="numpy")
def _warp(
    photo: np.ndarray,
    linear: np.ndarray,
    origin: np.ndarray,
    reach: np.ndarray,
    margin: int,
    cubic: bool,
    out: np.ndarray,
) -> None:
    rows, columns = photo.shape[0], photo.shape[1]
    most = 4 * int(np.ceil(max(reach[0], reach[1]))) + 1
    weights_x, places_x = np.zeros(most), np.zeros(most, np.int64)
    weights_y, places_y = np.zeros(most), np.zeros(most, np.int64)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            u, v = float(j - margin), float(i - margin)
            x = linear[0, 0] * u + linear[0, 1] * v + origin[0]
            y = linear[1, 0] * u + linear[1, 1] * v + origin[1]
            count_x, total_x = _taps(x, reach[0], cubic, columns, weights_x, places_x)
            count_y, total_y = _taps(y, reach[1], cubic, rows, weights_y, places_y)
            red = green = blue = 0.0
            for m in range(count_y):
                weight, row = weights_y[m], places_y[m]
                r = g = b = 0.0
                for k in range(count_x):
                    column = places_x[k]
                    r += weights_x[k] * photo[row, column, 0]
                    g += weights_x[k] * photo[row, column, 1]
                    b += weights_x[k] * photo[row, column, 2]
                red += weight * r
                green += weight * g
                blue += weight * b
            total = total_x * total_y
            out[i, j, 0] = _level(red / total)
            out[i, j, 1] = _level(green / total)
            out[i, j, 2] = _level(blue / total)
