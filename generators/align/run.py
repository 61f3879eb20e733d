"""Aligns the faces of a collection into a folder; every photograph gets a row.

``OUT/images.csv`` lists each photograph with its status, ``OUT/traits.csv`` what the collection says of each besides,
if anything, and ``OUT/collection.json`` which collections they are from, if a licence is known. ``OUT/sharp`` holds the
crops with status ``ok``, ``OUT/cut`` those that extend beyond their photograph, ``OUT/poor`` those that miss a limit of
quality, ``OUT/wide`` the crops with their surroundings if there is a margin, ``OUT/labels`` the label images
(8-bit grey PNG, Helen's eleven classes), cut out with the photographs.
``OUT/align.jsonl`` records what is done, so that a second run processes only photographs that are new or have changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Landmarker, provider
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.images import SUFFIXES, encode_png, pixel_hash, read_photo, write_png
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.parallel import ALL, HERE, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.sets.traits import FILE, Traits
from facedeblur.generators.align.geometry import write_transform
from facedeblur.generators.align.journal import AlignJournal, PhotoOutcome, folder_of
from facedeblur.generators.align.origin import write_origin
from facedeblur.generators.align.photo import (
    GIVEN,
    NO_LANDMARKS,
    OK,
    Aligned,
    Finders,
    align_photo,
    all_points,
    check_margin,
)
from facedeblur.generators.align.quality import Limits, Quality, measure
from facedeblur.generators.align.template import Template, template_named
from facedeblur.generators.photos.collection import Collection, Photograph
from facedeblur.generators.photos.files import canonical, composed, image_ids
from facedeblur.generators.photos.lists import ROLES, read_landmarks
from facedeblur.generators.photos.opening import Photos, open_photographs
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.photos.traits import traits_of

if TYPE_CHECKING:
    import pandas as pd


# Part of every journal key: raise it when the same photograph would give another crop.
VERSION = 2


@dataclass(frozen=True)
class AlignOptions:
    """What, besides the photograph, determines a crop; see `align.align`."""

    template: str
    finders: Finders
    margin: int
    limits: Limits
    seed: int

    def recorded(self) -> dict[str, Any]:
        """The options as they are recorded in the journal's keys."""
        limits = asdict(self.limits)
        first = ("one_face", "min_coverage", "max_magnification")
        one_face, min_coverage, max_magnification = (limits.pop(name) for name in first)
        return {
            "template": self.template,
            "detector": self.finders.detector,
            "landmarker": self.finders.landmarker,
            "margin": self.margin,
            "choose": self.finders.choose,
            "strict": one_face,
            "min_coverage": min_coverage,
            "max_magnification": max_magnification,
            "seed": self.seed,
            "limits": limits,
        }


@dataclass(frozen=True)
class AlignTask:
    """One photograph to align.

    Attributes
    ----------
    path : Path
    photograph : Photograph
        With the role that the row is to have.
    image_id : str
    label : Path or None
        Its label image.
    labels : str
        The label image's class list.
    out : Path
    options : AlignOptions
    """

    path: Path
    photograph: Photograph
    image_id: str
    label: Path | None
    labels: str
    out: Path
    options: AlignOptions

    @property
    def index(self) -> int:
        """A number from 0 to 2**64 - 1 that the photograph's path alone determines."""
        return int.from_bytes(hashlib.sha256(composed(self.photograph.source).encode()).digest()[:8], "little")


