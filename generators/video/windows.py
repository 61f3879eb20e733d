"""Windows of consecutive frames: how the frames differ, and which windows cannot be averaged."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.video.reader import DEINTERLACE, INTERLACED, Frame

OK = "ok"
DAMAGED = "damaged frame"
RESIZED = "frame size changes"
UNEVEN = "uneven timing"
IDENTICAL = "identical frames"
REPEATED = "near-duplicate frames"
CUT = "shot cut"
TOO_SHORT = "too few frames"

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

    It does if ``1 - ncc`` exceeds `max_cut` and four times the median of the other steps, if there are any: a fast pan
    has many such steps, a cut has one.
    """
    *others, most = sorted(1 - one.ncc for one in steps)
    return bool(most > max_cut and (not others or most > 4 * np.median(others)))


def repetition(steps: Sequence[FrameStep]) -> float:
    """Smallest mean difference of a step as a share of the median of the others; near 0 if a frame is repeated.

    NaN for fewer than two steps, or if the others have no difference at all.
    """
    means = sorted(one.mean for one in steps)
    usual = float(np.median(means[1:])) if len(means) > 1 else 0.0
    return means[0] / usual if usual > 0 else float("nan")


MIDDLES = ("later", "earlier")


def middle_of(count: int, middle: str) -> int:
    """Place of the middle one of `count` frames; of the two in the middle of an even number, the one that is named."""
    return count // 2 if middle == "later" else (count - 1) // 2


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive frames, and the differences between them.

    Attributes
    ----------
    frames : tuple of Frame
        Those of a whole sequence are without pixels: `read` decodes them again.
    steps : tuple of FrameStep
        One fewer than frames; empty if a frame is damaged or the size changes.
    place : int
        Place of the frame that becomes the sharp image.
    source : callable
        Gives an iterator over frames with pixels, in order, which has these frames among others.
    repeats : int
        Number of repeated frames that were left out.
    """

    frames: tuple[Frame, ...]
    steps: tuple[FrameStep, ...]
    place: int
    source: Callable[[], Iterable[Frame]]
    repeats: int = 0

    @property
    def middle(self) -> Frame:
        """The frame that becomes the sharp image."""
        return self.frames[self.place]

    def read(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield number and pixels, (H, W, 3) uint8 RGB, of each frame in order; only if no frame is damaged."""
        wanted = {frame.index for frame in self.frames}
        for frame in self.source():
            if frame.index in wanted and frame.pixels is not None:
                yield frame.index, frame.pixels
            if frame.index >= self.frames[-1].index:
                return

    def pixels_of(self, *places: int) -> list[np.ndarray]:
        """Pixels of the frames in some places, (H, W, 3) uint8 RGB each."""
        wanted = {self.frames[place].index for place in places}
        found = {index: pixels for index, pixels in self.read() if index in wanted}
        if len(found) < len(wanted):
            raise InputError(
                "video", "reads differently the second time", do="copy it to another place and start again"
            )
        return [found[self.frames[place].index] for place in places]

    @property
    def interval(self) -> float:
        """Median time between frames in seconds; NaN if unknown."""
        gaps = np.diff([frame.time for frame in self.frames])
        return float(np.median(gaps)) if len(gaps) else math.nan

    def without_repeats(self, *, min_difference: int, repeat: float, middle: str) -> Window:
        """Leave out the frames that repeat the one before them; the first always stays.

        Parameters as for `fault` and `middle_of`.
        """
        means = [one.mean for one in self.steps]
        usual = float(np.median(means)) if means else 0.0
        keep = [0] + [
            at
            for at, one in enumerate(self.steps, start=1)
            if one.greatest >= min_difference and one.mean >= repeat * usual
        ]
        if len(keep) == len(self.frames) or not self.steps:
            return self
        return replace(
            self,
            frames=tuple(self.frames[at] for at in keep),
            steps=tuple(self.steps[at - 1] for at in keep[1:]),
            place=middle_of(len(keep), middle),
            repeats=len(self.frames) - len(keep),
        )


def windows(frames: Iterable[Frame], *, length: int, stride: int, middle: str = "later") -> Iterator[Window]:
    """Yield every window of `length` frames that starts at a multiple of `stride`.

    Only `length` frames are in memory. Frames after the last complete window are not used.

    Parameters
    ----------
    frames : iterable of Frame
    length, stride : int
        At least 2 and at least 1.
    middle : {'later', 'earlier'}
        See `middle_of`.
    """
    held: deque[Frame] = deque(maxlen=length)
    steps: deque[FrameStep | None] = deque(maxlen=length - 1)
    for frame, found in _stepped(frames):
        if held:
            steps.append(found)
        held.append(frame)
        if len(held) == length and held[0].index % stride == 0:
            yield _window(tuple(held), tuple(steps), middle, tuple(held).__iter__)


