"""Faces that come with the package: aligned once, with their surroundings, labels and landmarks.

A package holds what ``facedeblur label`` writes in few files. ``faces-1.png`` and the following have 40 crops each with
their surroundings, ten in a row, in the order of ``images.csv``; ``labels.png`` has all label images alike.
``landmarks.csv``, ``collection.json`` and ``labels.json`` are as elsewhere. ``sources.csv`` lists all photographs that
could have been chosen. `facedeblur.generators.packaged.pack` writes the files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from facedeblur.benchmark.files.atomic import replacing, write_bytes
from facedeblur.benchmark.files.images import read_label, read_png, write_png
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import read_rows, write_rows
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.sets.traits import FILE, Traits

NAME = "package"
"""What precedes the name of packaged faces where photographs are named: ``package:open``."""

ACROSS = 10
"""Faces in a row of a sheet."""
EACH = 40
"""Faces in a sheet of faces: no file of 100 is too large for a repository."""

SOURCES, FACES, LABELS, LANDMARKS = "sources.csv", "faces-{}.png", "labels.png", "landmarks.csv"

PACKAGES = {
    "open": "100 generated portraits (CC0), the test faces of the recipe open",
    "open-small": "12 of them, two or three of each skin tone and three of each age group",
    "portraits": "Eileen Collins and Grace Hopper, public-domain photographs by NASA and the US Navy",
}
"""Names of the packaged faces, and what they are."""


@dataclass(frozen=True)
class SourcePhotograph:
    """A photograph that packaged faces were chosen from; all but the last four fields are traits of its face.

    Attributes
    ----------
    source : str
        Path in its collection.
    role : str
        ``test`` for the packaged ones, ``train`` for the others.
    small : str
        1 if it is in the small package, else 0.
    sex : str
    age : int
        In years. Sex, age and country are those that the picture was asked for with.
    country : str
    skin_tone : str
        ``dark``, ``brown``, ``tan``, ``intermediate`` or ``light``, by `ita`.
    ita : float
        Individual typology angle of the face's skin in degrees, see `typology_angle` in
        `facedeblur.generators.packaged.pack`. It depends on the light, too.
    eye_distance : float
        Distance of the eyes in the photograph in pixels.
    yaw : float
        Estimated turn of the head in degrees.
    reason : str
        Why it was not chosen; empty if it was.
    """

    source: str
    role: str
    small: str
    sex: str
    age: int
    country: str
    skin_tone: str
    ita: float
    eye_distance: float
    yaw: float
    reason: str = ""


TRAITS = ("sex", "age", "country", "skin_tone", "ita", "eye_distance", "yaw")
"""Fields of `SourcePhotograph` that are traits of a face."""


def package_folder(name: str) -> Path:
    """Folder of the packaged faces of this name.

    Raises
    ------
    InputError
        When the name is unknown.
    """
    one_of(f"{NAME}", name, PACKAGES)
    return Path(__file__).parent / name.removesuffix("-small")


@lru_cache(maxsize=4)
def source_photographs(name: str) -> tuple[SourcePhotograph, ...]:
    """The photographs that packaged faces were chosen from, with their traits; none if no choice was made."""
    file = package_folder(name) / SOURCES
    return tuple(read_rows(file, SourcePhotograph)) if file.is_file() else ()


def traits_of_sources(name: str) -> Traits:
    """Traits by the path of the photograph."""
    rows = {one.source: tuple(str(getattr(one, trait)) for trait in TRAITS) for one in source_photographs(name)}
    return Traits(TRAITS, rows)


def unpack(name: str, folder: str | Path) -> Path:
    """Write packaged faces as a folder of aligned faces, as ``facedeblur label`` does, unless they are there.

    Parameters
    ----------
    name : str
        One of `PACKAGES`.
    folder : path

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        When the name is unknown, or the files of the package are damaged.
    """
    home, folder = package_folder(name), Path(folder)
    if (folder / "images.csv").is_file():
        return folder
    images = []
    for image, wide, labels in packaged_faces(name):
        margin = image.margin
        write_png(inside(folder, f"wide/{image.image_id}.png"), wide)
        write_png(inside(folder, f"sharp/{image.image_id}.png"), wide[margin:-margin, margin:-margin])
        write_png(inside(folder, image.label), labels)
        images.append(image)
    traits = traits_of_sources(name).renamed({image.source: image.image_id for image in images})
    if traits:
        write_bytes(folder / FILE, traits.encoded())
    for record in sorted(home.glob("*.json")):
        with replacing(folder / record.name) as temporary:
            shutil.copyfile(record, temporary)
    write_rows(folder / "images.csv", Image, images)
    return folder


def packaged_faces(name: str) -> Iterator[tuple[Image, np.ndarray, np.ndarray]]:
    """Yield record, crop with surroundings and labels of each packaged face.

    Parameters
    ----------
    name : str
        One of `PACKAGES`.

    Yields
    ------
    image : Image
    wide : np.ndarray, shape (H + 2 margin, W + 2 margin, 3), uint8 RGB
    labels : np.ndarray, shape (H, W), uint8
        Places in `facedeblur.benchmark.sets.classes.HELEN`.
    """
    home = package_folder(name)
    labels = read_label(home / LABELS)
    few = {one.source for one in source_photographs(name) if one.small == "1"} if name.endswith("-small") else None
    faces = np.zeros(0, np.uint8)
    for place, image in enumerate(read_rows(home / "images.csv", Image)):
        if place % EACH == 0:
            faces = read_png(home / FACES.format(place // EACH + 1))
        if few is None or image.source in few:
            around = 2 * image.margin
            wide = tile(faces, place % EACH, image.height + around, image.width + around)
            yield image, wide, tile(labels, place, image.height, image.width)


def tile(sheet: np.ndarray, place: int, height: int, width: int) -> np.ndarray:
    """Cut tile number `place` out of a sheet of tiles of one size."""
    top, left = place // ACROSS * height, place % ACROSS * width
    return np.ascontiguousarray(sheet[top : top + height, left : left + width])
