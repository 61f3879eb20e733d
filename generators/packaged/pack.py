"""Makes the packaged faces: ``python -m facedeblur.generators.packaged.pack LABELLED OUT``.

LABELLED is a folder that ``facedeblur label`` wrote with a margin. The faces of the recipe ``open`` are made by

    facedeblur label faker:PORTRAITS,test --margin 13 -o labelled/
    python -m facedeblur.generators.packaged.pack labelled/ generators/packaged/open
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing, write_bytes
from facedeblur.benchmark.files.images import read_label, read_png
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import csv_line, read_rows, write_rows
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.packaged.faces import ACROSS, EACH, FACES, LABELS, LANDMARKS

_TIMES = 4
POINTS = tuple(
    f"{axis}_{name}" for name in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for axis in "xy"
)
"""Columns of ``landmarks.csv``, as `facedeblur.generators.photos.lists.read_landmarks` reads them."""


def pack(labelled: str | Path, out: str | Path) -> Path:
    """Pack labelled faces into few files; see `facedeblur.generators.packaged.faces`.

    Parameters
    ----------
    labelled : path
        What ``facedeblur label --margin 13`` wrote.
    out : path
        Folder of the package.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        When a face has no label or too few pixels around it, or the faces differ in size.
    """
    labelled, out = Path(labelled), Path(out)
    images = [image for image in read_rows(labelled / "images.csv", Image) if image.ok]
    for image in images:
        if not image.label or (image.width, image.height, image.margin) != (
            images[0].width, images[0].height, images[0].margin,
        ) or image.margin == 0:  # fmt: skip
            raise InputError(
                f"{labelled}: {image.image_id}", "has no label, or another size or margin than the first face",
                do="leave it out",
            )  # fmt: skip
    wide = [read_png(inside(labelled, f"wide/{image.image_id}.png")) for image in images]
    for first in range(0, len(wide), EACH):
        write_bytes(out / FACES.format(first // EACH + 1), _encoded(_sheet(wide[first : first + EACH])))
    write_bytes(out / LABELS, _encoded(_sheet([read_label(inside(labelled, image.label)) for image in images])))
    points = [
        csv_line((f"{image.image_id}.png", *_landmarks(image, pixels)))
        for image, pixels in zip(images, wide, strict=True)
    ]
    write_bytes(out / LANDMARKS, (csv_line(("file", *POINTS)) + "".join(points)).encode())
    for record in ("labels.json", "collection.json"):
        if (labelled / record).is_file():
            with replacing(out / record) as temporary:
                shutil.copyfile(labelled / record, temporary)
    write_rows(out / "images.csv", Image, images)
    return out


def typology_angle(face: np.ndarray, labels: np.ndarray) -> float:
    """Individual typology angle of the skin, in degrees.

    arctan((L* - 50) / b*) of the median L* and b* of the pixels labelled skin (Chardon, Cretois and Hourseau 1991;
    Del Bino and Bernerd 2013). Above 41 is light, above 28 intermediate, above 10 tan, above -30 brown, below dark.

    Parameters
    ----------
    face : np.ndarray, shape (H, W, 3), uint8 RGB
    labels : np.ndarray, shape (H, W), uint8
        Places in `HELEN`.
    """
    from skimage.color import rgb2lab

    lightness, _, yellow = np.median(rgb2lab(face)[labels == HELEN.index("skin")], axis=0)
    return float(np.degrees(np.arctan2(lightness - 50, yellow)))


def _landmarks(image: Image, wide: np.ndarray) -> list[str]:
    """Five points of dlib's landmarker in the crop, in pixels; its own are whole ones, so it is shown a larger crop."""
    import cv2

    from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, provider

    large = cv2.resize(wide, None, fx=_TIMES, fy=_TIMES, interpolation=cv2.INTER_CUBIC)
    face = provider(DETECTORS, "dlib-hog").detect(large)
    if not face:
        raise InputError(image.image_id, "no face found in the crop", do="leave it out")
    points = (provider(LANDMARKERS, "dlib-68").landmarks(large, face[0]) + 0.5) / _TIMES - 0.5 - image.margin
    return [f"{value:.2f}" for value in points.ravel()]


def _sheet(tiles: list[np.ndarray]) -> np.ndarray:
    """Tiles of one size, ten in a row; the rest of the last row is black."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // ACROSS)
    sheet = np.zeros((rows * height, min(ACROSS, len(tiles)) * width, *tiles[0].shape[2:]), np.uint8)
    for place, pixels in enumerate(tiles):
        top, left = place // ACROSS * height, place % ACROSS * width
        sheet[top : top + height, left : left + width] = pixels
    return sheet


def _encoded(pixels: np.ndarray) -> bytes:
    """A PNG file that is as small as Pillow makes it; ours are written for speed."""
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


if __name__ == "__main__":
    pack(*sys.argv[1:])
