"""MTCNN by facenet-pytorch, with the weights inside that package.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.faces.base import Detector, Face, OwnLandmarks, as_image, largest_first

MIN_FACE = 20


@lru_cache(maxsize=4)
def _network(device: str) -> Any:
    need("torch", "faces")
    from facedeblur.benchmark.torchvision_shim import prepare

    prepare()
    return need("facenet_pytorch", "faces").MTCNN(min_face_size=MIN_FACE, keep_all=True, device=device)


@dataclass(frozen=True)
class MtcnnDetector(Detector):
    """Faces and five landmarks by MTCNN with facenet-pytorch's thresholds (0.6, 0.7, 0.7).

    Parameters
    ----------
    device : str
        Where the networks run, as torch names it.
    """

    device: str = "cpu"

    name = "mtcnn"
    terms: ClassVar[Mapping[str, str]] = {"mtcnn": "MTCNN"}

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the detector, which has no options."""
        made = super().of(*options)
        _network("cpu")
        return made

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
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


class MtcnnLandmarker(OwnLandmarks):
    """The five points that MTCNN finds with every face; no options."""

    name, found_by = "mtcnn", MtcnnDetector
    terms = MtcnnDetector.terms