@checked
def align(
    photos: Photos,
    out: str | Path,
    *,
    template: str = "shen128",
    selection: Selection = Selection(),
    finders: Finders = Finders(),
    landmarks: str | Path | None = None,
    margin: int = 0,
    limits: Limits = Limits(),
    role: str = "test",
    seed: int = 0,
    quality: bool = False,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> pd.DataFrame:
    """Align every photograph of a collection.

    Parameters
    ----------
    photos : path, str, Collection or sequence of them
        A folder of photographs with its subfolders, where the identity is the name of the subfolder or the name
        before ``_0001``; a collection, or ``NAME:FOLDER`` as for `open_collection` (``auto:FOLDER`` recognises
        the collection), with its identities, roles, labels and landmarks; or several of these.
    out : path
        Folder of the results; an interrupted run is resumed.
    template : str
        Name of a template, or the user's own TOML file. Where it looks for no face, detector and
        landmarker are not used.
    selection : Selection
        Which photographs of the collection are aligned.
    finders : Finders
        How faces are found. The landmarker ``file`` takes the points that the collection or `landmarks` gives, and
        no face is looked for.
    landmarks : path, optional
        CSV file of points, see `read_landmarks`; makes the landmarker ``file``.
    margin : int
        Width of the surroundings kept on each side in ``OUT/wide``, in pixels, for a 'valid' convolution.
    limits : Limits
        Photographs and crops that do not keep them get the status ``several faces``, ``too small``, ``cut`` or
        ``poor quality: ...``.
    role : {'test', 'train', 'probe', 'gallery'}
        Role of photographs for which the collection states none.
    seed : int
        Random seed for the place of random windows, and for photographs that are chosen at random.
    quality : bool
        Write ``OUT/quality.csv`` with a `Quality` for each crop.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    pandas.DataFrame
        The rows of ``images.csv``, one per photograph in order of their paths, with the fields of `Image`.

    Raises
    ------
    InputError
        When there is no image, an option is not valid, a provider is not installed, or no landmarks are
        given that should come from a file.
    """
    target, goal = Path(out), template_named(template)
    finders = finders if landmarks is None else replace(finders, landmarker=GIVEN)
    check_margin(margin)
    one_of("role", role, ROLES)
    if not 0 <= seed < 2**64:
        raise InputError("seed", expected="0 to 2**64 - 1", found=str(seed), do="choose another one")
    options = AlignOptions(template, finders, margin, limits, seed if goal.fit == "random" else 0)
    _check_providers(goal, options)
    points = read_landmarks(landmarks) if landmarks is not None else None
    listed = open_photographs(photos, selection, seed=seed, skip=(target,))
    tasks = tasks_of(listed, target, options, role=role, points=points)
    traits = traits_of(listed).renamed({task.photograph.source: task.image_id for task in tasks})
    if finders.landmarker == GIVEN and not any(task.photograph.points for task in tasks):
        do = "give --landmarks FILE with paths relative to the collection"
        raise InputError("the landmarks of these photographs are missing", do=do)
    with only_writer(target), reporting(progress) as reporter:
        if not traits and (target / FILE).exists():
            raise InputError(
                str(target / FILE), "nothing is known of the traits of these photographs",
                do="remove this file, or put one with a column 'file' next to the photographs",
            )  # fmt: skip
        if not isinstance(photos, Collection) and (listed.parts or listed.drawn):
            for line in listed.describe().splitlines():
                reporter.say(f"from {line}")
        write_origin(target, ((one.name, one.licence) for one in listed.each()))
        outcomes = _outcomes(tasks, keys_of(tasks, goal), AlignJournal(target), workers, reporter)
        return _write_tables(target, outcomes, traits, quality=quality)


def _outcomes(
    tasks: list[AlignTask], keys: list[str], journal: AlignJournal, workers: Workers | int, reporter: Reporter
) -> list[PhotoOutcome]:
    """Align the photographs that are new or have changed; return what became of all, in the order of the tasks."""
    key_of = dict(zip((task.image_id for task in tasks), keys, strict=True))
    journal.check({task.photograph.source for task in tasks})
    done: dict[str, PhotoOutcome] = {}
    for task in tasks:
        earlier = journal.finished(key_of[task.image_id], wide=task.options.margin > 0)
        if earlier is not None:
            done[task.image_id] = earlier
    journal.clear(keep=done)
    todo = [task for task in tasks if task.image_id not in done]
    reporter.progress("aligning", len(done), len(tasks))
    for task, outcome in zip(todo, imap(align_one, todo, HERE if len(todo) < 4 else workers), strict=True):
        journal.add(key_of[task.image_id], outcome)
        done[task.image_id] = outcome
        reporter.progress("aligning", len(done), len(tasks))
    outcomes = [done[task.image_id] for task in tasks]
    journal.rewrite(zip(keys, outcomes, strict=True))
    return outcomes


def _write_tables(out: Path, outcomes: list[PhotoOutcome], traits: Traits, *, quality: bool) -> pd.DataFrame:
    """Write ``images.csv``, the traits if there are any, and quality if requested; return the rows of the first."""
    import pandas as pd

    rows = [outcome.row for outcome in outcomes]
    write_rows(out / "images.csv", Image, rows)
    if traits:
        write_bytes(out / FILE, traits.encoded())
    if quality:
        write_rows(out / "quality.csv", Quality, [one.quality for one in outcomes if one.quality is not None])
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Image)])


