"""The sharp crops that a set is built from: photographs to align, an aligned folder, or finished crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import photo_size, pixel_hash, read_label, read_photo, read_png, write_png
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.sets.traits import FILE, NO_TRAITS, Traits, merged, read_traits
from facedeblur.generators.align.origin import read_origin
from facedeblur.generators.align.photo import CUT, Finders
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.run import BAD_LABEL, align
from facedeblur.generators.align.template import Template, template_named
from facedeblur.generators.packaged.faces import NAME as PACKAGED
from facedeblur.generators.packaged.faces import unpack
from facedeblur.generators.photos.collection import NOT_STATED, Collection, Photograph
from facedeblur.generators.photos.files import image_ids, in_order
from facedeblur.generators.photos.labels import labels_of
from facedeblur.generators.photos.opening import Photos, open_photographs, specs_of
from facedeblur.generators.photos.specs import Selection, Wanted
from facedeblur.generators.photos.splits import probe_gallery
from facedeblur.generators.photos.traits import traits_of

ALIGNED = "aligned"
"""Name of what `align` wrote, among collections."""

LABELS = "labels.json"
"""Says by what the labels of an aligned folder were made, if no person made them."""


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
    photo_files : dict
        ``image_id`` -> photograph that the crop was cut out of, where `gather` aligned it.
    sources : tuple of dict
        Folder, licence and description of each collection, for the record.
    origins : tuple of (str, str)
        Name and licence of each collection, of an aligned folder those of its photographs.
    traits : Traits
        By ``image_id``.
    """

    images: tuple[Image, ...]
    sharp_files: dict[str, Path]
    wide_files: dict[str, Path] = field(default_factory=dict)
    label_files: dict[str, Path] = field(default_factory=dict)
    photo_files: dict[str, Path] = field(default_factory=dict)
    sources: tuple[dict[str, str], ...] = ()
    origins: tuple[tuple[str, str], ...] = ()
    traits: Traits = NO_TRAITS

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
    faces: Photos,
    *,
    template: str,
    margin: int,
    workspace: Path,
    skip: Sequence[Path] = (),
    selection: Selection = Selection(),
    gallery: int = 0,
    finders: Finders = Finders(),
    limits: Limits = Limits(),
    seed: int = 0,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> Crops:
    """Find or make the crops of a folder, or of several.

    A folder that `align` wrote is used as it is, with its roles; the selection applies to its rows, including
    those without a crop, as it would to the photographs. A folder in which every image has the size of the
    template, or any folder with the template ``none``, is used as finished crops. Any other is aligned
    into `workspace`, from which an interrupted run resumes. Labels go with their faces in each case.

    Parameters
    ----------
    faces : str, path, Collection or sequence of them
        The folder, or ``NAME:FOLDER`` for a known collection; see `open_photographs`.
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
    limits : Limits
        Which of these faces are taken.
    seed : int
        Determines which photographs are chosen at random, which are probes, and random crops.
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
    aligned: dict[Path, Crops] = {}

    def opened(want: Wanted) -> Collection | None:
        """What `align` wrote, or comes with the package, as a collection."""
        if want.name == PACKAGED:
            want = replace(want, name="auto", root=unpack(str(want.root), workspace / PACKAGED / want.root))
        if want.name != "auto" or not (want.root / "images.csv").is_file():
            return None
        found = aligned[want.root] = _aligned(want.root)
        rows = tuple(Photograph(image.source, image.identity, image.role) for image in found.images)
        _, licence = read_origin(want.root) or ("", NOT_STATED)
        return Collection(ALIGNED, want.root, licence, "", rows)

    listed = open_photographs(
        faces, selection, seed=seed, skip=(workspace, *skip), every_file=not gallery, opener=opened
    )  # fmt: skip
    # Roles from the alignment are kept; only a folder without a gallery is divided.
    if gallery and all(image.role not in ("probe", "gallery") for one in aligned.values() for image in one.images):
        listed = _divided(listed, gallery, seed)
    made, waiting = list[tuple[str, Crops]](), list[str]()
    keys = [key for key, _ in listed.parts] or [""]
    for key, one in zip(keys, listed.each(), strict=True):
        if one.name == ALIGNED:
            made.append((key, _chosen(aligned[one.root], one)))
        elif goal is None or _are_crops(one.images(), goal):
            made.append((key, _finished(one.images(), workspace / key)))
        else:
            waiting.append(key)
    if waiting:
        align(
            listed.only(waiting),
            workspace,
            template=template,
            finders=finders,
            limits=limits,
            margin=margin,
            seed=seed,
            workers=workers,
            progress=reporter,
        )
        # Their paths begin with their key already.
        crops = _aligned(workspace)
        photos = {image.image_id: listed.file(image.source) for image in crops.images if image.ok}
        made.append(("", replace(crops, photo_files=photos)))
    found = made[0][1] if len(keys) == 1 else _joined(made)
    found = replace(
        found,
        sources=tuple(_source(one, alone=len(keys) == 1) for one in listed.each()),
        origins=tuple((_name(one), one.licence) for one in listed.each()),
        traits=found.traits.renamed({image.image_id: image.image_id for image in found.images}),
    )
    _check(found, " and ".join(map(_shown, specs_of(faces))), template, goal)
    return found


def _shown(spec: str | Path | Collection) -> str:
    return spec.place if isinstance(spec, Collection) else str(spec)


def _name(collection: Collection) -> str:
    """What a collection is called in the record: an aligned folder by the collections of its photographs."""
    origin = read_origin(collection.root) if collection.name == ALIGNED else None
    return origin[0] if origin else collection.name


def _source(collection: Collection, *, alone: bool) -> dict[str, str]:
    """A collection for the record."""
    told = replace(collection, name=_name(collection)).images().describe()
    if collection.name == ALIGNED:
        file = collection.root / LABELS
        if file.is_file():
            pseudo = read_json(file, dict[str, str], "a record of labels", do="label the faces again")
            told += f"; pseudo-labels by {pseudo.get('by', 'not stated')}"
        elif alone and not collection.drawn and _name(collection) == ALIGNED:
            told = ""  # by itself it has nothing to say that the set does not
    return {"folder": collection.root.resolve().name, "licence": collection.licence, "collection": told}


def _joined(made: Sequence[tuple[str, Crops]]) -> Crops:
    """Crops of several collections in the order of their paths, with new names."""
    rows = []
    for key, crops in made:
        for image in crops.images:
            source = f"{key}/{image.source}" if key else image.source
            rows.append((replace(image, source=source), crops))
    rows.sort(key=lambda row: in_order(row[0].source))
    names = image_ids([image.source for image, _ in rows], [image.identity for image, _ in rows])
    images = list[Image]()
    sharp, wide, labels, photos = (dict[str, Path]() for _ in range(4))
    traits = []
    for name, (image, crops) in zip(names, rows, strict=True):
        images.append(replace(image, image_id=name))
        traits.append(crops.traits.renamed({image.image_id: name}))
        for mine, theirs in (
            (sharp, crops.sharp_files), (wide, crops.wide_files),
            (labels, crops.label_files), (photos, crops.photo_files),
        ):  # fmt: skip
            if image.image_id in theirs:
                mine[name] = theirs[image.image_id]
    return Crops(tuple(images), sharp, wide, labels, photos, traits=merged(traits))


def _divided(opened: Collection, gallery: int, seed: int) -> Collection:
    """Probes and galleries of `gallery` photographs each."""
    roles = {choice.source: choice.role for choice in probe_gallery(opened, seed=seed, gallery=gallery)}
    chosen = tuple(replace(one, role=roles[one.source]) for one in opened.photographs if roles.get(one.source))
    return replace(opened, photographs=chosen)


def _chosen(found: Crops, chosen: Collection) -> Crops:
    """The rows of an aligned folder that are wanted."""
    wanted = {one.source: one for one in chosen.photographs}
    images = tuple(
        replace(image, identity=wanted[image.source].identity, role=wanted[image.source].role or image.role)
        for image in found.images
        if image.source in wanted
    )
    return replace(found, images=images)


def _check(found: Crops, faces: str, template: str, goal: Template | None) -> None:
    usable = [image for image in found.images if image.ok]
    if not any(image.blurred for image in usable):
        numbers = Counter(image.status for image in found.images)
        # One note for each status is enough.
        notes = {image.status: f" ({image.note})" for image in found.images if image.note}
        told = ", ".join(f"{number:,} {status}{notes.get(status, '')}" for status, number in sorted(numbers.items()))
        raise InputError(
            faces,
            f"no usable face ({told})",
            do="give other photographs" + ", or take a smaller share of each by min_coverage" * (CUT in numbers),
        )
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
    traits = read_traits(root / FILE) if (root / FILE).is_file() else NO_TRAITS
    absent = sorted(set(traits.rows) - {image.image_id for image in images})
    if absent:
        raise InputError(str(root / FILE), f"'{absent[0]}' is not an image_id of images.csv", do="align again")
    wide = {name: inside(root, f"wide/{name}.png") for name in ok}
    return Crops(
        images,
        {name: inside(root, f"sharp/{name}.png") for name in ok},
        {name: file for name, file in wide.items() if file.is_file()},
        {image.image_id: inside(root, image.label) for image in images if image.ok and image.label},
        traits=traits,
    )


def _finished(collection: Collection, workspace: Path) -> Crops:
    """Return the photographs of a collection as crops that are aligned already; their labels go to `workspace`."""
    sources = [one.source for one in collection.photographs]
    names, traits = dict(zip(sources, image_ids(sources), strict=True)), traits_of(collection)
    images, sharp, labels = [], {}, {}
    for one, image_id in zip(collection.photographs, names.values(), strict=True):
        file = collection.file(one.source)
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
        if one.label:
            try:
                label = labels_of(collection, one, size=(height, width))
            except InputError as error:
                reason = str(error).replace(str(collection.file(one.label)), f"label {one.label}")
                images.append(replace(blank, status=BAD_LABEL, coverage=0.0, note=reason))
                continue
            labels[image_id] = workspace / "labels" / f"{image_id}.png"
            write_png(labels[image_id], label)
        images.append(replace(blank, width=width, height=height, sha256=pixel_hash(photo.pixels), note=note))
        sharp[image_id] = file
    return Crops(tuple(images), sharp, label_files=labels, traits=traits.renamed(names))


def _are_crops(collection: Collection, goal: Template) -> bool:
    """Tell by their headers whether all readable images have the size of the template."""
    for photograph in collection.photographs:
        try:
            if photo_size(collection.file(photograph.source)) != (goal.width, goal.height):
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
