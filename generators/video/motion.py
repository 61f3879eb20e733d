"""What happens between frames: how much they differ, whether the scene is cut, how far things move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

THUMB = 32
"""Side of the grey thumbnails that tell cuts, in pixels."""

FLOW_SIDE = 256
"""Regions with a longer side are reduced to it before their flow is measured."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Step:
    """From one frame to the next.

    Attributes
    ----------
    greatest : int
        Greatest absolute difference of any sample, in grey levels; 0 for identical frames.
    mean : float
        Mean absolute difference, in grey levels.
    ncc : float
        Normalised cross-correlation of the two as 32x32 grey thumbnails.
    """

    greatest: int
    mean: float
    ncc: float


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Grey (32, 32) float64 area means of (H, W, 3) uint8 RGB, less their mean, of unit norm; zeros for a flat one."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean()
    norm = float(np.sqrt(np.sum(small * small)))
    return small / norm if norm > 0 else small


def step(before: np.ndarray, after: np.ndarray, thumb_before: np.ndarray, thumb_after: np.ndarray) -> Step:
    """Compare two frames of one size, (H, W, 3) uint8 RGB, whose `thumbnail`s are given."""
    import cv2

    difference = cv2.absdiff(before, after)
    both_flat = not thumb_before.any() and not thumb_after.any()
    ncc = 1.0 if both_flat else float(np.sum(thumb_before * thumb_after))
    return Step(int(difference.max()), float(np.mean(difference)), ncc)


def is_cut(steps: Sequence[Step], max_cut: float) -> bool:
    """Tell whether one step's correlation jumps down.

    It does where ``1 - ncc`` exceeds `max_cut` and four times the median of the other steps: a fast pan
    has many such steps, a cut has one.
    """
    fall = sorted(1 - one.ncc for one in steps)
    return bool(fall[-1] > max_cut and fall[-1] > 4 * np.median(fall[:-1]))


def repetition(steps: Sequence[Step]) -> float:
    """Least mean difference of a step as a share of the median of the others; near 0 for a frame shown twice.

    NaN for less than two steps, or where the others are all without any difference.
    """
    means = sorted(one.mean for one in steps)
    usual = float(np.median(means[1:])) if len(means) > 1 else 0.0
    return means[0] / usual if usual > 0 else float("nan")


def flow(before: np.ndarray, after: np.ndarray, region: Box | None = None) -> tuple[float, float, float]:
    """Median optical flow between two frames in a region.

    Dense inverse search (Kroeger et al., ECCV 2016) on grey values; regions over 256 pixels are reduced
    first, very small ones enlarged.

    Parameters
    ----------
    before, after : np.ndarray, shape (H, W, 3), uint8 RGB
    region : tuple of four floats, optional
        Left, top, right, bottom in pixels; cut to the frame.

    Returns
    -------
    speed, dx, dy : float
        Median length, median x and median y of the vectors, in pixels of the frame.
    """
    import cv2

    height, width = before.shape[:2]
    left, top, right, bottom = (0.0, 0.0, width, height) if region is None else region
    left, top = max(0, min(int(left), width - 16)), max(0, min(int(top), height - 16))
    rows = slice(top, max(top + 16, min(int(np.ceil(bottom)), height)))
    columns = slice(left, max(left + 16, min(int(np.ceil(right)), width)))
    greys = [cv2.cvtColor(np.ascontiguousarray(one[rows, columns]), cv2.COLOR_RGB2GRAY) for one in (before, after)]
    size = np.array(greys[0].shape[::-1])
    scale = min(1.0, FLOW_SIDE / max(size)) if max(size) > FLOW_SIDE else max(1.0, 64 / min(size))
    if scale != 1:
        target = np.maximum(1, np.round(size * scale)).astype(int)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        greys = [cv2.resize(grey, target.tolist(), interpolation=how) for grey in greys]
    with _one_thread():
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        vectors = search.calc(greys[0], greys[1], None).astype(np.float64)
    vectors *= size / np.array(greys[0].shape[::-1])
    dx, dy = vectors[..., 0], vectors[..., 1]
    return float(np.median(np.hypot(dx, dy))), float(np.median(dx)), float(np.median(dy))


def iou(one: Box, other: Box) -> float:
    """Area two boxes share, over the area they cover together; 0 where they do not meet."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def share_left(width: int, height: int, dx: float, dy: float) -> float:
    """Share of a frame's pixels that are still in view after the picture has moved by (dx, dy) pixels."""
    return max(0.0, 1 - abs(dx) / width) * max(0.0, 1 - abs(dy) / height)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV cuts the picture into a strip a thread, and the flow depends on the strips."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
