"""dlib's convolutional face detector, with the weights of face_recognition_models.

King, "Max-Margin Object Detection" (2015), over a small convolutional network. It finds turned,
tilted and partly hidden faces that the HOG detector does not, and is far slower on a processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError, need, shorten
from facedeblur.benchmark.faces.base import Detector, Face, as_image, largest_first
from facedeblur.benchmark.faces.detectors.dlib_hog import UPSAMPLING
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.weights import Located, locate

# dlib's convolutions fail on images of less than about ten pixels per side.
LEAST_SIDE = 16


@lru_cache(maxsize=2)
def _network(path: str) -> Any:
    dlib = need("dlib", "dlib-bin")
    try:
        return dlib.cnn_face_detection_model_v1(path)
    except RuntimeError as error:
        raise InputError(
            path, f"not dlib's mmod_human_face_detector.dat ({shorten(str(error))})", do="download it again"
        ) from error


@dataclass(frozen=True)
class MmodDetector(Detector):
    """Faces by a convolutional network that was trained with the max-margin loss.

    Parameters
    ----------
    weights : Located
        dlib's ``mmod_human_face_detector.dat``.
    upsample : int
        How many times the image is doubled before the search; 0 finds faces of about 80 pixels,
        1 those of about 40 in four times the time.
    """

    weights: Located
    upsample: int = 0

    name = "dlib-mmod"
    choices = "up0 to up4 (default: up0), @1234abcd to pin the weights"
    terms: ClassVar[Mapping[str, str]] = {"dlib-mmod": "dlib's convolutional face detector"} | UPSAMPLING

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the detector with its options, ``up0`` (the default) to ``up4``; ``@1234abcd`` pins its weights."""
        up, pin = fill("detector 'dlib-mmod'", options, [f"up{times}" for times in range(5)], PIN)
        need("dlib", "dlib-bin")
        return cls(locate("dlib-mmod", sha=pin_of(pin)), int(up[2:]))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"dlib-mmod@{self.weights.short}", f"up{self.upsample}")

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first.

        Raises
        ------
        InputError
            When dlib is not installed, the weight file is damaged or `image` is not an RGB image.
        """
        image = as_image(image)
        missing = [max(0, LEAST_SIDE - side) for side in image.shape[:2]]
        if any(missing):
            image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)))
        faces = []
        for found in _network(str(self.weights.path))(image, self.upsample):
            box = found.rect
            sides = (float(box.left()), float(box.top()), float(box.right()), float(box.bottom()))
            faces.append(Face(sides, float(found.confidence)))
        return largest_first(faces)
