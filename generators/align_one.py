"""One photograph of a collection to its rows, and to the files of its crop."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Landmarker, provider
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.images import SUFFIXES, encode_png, pixel_hash, read_photo, write_png
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align_journal import Entry, folder_of
from facedeblur.generators.align_tasks import AlignTask
from facedeblur.generators.aligned import NO_LANDMARKS, OK, Aligned, align_photo
from facedeblur.generators.landmark_files import PROVIDER
from facedeblur.generators.quality import measure
from facedeblur.generators.templates import template_named
from facedeblur.generators.transforms import write_transform

UNREADABLE, NOT_AN_IMAGE, MISSING = "unreadable", "not an image", "missing"
EMPTY = "no photograph"
BAD_LABEL = "unusable label"


@lru_cache(maxsize=4)
def providers_of(detector: str, landmarker: str) -> tuple[Detector, Landmarker]:
    """Make detector and landmarker, once a process."""
    return provider(DETECTORS, detector), provider(LANDMARKERS, landmarker)


def align_one(task: AlignTask) -> Entry:
    """Align one photograph and write what comes of it; a module-level function, so that workers can be given it.

    Parameters
    ----------
    task : AlignTask

    Returns
    -------
    Entry
        Its rows; whatever is wrong with the photograph or its label is a status.
    """
    if task.path.is_dir():
        return Entry(_row(task, Aligned(None, EMPTY, note="a folder without photographs")))
    if task.path.suffix.lower() not in SUFFIXES:
        return Entry(_row(task, Aligned(None, NOT_AN_IMAGE, note=f"suffix '{task.path.suffix}'")))
    try:
        photo = read_photo(task.path, min_side=1)
    except FileNotFoundError:
        return Entry(_row(task, Aligned(None, MISSING, note="listed, but not there")))
    except (InputError, OSError) as error:
        reason = str(error).replace(str(task.path), task.path.name)
        return Entry(_row(task, Aligned(None, UNREADABLE, note=reason)))
    try:
        label = _label(task, photo.pixels.shape[:2])
    except (InputError, OSError) as error:
        reason = str(error).replace(str(task.label), f"label {task.photograph.label}")
        return Entry(_row(task, Aligned(None, BAD_LABEL, note=reason), photo.note))
    aligned = _place(task, photo.pixels, label)
    crop, status, notes = aligned.crop, aligned.status, [photo.note]
    if crop is None:
        return Entry(_row(task, aligned, *notes))
    measured = measure(task.image_id, status, crop, aligned.points, coverage=aligned.coverage)
    if status == OK:
        poor, note = task.options.limits.broken(measured)
        status, notes = poor or status, [*notes, note]
    row = _row(task, aligned, *notes, status=status)
    name = f"{task.image_id}.png"
    if status == OK and aligned.margin and aligned.pixels is not None:
        write_png(task.out / "wide" / name, aligned.pixels)
    if row.label and aligned.label is not None:
        write_bytes(task.out / row.label, encode_png(aligned.label))
    write_png(task.out / folder_of(status) / name, crop)
    return Entry(row, replace(measured, status=status))


def _label(task: AlignTask, size: tuple[int, ...]) -> np.ndarray | None:
    if task.label is None:
        return None
    from facedeblur.generators.labels import read_labels

    return read_labels(task.label, task.labels, size=(size[0], size[1]))


def _place(task: AlignTask, photo: np.ndarray, label: np.ndarray | None) -> Aligned:
    options, points = task.options, task.photograph.points
    goal = template_named(options.template)
    given = options.landmarker == PROVIDER or not goal.finds_faces
    if given and goal.finds_faces and not points:
        return Aligned(None, NO_LANDMARKS, note="no points given")
    return align_photo(
        photo,
        *((None, None) if given else providers_of(options.detector, options.landmarker)),
        template=goal,
        points=np.array(points, dtype=np.float64).reshape(5, 2) if given and points else None,
        label=label,
        margin=options.margin,
        choose=options.choose,
        strict=options.strict,
        min_coverage=options.min_coverage,
        max_magnification=options.max_magnification,
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
