"""The sharp crops that a set is built from: photographs to align, an aligned folder, or finished crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import photo_size, pixel_hash, read_label, read_photo, read_png
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.align.run import align
from facedeblur.generators.align.template import Template, template_named
from facedeblur.generators.photos.collection import Collection, Photograph, Selection, open_collection, open_photographs
from facedeblur.generators.photos.files import image_ids
from facedeblur.generators.photos.splits import probe_gallery


@dataclass(frozen=True)
class Crops:
    """Sharp crops on disk.

    Attributes
    ----------
    images : tuple of Image
        Every photograph, including those without a usable crop.
    sharp_files : dict
        ``image_id`` -> file of the crop, for usable ones.
    wide_files : dict
        ``image_id`` -> file of the crop with its true surroundings, where there is one.
    label_files : dict
        ``image_id`` -> file of its labels, where there is one.
    folder, licence, collection : str
        Of the photographs, for the record.
    """

    images: tuple[Image, ...]
    sharp_files: dict[str, Path]
    wide_files: dict[str, Path] = field(default_factory=dict)
    label_files: dict[str, Path] = field(default_factory=dict)
    folder: str = ""
    licence: str = "not stated"
    collection: str = ""

    def sharp(self, image: Image) -> np.ndarray:
        """The crop of `image`, (H, W, 3) uint8 RGB.

        Raises
        ------
        InputError
            When the file has changed since it was listed.
        """
        pixels = read_photo(self.sharp_files[image.image_id], min_side=1).pixels
        if pixel_hash(pixels) != image.sha256:
            raise InputError(str(self.sharp_files[image.image_id]), "changed since it was aligned", do="align again")
        return pixels

    def records(self, *, keep_sharp: bool) -> list[Image]:
        """The rows of the set's ``images.csv``: labels are in the set, and a real photograph has no sharp pixels."""
        rows = []
        for image in self.images:
            labelled = image.image_id in self.label_files
            rows.append(
                replace(
                    image,
                    label=f"labels/{image.image_id}.png" if labelled else "",
                    label_sha256=pixel_hash(self.label(image)) if labelled else "",
                    sha256=image.sha256 if keep_sharp else "",
                )
            )
        return rows

    def label(self, image: Image) -> np.ndarray:
        """The labels of `image`, (H, W) uint8."""
        return read_label(self.label_files[image.image_id], size=(image.height, image.width))


