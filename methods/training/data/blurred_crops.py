"""Crops of photographs, sharp and blurred by a kernel, for what is learned from few of them: see `CropLaw`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import signal

from facedeblur.benchmark.files.images import read_photo
from facedeblur.generators.photos.collection import Collection
from facedeblur.generators.photos.opening import open_collection
from facedeblur.methods.classical.blind.coarse_to_fine import GREY

TEST_KERNELS = 10
"""First numbers of each size, which belong to test sets."""


@dataclass(frozen=True)
class CropLaw:
    """How crops are drawn.

    Attributes
    ----------
    side : int
        Of the crops, in pixels.
    sizes : (int, int)
        Range of the shorter sides to which photographs are shrunk before they are cut, the same chance for each octave.
    noise : float
        Greatest standard deviation of the noise; each crop, sharp or blurred, has its own.
    """

    side: int
    sizes: tuple[int, int]
    noise: float

    def draw(
        self, photographs: Sequence[np.ndarray], kernel: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a crop of one of the photographs and blur it.

        Crops are near the middle, where portraits are in focus, half of them mirrored; the contrast is 0.5 to 1 of the
        photograph's. Those larger than the photograph allows are of a photograph that is enlarged.

        Parameters
        ----------
        photographs : sequence of (H, W) float32
            Grey, in [0, 1].
        kernel : (k, k) float64
            Of sum 1, k odd.
        rng : numpy.random.Generator

        Returns
        -------
        sharp, blurred : (side, side) float32
            In [0, 1].
        """
        photograph = photographs[int(rng.integers(len(photographs)))]
        need = self.side + kernel.shape[0] - 1
        low, high = (max(one, need) for one in self.sizes)
        factor = min(1.0, np.exp(rng.uniform(np.log(low), np.log(high))) / min(photograph.shape))
        height, width = (max(need, round(one * factor)) for one in photograph.shape)
        image = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)
        top, left = (round((one - need) * rng.triangular(0, 0.5, 1)) for one in (height, width))
        wide = image[top : top + need, left : left + need]
        if rng.random() < 0.5:
            wide = wide[:, ::-1]
        contrast = rng.uniform(0.5, 1.0)
        wide = contrast * wide + rng.uniform(0, 1 - contrast)
        radius = kernel.shape[0] // 2
        pair = wide[radius : need - radius, radius : need - radius], signal.fftconvolve(wide, kernel, "valid")
        sharp, blurred = (
            np.clip(one + rng.normal(0, rng.uniform(0, self.noise), one.shape), 0, 1).astype(np.float32) for one in pair
        )
        return sharp, blurred


def read_grey(faces: str | Path) -> tuple[list[np.ndarray], Collection]:
    """Read the photographs of a collection as grey (H, W) float32 in [0, 1]."""
    collection = open_collection(faces)
    files = [collection.file(one.source) for one in collection.photographs]
    return [(read_photo(file).pixels @ GREY / 255).astype(np.float32) for file in files], collection
