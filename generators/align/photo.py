"""Makes one aligned crop of the face, or of a window, of a photograph, or says why there is no crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Detector, Face, Landmarker, as_image
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.files.images import MIN_SIDE
from facedeblur.benchmark.options import checked, one_of
from facedeblur.generators.align.geometry import affine, coverage, margin_inside, scale_of, warp, warp_label, window
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.template import Template, template_named
from facedeblur.generators.random.philox import halves, philox

OK = "ok"
NO_FACE = "no face"
SEVERAL = "several faces"
NO_LANDMARKS = "no landmarks"
CUT = "cut"
TOO_SMALL = "too small"
CHOICES = ("largest", "central")
GIVEN = "file"
"""Name of the landmarker for points that are given."""

WRONG_SIZE = "wrong size"
NO_SKIN = "no skin label"
SKIN = 1
"""Face skin among Helen's eleven classes."""

# Stream of the random windows' places: the choices' high half, and a low half of its own.
STREAM = 4 << 16 | 0x5749

# Larger photographs are searched in a reduced copy; HOG on 20 megapixels takes many seconds.
SEARCH_SIDE = 1200


@checked
@dataclass(frozen=True)
class Finders:
    """How the face of a photograph is found.

    Attributes
    ----------
    detector, landmarker : str
        Providers of faces and of their five points, with their options, as in ``dlib-hog,up1``.
    choose : {'largest', 'central'}
        Which of several faces is taken: the largest box, or the one nearest to the centre of the photograph.
    """

    detector: str = "dlib-hog"
    landmarker: str = "dlib-68"
    choose: str = "largest"

    def __post_init__(self) -> None:
        one_of("choose", self.choose, CHOICES)


@dataclass(frozen=True, eq=False)
class Aligned:
    """The crop of a photograph, or why it is missing.

    Attributes
    ----------
    pixels : np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB, or None
        The crop with its margin, for status ``ok`` and ``cut``.
    status : str
        ``ok``; ``no face``; ``several faces`` (only if exactly one is required); ``no landmarks``; ``cut``, the crop
        extends beyond the photograph by more than is allowed; ``too small``, photograph or face; those of
        `CropWindow`.
    transform : np.ndarray, shape (2, 3), float64, or None
        Affine map from pixels of the photograph to pixels of the crop (without its margin).
    n_faces : int
        Number of faces found; -1 if none was searched for.
    coverage : float
        Share of the crop, without margin, that is inside the photograph; the rest is its mirror image.
    margin, margin_available : int
        Width of the surroundings in `pixels`, and how much of it is photograph on all sides, in pixels.
    note : str
    points : np.ndarray, shape (5, 2), float64, or None
        Landmarks of the face in pixels of the photograph, if they are known.
    label : np.ndarray, shape (height, width), uint8, or None
        The labels of the crop, without margin; 0 beyond the photograph.
    """

    pixels: np.ndarray | None
    status: str
    transform: np.ndarray | None = None
    n_faces: int = -1
    coverage: float = 0.0
    margin: int = 0
    margin_available: int = 0
    note: str = ""
    points: np.ndarray | None = None
    label: np.ndarray | None = None

    @property
    def crop(self) -> np.ndarray | None:
        """The crop without its margin."""
        if self.pixels is None or self.margin == 0:
            return self.pixels
        inside = slice(self.margin, -self.margin)
        return self.pixels[inside, inside]


