"""Windows of consecutive frames: how the frames differ, and which windows cannot be averaged."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.generators.video.reader import DEINTERLACE, INTERLACED, Frame

OK = "ok"
DAMAGED = "damaged frame"
RESIZED = "frame size changes"
UNEVEN = "uneven timing"
IDENTICAL = "identical frames"
REPEATED = "near-duplicate frames"
CUT = "shot cut"

THUMB = 32
"""Side of the grey thumbnails that tell cuts, in pixels."""


@dataclass(frozen=True)
class FrameStep:
    """Difference between two neighbouring frames.

    Attributes
    ----------
    greatest : int
        Largest absolute difference of any sample, in grey levels; 0 for identical frames.
    mean : float
        Mean absolute difference, in grey levels.
    ncc : float
        Normalised cross-correlation of their 32x32 grey thumbnails.
    """

    greatest: int
    mean: float
    ncc: float


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Thumbnail of a (H, W, 3) uint8 RGB frame: (32, 32) float64 grey area means with zero mean and unit norm."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float64)
    small -= small.mean()
    norm = float(np.sqrt(np.sum(small * small)))
    return small / norm if norm > 0 else small


def step(before: np.ndarray, after: np.ndarray, thumb_before: np.ndarray, thumb_after: np.ndarray) -> FrameStep:
    """Compare two frames of the same size, (H, W, 3) uint8 RGB, given their thumbnails."""
    import cv2

    difference = cv2.absdiff(before, after)
    both_flat = not thumb_before.any() and not thumb_after.any()
    ncc = 1.0 if both_flat else float(np.sum(thumb_before * thumb_after))
    return FrameStep(int(difference.max()), float(np.mean(difference)), ncc)


def is_cut(steps: Sequence[FrameStep], max_cut: float) -> bool:
    """Tell whether the correlation of one step drops suddenly.

    It does if ``1 - ncc`` exceeds `max_cut` and four times the median of the other steps: a fast pan has many such
    steps, a cut has one.
    """
    fall = sorted(1 - one.ncc for one in steps)
    return bool(fall[-1] > max_cut and fall[-1] > 4 * np.median(fall[:-1]))


def repetition(steps: Sequence[FrameStep]) -> float:
    """Smallest mean difference of a step as a share of the median of the others; near 0 if a frame is repeated.

    NaN for fewer than two steps, or if the others have no difference at all.
    """
    means = sorted(one.mean for one in steps)
    usual = float(np.median(means[1:])) if len(means) > 1 else 0.0
    return means[0] / usual if usual > 0 else float("nan")


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive frames, and the differences between them.

    Attributes
    ----------
    frames : tuple of Frame
    steps : tuple of FrameStep
        One fewer than frames; empty if a frame is damaged or the size changes.
    """

    frames: tuple[Frame, ...]
    steps: tuple[FrameStep, ...]

    @property
    def middle(self) -> Frame:
        """The frame that becomes the sharp image."""
        return self.frames[len(self.frames) // 2]

    @property
    def stack(self) -> list[np.ndarray]:
        """Pixels of the frames, (H, W, 3) uint8 RGB each; only if no frame is damaged."""
        return [frame.pixels for frame in self.frames if frame.pixels is not None]

    @property
    def interval(self) -> float:
        """Median time between frames in seconds; NaN if unknown."""
        return float(np.median(np.diff([frame.time for frame in self.frames])))


def windows(frames: Iterable[Frame], *, length: int, stride: int) -> Iterator[Window]:
    """Yield every window of `length` frames that starts at a multiple of `stride`.

    Only `length` frames are in memory. Frames after the last complete window are not used.

    Parameters
    ----------
    frames : iterable of Frame
    length, stride : int
        At least 3 and at least 1.
    """
    held: deque[Frame] = deque(maxlen=length)
    steps: deque[FrameStep | None] = deque(maxlen=length - 1)
    thumb: np.ndarray | None = None
    for frame in frames:
        before, thumb_before = (held[-1] if held else None), thumb
        thumb = None if frame.pixels is None else thumbnail(frame.pixels)
        if before is not None:
            steps.append(_step(before, frame, thumb_before, thumb))
        held.append(frame)
        if len(held) == length and held[0].index % stride == 0:
            whole = [one for one in steps if one is not None]
            yield Window(tuple(held), tuple(whole) if len(whole) == length - 1 else ())


def _step(
    before: Frame, after: Frame, thumb_before: np.ndarray | None, thumb_after: np.ndarray | None
) -> FrameStep | None:
    if before.pixels is None or after.pixels is None or before.pixels.shape != after.pixels.shape:
        return None
    assert thumb_before is not None and thumb_after is not None
    return step(before.pixels, after.pixels, thumb_before, thumb_after)


def fault(window: Window, *, repeat: float, max_cut: float, max_jitter: float) -> tuple[str, str]:
    """Return why a window cannot be averaged, or ``ok``.

    Anand et al. require "each frame [to] differ by at least one-pixel value" and "a motion flow in the whole set":
    here no two neighbouring frames may be identical or nearly so, and the window may contain no shot cut.

    Parameters
    ----------
    window : Window
    repeat : float
        A step below this share of the median is a repeated frame, see `repetition`; 0 accepts repeated frames.
    max_cut : float
        Largest drop of the correlation in one step; see `is_cut`.
    max_jitter : float
        Largest deviation of a frame interval from the median, as a share of the median.

    Returns
    -------
    status, note : str
    """
    broken = next((frame for frame in window.frames if frame.pixels is None), None)
    if broken is not None and broken.problem == INTERLACED:
        return INTERLACED, f"frame {broken.index} shows two moments; remove interlacing: {DEINTERLACE}"
    if broken is not None:
        return DAMAGED, f"frame {broken.index}: {broken.problem}"
    if not window.steps:
        return RESIZED, ""
    gaps = np.diff([frame.time for frame in window.frames])
    usual = window.interval
    if not math.isnan(usual) and np.any(np.abs(gaps - usual) > max_jitter * abs(usual)):
        return UNEVEN, f"{1e3 * gaps.min():.1f} to {1e3 * gaps.max():.1f} ms a frame"
    # Cuts first: compared with a cut, every other step looks like a repetition.
    if is_cut(window.steps, max_cut):
        return CUT, f"correlation falls to {min(one.ncc for one in window.steps):.3f}"
    still = sum(one.greatest < 1 for one in window.steps)
    if still:
        return IDENTICAL, f"{still} of {len(window.steps)} steps"
    if repetition(window.steps) < repeat:
        return REPEATED, ""
    return OK, ""
