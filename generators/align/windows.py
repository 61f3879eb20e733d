"""Crops that look for no face: a window of the photograph, or the bounding box of its skin label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.generators.align.geometry import window
from facedeblur.generators.align.template import Template
from facedeblur.generators.random.philox import halves, philox

WRONG_SIZE = "wrong size"
NO_SKIN = "no skin label"
SKIN = 1
"""Face skin among Helen's eleven classes."""

# Stream of the random windows' places: the choices' high half, and a low half of its own.
STREAM = 4 << 16 | 0x5749


@dataclass(frozen=True, eq=False)
class CropWindow:
    """Which part of a photograph is taken.

    Attributes
    ----------
    transform : np.ndarray, shape (2, 3), float64, or None
        From pixels of the photograph to pixels of the crop; None where `status` says why not.
    status : str
        Empty, ``wrong size`` or ``no skin label``.
    note : str
    """

    transform: np.ndarray | None
    status: str = ""
    note: str = ""


def crop_window(
    template: Template, width: int, height: int, *, label: np.ndarray | None = None, seed: int = 0, index: int = 0
) -> CropWindow:
    """The window of a photograph that a template without landmarks takes.

    Parameters
    ----------
    template : Template
        Of fit ``centre``, ``random``, ``corner``, ``squash`` or ``skin``.
    width, height : int
        Size of the photograph.
    label : np.ndarray, shape (height, width), uint8, optional
        Its labels in Helen's classes, for ``skin``.
    seed, index : int
        Fix the place of a ``random`` window.

    Returns
    -------
    CropWindow
    """
    spec, size = template.spec, (template.width, template.height)
    if spec.fit == "squash":
        whole = window(0, 0, width, height, (spec.canvas[0], spec.canvas[1]))
        return CropWindow(whole - [[0, 0, spec.corner[0]], [0, 0, spec.corner[1]]])
    if spec.fit == "skin":
        rows, columns = np.nonzero(label == SKIN) if label is not None else (np.zeros(0), np.zeros(0))
        if rows.size == 0:
            return CropWindow(None, NO_SKIN, "no label image" if label is None else "no pixel of class skin")
        return CropWindow(window(*_skin_box(rows, columns, width, height, spec.below), size))
    times = width / spec.photo[0]
    if (width, height) != spec.photo and not (spec.scaled and height * spec.photo[0] == width * spec.photo[1]):
        expected = f"{spec.photo[0]}x{spec.photo[1]}" + ", or of that shape" * spec.scaled
        return CropWindow(None, WRONG_SIZE, f"photograph of {width}x{height} pixels, expected {expected}")
    across, down = (side * times for side in spec.window)
    free = (round(width - across), round(height - down))
    if spec.fit == "corner":
        x, y = (times * start for start in spec.corner)
    elif spec.fit == "centre":
        x, y = free[0] / 2, free[1] / 2
    else:
        x, y = _drawn(free, seed, index)
    note = f"window of {across:g}x{down:g} pixels" if times != 1 else ""
    return CropWindow(window(x, y, across, down, size), note=note)


def _drawn(free: tuple[int, int], seed: int, index: int) -> tuple[int, int]:
    """Whole numbers from 0 to `free`, both ends included, each as likely as the others to 2**-32."""
    (low, high), (key, other) = halves(index, "index"), halves(seed, "seed")
    first, second, _, _ = philox(np.uint32(0), low, high, np.uint32(STREAM), key, other)
    return (int(first) * (free[0] + 1)) >> 32, (int(second) * (free[1] + 1)) >> 32


def _skin_box(
    rows: np.ndarray, columns: np.ndarray, width: int, height: int, below: float
) -> tuple[int, int, int, int]:
    """Column, row, width and height of the square around the skin, as Xia and Chakrabarti's scripts place it.

    Its last row and column stand just outside; it is moved into the photograph, and cut where it is larger than that.
    """
    top, bottom, left, right = int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    bottom = min(height, int(bottom + below * (bottom - top)))
    side = max(bottom - top, right - left, 1)
    (left, right), (top, bottom) = _widened(left, right, side, width), _widened(top, bottom, side, height)
    return left, top, right - left, bottom - top


def _widened(low: int, high: int, side: int, limit: int) -> tuple[int, int]:
    if high - low == side:
        return low, high
    start = max(0, min(low - (side - (high - low)) // 2, limit - side))
    return start, min(limit, start + side)