def align_photo(
    photo: np.ndarray,
    detector: Detector | None = None,
    landmarker: Landmarker | None = None,
    *,
    template: str | Template = "shen128",
    points: np.ndarray | None = None,
    label: np.ndarray | None = None,
    margin: int = 0,
    choose: str = "largest",
    limits: Limits = Limits(),
    seed: int = 0,
    index: int = 0,
) -> Aligned:
    """Align the face of a photograph, or a window of it, to a template.

    Parameters
    ----------
    photo : np.ndarray, shape (H, W, 3), uint8 RGB
    detector, landmarker : optional
        Find the face and its landmarks; not needed with `points` or a template that needs no face.
    template : str or Template
    points : np.ndarray, shape (5, 2), optional
        Known landmarks: left eye, right eye, nose, left and right corner of the mouth, in pixels of the photograph.
    label : np.ndarray, shape (H, W), uint8, optional
        Label image of the photograph, cut out with it.
    margin : int
        Width of the surroundings kept on each side of the crop, in pixels, for a 'valid' convolution.
    choose : {'largest', 'central'}
        Which of several faces is taken: the largest box, or the one nearest to the photograph's centre.
    limits : Limits
        Limits on the number of faces, on coverage and magnification; those on quality are not applied here.
    seed, index : int
        Fix the place of a random window.

    Returns
    -------
    Aligned

    Raises
    ------
    InputError
        When `photo` is not an RGB image, `label` has another size, or an option is out of range.
    """
    goal = template_named(template) if isinstance(template, str) else template
    check_margin(margin)
    one_of("choose", choose, CHOICES)
    photo = as_image(photo)
    height, width = photo.shape[:2]
    if label is not None and label.shape != (height, width):
        found = f"{label.shape[1]}x{label.shape[0]}"
        raise InputError("label image", expected=f"{width}x{height} pixels, like the photograph", found=found)
    if min(height, width) < MIN_SIDE:
        return Aligned(None, TOO_SMALL, note=f"photograph of {width}x{height} pixels, under {MIN_SIDE}")
    if goal.finds_faces:
        placed = _by_landmarks(photo, detector, landmarker, goal, choose, limits.one_face, points)
    else:
        part = crop_window(goal, width, height, label=label, seed=seed, index=index)
        placed = Aligned(None, part.status, part.transform, note=part.note, points=points)
    transform, notes = placed.transform, [placed.note] if placed.note else []
    if transform is None:
        return placed
    magnification = scale_of(transform)
    if magnification > limits.max_magnification:
        notes.append(f"would be enlarged {magnification:.1f} times, over {limits.max_magnification:g}")
        return replace(placed, status=TOO_SMALL, note="; ".join(notes))
    share = coverage(transform, goal, width, height)
    if share < 1:
        notes.append(f"{100 * (1 - share):.1f} % of the crop outside the photograph, mirrored")
    return replace(
        placed,
        pixels=warp(photo, transform, goal.width, goal.height, margin=margin, filter=goal.spec.filter),
        label=None if label is None else warp_label(label, transform, goal.width, goal.height),
        status=OK if share >= limits.min_coverage else CUT,
        coverage=share,
        margin=margin,
        margin_available=margin_inside(transform, goal, width, height, at_most=margin),
        note="; ".join(notes),
    )


def _by_landmarks(
    photo: np.ndarray,
    detector: Detector | None,
    landmarker: Landmarker | None,
    goal: Template,
    choose: str,
    one_face: bool,
    points: np.ndarray | None,
) -> Aligned:
    """Find the transform of the face to the template, or the reason why it is missing."""
    n, notes = -1, []
    try:
        if points is None:
            if detector is None or landmarker is None:
                raise InputError("landmarks are missing", do="give a detector and a landmarker, or points")
            faces = find_faces(photo, detector)
            n = len(faces)
            if not faces:
                return Aligned(None, NO_FACE, n_faces=0)
            if n > 1 and one_face:
                return Aligned(None, SEVERAL, n_faces=n, note=f"{n} faces")
            face = chosen_face(faces, photo, choose)
            notes = [f"{'largest' if choose == 'largest' else 'most central'} of {n} faces"] if n > 1 else []
            if goal.fit == "affine":
                from facedeblur.benchmark.faces.detectors.dlib_hog import five_of_68

                dense = all_points(landmarker)(photo, face)
                return Aligned(
                    None, OK, affine(dense[list(goal.spec.landmarks)], goal.points), n, note="; ".join(notes),
                    points=five_of_68(dense),
                )  # fmt: skip
            points = landmarker.landmarks(photo, face)
        elif goal.fit == "affine":
            raise InputError(
                f"template '{goal.name}'", expected="dlib's 68 points", found="five", do="use landmarker dlib-68"
            )
        return Aligned(None, OK, similarity(points, goal.points), n, note="; ".join(notes), points=points)
    except InputError as error:
        return Aligned(None, NO_LANDMARKS, n_faces=n, note="; ".join([*notes, str(error)]))


def all_points(landmarker: Landmarker) -> Callable[[np.ndarray, Face], np.ndarray]:
    """Return the method of a landmarker that returns dlib's 68 points.

    Raises
    ------
    InputError
        When it finds only five.
    """
    if landmarker.n_points != 68:
        raise InputError(
            f"landmarker '{landmarker.definition[0]}'", expected="68 points", found="five", do="use dlib-68"
        )
    return landmarker.points


def check_margin(margin: int) -> None:
    """Raise InputError unless a crop can have `margin` pixels of surroundings."""
    if not 0 <= margin <= 4096:
        raise InputError("option 'margin'", expected="0 to 4096 pixels", found=str(margin), do="change it")


def chosen_face(faces: list[Face], photo: np.ndarray, choose: str) -> Face:
    """One of the faces found by `find_faces`: the largest, or with ``central`` the one nearest to the centre."""

    def off_centre(face: Face) -> float:
        left, top, right, bottom = face.box
        return float(np.hypot(left + right - photo.shape[1], top + bottom - photo.shape[0]))

    return faces[0] if choose == "largest" else min(faces, key=off_centre)


