"""Other kinds of blur: spline kernels against scipy's spline, camera poses against OpenCV's warp."""

from __future__ import annotations

import cv2
import numpy as np
from common import Ratio, interleave
from scipy.interpolate import CubicSpline

from facedeblur.generators.blur.nonuniform import blur_poses
from facedeblur.generators.blur.poses import poses
from facedeblur.generators.kernels.spline import SplineModel

BATCH = 128
SPLINE = "CubicSpline of {scipy}"
WARP = "warpPerspective of {opencv-python}, float32"


def scipy_spline(rng: np.random.Generator, side: int) -> np.ndarray:
    """The published recipe with scipy and numpy, less the centring."""
    knots, places = np.linspace(0, 1, 6), np.linspace(0, 1, 30_000)
    path = CubicSpline(knots, rng.integers(1, side + 1, (6, 2)))(places)
    cells = np.clip(np.round(path), 1, side).astype(int) - 1
    met = np.unique(cells[:, 0] * side + cells[:, 1])
    kernel = np.zeros(side * side)
    kernel[met] = np.maximum(0, rng.normal(1, 0.5, len(met)))
    return (kernel / kernel.sum()).reshape(side, side)


def homography(pose: np.ndarray, focal: float, middle: float) -> np.ndarray:
    """Sharp to blurred pixels for a pose that only turns."""
    k = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    return np.asarray(k @ cv2.Rodrigues(pose[:3])[0] @ np.linalg.inv(k))


def opencv_poses(image: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Mean of float32 warps, whose places are rounded to 1/32 px."""
    side = len(image)
    total = np.zeros_like(image)
    for pose in moves:
        h = homography(pose, side + 40.0, (side - 1) / 2)
        total += cv2.warpPerspective(image, h, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / len(moves)


def run() -> list[Ratio]:
    """A spline kernel of 27, and a 128 x 128 image seen from 64 poses."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    start = iter(range(0, 10**9, BATCH))
    seconds = interleave(
        {"ours": lambda: SplineModel().draw(0, 27, BATCH, start=next(start)), "scipy": lambda: scipy_spline(rng, 16)},
        rounds=9,
    )
    ratios = [Ratio("G1", "spline kernel, N=27", seconds["ours"] / BATCH, seconds["scipy"], 8.0, SPLINE)]
    image, moves = rng.random((128, 128, 3)), poses(0, 0)
    single = image.astype(np.float32)
    smooth = cv2.GaussianBlur(image, (0, 0), 3)
    # The same picture, or the comparison is of different things.
    assert np.abs(opencv_poses(smooth.astype(np.float32), moves) - blur_poses(smooth, moves)).max() < 5e-3
    seconds = interleave(
        {"ours": lambda: blur_poses(image, moves), "opencv": lambda: opencv_poses(single, moves)}, rounds=9
    )
    return [*ratios, Ratio("G2", "128x128x3 from 64 poses, float64", seconds["ours"], seconds["opencv"], 0.9, WARP)]
