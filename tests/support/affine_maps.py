"""Points under the transforms of ``images.csv``."""

from __future__ import annotations

import numpy as np

from facedeblur.generators.align.geometry import invert


def parsed(text: str) -> np.ndarray:
    """The transform of a row of ``images.csv``, shape (2, 3)."""
    return np.array([float(word) for word in text.split()]).reshape(2, 3)


def forth(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points of the photograph, shape (..., 2), as points of the crop."""
    return points @ transform[:, :2].T + transform[:, 2]


def back(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Points of the crop, shape (..., 2), as points of the photograph."""
    return forth(points, invert(transform))