def gather(
    faces: str | Path,
    *,
    template: str,
    margin: int,
    workspace: Path,
    skip: Sequence[Path] = (),
    selection: Selection = Selection(),
    gallery: int = 0,
    finders: Finders = Finders(),
    seed: int = 0,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> Crops:
    """Find or make the crops of a folder.

    A folder that `align` wrote is used as it is, with its roles; the selection applies to its rows, including
    those without a crop, as it would to the photographs. A folder in which every image has the size of the
    template, or any folder with the template ``none``, is used as finished crops. Any other is aligned
    into `workspace`, from which an interrupted run resumes.

    Parameters
    ----------
    faces : str or path
        The folder, or ``NAME:FOLDER`` for a known collection.
    template : str
        Alignment template, which fixes the size; ``none`` takes images as they are.
    margin : int
        Width of the surroundings wanted around each crop, in pixels.
    workspace : Path
        Where aligned crops are kept while the set is built.
    skip : sequence of Path
        Further folders that are not searched for photographs.
    selection : Selection
        Which photographs are taken.
    gallery : int
        Photographs of each person to compare with, next to one probe; 0 where none are wanted.
    finders : Finders
        How faces are found in photographs that must be aligned.
    seed : int
        Determines which photographs are probes, and random crops.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Gets the progress.

    Raises
    ------
    InputError
        When there is no image, or no usable one.
    """
    goal = None if template == "none" else template_named(template)
    root = Path(faces)
    if (root / "images.csv").is_file():
        found = _chosen(_aligned(root), root, selection, gallery, seed)
    else:
        listed = _listed(faces, selection, gallery, seed, skip=(workspace, *skip))
        images = listed.images()
        if goal is None or _are_crops(images, goal):
            found = _finished(images)
        else:
            align(
                listed,
                workspace,
                template=template,
                finders=finders,
                margin=margin,
                seed=seed,
                workers=workers,
                progress=reporter,
            )
            found = _aligned(workspace)
        found = replace(found, folder=listed.root.resolve().name, licence=listed.licence, collection=images.describe())
    _check(found, faces, template, goal)
    return found


def _listed(faces: str | Path, selection: Selection, gallery: int, seed: int, *, skip: Sequence[Path]) -> Collection:
    """The photographs that are wanted, with their roles."""
    if gallery:
        return _divided(open_collection(faces, selection), gallery, seed)
    return open_photographs(faces, selection, skip=skip)


def _divided(opened: Collection, gallery: int, seed: int) -> Collection:
    """Probes and galleries of `gallery` photographs each."""
    roles = {choice.source: choice.role for choice in probe_gallery(opened, seed=seed, gallery=gallery)}
    chosen = tuple(replace(one, role=roles[one.source]) for one in opened.photographs if roles.get(one.source))
    return replace(opened, photographs=chosen)


def _chosen(found: Crops, root: Path, selection: Selection, gallery: int, seed: int) -> Crops:
    """The rows of an aligned folder that are wanted."""
    # Roles from the alignment are kept; only a folder without a gallery is divided.
    divide = bool(gallery) and all(image.role not in ("probe", "gallery") for image in found.images)
    if not divide and selection.everything:
        return found
    listed = tuple(Photograph(image.source, image.identity, image.role) for image in found.images)
    chosen = Collection("aligned", root, found.licence, "", listed).select(selection)
    if divide:
        chosen = _divided(chosen, gallery, seed)
    wanted = {one.source: one for one in chosen.photographs}
    images = tuple(
        replace(image, identity=wanted[image.source].identity, role=wanted[image.source].role or image.role)
        for image in found.images
        if image.source in wanted
    )
    return replace(found, images=images)


def _check(found: Crops, faces: str | Path, template: str, goal: Template | None) -> None:
    usable = [image for image in found.images if image.ok]
    if not any(image.blurred for image in usable):
        numbers = Counter(image.status for image in found.images)
        # One note for each status is enough.
        notes = {image.status: f" ({image.note})" for image in found.images if image.note}
        told = ", ".join(f"{number:,} {status}{notes.get(status, '')}" for status, number in sorted(numbers.items()))
        raise InputError(str(faces), f"no usable face ({told})", do="give other photographs")
    if goal is None:
        return
    for image in usable:
        if (image.width, image.height) != (goal.width, goal.height):
            raise InputError(
                f"{faces}: {image.image_id}",
                expected=f"{goal.width}x{goal.height} pixels, the size of template {template}",
                found=f"{image.width}x{image.height}",
                do=f"align with --template {template}",
            )


def _aligned(root: Path) -> Crops:
    """What `align` left in `root`."""
    images = tuple(read_rows(root / "images.csv", Image))
    ok = [image.image_id for image in images if image.ok]
    wide = {name: inside(root, f"wide/{name}.png") for name in ok}
    return Crops(
        images,
        {name: inside(root, f"sharp/{name}.png") for name in ok},
        {name: file for name, file in wide.items() if file.is_file()},
        {image.image_id: inside(root, image.label) for image in images if image.ok and image.label},
        root.resolve().name,
    )


def _finished(collection: Collection) -> Crops:
    """Return the photographs of a collection as crops that are aligned already."""
    sources = [one.source for one in collection.photographs]
    images, sharp = [], {}
    for one, image_id in zip(collection.photographs, image_ids(sources), strict=True):
        file = inside(collection.root, one.source, links=True)
        role = one.role or "test"
        blank = Image(image_id, one.identity, role, "ok", -1, one.source, "", 1.0, 0, "", 0, 0, "", "")
        try:
            photo = read_photo(file)
        except InputError as error:
            reason = str(error).replace(str(file), file.name)
            images.append(replace(blank, status="unreadable", coverage=0.0, note=reason))
            continue
        note = "; ".join(part for part in ("taken as aligned", photo.note) if part)
        height, width = photo.pixels.shape[:2]
        images.append(replace(blank, width=width, height=height, sha256=pixel_hash(photo.pixels), note=note))
        sharp[image_id] = file
    return Crops(tuple(images), sharp)


def _are_crops(collection: Collection, goal: Template) -> bool:
    """Tell by their headers whether all readable images have the size of the template."""
    for photograph in collection.photographs:
        try:
            if photo_size(inside(collection.root, photograph.source, links=True)) != (goal.width, goal.height):
                return False
        except (InputError, OSError):
            continue
    return True


def read_wide(path: Path, crop: tuple[int, int], margin: int) -> np.ndarray:
    """Read a crop with its surroundings and cut it to `margin` pixels around.

    Parameters
    ----------
    path : Path
    crop : (height, width)
        Size of the crop itself.
    margin : int

    Returns
    -------
    np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB
    """
    pixels = read_png(path)
    around = (pixels.shape[0] - crop[0]) // 2
    if around < margin:
        raise InputError(str(path), expected=f"{margin} pixels around the crop", found=f"{around}", do="align again")
    cut = around - margin
    return pixels[cut : pixels.shape[0] - cut, cut : pixels.shape[1] - cut]
