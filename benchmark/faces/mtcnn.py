"""MTCNN by facenet-pytorch, with the weights inside that package.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 2016.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.faces.base import Face, as_image, largest_first, no_more

MIN_FACE = 20


@lru_cache(maxsize=4)
def _network(device: str) -> Any:
    need("torch", "faces")
    from facedeblur.benchmark.faces.torchvision_shim import prepare

    prepare()
    return need("facenet_pytorch", "faces").MTCNN(min_face_size=MIN_FACE, keep_all=True, device=device)


@dataclass(frozen=True)
class MtcnnDetector:
    """Faces and five landmarks by MTCNN with facenet-pytorch's thresholds (0.6, 0.7, 0.7).

    Parameters
    ----------
    device : str
        Where the networks run, as torch names it.
    """

    device: str = "cpu"

    @property
    def definition(self) -> tuple[str, ...]:
        return ("mtcnn",)

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first, with five landmarks each.

        An image whose shorter side is under 20 pixels, the smallest face searched for, has none.

        Raises
        ------
        InputError
            When facenet-pytorch is not installed or `image` is not an RGB image.
        """
        image = as_image(image)
        if min(image.shape[:2]) < MIN_FACE:
            return []
        try:
            boxes, scores, points = _network(self.device).detect(image, landmarks=True)
        except (RuntimeError, ValueError) as error:
            # The package concatenates an empty list when every candidate of a stage lies outside the image.
            if "non-empty" in str(error):
                return []
            raise
        if boxes is None:
            return []
        faces = []
        for box, score, five in zip(boxes, scores, points, strict=True):
            left, top, right, bottom = (float(side) for side in box)
            faces.append(Face((left, top, right, bottom), float(score), np.asarray(five, dtype=np.float64)))
        return largest_first(faces)


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

    detector: Any

    @property
    def definition(self) -> tuple[str, ...]:
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


def mtcnn_detector(*options: str) -> MtcnnDetector:
    """Make an `MtcnnDetector`; it takes no options."""
    no_more("mtcnn", options, "no options")
    _network("cpu")
    return MtcnnDetector()


def mtcnn_landmarker(*options: str) -> OwnLandmarks:
    """Make the landmarker of MTCNN; it takes no options."""
    return OwnLandmarks(mtcnn_detector(*options))