def find_faces(photo: np.ndarray, detector: Detector) -> list[Face]:
    """Faces of a photograph, largest first; large photographs are searched at 1,200 pixels.

    Parameters
    ----------
    photo : np.ndarray, shape (H, W, 3), uint8 RGB
    detector : Detector
    """
    height, width = photo.shape[:2]
    if max(height, width) <= SEARCH_SIDE:
        return detector.detect(photo)
    import cv2

    factor = SEARCH_SIDE / max(height, width)
    small = cv2.resize(
        photo, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    return [face.scaled(width / small.shape[1], height / small.shape[0]) for face in detector.detect(small)]


@dataclass(frozen=True, eq=False)
class CropWindow:
    """The part of a photograph that becomes the crop.

    Attributes
    ----------
    transform : np.ndarray, shape (2, 3), float64, or None
        From pixels of the photograph to pixels of the crop; None if `status` states a reason.
    status : str
        Empty, ``wrong size`` or ``no skin label``.
    note : str
    """

    transform: np.ndarray | None
    status: str = ""
    note: str = ""


def crop_window(
    template: Template, width: int, height: int, *, label: np.ndarray | None = None, seed: int = 0, index: int = 0
) -> CropWindow:
    """The window of a photograph that a template without landmarks uses.

    Parameters
    ----------
    template : Template
        Of fit ``centre``, ``random``, ``corner``, ``squash`` or ``skin``.
    width, height : int
        Size of the photograph.
    label : np.ndarray, shape (height, width), uint8, optional
        Its labels in Helen's classes, for ``skin``.
    seed, index : int
        Fix the place of a ``random`` window.

    Returns
    -------
    CropWindow
    """
    spec, size = template.spec, (template.width, template.height)
    if spec.fit == "squash":
        whole = window(0, 0, width, height, (spec.canvas[0], spec.canvas[1]))
        return CropWindow(whole - [[0, 0, spec.corner[0]], [0, 0, spec.corner[1]]])
    if spec.fit == "skin":
        rows, columns = np.nonzero(label == SKIN) if label is not None else (np.zeros(0), np.zeros(0))
        if rows.size == 0:
            return CropWindow(None, NO_SKIN, "no label image" if label is None else "no pixel of class skin")
        return CropWindow(window(*_skin_box(rows, columns, width, height, spec.below), size))
    times = width / spec.photo[0]
    if (width, height) != spec.photo and not (spec.scaled and height * spec.photo[0] == width * spec.photo[1]):
        expected = f"{spec.photo[0]}x{spec.photo[1]}" + ", or of that shape" * spec.scaled
        return CropWindow(None, WRONG_SIZE, f"photograph of {width}x{height} pixels, expected {expected}")
    across, down = (side * times for side in spec.window)
    free = (round(width - across), round(height - down))
    if spec.fit == "corner":
        x, y = (times * start for start in spec.corner)
    elif spec.fit == "centre":
        x, y = free[0] / 2, free[1] / 2
    else:
        x, y = _drawn(free, seed, index)
    note = f"window of {across:g}x{down:g} pixels" if times != 1 else ""
    return CropWindow(window(x, y, across, down, size), note=note)


def _drawn(free: tuple[int, int], seed: int, index: int) -> tuple[int, int]:
    """Integers from 0 to `free` inclusive, uniform to 2**-32."""
    (low, high), (key, other) = halves(index, "index"), halves(seed, "seed")
    first, second, _, _ = philox(np.uint32(0), low, high, np.uint32(STREAM), key, other)
    return (int(first) * (free[0] + 1)) >> 32, (int(second) * (free[1] + 1)) >> 32


def _skin_box(
    rows: np.ndarray, columns: np.ndarray, width: int, height: int, below: float
) -> tuple[int, int, int, int]:
    """Column, row, width and height of the square around the skin, as Xia and Chakrabarti's scripts place it.

    Its last row and column are excluded; it is moved into the photograph, and cut where it is larger than that.
    """
    top, bottom, left, right = int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    bottom = min(height, int(bottom + below * (bottom - top)))
    side = max(bottom - top, right - left, 1)
    (left, right), (top, bottom) = _widened(left, right, side, width), _widened(top, bottom, side, height)
    return left, top, right - left, bottom - top


def _widened(low: int, high: int, side: int, limit: int) -> tuple[int, int]:
    if high - low == side:
        return low, high
    start = max(0, min(low - (side - (high - low)) // 2, limit - side))
    return start, min(limit, start + side)
