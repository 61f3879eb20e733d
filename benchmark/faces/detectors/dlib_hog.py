"""dlib's HOG frontal face detector and 68-point landmarks.

Detector: King, "Max-Margin Object Detection" (2015), the one that OpenFace uses with one
upsampling. Landmarks: Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble
of Regression Trees" (CVPR 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.faces.base import Detector, Face, Landmarker, as_image, largest_first
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.weights import Located, locate

UPSAMPLING = {
    "up0": "on the image as it is",
    "up1": "on the image at twice its size",
    r"up(\d)": "on the image doubled {} times",
}
"""The option of dlib's detectors in words."""


@lru_cache(maxsize=1)
def _detector() -> Any:
    return need("dlib", "dlib-bin").get_frontal_face_detector()


QUICK = 128
"""Side in pixels from which on the search for large faces begins."""

_WINDOW = 80


def _down() -> Any:
    """The step from one level of the detector's pyramid to the next."""
    return need("dlib", "dlib-bin").pyramid_down(6)


def _levels(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of the levels of an image, by which the detector finds how many there are."""
    down, rectangle = _down(), need("dlib", "dlib-bin").rectangle(0, 0, width - 1, height - 1)
    levels = []
    # The detector stops at 64 pixels or before.
    while min(rectangle.width(), rectangle.height()) > _WINDOW // 2:
        levels.append((rectangle.height(), rectangle.width()))
        rectangle = down.rect_down(rectangle)
    return levels


@lru_cache(maxsize=256)
def _steps(height: int, width: int) -> int:
    """How many levels of an image can be left out at first; 0 where what is found then might not be found in all."""
    small, steps, down = np.zeros((height, width), np.uint8), 0, _down()
    while min(small.shape) > QUICK:
        small, steps = down(small), steps + 1
    rest, whole = _levels(*small.shape), _levels(height, width)[steps:]
    # No level of the small image lies beyond the last one of the whole image.
    sound = len(rest) <= len(whole) and all(
        one[0] <= other[0] and one[1] <= other[1] for one, other in zip(rest, whole, strict=False)
    )
    return steps if sound and min(small.shape) >= _WINDOW else 0


@lru_cache(maxsize=2)
def _predictor(path: str) -> Any:
    return need("dlib", "dlib-bin").shape_predictor(path)


@dataclass(frozen=True)
class HogDetector(Detector):
    """Frontal faces by HOG and a linear classifier.

    Parameters
    ----------
    upsample : int
        How many times the image is doubled before the search; 1 finds faces of about 40 pixels.
    """

    upsample: int = 1

    name = "dlib-hog"
    choices = "up0 to up4 (default: up1)"
    terms: ClassVar[Mapping[str, str]] = {"dlib-hog": "dlib's HOG frontal face detector"} | UPSAMPLING

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the detector with its options, ``up0`` to ``up4`` (default: ``up1``)."""
        (up,) = fill("detector 'dlib-hog'", options, ("up1", "up0", "up2", "up3", "up4"))
        need("dlib", "dlib-bin")
        return cls(int(up[2:]))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return ("dlib-hog", f"up{self.upsample}")

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in `image`, (H, W, 3) uint8 RGB, largest box first.

        Raises
        ------
        InputError
            When dlib is not installed or `image` is not an RGB image.
        """
        boxes, scores, _ = _detector().run(as_image(image), self.upsample, 0.0)
        return largest_first(
            [
                Face((float(box.left()), float(box.top()), float(box.right()), float(box.bottom())), float(score))
                for box, score in zip(boxes, scores, strict=True)
            ]
        )

    def finds(self, image: np.ndarray) -> bool:
        """Whether there is any face in `image`, (H, W, 3) uint8 RGB: large ones first, where the search is short.

        The detector looks at an image again and again, each time at 5/6 of the size. A search that begins at a later
        level sees the same pixels there, so what it finds the whole search finds, too, which follows if it finds
        nothing.
        """
        dlib, enlarged = need("dlib", "dlib-bin"), as_image(image)
        for _ in range(self.upsample):
            height, width = enlarged.shape[:2]
            # The size that the detector enlarges to.
            enlarged = dlib.resize_image(enlarged, 2 * height + 1, 2 * width + 2)
        steps, down = _steps(*enlarged.shape[:2]), _down()
        for _ in range(steps):
            enlarged = down(enlarged)
        return bool((steps and len(_detector().run(enlarged, 0, 0.0)[0])) or self.detect(image))


@dataclass(frozen=True)
class Landmarker68(Landmarker):
    """dlib's 68-point shape predictor (iBUG 300-W numbering), reduced to five points.

    Parameters
    ----------
    weights : Located
        dlib's ``shape_predictor_68_face_landmarks.dat``.
    """

    weights: Located

    name, n_points, found_by = "dlib-68", 68, HogDetector
    choices = "@1234abcd to pin the weights"
    terms: ClassVar[Mapping[str, str]] = {"dlib-68": "dlib's 68 landmarks"}

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the landmarker; ``@1234abcd`` pins its weights."""
        (pin,) = fill("landmarker 'dlib-68'", options, PIN)
        need("dlib", "dlib-bin")
        return cls(locate("dlib-68", sha=pin_of(pin)))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return ("dlib-68",)

    def landmarks(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Eye centres, nose tip and mouth corners of `face`: (5, 2) float64 pixels ``(x, y)``."""
        return five_of_68(self.points(image, face))

    def points(self, image: np.ndarray, face: Face) -> np.ndarray:
        """All 68 points of `face` in `image`, (H, W, 3) uint8 RGB.

        Returns
        -------
        np.ndarray, shape (68, 2), float64
            Pixels ``(x, y)``; points may leave the image.

        Raises
        ------
        InputError
            When dlib is not installed or `image` is not an RGB image.
        """
        dlib = need("dlib", "dlib-bin")
        predictor = _predictor(str(self.weights.path))
        left, top, right, bottom = (round(side) for side in face.box)
        shape = predictor(as_image(image), dlib.rectangle(left, top, right, bottom))
        return np.array([[point.x, point.y] for point in shape.parts()], dtype=np.float64)


def five_of_68(points: np.ndarray) -> np.ndarray:
    """Reduce 68 iBUG points to five: eye centres (means of 36-41, 42-47), nose 30, mouth corners 48 and 54.

    Parameters
    ----------
    points : np.ndarray, shape (68, 2)

    Returns
    -------
    np.ndarray, shape (5, 2), float64
    """
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.array([*eyes, points[30], points[48], points[54]], dtype=np.float64)
