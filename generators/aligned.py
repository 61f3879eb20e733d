"""One photograph to one aligned crop, or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Detector, Face, Landmarker, as_image
from facedeblur.benchmark.images import MIN_SIDE
from facedeblur.generators.templates import Template, scale_of, similarity, template_named

OK = "ok"
NO_FACE = "no face"
SEVERAL = "several faces"
NO_LANDMARKS = "no landmarks"
CUT = "cut"
TOO_SMALL = "too small"
CHOICES = ("largest", "central")

# Larger photographs are searched in a reduced copy; HOG on 20 megapixels takes many seconds.
SEARCH_SIDE = 1200


@dataclass(frozen=True, eq=False)
class Aligned:
    """What came of a photograph.

    Attributes
    ----------
    pixels : np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB, or None
        The crop with its margin; there for status ``ok`` and ``cut``.
    status : str
        ``ok``; ``no face``; ``several faces`` (only with ``strict``); ``no landmarks``; ``cut``, the crop
        leaves the photograph by more than is allowed; ``too small``, photograph or face.
    transform : np.ndarray, shape (2, 3), float64, or None
        Similarity from pixels of the photograph to pixels of the crop (without its margin).
    n_faces : int
        Faces found; -1 where none was looked for.
    coverage : float
        Share of the crop, without margin, that lies inside the photograph; the rest is its mirror image.
    margin, margin_available : int
        Pixels of surrounding in `pixels` on each side, and how many of them are photograph all around.
    note : str
    """

    pixels: np.ndarray | None
    status: str
    transform: np.ndarray | None = None
    n_faces: int = -1
    coverage: float = 0.0
    margin: int = 0
    margin_available: int = 0
    note: str = ""

    @property
    def crop(self) -> np.ndarray | None:
        """The crop without its margin."""
        if self.pixels is None or self.margin == 0:
            return self.pixels
        inside = slice(self.margin, -self.margin)
        return self.pixels[inside, inside]


def align_photo(
    photo: np.ndarray,
    detector: Detector,
    landmarker: Landmarker,
    *,
    template: str | Template = "shen128",
    margin: int = 0,
    choose: str = "largest",
    strict: bool = False,
    min_coverage: float = 0.95,
    max_magnification: float = 4.0,
) -> Aligned:
    """Bring a photograph's face to the template.

    Parameters
    ----------
    photo : np.ndarray, shape (H, W, 3), uint8 RGB
    detector, landmarker
        Who finds the face and its five points.
    template : str or Template
    margin : int
        Pixels of surrounding wanted on each side of the crop, for a 'valid' convolution.
    choose : {'largest', 'central'}
        Which of several faces is taken: the largest box, or the one nearest to the photograph's centre.
    strict : bool
        Refuse photographs with several faces instead of taking one.
    min_coverage : float
        Least share of the crop inside the photograph; under it the status is ``cut``.
    max_magnification : float
        Faces that would have to be enlarged more than this are ``too small``.

    Returns
    -------
    Aligned

    Raises
    ------
    InputError
        When `photo` is no RGB image, or an option is out of range.
    """
    goal = template_named(template) if isinstance(template, str) else template
    check_options(margin=margin, choose=choose, min_coverage=min_coverage, max_magnification=max_magnification)
    photo = as_image(photo)
    if min(photo.shape[:2]) < MIN_SIDE:
        note = f"photograph of {photo.shape[1]}x{photo.shape[0]} pixels, under {MIN_SIDE}"
        return Aligned(None, TOO_SMALL, note=note)
    faces = find_faces(photo, detector)
    n = len(faces)
    if not faces:
        return Aligned(None, NO_FACE, n_faces=0)
    if n > 1 and strict:
        return Aligned(None, SEVERAL, n_faces=n, note=f"{n} faces")
    face = faces[0] if choose == "largest" else min(faces, key=lambda one: _off_centre(one, photo))
    notes = [f"{'largest' if choose == 'largest' else 'most central'} of {n} faces"] if n > 1 else []
    try:
        transform = similarity(landmarker.landmarks(photo, face), goal.points)
    except InputError as error:
        return Aligned(None, NO_LANDMARKS, n_faces=n, note="; ".join([*notes, str(error)]))
    magnification = scale_of(transform)
    if magnification > max_magnification:
        notes.append(f"face would be enlarged {magnification:.1f} times, over {max_magnification:g}")
        return Aligned(None, TOO_SMALL, transform, n, note="; ".join(notes))
    from facedeblur.generators.warp import warp

    share = coverage(transform, goal, photo.shape[1], photo.shape[0])
    if share < 1:
        notes.append(f"{100 * (1 - share):.1f} % of the crop outside the photograph, mirrored")
    return Aligned(
        pixels=warp(photo, transform, goal.width, goal.height, margin=margin),
        status=OK if share >= min_coverage else CUT,
        transform=transform,
        n_faces=n,
        coverage=share,
        margin=margin,
        margin_available=margin_inside(transform, goal, photo.shape[1], photo.shape[0], at_most=margin),
        note="; ".join(notes),
    )


def check_options(*, margin: int, choose: str, min_coverage: float, max_magnification: float) -> None:
    """Refuse options of `align_photo` that are out of range.

    Raises
    ------
    InputError
        Naming the option, what it takes and what it was.
    """
    for option, good, expected, found in (
        ("margin", 0 <= margin <= 4096, "0 to 4096 pixels", margin),
        ("choose", choose in CHOICES, " or ".join(CHOICES), choose),
        ("min_coverage", 0 <= min_coverage <= 1, "0 to 1", min_coverage),
        ("max_magnification", max_magnification > 0, "a number above 0", max_magnification),
    ):
        if not good:
            raise InputError(f"option '{option}'", expected=expected, found=str(found), do="change it")


def _off_centre(face: Face, photo: np.ndarray) -> float:
    """Distance of a face from the centre of the photograph, in pixels."""
    left, top, right, bottom = face.box
    return float(np.hypot(left + right - photo.shape[1], top + bottom - photo.shape[0])) / 2


def find_faces(photo: np.ndarray, detector: Detector) -> list[Face]:
    """Faces of a photograph, largest first; large ones are searched in a copy of 1,200 pixels.

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


def coverage(transform: np.ndarray, template: Template, width: int, height: int) -> float:
    """Share of the template's pixels whose centre lies inside a photograph of this size."""
    x, y = np.meshgrid(np.arange(template.width), np.arange(template.height))
    return float(np.mean(_inside(transform, x, y, width, height)))


def margin_inside(transform: np.ndarray, template: Template, width: int, height: int, *, at_most: int) -> int:
    """Largest margin, up to `at_most` pixels, with which the crop lies inside a photograph of this size.

    Returns
    -------
    int
        0 too where the crop itself leaves the photograph.
    """
    m = np.arange(at_most + 1)
    left, right, top, bottom = -m, template.width - 1 + m, -m, template.height - 1 + m
    x, y = np.stack([left, right, left, right]), np.stack([top, top, bottom, bottom])
    inside = np.all(_inside(transform, x, y, width, height), axis=0)
    return max(0, int(np.count_nonzero(inside)) - 1)


def _inside(transform: np.ndarray, x: np.ndarray, y: np.ndarray, width: int, height: int) -> np.ndarray:
    back = np.linalg.inv(transform[:, :2])
    dx, dy = x - transform[0, 2], y - transform[1, 2]
    px, py = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    return np.asarray((px >= -0.5) & (px <= width - 0.5) & (py >= -0.5) & (py <= height - 0.5))
