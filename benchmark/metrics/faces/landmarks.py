"""How far the landmarks of a restored face are from those of the sharp one: the normalised mean error.

Mean point-to-point distance over the distance between the eyes, the measure of the 300-W challenge (Sagonas et al.,
"300 Faces in-the-Wild Challenge", Image and Vision Computing 2016, section 4: 68 points, outer eye corners). There the
truth is drawn by hand; here it is what the same finder sees in the sharp image, so that a finder's own error cancels
where the restoration is right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import (
    LANDMARKERS,
    Detector,
    Landmarker,
    as_batch,
    as_image,
    provider,
    provider_of,
    terms_of,
)
from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.options import fill

DEFAULT = "dlib-68"
WAYS = INTEROCULAR, INTERPUPIL = "interocular", "interpupil"
CORNERS = (36, 45)
"""Outer corners of the eyes among 68 points, counted from 0."""


def eye_distance(points: np.ndarray, by: str) -> float:
    """Distance by which errors are divided, in pixels.

    Parameters
    ----------
    points : ndarray, (68, 2) or (5, 2)
        Pixels ``(x, y)``.
    by : {"interocular", "interpupil"}
        Between the outer eye corners (68 points only), or the eyes' centres.
    """
    if by == INTEROCULAR:
        left, right = points[CORNERS[0]], points[CORNERS[1]]
    elif len(points) == 68:
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    else:
        left, right = points[0], points[1]
    return float(np.hypot(*(right - left)))


def mean_error(found: np.ndarray, true: np.ndarray, *, by: str = INTEROCULAR) -> float:
    """Mean distance between corresponding points over the distance between the true eyes.

    Parameters
    ----------
    found, true : ndarray, (K, 2)
        Points ``(x, y)``; 68 or five.
    by : {"interocular", "interpupil"}
        See `eye_distance`.

    Returns
    -------
    float
        NaN where a point is missing or the true eyes coincide.
    """
    apart, scale = np.linalg.norm(found - true, axis=-1).mean(), eye_distance(true, by)
    return float(apart / scale) if scale > 0 else float("nan")


@dataclass(frozen=True)
class LandmarkDistance(Metric):
    """Mean distance of landmarks: ``landmarks[dlib-68,interocular]``; a finder, and what errors are divided by.

    The normalised mean error of the landmarks in a restored image against those in the sharp one. The largest
    face is taken in each; it is detected again in every image.

    Parameters
    ----------
    detector : Detector
    landmarker : Landmarker
    by : {"interocular", "interpupil"}
        What errors are divided by, measured in the sharp image.
    """

    detector: Detector
    landmarker: Landmarker
    by: str

    name, unit, higher_is_better, limits = "landmarks", "fraction", False, (0.0, math.inf)
    worst = 1.0  # the points are as far off as the eyes are apart
    summary = "mean distance of the landmarks of the restored from those of the sharp face"
    terms: ClassVar[Mapping[str, str]] = {
        INTEROCULAR: "divided by the distance between the outer corners of the eyes",
        INTERPUPIL: "divided by the distance between the eyes' centres",
    }

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`.

        Parameters
        ----------
        *options : str
            In any order: a landmarker (``dlib-68``, the default, ``mtcnn``, ``yunet``) and its options, ``interocular``
            or ``interpupil``. Landmarkers of five points have no eye corners and divide by ``interpupil``.
        """
        ways = [word for word in options if word in WAYS]
        finder = provider_of(LANDMARKERS, [word for word in options if word not in WAYS], DEFAULT, cls.name)
        kind = LANDMARKERS.get(re.split("[@,]", finder)[0])
        if kind.found_by is None:
            raise InputError(f"landmarker '{kind.name}' names no detector", do="set found_by in its class")
        (by,) = fill(f"metric '{cls.name}'", ways, WAYS if kind.n_points == 68 else (INTERPUPIL,))
        return cls(kind.found_by.of(), provider(LANDMARKERS, finder), by)

    @classmethod
    def terms_of(cls, options: Sequence[str]) -> Mapping[str, str]:
        """Return what errors are divided by, and what the landmarker says of its options."""
        return {**cls.terms, **terms_of(LANDMARKERS, options[0])}

    @property
    def options(self) -> tuple[str, ...]:
        """The landmarker, which implies its detector, and what errors are divided by."""
        return (*self.landmarker.definition, self.by)

    @property
    def label(self) -> str:
        """Short column heading."""
        return f"Landmarks ({self.landmarker.definition[0].partition('@')[0]})"

    def points(self, image: np.ndarray) -> np.ndarray | None:
        """Landmarks of the largest face in (H, W, 3) uint8 RGB: (68, 2) or (5, 2) float64, None without a face."""
        faces = self.detector.detect(image)
        if not faces:
            return None
        return np.asarray(self.landmarker.points(image, faces[0]), dtype=np.float64)

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> np.ndarray | None:
        """Landmarks of the sharp image, (H, W, 3) uint8 RGB; None where it shows no face."""
        return self.points(as_image(sharp))

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: np.ndarray | None) -> np.ndarray:
        """Compare the landmarks of restored images with those of the sharp one.

        Parameters
        ----------
        restored : ndarray, (N, H, W, 3) uint8 RGB
        sharp : ndarray, (H, W, 3) uint8 RGB
            Not looked at; its landmarks are `prepared`.
        prepared : ndarray or None
            What `prepare` returned.

        Returns
        -------
        ndarray, (N,) float64
            From 0 up; NaN where no face was found in either image.

        Raises
        ------
        InputError
            When the shapes differ: points could not be compared.
        """
        restored = as_batch(restored)
        if restored.shape[1:] != sharp.shape:
            raise InputError("restored image", expected=f"the shape {sharp.shape}", found=f"{restored.shape[1:]}")
        values = np.full(len(restored), np.nan)
        if prepared is not None:
            for at, image in enumerate(restored):
                found = self.points(np.ascontiguousarray(image))
                if found is not None:
                    values[at] = mean_error(found, prepared, by=self.by)
        return values
