"""PSNR after the best of 1,681 shifts, against as many warps of OpenCV.

Ten crops of 128x128 of the portrait that scikit-image carries, each against a displaced, noisy version of itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from common import PeerMissing, Ratio, interleave

from facedeblur.benchmark.metrics.fidelity.shift import shift_psnr

CROP, REACH, STEP = 15, 5, 0.25


def faces() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ten pairs (restored, sharp), (128, 128, 3) uint8 RGB."""
    from skimage import data

    portrait = np.asarray(data.astronaut())
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(10):
        top, left, down, right = 20 + 12 * i, 100 + 8 * i, *rng.integers(-5, 6, 2)
        sharp = np.ascontiguousarray(portrait[top : top + 128, left : left + 128])
        moved = portrait[top + down : top + down + 128, left + right : left + right + 128].astype(np.float64)
        pairs.append((np.clip(moved + rng.normal(0, 5, moved.shape), 0, 255).round().astype(np.uint8), sharp))
    return pairs


def warps(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Warp the image 1,681 times, bilinear in float32, and take the smallest squared error."""
    try:
        import cv2
    except ImportError as error:
        raise PeerMissing("opencv") from error

    cv2.setNumThreads(1)
    moving = restored.astype(np.float32)
    inner = sharp[CROP:-CROP, CROP:-CROP].astype(np.float32)
    size = (inner.shape[1], inner.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shifts = np.arange(-REACH, REACH + STEP / 2, STEP)
    best = math.inf
    for down in shifts:
        for right in shifts:
            matrix = np.array([[1, 0, CROP + right], [0, 1, CROP + down]], dtype=np.float64)
            moved = cv2.warpAffine(moving, matrix, size, flags=flags)
            best = min(best, cv2.norm(moved, inner, cv2.NORM_L2SQR))
    return 10 * math.log10(255**2 * inner.size / best)


def run() -> list[Ratio]:
    """Return the ratio, seconds being for one pair."""
    pairs = faces()
    for x, y in pairs[:3]:
        np.testing.assert_allclose(shift_psnr(x, y), warps(x, y), rtol=1e-6)

    def over(measure: Callable[[np.ndarray, np.ndarray], float]) -> None:
        for x, y in pairs:
            measure(x, y)

    seconds = interleave({"ours": partial(over, shift_psnr), "peer": partial(over, warps)}, rounds=5)
    return [
        Ratio(
            target="G3",
            what="PSNR after the search of a shift, 128x128",
            peer="1,681 warps of {opencv-python}",
            ours_s=seconds["ours"] / len(pairs),
            peer_s=seconds["peer"] / len(pairs),
            at_least=100.0,
        )
    ]
