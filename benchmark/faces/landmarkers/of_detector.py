"""The landmarker of a detector that gives five points with every face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Detector, Face


@dataclass(frozen=True)
class OwnLandmarks:
    """Landmarker for detectors that give five points themselves.

    The points of a face that has five are returned as they are; for a box of another detector
    the search is run on the image, and the face that covers the box best is taken.

    Parameters
    ----------
    detector : Detector
        Must give five landmarks with every face.
    """

    detector: Detector

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return tuple(self.detector.definition)

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Eye centres, nose tip and mouth corners of `face`: (5, 2) float64 pixels ``(x, y)``.

        Raises
        ------
        InputError
            When the detector finds no face where the box is.
        """
        if face.landmarks is not None and face.landmarks.shape == (5, 2):
            return face.landmarks
        others = [other for other in self.detector.detect(image) if _overlap(face.box, other.box) >= 0.3]
        if not others:
            name = self.definition[0]
            raise InputError(f"landmarks by {name}", expected="a face where the box is", found="none")
        return np.asarray(max(others, key=lambda other: _overlap(face.box, other.box)).landmarks)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0