def _check_providers(goal: Template, options: AlignOptions) -> None:
    """Raise InputError if a provider is unknown, not installed, or does not find what the template needs."""
    if not goal.finds_faces:
        return
    finders = options.finders
    if finders.landmarker == GIVEN and goal.fit == "affine":
        raise InputError(f"template '{goal.name}'", expected="dlib's 68 points", found="five", do="use dlib-68")
    if finders.landmarker != GIVEN:
        _, landmarker = providers_of(finders.detector, finders.landmarker)
        if goal.fit == "affine":
            all_points(landmarker)


def tasks_of(
    collection: Collection,
    out: Path,
    options: AlignOptions,
    *,
    role: str,
    points: Mapping[str, tuple[float, ...]] | None,
) -> list[AlignTask]:
    """One task for each photograph of a collection, and each of its folders of people that is empty.

    Parameters
    ----------
    collection : Collection
        As `open_photographs` gives it.
    out : Path
    options : AlignOptions
    role : str
        Of the photographs for which the collection states none.
    points : mapping of str to ten floats, optional
        Landmarks by path; those of the collection where None.
    """
    photographs = list(collection.photographs)
    names: list[str] | None = None
    if collection.name != "folder" or any(p.label or p.role or p.points for p in photographs):
        photographs += [Photograph(place, place.rpartition("/")[2]) for place in collection.empty_folders()]
        names = [photograph.identity for photograph in photographs]
    ids = image_ids([photograph.source for photograph in photographs], names)
    return [
        AlignTask(
            path=collection.file(given.source),
            photograph=Photograph(
                given.source, given.identity, given.role or role, given.label,
                given.points if points is None else points.get(canonical(given.source), ()),
            ),
            image_id=image_id,
            label=collection.file(given.label) if given.label else None,
            labels=collection.class_list(given),
            out=out,
            options=options,
        )
        for given, image_id in zip(photographs, ids, strict=True)
    ]  # fmt: skip


def keys_of(tasks: list[AlignTask], goal: Template) -> list[str]:
    """What each finished row belongs to: the photograph and its label as they are now, the options, this version."""
    if not tasks:
        return []
    options = tasks[0].options
    template = hashlib.sha256(repr(goal.spec).encode()).hexdigest()[:16]
    common = [VERSION, template, options.recorded()]
    return [
        json.dumps(
            [asdict(task.photograph), task.image_id, _state(task.path), _state(task.label), task.labels, *common]
        )
        for task in tasks
    ]


def _state(path: Path | None) -> list[int]:
    """Size and time of a file; of its folder where it is no file but what the names of several begin with."""
    for place in () if path is None else (path, path.parent):
        try:
            found = place.stat()
        except OSError:
            continue
        return [found.st_size, found.st_mtime_ns]
    return []


UNREADABLE, NOT_AN_IMAGE, MISSING = "unreadable", "not an image", "missing"
EMPTY = "no photograph"
BAD_LABEL = "unusable label"


@lru_cache(maxsize=4)
def providers_of(detector: str, landmarker: str) -> tuple[Detector, Landmarker]:
    """Return detector and landmarker, made once per process."""
    return provider(DETECTORS, detector), provider(LANDMARKERS, landmarker)


