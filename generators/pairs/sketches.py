"""The sketches of sharp faces, for networks that learn to draw them: as files that fit what is stored of each face.

A sketch goes where its photograph goes. If the photograph was aligned here, its own transform is applied to the sketch,
by the same interpolation and with the same surroundings; beyond its edges a sketch is mirrored, as the photograph is,
so that the two show the same there, and paper continues as paper. A sketch of a face that was aligned before has the
size of that face.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.images import encode_png, photo_size, read_label, read_photo
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.words import many, word
from facedeblur.generators.align.geometry import read_transform, warp
from facedeblur.generators.crops import Crops
from facedeblur.generators.pairs.augment import GREY
from facedeblur.generators.photos.sketches import is_aligned, match_sketches

VERSION = 1
"""Part of the name of every file: raise it when the same sketch would give other pixels."""

NO_SKETCH, BAD_SKETCH = "no sketch", "unusable sketch"


@dataclass(frozen=True)
class Placing:
    """How faces are cut out of photographs: pixels of surroundings, and the filter of the template; see `warp`."""

    margin: int
    filter: str


def with_sketches(
    crops: Crops,
    folder: str | Path,
    *,
    placing: Placing,
    workspace: Path,
    keep_all: bool = False,
    reporter: Reporter = SILENT,
) -> tuple[Crops, dict[str, Path]]:
    """Find the sketches of faces, and write each as it fits its face.

    Parameters
    ----------
    crops : Crops
    folder : path
        Of the sketches, see `match_sketches`.
    placing : Placing
        Of the faces that were aligned here.
    workspace : Path
        Folder of the written sketches. The name of each tells everything that it was made from, so one that is there
        is kept.
    keep_all : bool
        Keep the faces that have no sketch. Otherwise their rows get the status ``no sketch``, or ``unusable sketch``
        with the reason, and they are faces no longer.
    reporter : Reporter
        Gets the progress, and a line about what has no counterpart.

    Returns
    -------
    crops : Crops
    files : dict
        ``image_id`` -> 8-bit grey PNG of the crop's sketch, with the same surroundings on every side.

    Raises
    ------
    InputError
        As `match_sketches`; when a sketch has another size than its photograph; when no face has a usable sketch.
    """
    place = Path(folder)
    found = match_sketches(place, {image.image_id: image.source for image in crops.images})
    files: dict[str, Path] = {}
    rows: list[Image] = []
    missing: list[Image] = []
    for number, image in enumerate(crops.images):
        status, note = (NO_SKETCH, f"no sketch of it in {place.name}") if image.ok else (image.status, image.note)
        if image.ok and image.image_id in found.files:
            sketch = found.files[image.image_id]
            try:
                pixels = read_sketch(sketch)
            except InputError as error:
                status, note = BAD_SKETCH, str(error).replace(str(sketch), f"sketch {sketch.name}")
            else:
                files[image.image_id] = _placed(crops, image, sketch, pixels, placing, workspace, is_aligned(place))
        if image.ok and image.image_id not in files:
            missing.append(replace(image, status=status, note=note))
            image = image if keep_all else missing[-1]
        rows.append(image)
        reporter.progress("sketches", number + 1, len(crops.images))
    faces = sum(image.ok for image in crops.images)
    if not files:
        raise InputError(
            str(place), f"none of the {faces:,} faces has a usable sketch (such as {missing[0].source}: "
            f"{missing[0].note})" if missing else "there are no faces to match its sketches with",
            do="give sketches of these photographs",
        )  # fmt: skip
    reporter.say(_told(place, faces, files, missing, found.alone))
    return replace(crops, images=tuple(rows)), files


def read_sketch(path: str | Path) -> np.ndarray:
    """Read a sketch as (H, W) uint8, 255 is paper; colours become grey by their luma (BT.601).

    Raises
    ------
    InputError
        When the file cannot be read, or is transparent, so that it does not say where paper is.
    """
    photo = read_photo(path)
    if "alpha dropped" in photo.note:
        raise InputError(str(path), "the sketch has an alpha channel", do="save it without, on white paper")
    return grey_of(photo.pixels)


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """Luma (BT.601) of (H, W, 3) uint8 RGB, rounded half up; grey stays what it is."""
    return np.floor(pixels.astype(np.float64) @ np.array(GREY) + 0.5).astype(np.uint8)


def write_sketch(workspace: Path, image_id: str, made_from: object, pixels: np.ndarray) -> Path:
    """Write a sketch, (H, W) uint8, under its name; see `sketch_file`."""
    file = sketch_file(workspace, image_id, made_from)
    write_bytes(file, encode_png(np.ascontiguousarray(pixels)))
    return file


def sketch_file(workspace: Path, image_id: str, made_from: object) -> Path:
    """Where a sketch is that was made from something: its name has a digest of it, as JSON."""
    digest = hashlib.sha256(json.dumps([VERSION, made_from]).encode()).hexdigest()
    return workspace / f"{image_id}-{digest[:24]}.png"


def sketches_digest(files: Mapping[str, Path], faces: list[str]) -> list[list[str]]:
    """What the sketches of some faces were made from, for a record: each face with the name of its file."""
    return [[name, files[name].name] for name in faces if name in files]


def stored_sketch(file: Path, size: tuple[int, int]) -> np.ndarray:
    """A written sketch, (H + 2a, W + 2a) uint8, of a crop of `size` (H, W).

    Raises
    ------
    InputError
        When the file is missing, damaged, or of another size.
    """
    pixels = read_label(file)
    extra = pixels.shape[0] - size[0], pixels.shape[1] - size[1]
    if extra[0] != extra[1] or extra[0] < 0 or extra[0] % 2:
        raise InputError(
            str(file), expected=f"{size[1]}x{size[0]} pixels, or equally more on every side",
            found=f"{pixels.shape[1]}x{pixels.shape[0]}", do="remove it, and it is made again",
        )  # fmt: skip
    return pixels


def _placed(
    crops: Crops, image: Image, sketch: Path, pixels: np.ndarray, placing: Placing, workspace: Path, aligned: bool
) -> Path:
    """Write the sketch of a face as it fits its crop."""
    height, width = pixels.shape
    photo = crops.photo_files.get(image.image_id)
    transform = read_transform(image.transform) if photo is not None else None
    if photo is not None and transform is not None:
        wanted, of = photo_size(photo), "its photograph"
        fits = (width, height) == wanted
        do = "give it the size of the photograph, or align both with facedeblur align and give the two folders"
    else:
        wanted, of = (image.width, image.height), "its aligned face"
        around = width - image.width
        fits = around == height - image.height and (around == 0 or (aligned and around > 0 and around % 2 == 0))
        do = "align it as the photograph was, or give the photographs themselves in place of aligned faces"
    if not fits:
        raise InputError(
            str(sketch), expected=f"{wanted[0]}x{wanted[1]} pixels, the size of {of} {image.source}",
            found=f"{width}x{height}", do=do,
        )  # fmt: skip
    how = [image.transform, image.width, image.height, placing.margin, placing.filter] if transform is not None else []
    made_from = [hashlib.sha256(sketch.read_bytes()).hexdigest(), how]
    file = sketch_file(workspace, image.image_id, made_from)
    if file.is_file():
        return file
    if transform is not None:
        colours = np.repeat(pixels[..., None], 3, axis=2)
        pixels = warp(
            colours, transform, image.width, image.height, margin=placing.margin, filter=placing.filter
        )[..., 0]  # fmt: skip
    return write_sketch(workspace, image.image_id, made_from, pixels)


def _told(place: Path, faces: int, files: dict[str, Path], missing: list[Image], alone: tuple[Path, ...]) -> str:
    line = f"{place}: {len(files):,} of {many(faces, 'face')} {word(len(files), 'has', 'have')} a sketch"
    if missing:
        line += f"; faces without: {len(missing):,}, such as {missing[0].source} ({missing[0].status})"
    if alone:
        line += f"; sketches without a photograph: {len(alone):,}, such as {alone[0].name}"
    return line
