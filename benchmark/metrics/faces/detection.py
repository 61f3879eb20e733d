"""Whether a face is still found in a restored image.

Success is any face at all; the rate over a test set is the mean. The usual protocol is
OpenFace's, dlib's HOG detector with one upsampling on the RGB image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from facedeblur.benchmark.faces.base import DETECTORS, Detector, as_batch, provider, provider_of, terms_of
from facedeblur.benchmark.metrics.base import Metric, Needs

DEFAULT = "dlib-hog"


@dataclass(frozen=True)
class Detection(Metric):
    """Face found (1) or not (0) in the restored image: ``detection[dlib-hog,up1]``.

    Parameters
    ----------
    detector : Detector
    """

    detector: Detector

    name, unit, needs, worst, limits = "detection", "fraction", Needs(sharp=False), 0.0, (0.0, 1.0)
    summary = "share of restored images in which the detector finds a face"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`.

        Parameters
        ----------
        *options : str
            A detector's name (``dlib-hog``, the default, ``mtcnn``, ``yunet``) and its options (``up1``).
        """
        return cls(provider(DETECTORS, provider_of(DETECTORS, options, DEFAULT, cls.name)))

    @classmethod
    def terms_of(cls, options: Sequence[str]) -> Mapping[str, str]:
        """Return what the detector says of its options."""
        return terms_of(DETECTORS, options[0])

    @property
    def options(self) -> tuple[str, ...]:
        """The detector and its options, all of them."""
        return self.detector.definition

    @property
    def label(self) -> str:
        """Short column heading."""
        return f"Face found ({self.detector.definition[0].partition('@')[0]})"

    def measure(self, restored: np.ndarray, sharp: np.ndarray | None, prepared: None) -> np.ndarray:
        """Look for faces in restored images.

        Parameters
        ----------
        restored : np.ndarray, shape (N, H, W, 3), uint8 RGB
        sharp : np.ndarray
            Not looked at.
        prepared : None

        Returns
        -------
        np.ndarray, shape (N,), float64
            1.0 where any face is found, else 0.0; never NaN.
        """
        return np.array([float(self.detector.finds(image)) for image in as_batch(restored)], dtype=np.float64)
