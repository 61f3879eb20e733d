"""How much of a crop, and how much around it, its photograph holds."""

from __future__ import annotations

import numpy as np

from facedeblur.generators.templates import Template
from facedeblur.generators.transforms import invert


def coverage(transform: np.ndarray, template: Template, width: int, height: int) -> float:
    """Share of the template's pixels whose centre lies inside a photograph of this size."""
    x, y = np.meshgrid(np.arange(template.width), np.arange(template.height))
    return float(np.mean(_inside(transform, x, y, width, height)))


def margin_inside(transform: np.ndarray, template: Template, width: int, height: int, *, at_most: int) -> int:
    """Largest margin, up to `at_most` pixels, with which the crop lies inside a photograph of this size.

    Returns
    -------
    int
        0 too where the crop itself leaves the photograph.
    """
    m = np.arange(at_most + 1)
    left, right, top, bottom = -m, template.width - 1 + m, -m, template.height - 1 + m
    x, y = np.stack([left, right, left, right]), np.stack([top, top, bottom, bottom])
    inside = np.all(_inside(transform, x, y, width, height), axis=0)
    return max(0, int(np.count_nonzero(inside)) - 1)


def _inside(transform: np.ndarray, x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray:
    px, py = (a * x + b * y + c for a, b, c in invert(transform))
    return np.asarray((px >= -0.5) & (px <= width - 0.5) & (py >= -0.5) & (py <= height - 0.5))
