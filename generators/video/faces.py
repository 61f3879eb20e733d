"""The face in a run of frames: finds it, holds it still or follows it, cuts it out, and measures how far it moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Face, Landmarker, provider
from facedeblur.generators.align.geometry import warp
from facedeblur.generators.align.photo import NO_FACE, OK, Aligned, align_photo, chosen_face, find_faces
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.template import template_named
from facedeblur.generators.video.response import Mean, Response
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
    sharp, blurred : np.ndarray, shape (H, W, 3), uint8 RGB, or None
        Crop of the middle frame, and mean of the crops of all frames; None unless the status is ``ok``.
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
    sharp: np.ndarray | None = None
    blurred: np.ndarray | None = None
    transform: np.ndarray | None = None
    n_faces: int = -1
    coverage: float = 1.0
    overlap: float = float("nan")
    slowest: float = float("nan")
    travel: float = float("nan")
    motion: float = float("nan")


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

    def expose(self, window: Window, camera: Response) -> Exposure:
        """Find the face of the middle frame, check how it moves, and average its crops in the light of a camera.

        Parameters
        ----------
        window : Window
            None of its frames damaged.
        camera : Response
        """
        spec, ends = self._spec, (window.frames[0].index, window.frames[-1].index)
        self._faces = {index: found for index, found in self._faces.items() if index >= ends[0]}
        first, middle, last = window.pixels_of(0, window.place, -1)
        box, cut, n_faces = None, Aligned(None, OK), -1
        overlap = float("nan")
        if self._detector is not None:
            found = self._find(window.middle.index, middle)
            n_faces = len(found)
            if not found:
                return Exposure(NO_FACE, f"in the middle frame {window.middle.index}", n_faces=0)
            face = chosen_face(found, middle, spec.choose)
            box, cut = face.box, self._align(middle, face)
            if cut.status != OK:
                return Exposure(cut.status, cut.note, transform=cut.transform, n_faces=n_faces, coverage=cut.coverage)
        coverage = cut.coverage if cut.n_faces >= 0 else 1.0
        known: dict[str, Any] = {"transform": cut.transform, "n_faces": n_faces, "coverage": coverage}
        if box is not None:
            faces = [self._nearest(index, pixels, box) for index, pixels in zip(ends, (first, last), strict=True)]
            if faces[0] is None or faces[1] is None:
                return Exposure(LOST, f"in frame {ends[0] if faces[0] is None else ends[1]}", **known)
            overlap = iou(faces[0].box, faces[1].box)
        measured, mean = self._moved(window, middle, box, cut.transform, camera)
        if box is None:
            overlap = share_left(middle.shape[1], middle.shape[0], measured["dx"], measured["dy"])
        known |= {key: measured[key] for key in ("slowest", "travel", "motion")} | {"overlap": overlap}
        if overlap <= spec.min_overlap:
            return Exposure(NO_OVERLAP, f"{overlap:.2f} of first and last frame", **known)
        if known["motion"] < spec.min_motion:
            return Exposure(LITTLE_MOTION, f"half of the frames lie within {known['motion']:.2f} pixels", **known)
        if known["slowest"] < spec.min_flow:
            return Exposure(LITTLE_MOTION, f"{known['slowest']:.2f} pixels in one step", **known)
        if spec.face == "following":
            assert box is not None
            return self._follow(window, box, camera, known)
        return Exposure(OK, sharp=self._cut(middle, cut.transform), blurred=mean.coded(), **known)

    def _moved(
        self, window: Window, middle: np.ndarray, box: Box | None, transform: np.ndarray | None, camera: Response
    ) -> tuple[dict[str, float], Mean]:
        """Measure how the face moves, and average its crops unless each frame is to be aligned; one reading."""
        steps, away, mean = list[tuple[float, float, float]](), list[float](), Mean(camera)
        before: np.ndarray | None = None
        for index, pixels in window.read():
            if before is not None:
                steps.append(flow(before, pixels, box))
            if index != window.middle.index:
                away.append(flow(middle, pixels, box)[0])
            if self._spec.face != "following":
                mean.add(self._cut(pixels, transform))
            before = pixels
        ways = np.array(steps)
        dx, dy = ways[:, 1:].sum(axis=0)
        measured = {"slowest": ways[:, 0].min(), "travel": np.hypot(dx, dy), "motion": np.median(away)}
        return {key: float(value) for key, value in (measured | {"dx": dx, "dy": dy}).items()}, mean

    def _cut(self, pixels: np.ndarray, transform: np.ndarray | None) -> np.ndarray:
        """The crop of a frame: the place of the middle frame's face, or the whole frame."""
        if self._spec.whole:
            return pixels
        goal = template_named(self._spec.template)
        assert transform is not None
        return warp(pixels, transform, goal.width, goal.height)

    def _follow(self, window: Window, box: Box, camera: Response, known: dict[str, Any]) -> Exposure:
        """Align every frame's own face, which is followed from the middle outwards."""
        found = [(index, self._find(index, pixels)) for index, pixels in window.read()]
        faces: dict[int, Face] = {}
        for order in (range(window.place, len(found)), range(window.place - 1, -1, -1)):
            last = box
            for at in order:
                index, several = found[at]
                if not several:
                    return Exposure(LOST, f"in frame {index}", **known)
                faces[index] = _most_like(several, last)
                last = faces[index].box
        mean, sharp = Mean(camera), None
        for index, pixels in window.read():
            cut = self._align(pixels, faces[index])
            if cut.status != OK or cut.pixels is None:
                return Exposure(LOST, f"in frame {index}: {cut.status} {cut.note}".rstrip(), **known)
            mean.add(cut.pixels)
            sharp = cut.pixels if index == window.middle.index else sharp
        return Exposure(OK, sharp=sharp, blurred=mean.coded(), **known)

    def _find(self, index: int, pixels: np.ndarray) -> list[Face]:
        if index not in self._faces:
            assert self._detector is not None
            self._faces[index] = find_faces(pixels, self._detector)
        return self._faces[index]

    def _nearest(self, index: int, pixels: np.ndarray, box: Box) -> Face | None:
        """The face of a frame that overlaps most with `box`; None without a face."""
        found = self._find(index, pixels)
        return _most_like(found, box) if found else None

    def _align(self, pixels: np.ndarray, face: Face) -> Aligned:
        if self._spec.whole:
            return Aligned(None, OK)
        assert self._landmarker is not None
        return align_photo(
            pixels,
            _Found(face, pixels.shape[:2]),
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


def _most_like(faces: Sequence[Face], box: Box) -> Face:
    return max(faces, key=lambda face: iou(face.box, box))


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
