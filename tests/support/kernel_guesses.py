"""Methods that estimate kernels, some of them wrong; a plugin, because workers import methods by file."""

from __future__ import annotations

import numpy as np

from facedeblur.methods.base import method


def guess(image: np.ndarray) -> np.ndarray | None:
    level = float(image.mean())
    if int(level * 1e5) % 4 == 0:
        return None
    kernel = np.zeros((9, 9))
    kernel[2, 3], kernel[5, 5] = level, 1 - level
    return kernel


@method("guesses")
class Guesses:
    """A kernel that tells the image: its mean on one pixel of many; none for every fourth."""

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        self.estimated_kernels = [guess(image) for image in blurred]
        return blurred


@method("wrong-guess")
class WrongGuess:
    """As many kernels as asked for, but blank ones."""

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        self.estimated_kernels = [np.zeros((5, 5)) for _ in blurred]
        return blurred


@method("one-guess")
class OneGuess:
    """One kernel too many."""

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        self.estimated_kernels = [np.ones((5, 5)) for _ in range(len(blurred) + 1)]
        return blurred


@method("two-sizes")
class TwoSizes:
    """Every second kernel is wider, as after a restart of a blind method."""

    def __init__(self):
        self.count = 0

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        self.estimated_kernels = []
        for _ in blurred:
            self.count += 1
            size = 27 if self.count % 2 else 41
            self.estimated_kernels.append(np.full((size, size), size**-2.0))
        return blurred
