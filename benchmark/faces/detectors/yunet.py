"""YuNet by OpenCV's ``FaceDetectorYN``; the user supplies the ONNX file.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
Research 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.faces.base import Detector, Face, OwnLandmarks, as_image, largest_first
from facedeblur.benchmark.options import PIN, Slot, fill, pin_of
from facedeblur.benchmark.weights import Located, locate


@lru_cache(maxsize=4)
def _network(path: str, score: float) -> Any:
    import cv2

    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns about its own default
    try:
        return cv2.FaceDetectorYN.create(path, "", (320, 320), score)
    except cv2.error as error:
        problem = "OpenCV cannot read it as YuNet in ONNX format"
        raise InputError(path, f"{problem} ({shorten(str(error))})", do="download it again") from error
    finally:
        cv2.utils.logging.setLogLevel(before)


@dataclass(frozen=True)
class YunetDetector(Detector):
    """Faces and five landmarks by YuNet.

    Parameters
    ----------
    weights : Located
        The ONNX file.
    score : float
        Faces of less confidence than this are left out.
    """

    weights: Located
    score: float = 0.6

    name = "yunet"
    choices = "s0.6 for the lowest score, @1234abcd to pin the weights"
    terms: ClassVar[Mapping[str, str]] = {"yunet": "YuNet", r"s([\d.]+)": "with a score of {} or more"}

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the detector with its options: ``s0.6`` for the lowest score, ``@1234abcd`` to pin its weights."""
        score, pin = fill("detector 'yunet'", options, Slot(("s0.6",), form=r"s\d*\.?\d+"), PIN)
        if not 0 < float(score[1:]) < 1:
            raise InputError(
                f"option '{score}' of detector 'yunet'",
                expected="s and a score between 0 and 1",
                found=score,
                do="write for example s0.6",
            )
        return cls(locate("yunet", sha=pin_of(pin)), float(score[1:]))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"yunet@{self.weights.short}", f"s{self.score:g}")

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first, with five landmarks each.

        Raises
        ------
        InputError
            When the file is no YuNet or `image` is not an RGB image.
        """
        image = as_image(image)
        network = _network(str(self.weights.path), self.score)
        network.setInputSize((image.shape[1], image.shape[0]))
        _, rows = network.detect(image[:, :, ::-1].copy())
        faces = []
        for row in [] if rows is None else rows:
            left, top, width, height = (float(number) for number in row[:4])
            points = np.asarray(row[4:14], dtype=np.float64).reshape(5, 2)
            faces.append(Face((left, top, left + width, top + height), float(row[14]), points))
        return largest_first(faces)


class YunetLandmarker(OwnLandmarks):
    """The five points that YuNet finds with every face; the detector's options."""

    name, found_by = "yunet", YunetDetector
    terms = YunetDetector.terms
