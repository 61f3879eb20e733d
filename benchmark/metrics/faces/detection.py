"""Whether a face is still found in a restored image.

Success is any face at all; the rate over a test set is the mean. The usual protocol is
OpenFace's, dlib's HOG detector with one upsampling on the RGB image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.faces.base import DETECTORS, Detector, as_batch, provider
from facedeblur.benchmark.metrics.signature import Signature

DEFAULT = "dlib-hog"


@dataclass(frozen=True)
class Detection:
    """1 where a face is found in a restored image, 0 where none is.

    Parameters
    ----------
    detector : Detector
    """

    detector: Detector

    higher_is_better = True
    needs_sharp = False
    unit = "fraction"
    limits = (0.0, 1.0)

    @property
    def signature(self) -> Signature:
        """The detector and its options, all of them."""
        return Signature("detection", tuple(self.detector.definition))

    @property
    def label(self) -> str:
        """Short column heading."""
        return f"Face found ({self.detector.definition[0].partition('@')[0]})"

    @property
    def worst(self) -> float:
        """0: a missing output shows no face."""
        return 0.0

    def prepare(self, sharp: np.ndarray | None) -> None:
        """Nothing: the sharp image plays no part."""

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
        return np.array([float(bool(self.detector.detect(image))) for image in as_batch(restored)], dtype=np.float64)


def detection_metric(*args: str) -> Detection:
    """Face found or not in the restored image: ``detection[dlib-hog,up1]``.

    Parameters
    ----------
    *args : str
        A detector's name (``dlib-hog``, the default, ``mtcnn``, ``yunet``) and its options (``up1``).

    Raises
    ------
    InputError
        When the detector or an option is not known, or its package or weights are missing.
    """
    names = [arg for arg in args if arg.partition("@")[0] in DETECTORS]
    if len(names) > 1:
        raise InputError("metric 'detection'", expected="one detector", found=" and ".join(names), do="write one")
    options = [arg for arg in args if arg not in names]
    if not names and options and not options[0].startswith("up"):
        raise InputError(f"detector '{options[0]}'", expected="a registered one", do=suggest(options[0], DETECTORS))
    return Detection(provider(DETECTORS, ",".join([*(names or [DEFAULT]), *options])))