def sequence(read: Callable[[], Iterable[Frame]], *, middle: str = "later") -> Window | None:
    """Return all frames of a video as one window; None for fewer than two.

    The video is read once here and again wherever pixels are used, so that two frames at most are in memory.

    Parameters
    ----------
    read : callable
        Gives an iterator over the frames from the beginning, each time.
    middle : {'later', 'earlier'}
        See `middle_of`.
    """
    frames: list[Frame] = []
    steps: list[FrameStep | None] = []
    for frame, found in _stepped(read()):
        if frames:
            steps.append(found)
        frames.append(replace(frame, pixels=None))
    return _window(tuple(frames), tuple(steps), middle, read) if len(frames) > 1 else None


def shots(window: Window, *, max_cut: float, middle: str) -> list[Window]:
    """Divide a window at its shot cuts, the most sudden first, until no part has one; see `is_cut`.

    Parts may have a single frame. A window with a damaged frame stays whole.
    """
    if not window.steps or not is_cut(window.steps, max_cut):
        return [window]
    at = min(range(len(window.steps)), key=lambda place: window.steps[place].ncc)
    parts = (
        (window.frames[: at + 1], window.steps[:at]),
        (window.frames[at + 1 :], window.steps[at + 1 :]),
    )
    return [
        shot
        for frames, steps in parts
        for shot in shots(
            replace(window, frames=frames, steps=steps, place=middle_of(len(frames), middle)),
            max_cut=max_cut, middle=middle,
        )
    ]  # fmt: skip


def _window(
    frames: tuple[Frame, ...], steps: tuple[FrameStep | None, ...], middle: str, source: Callable[[], Iterable[Frame]]
) -> Window:
    whole = tuple(one for one in steps if one is not None)
    return Window(frames, whole if len(whole) == len(frames) - 1 else (), middle_of(len(frames), middle), source)


def _stepped(frames: Iterable[Frame]) -> Iterator[tuple[Frame, FrameStep | None]]:
    """Yield each frame with the step that leads to it; None for the first, and where two cannot be compared."""
    before: Frame | None = None
    thumb: np.ndarray | None = None
    for frame in frames:
        thumb_before, thumb = thumb, None if frame.pixels is None else thumbnail(frame.pixels)
        yield frame, None if before is None else _step(before, frame, thumb_before, thumb)
        before = frame


def _step(
    before: Frame, after: Frame, thumb_before: np.ndarray | None, thumb_after: np.ndarray | None
) -> FrameStep | None:
    if before.pixels is None or after.pixels is None or before.pixels.shape != after.pixels.shape:
        return None
    assert thumb_before is not None and thumb_after is not None
    return step(before.pixels, after.pixels, thumb_before, thumb_after)


def fault(window: Window, *, min_difference: int, repeat: float, max_cut: float, max_jitter: float) -> tuple[str, str]:
    """Return why a window cannot be averaged, or ``ok``.

    Anand et al. require "each frame [to] differ by at least one-pixel value": no two neighbouring frames may be
    identical or nearly so. Nor may the window contain a shot cut.

    Parameters
    ----------
    window : Window
    min_difference : int
        Neighbouring frames differ by at least so many grey levels in some sample; 0 accepts identical frames.
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
    broken = next((frame for frame in window.frames if frame.problem), None)
    if broken is not None and broken.problem == INTERLACED:
        return INTERLACED, f"frame {broken.index} shows two moments; remove interlacing: {DEINTERLACE}"
    if broken is not None:
        return DAMAGED, f"frame {broken.index}: {broken.problem}"
    if len(window.frames) < 2:
        return TOO_SHORT, "a single frame between cuts"
    if not window.steps:
        return RESIZED, ""
    gaps = np.diff([frame.time for frame in window.frames])
    usual = window.interval
    if not math.isnan(usual) and np.any(np.abs(gaps - usual) > max_jitter * abs(usual)):
        return UNEVEN, f"{1e3 * gaps.min():.1f} to {1e3 * gaps.max():.1f} ms a frame"
    # Cuts first: compared with a cut, every other step looks like a repetition.
    if is_cut(window.steps, max_cut):
        place = min(range(len(window.steps)), key=lambda at: window.steps[at].ncc)
        return CUT, f"correlation falls to {window.steps[place].ncc:.3f} at frame {window.frames[place + 1].index}"
    still = sum(one.greatest < min_difference for one in window.steps)
    if still:
        return IDENTICAL, f"{still} of {len(window.steps)} steps"
    if repetition(window.steps) < repeat:
        return REPEATED, ""
    return OK, ""
