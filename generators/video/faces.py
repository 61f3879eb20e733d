"""The face in a run of frames: finds it, holds it still or follows it, cuts it out, and measures how far it moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Face, Landmarker, provider
from facedeblur.generators.align.geometry import warp
from facedeblur.generators.align.photo import NO_FACE, OK, Aligned, align_photo, chosen_face, find_faces
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.template import template_named
from facedeblur.generators.video.reader import Frame
from facedeblur.generators.video.spec import NONE, FrameSpec
from facedeblur.generators.video.windows import Window

LOST = "face lost"
NO_OVERLAP = "no overlap"
LITTLE_MOTION = "too little motion"

FLOW_SIDE = 256
"""Regions with a longer side are reduced to it before their flow is measured."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Exposure:
    """A window of frames as it is averaged, or the reason why it is not.

    Attributes
    ----------
    status : str
        ``ok``, a status of `Aligned`, ``face lost``, ``no overlap`` or ``too little motion``.
    note : str
    crops : list of np.ndarray, shape (H, W, 3), uint8 RGB
        One per frame; empty unless the status is ``ok``.
    transform : np.ndarray, shape (2, 3), or None
        From the middle frame to its crop.
    n_faces : int
        Number of faces in the middle frame; -1 if none was searched for.
    coverage : float
        Share of the middle frame's crop inside the frame.
    overlap : float
        Of the first and the last frame: intersection over union of the boxes of the face or, without a detector,
        share of the frame that is still in view. NaN if it was not measured.
    slowest, travel : float
        Smallest median flow between neighbouring frames, and distance from the first to the last frame, in pixels of
        the video; NaN if not measured.
    """

    status: str
    note: str = ""
    crops: list[np.ndarray] = field(default_factory=list)
    transform: np.ndarray | None = None
    n_faces: int = -1
    coverage: float = 1.0
    overlap: float = float("nan")
    slowest: float = float("nan")
    travel: float = float("nan")


@dataclass(frozen=True)
class _Found(Detector):
    """A detector for `align_photo` that returns a face which is known already."""

    face: Face
    size: tuple[int, int]
    definition: tuple[str, ...] = ("found",)

    def detect(self, image: np.ndarray) -> list[Face]:
        return [self.face.scaled(image.shape[1] / self.size[1], image.shape[0] / self.size[0])]


@lru_cache(maxsize=2)
def _providers(detector: str, landmarker: str) -> tuple[Detector | None, Landmarker | None]:
    return (
        None if detector == NONE else provider(DETECTORS, detector),
        None if landmarker == NONE else provider(LANDMARKERS, landmarker),
    )


