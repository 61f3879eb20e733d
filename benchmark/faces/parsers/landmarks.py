"""Face parsing from dlib's 68 landmarks: polygons between the points, filled with the classes of Helen.

A coarse stand-in for a parsing network that needs no weights beyond the landmarks: what the points
do not mark (hair, forehead, the shape of a brow's lower edge) is missing or only assumed. The
landmarks are numbered as in iBUG 300-W; see `facedeblur.benchmark.faces.detectors.dlib_hog`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from facedeblur.benchmark.faces.base import Parser, as_batch
from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68
from facedeblur.benchmark.options import PIN
from facedeblur.benchmark.sets.classes import HELEN

# In units of the distance between the eyes' centres, chosen on 98 faces of CelebAMask-HQ. The points of a brow run
# along its upper edge; the wings of the nose extend beyond the outermost points below the nostrils.
BROW_DOWN = 0.08
WING_OUT, WING_UP, BRIDGE = 0.10, 0.05, 0.10
_SHIFT = 4


def regions_of_68(points: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Polygons of the classes, in the order in which they are laid one above the other.

    Left is the left of the face as it is seen, so the points 42 to 47 are the left eye.

    Parameters
    ----------
    points : np.ndarray, shape (68, 2)
        Pixels ``(x, y)``, iBUG numbering.

    Returns
    -------
    list of (int, np.ndarray of shape (n, 2))
        Place in `facedeblur.benchmark.sets.classes.HELEN`, and the corners in pixels. The skin is the convex hull of
        jaw and brows; what follows covers it.
    """
    import cv2

    eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    brows = {name: _band(points[span], down) for name, span in (("right", slice(17, 22)), ("left", slice(22, 27)))}
    hull = cv2.convexHull(np.concatenate([points[:17], *brows.values()]).astype(np.float32))[:, 0]
    wings = [points[31] - WING_OUT * across - WING_UP * down, points[35] + WING_OUT * across - WING_UP * down]
    bridge = [points[27] - BRIDGE * across, points[27] + BRIDGE * across]
    found = {
        "skin": hull,
        "nose": np.stack([bridge[0], wings[0], *points[31:36], wings[1], bridge[1]]),
        "left brow": brows["left"],
        "right brow": brows["right"],
        "left eye": points[42:48],
        "right eye": points[36:42],
        "inner mouth": points[60:68],
        "upper lip": points[[*range(48, 55), 64, 63, 62, 61, 60]],
        "lower lip": points[[*range(54, 60), 48, 60, 67, 66, 65, 64]],
    }
    return [(HELEN.index(name), polygon) for name, polygon in found.items()]


def _band(line: np.ndarray, down: np.ndarray) -> np.ndarray:
    return np.concatenate([line, (line + BROW_DOWN * down)[::-1]])


@dataclass(frozen=True)
class LandmarkParser(Parser):
    """Parses the largest face that dlib's HOG detector finds; no hair.

    Parameters
    ----------
    detector : HogDetector
    landmarker : Landmarker68
    """

    detector: HogDetector
    landmarker: Landmarker68
    classes: tuple[str, ...] = HELEN[:-1]

    name = "dlib-68"
    choices = "up0 to up4 (default: up1), @1234abcd to pin the weights"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the parser with its options: ``up0`` to ``up4``, and ``@1234abcd`` to pin the landmarks' weights."""
        pins = [option for option in options if option in PIN]
        detector = HogDetector.of(*(option for option in options if option not in PIN))
        return cls(detector, Landmarker68.of(*pins))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"dlib-68@{self.landmarker.weights.short}", *self.detector.definition[1:])

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """Label every pixel.

        Parameters
        ----------
        faces : np.ndarray, shape (N, H, W, 3), uint8 RGB

        Returns
        -------
        np.ndarray, shape (N, H, W), uint8
            Indices into ``classes``; all of an image is 0 (background) where no face is found, and only there.

        Raises
        ------
        InputError
            When `faces` is not a batch of RGB images, or dlib is not installed.
        """
        faces = as_batch(faces)
        labels = np.zeros(faces.shape[:3], np.uint8)
        for image, drawn in zip(faces, labels, strict=True):
            for face in self.detector.detect(image)[:1]:
                draw(drawn, regions_of_68(self.landmarker.points(image, face)))
        return labels


def draw(labels: np.ndarray, regions: list[tuple[int, np.ndarray]]) -> None:
    """Fill polygons into a label image, in place, to 1/16 pixel; a pixel that the outline crosses belongs to it.

    Parameters
    ----------
    labels : np.ndarray, shape (H, W), uint8
    regions : list of (int, np.ndarray of shape (n, 2))
        Value and corners ``(x, y)`` in pixels, which may lie outside the image.
    """
    import cv2

    for value, polygon in regions:
        cv2.fillPoly(labels, [np.rint(polygon * 2**_SHIFT).astype(np.int32)], value, shift=_SHIFT)