def align_one(task: AlignTask) -> PhotoOutcome:
    """Align one photograph and write what comes of it; a module-level function, so that workers can be given it.

    Parameters
    ----------
    task : AlignTask

    Returns
    -------
    PhotoOutcome
        Its rows; whatever is wrong with the photograph or its label is a status.
    """
    if task.path.is_dir():
        return PhotoOutcome(_row(task, Aligned(None, EMPTY, note="a folder without photographs")))
    if task.path.suffix.lower() not in SUFFIXES:
        return PhotoOutcome(_row(task, Aligned(None, NOT_AN_IMAGE, note=f"suffix '{task.path.suffix}'")))
    try:
        photo = read_photo(task.path, min_side=1)
    except FileNotFoundError:
        return PhotoOutcome(_row(task, Aligned(None, MISSING, note="listed, but the file is missing")))
    except (InputError, OSError) as error:
        reason = str(error).replace(str(task.path), task.path.name)
        return PhotoOutcome(_row(task, Aligned(None, UNREADABLE, note=reason)))
    try:
        label = _label(task, photo.pixels.shape[:2])
    except (InputError, OSError) as error:
        reason = str(error).replace(str(task.label), f"label {task.photograph.label}")
        return PhotoOutcome(_row(task, Aligned(None, BAD_LABEL, note=reason), photo.note))
    aligned = _place(task, photo.pixels, label)
    crop, status, notes = aligned.crop, aligned.status, [photo.note]
    if crop is None:
        return PhotoOutcome(_row(task, aligned, *notes))
    measured = measure(task.image_id, status, crop, aligned.points, coverage=aligned.coverage)
    if status == OK:
        poor, note = task.options.limits.broken(measured)
        status, notes = poor or status, [*notes, note]
    row = _row(task, aligned, *notes, status=status)
    name = f"{task.image_id}.png"
    if status == OK and aligned.margin and aligned.pixels is not None:
        write_png(task.out / "wide" / name, aligned.pixels)
    if row.label and aligned.label is not None:
        write_bytes(inside(task.out, row.label), encode_png(aligned.label))
    write_png(task.out / folder_of(status) / name, crop)
    return PhotoOutcome(row, replace(measured, status=status))


def _label(task: AlignTask, size: tuple[int, ...]) -> np.ndarray | None:
    if task.label is None:
        return None
    from facedeblur.generators.photos.labels import read_labels

    return read_labels(task.label, task.labels, size=(size[0], size[1]))


def _place(task: AlignTask, photo: np.ndarray, label: np.ndarray | None) -> Aligned:
    options, finders, points = task.options, task.options.finders, task.photograph.points
    goal = template_named(options.template)
    given = finders.landmarker == GIVEN or not goal.finds_faces
    if given and goal.finds_faces and not points:
        return Aligned(None, NO_LANDMARKS, note="no points given")
    return align_photo(
        photo,
        *((None, None) if given else providers_of(finders.detector, finders.landmarker)),
        template=goal,
        points=np.array(points, dtype=np.float64).reshape(5, 2) if given and points else None,
        label=label,
        margin=options.margin,
        choose=finders.choose,
        limits=options.limits,
        seed=options.seed,
        index=task.index,
    )


def _row(task: AlignTask, aligned: Aligned, *notes: str, status: str = "") -> Image:
    crop = aligned.crop
    notes = (*notes, "" if task.photograph.identity else "identity not known", aligned.note)
    status = status or aligned.status
    return Image(
        image_id=task.image_id,
        identity=task.photograph.identity,
        role=task.photograph.role,
        status=status,
        n_faces=aligned.n_faces,
        source=task.photograph.source,
        transform=write_transform(aligned.transform),
        coverage=aligned.coverage,
        margin=aligned.margin_available,
        label=f"labels/{task.image_id}.png" if aligned.label is not None and status == OK else "",
        width=0 if crop is None else crop.shape[1],
        height=0 if crop is None else crop.shape[0],
        sha256="" if crop is None else pixel_hash(crop),
        note="; ".join(note for note in notes if note),
    )