class Crew:
    """Finds and cuts out the faces of one video; a frame of several windows is searched once."""

    def __init__(self, spec: FrameSpec):
        self._spec = spec
        self._detector, self._landmarker = _providers(spec.detector, NONE if spec.whole else spec.landmarker)
        self._faces: dict[int, list[Face]] = {}

    def expose(self, window: Window) -> Exposure:
        """Find the face of the middle frame and return the crop of every frame.

        Parameters
        ----------
        window : Window
            None of its frames damaged.
        """
        spec, middle = self._spec, window.middle
        self._faces = {index: found for index, found in self._faces.items() if index >= window.frames[0].index}
        box, cut, n_faces = None, Aligned(None, OK), -1
        if self._detector is not None:
            found = self._find(middle)
            n_faces = len(found)
            if not found:
                return Exposure(NO_FACE, f"in the middle frame {middle.index}", n_faces=0)
            assert middle.pixels is not None
            face = chosen_face(found, middle.pixels, spec.choose)
            box, cut = face.box, self._align(middle, face)
            if cut.status != OK:
                return Exposure(cut.status, cut.note, transform=cut.transform, n_faces=n_faces, coverage=cut.coverage)
        coverage = cut.coverage if cut.n_faces >= 0 else 1.0
        known: dict[str, Any] = {"transform": cut.transform, "n_faces": n_faces, "coverage": coverage}
        return self._motion(window, box, cut.transform, known)

    def _motion(self, window: Window, box: Box | None, transform: np.ndarray | None, known: dict[str, Any]) -> Exposure:
        """Measure how the face moves, and cut it out of every frame."""
        spec, stack = self._spec, window.stack
        overlap = float("nan")
        if box is not None:
            first, last = (self._nearest(frame, box) for frame in (window.frames[0], window.frames[-1]))
            if first is None or last is None:
                gone = window.frames[0] if first is None else window.frames[-1]
                return Exposure(LOST, f"in frame {gone.index}", **known)
            overlap = iou(first.box, last.box)
        ways = np.array([flow(*two, box) for two in pairwise(stack)])
        dx, dy = ways[:, 1:].sum(axis=0)
        if box is None:
            overlap = share_left(stack[0].shape[1], stack[0].shape[0], dx, dy)
        known |= {"overlap": overlap, "slowest": float(ways[:, 0].min()), "travel": float(np.hypot(dx, dy))}
        if overlap <= spec.min_overlap:
            return Exposure(NO_OVERLAP, f"{overlap:.2f} of first and last frame", **known)
        if known["slowest"] < spec.min_flow:
            return Exposure(LITTLE_MOTION, f"{known['slowest']:.2f} pixels in one step", **known)
        if spec.whole:
            return Exposure(OK, crops=stack, **known)
        if spec.face == "following":
            return self._follow(window, box, known)
        goal = template_named(spec.template)
        assert transform is not None
        return Exposure(OK, crops=[warp(one, transform, goal.width, goal.height) for one in stack], **known)

    def _follow(self, window: Window, box: Box | None, known: dict[str, Any]) -> Exposure:
        """Align every frame's own face, from the middle outwards."""
        assert box is not None
        centre = len(window.frames) // 2
        crops: dict[int, np.ndarray] = {}
        for order in (range(centre, len(window.frames)), range(centre - 1, -1, -1)):
            last = box
            for at in order:
                frame = window.frames[at]
                face = self._nearest(frame, last)
                if face is None:
                    return Exposure(LOST, f"in frame {frame.index}", **known)
                cut = self._align(frame, face)
                if cut.status != OK or cut.pixels is None:
                    return Exposure(LOST, f"in frame {frame.index}: {cut.status} {cut.note}".rstrip(), **known)
                crops[at], last = cut.pixels, face.box
        return Exposure(OK, crops=[crops[at] for at in range(len(window.frames))], **known)

    def _find(self, frame: Frame) -> list[Face]:
        if frame.index not in self._faces:
            assert self._detector is not None and frame.pixels is not None
            self._faces[frame.index] = find_faces(frame.pixels, self._detector)
        return self._faces[frame.index]

    def _nearest(self, frame: Frame, box: Box) -> Face | None:
        """The face of `frame` that overlaps most with `box`; None without a face."""
        found = self._find(frame)
        return max(found, key=lambda face: iou(face.box, box)) if found else None

    def _align(self, frame: Frame, face: Face) -> Aligned:
        assert frame.pixels is not None
        if self._spec.whole:
            return Aligned(None, OK)
        assert self._landmarker is not None
        return align_photo(
            frame.pixels,
            _Found(face, frame.pixels.shape[:2]),
            self._landmarker,
            template=self._spec.template,
            limits=Limits(min_coverage=self._spec.min_coverage),
        )


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
    """Intersection over union of two boxes; 0 if they do not overlap."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def share_left(width: int, height: int, dx: float, dy: float) -> float:
    """Share of a frame that is still in view after the picture has moved by (dx, dy) pixels."""
    return max(0.0, 1 - abs(dx) / width) * max(0.0, 1 - abs(dy) / height)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV divides the picture into one strip per thread, and the flow depends on the strips."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
