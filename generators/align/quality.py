"""Quality of a crop: pose and size of the face in its photograph, sharpness, clipped samples; and limits on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import checked

POOR = "poor quality"


@dataclass(frozen=True)
class Quality:
    """Measurements of one crop; a row of ``quality.csv``.

    Attributes
    ----------
    image_id, status : str
        As in ``images.csv``.
    yaw, pitch, roll : float
        Degrees, see `pose_of`; NaN without landmarks.
    eye_distance : float
        Between the eye centres, in pixels of the photograph; NaN without landmarks.
    laplacian : float
        Variance of the crop's discrete Laplacian (four neighbours) in squared grey levels: low where it is blurred.
    black, white : float
        Shares of samples that are 0 and 255.
    coverage : float
        Share of the crop inside the photograph.
    """

    image_id: str
    status: str
    yaw: float
    pitch: float
    roll: float
    eye_distance: float
    laplacian: float
    black: float
    white: float
    coverage: float


@checked
@dataclass(frozen=True)
class Limits:
    """Limits that a photograph and its crop must meet to be used; None sets no limit.

    Attributes
    ----------
    one_face : bool
        Refuse photographs with several faces instead of taking one.
    min_coverage : float
        Smallest share of the crop inside the photograph.
    max_magnification : float
        Largest factor by which a face may be enlarged.
    max_yaw, max_pitch, max_roll : float or None
        Degrees to either side.
    min_eye_distance : float or None
        Pixels of the photograph.
    min_laplacian : float or None
        Squared grey levels.
    max_clipped : float or None
        Largest share of samples that are 0 or 255.
    """

    one_face: bool = False
    min_coverage: float = 0.95
    max_magnification: float = 4.0
    max_yaw: float | None = None
    max_pitch: float | None = None
    max_roll: float | None = None
    min_eye_distance: float | None = None
    min_laplacian: float | None = None
    max_clipped: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            good, expected = value is None or 0 <= value < math.inf, "0 or more"
            if field.name == "min_coverage":
                good, expected = 0 <= value <= 1, "0 to 1"
            elif field.name == "max_magnification":
                good, expected = value > 0, "a number above 0"
            if not good:
                raise InputError(f"option '{field.name}'", expected=expected, found=str(value), do="change it")

    def broken(self, quality: Quality) -> tuple[str, str]:
        """Return the limits of quality that a crop does not meet.

        A measurement that is not known meets no limit.

        Returns
        -------
        status : str
            ``poor quality: `` and what is poor; empty if nothing is.
        note : str
            The numbers.
        """
        clipped = quality.black + quality.white
        found = [
            ("yaw", abs(quality.yaw), self.max_yaw, 1),
            ("pitch", abs(quality.pitch), self.max_pitch, 1),
            ("roll", abs(quality.roll), self.max_roll, 1),
            ("eye distance", quality.eye_distance, self.min_eye_distance, -1),
            ("laplacian", quality.laplacian, self.min_laplacian, -1),
            ("clipped", clipped, self.max_clipped, 1),
        ]
        poor = [one for one in found if one[2] is not None and not one[3] * one[1] <= one[3] * one[2]]
        notes = [
            f"{name} not known" if math.isnan(value) else f"{name} {value:.3g}, limit {limit:g}"
            for name, value, limit, _ in poor
        ]
        return f"{POOR}: {', '.join(name for name, *_ in poor)}" if poor else "", "; ".join(notes)


def measure(
    image_id: str, status: str, crop: np.ndarray, points: np.ndarray | None = None, *, coverage: float = 1.0
) -> Quality:
    """Measure one crop.

    Parameters
    ----------
    image_id, status : str
    crop : np.ndarray, shape (H, W, 3), uint8 RGB
    points : np.ndarray, shape (5, 2), optional
        The face's landmarks in pixels of the photograph.
    coverage : float

    Returns
    -------
    Quality
    """
    yaw, pitch, roll, distance = (math.nan,) * 4
    if points is not None:
        yaw, pitch, roll = pose_of(points)
        distance = float(np.hypot(*(points[1] - points[0])))
    black, white = (float(np.count_nonzero(crop == level)) / crop.size for level in (0, 255))
    return Quality(image_id, status, yaw, pitch, roll, distance, laplacian_variance(crop), black, white, coverage)


def laplacian_variance(crop: np.ndarray) -> float:
    """Variance of the Laplacian, four neighbours less four times the pixel, over the inner pixels.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000. Grey is
    0.299 R + 0.587 G + 0.114 B.

    Parameters
    ----------
    crop : np.ndarray, shape (H, W, 3), uint8 RGB

    Returns
    -------
    float
        In squared grey levels; 0 for crops of fewer than three rows or columns.
    """
    grey = crop.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    return float(np.var(grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner))


def quantiles(rows: Iterable[Quality], at: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> dict[str, list[float]]:
    """Quantiles of every measurement over the crops in which it is known.

    Parameters
    ----------
    rows : iterable of Quality
    at : tuple of float

    Returns
    -------
    dict of str to list of float
        NaN throughout where a measurement is known of no crop.
    """
    rows = list(rows)
    found = {}
    for field in fields(Quality)[2:]:
        values = np.array([getattr(row, field.name) for row in rows], dtype=np.float64)
        known = values[np.isfinite(values)]
        found[field.name] = [float(q) for q in np.quantile(known, at)] if len(known) else [math.nan] * len(at)
    return found


# Eyes, nose tip, mouth corners in units of the distance between the eyes: x to the viewer's right, y down, z towards
# the viewer. x and y are the mean of dlib's points on the 62 neutral and 62 smiling frontal faces of the London set
# (DeBruine and Jones 2017), made symmetric. z puts the nose half an eye distance before the rest, which fits dlib's
# points on 996 faces of LFW (Huang et al. 2007) within 1 % of the best depths.
MODEL = np.array([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.493, 0.5], [-0.432, 1.047, 0.0], [0.432, 1.047, 0.0]])
_CENTRED = MODEL - MODEL.mean(axis=0)
_FIT = np.linalg.pinv(_CENTRED)


def pose_of(points: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a face in degrees, by scaled orthographic projection of a mean face.

    The affine map that takes `MODEL` to the points with least squared error is replaced by the
    nearest scaled rotation ``R`` (DeMenthon and Davis, *Model-based object pose in 25 lines of
    code*, IJCV 1995, first iteration, with the polar factor for the rotation), which is read as
    ``R = Rz(roll) Ry(yaw) Rx(pitch)``. Faces differ in build and expression: on the frontal faces
    of the London set the standard deviation is 3.7 degrees of yaw, 9.6 of pitch, 1.7 of roll.

    Parameters
    ----------
    points : np.ndarray, shape (5, 2)
        Left eye, right eye, nose, mouth left, mouth right, ``(x, y)``.

    Returns
    -------
    yaw, pitch, roll : float
        Positive where the nose points to the viewer's right, up, and where the head is turned clockwise as seen; NaN
        where the points coincide or are not finite.
    """
    five = np.asarray(points, dtype=np.float64)
    if not np.isfinite(five).all() or np.ptp(five, axis=0).max() == 0:
        return float("nan"), float("nan"), float("nan")
    left, _, right = np.linalg.svd((_FIT @ (five - five.mean(axis=0))).T, full_matrices=False)
    across, down = left @ right
    away = np.cross(across, down)
    yaw = np.arcsin(np.clip(-away[0], -1, 1))
    pitch = np.arctan2(away[1], away[2])
    roll = np.arctan2(down[0], across[0])
    return float(np.rad2deg(yaw)), float(np.rad2deg(pitch)), float(np.rad2deg(roll))
