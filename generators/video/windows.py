"""Runs of consecutive frames: which there are, and which cannot become one exposure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from facedeblur.generators.video.motion import Step, is_cut, repetition, step, thumbnail
from facedeblur.generators.video.reader import Frame

OK = "ok"
DAMAGED = "damaged frame"
RESIZED = "frame size changes"
UNEVEN = "uneven timing"
IDENTICAL = "identical frames"
REPEATED = "near-duplicate frames"
CUT = "shot cut"


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive frames, and what lies between them.

    Attributes
    ----------
    frames : tuple of Frame
    steps : tuple of Step
        One less than frames; empty where a frame is damaged or the size changes.
    """

    frames: tuple[Frame, ...]
    steps: tuple[Step, ...]

    @property
    def middle(self) -> Frame:
        """The frame that stands for the sharp image."""
        return self.frames[len(self.frames) // 2]

    @property
    def stack(self) -> list[np.ndarray]:
        """The frames' pixels, (H, W, 3) uint8 RGB each; call it only where none is damaged."""
        return [frame.pixels for frame in self.frames if frame.pixels is not None]

    @property
    def interval(self) -> float:
        """Median time between frames in seconds; NaN where unknown."""
        return float(np.median(np.diff([frame.time for frame in self.frames])))


def windows(frames: Iterable[Frame], *, length: int, stride: int) -> Iterator[Window]:
    """Yield every run of `length` frames that begins at a multiple of `stride`.

    Only `length` frames are in memory. Frames after the last whole run are not used.

    Parameters
    ----------
    frames : iterable of Frame
    length, stride : int
        At least 3 and at least 1.
    """
    held: deque[Frame] = deque(maxlen=length)
    steps: deque[Step | None] = deque(maxlen=length - 1)
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


def _step(before: Frame, after: Frame, thumb_before: np.ndarray | None, thumb_after: np.ndarray | None) -> Step | None:
    if before.pixels is None or after.pixels is None or before.pixels.shape != after.pixels.shape:
        return None
    assert thumb_before is not None and thumb_after is not None
    return step(before.pixels, after.pixels, thumb_before, thumb_after)


def fault(window: Window, *, repeat: float, max_cut: float, max_jitter: float) -> tuple[str, str]:
    """Say why a run of frames cannot be averaged, or ``ok``.

    Anand et al. want "each frame [to] differ by at least one-pixel value" and "a motion flow in the whole
    set": here no two neighbours may be identical or nearly so, and no shot may end within.

    Parameters
    ----------
    window : Window
    repeat : float
        A step under this share of the usual one is a repeated frame, see `motion.repetition`; 0 lets them pass.
    max_cut : float
        Greatest fall of the correlation in one step; see `motion.is_cut`.
    max_jitter : float
        How far one frame interval may be from the median, as a share of it.

    Returns
    -------
    status, note : str
    """
    broken = next((frame for frame in window.frames if frame.pixels is None), None)
    if broken is not None:
        return DAMAGED, f"frame {broken.index}: {broken.problem}"
    if not window.steps:
        return RESIZED, ""
    gaps = np.diff([frame.time for frame in window.frames])
    usual = window.interval
    if not math.isnan(usual) and np.any(np.abs(gaps - usual) > max_jitter * abs(usual)):
        return UNEVEN, f"{1e3 * gaps.min():.1f} to {1e3 * gaps.max():.1f} ms a frame"
    # A cut first: beside it everything else looks like a repetition.
    if is_cut(window.steps, max_cut):
        return CUT, f"correlation falls to {min(one.ncc for one in window.steps):.3f}"
    still = sum(one.greatest < 1 for one in window.steps)
    if still:
        return IDENTICAL, f"{still} of {len(window.steps)} steps"
    if repetition(window.steps) < repeat:
        return REPEATED, ""
    return OK, ""
