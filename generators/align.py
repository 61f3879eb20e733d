"""A folder of photographs to a folder of aligned faces, every photograph accounted for.

``OUT/images.csv`` has a row for each file of the collection, with its status; ``OUT/sharp``
the crops whose status is ``ok``, ``OUT/cut`` those that leave their photograph, ``OUT/wide``
the crops with their surroundings where a margin was asked for. ``OUT/align.jsonl`` keeps what
is done, so that a second run works only on photographs that are new or have changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Landmarker, provider
from facedeblur.benchmark.images import SUFFIXES, list_images, pixel_hash, read_photo, write_png
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.sets import Image
from facedeblur.benchmark.tables import write_rows
from facedeblur.generators.align_journal import Journal
from facedeblur.generators.aligned import OK, Aligned, align_photo, check_options
from facedeblur.generators.names import identity_of, image_ids
from facedeblur.generators.templates import similarity, template_named

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Aligned", "align", "align_photo", "identity_of", "image_ids", "similarity"]

UNREADABLE, NOT_AN_IMAGE = "unreadable", "not an image"
# Part of every journal key: raise it when the same photograph would give another crop.
VERSION = 1


@dataclass(frozen=True)
class _Options:
    """What, besides the photograph, determines a crop."""

    template: str
    detector: str
    landmarker: str
    margin: int
    choose: str
    strict: bool
    min_coverage: float
    max_magnification: float
    role: str


@dataclass(frozen=True)
class _Task:
    path: Path
    source: str
    image_id: str
    identity: str
    out: Path
    options: _Options


def align(
    photos: str | Path,
    out: str | Path,
    *,
    template: str = "shen128",
    detector: str = "dlib-hog",
    landmarker: str = "dlib-68",
    margin: int = 0,
    choose: str = "largest",
    strict: bool = False,
    min_coverage: float = 0.95,
    max_magnification: float = 4.0,
    role: str = "test",
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Align every photograph of a folder.

    Parameters
    ----------
    photos : path
        Folder of photographs, searched with its subfolders; one subfolder an identity, or
        names that end in ``_0001``.
    out : path
        Folder of the results; goes on where an earlier run stopped.
    template : str
        A key of `templates.TEMPLATES`.
    detector, landmarker : str
        Providers with their options, as in ``dlib-hog,up1``.
    margin : int
        Pixels of surrounding kept on each side in ``OUT/wide``, for a 'valid' convolution.
    choose, strict, min_coverage, max_magnification
        As for `align_photo`.
    role : {'test', 'train', 'probe', 'gallery'}
        Written into every row.
    jobs, backend, scheduler
        As for `parallel.imap`.
    progress : callable, optional
        Called with (photographs done, photographs in all).

    Returns
    -------
    pandas.DataFrame
        The rows of ``images.csv``, one a file, by path: the fields of `sets.Image`.

    Raises
    ------
    InputError
        When the folder holds no image, an option is not known, or a provider is not installed.
    """
    import pandas as pd

    root, target = Path(photos), Path(out)
    template_named(template)
    options = _Options(template, detector, landmarker, margin, choose, strict, min_coverage, max_magnification, role)
    _providers(detector, landmarker)
    check_options(margin=margin, choose=choose, min_coverage=min_coverage, max_magnification=max_magnification)
    if role not in {"test", "train", "probe", "gallery"}:
        raise InputError(f"role '{role}'", expected="test, train, probe or gallery", do="choose one")
    list_images(root)
    tasks = _tasks(root, target, options)
    keys = [_key(task) for task in tasks]
    journal = Journal(target)
    journal.check({task.source for task in tasks})
    found = {task.image_id: journal.finished(key, wide=margin > 0) for task, key in zip(tasks, keys, strict=True)}
    done = {image_id: row for image_id, row in found.items() if row is not None}
    journal.clear(keep=done)
    todo = [(task, key) for task, key in zip(tasks, keys, strict=True) if task.image_id not in done]
    if progress is not None:
        progress(len(done), len(tasks))
    with journal.open() as add:
        results = imap(
            _align_one, [task for task, _ in todo], jobs=1 if len(todo) < 4 else jobs, backend=backend,
            scheduler=scheduler,
        )  # fmt: skip
        for (task, key), row in zip(todo, results, strict=True):
            add(key, row)
            done[task.image_id] = row
            if progress is not None:
                progress(len(done), len(tasks))
    rows = [done[task.image_id] for task in tasks]
    write_rows(target / "images.csv", Image, rows)
    journal.rewrite(zip(keys, rows, strict=True))
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Image)])


@lru_cache(maxsize=4)
def _providers(detector: str, landmarker: str) -> tuple[Detector, Landmarker]:
    return provider(DETECTORS, detector), provider(LANDMARKERS, landmarker)


def _align_one(task: _Task) -> Image:
    """Align one photograph and write its crops; a module-level function, so that workers can be given it."""
    if task.path.suffix.lower() not in SUFFIXES:
        return _row(task, Aligned(None, NOT_AN_IMAGE, note=f"suffix '{task.path.suffix}'"))
    options = task.options
    try:
        photo = read_photo(task.path, min_side=1)
    except (InputError, OSError) as error:
        reason = str(error).replace(str(task.path), task.path.name)
        return _row(task, Aligned(None, UNREADABLE, note=reason))
    aligned = align_photo(
        photo.pixels,
        *_providers(options.detector, options.landmarker),
        template=options.template,
        margin=options.margin,
        choose=options.choose,
        strict=options.strict,
        min_coverage=options.min_coverage,
        max_magnification=options.max_magnification,
    )
    crop = aligned.crop
    if crop is not None and aligned.pixels is not None:
        if aligned.margin and aligned.status == OK:
            write_png(task.out / "wide" / f"{task.image_id}.png", aligned.pixels)
        write_png(task.out / ("sharp" if aligned.status == OK else "cut") / f"{task.image_id}.png", crop)
    return _row(task, aligned, photo.note)


def _row(task: _Task, aligned: Aligned, converted: str = "") -> Image:
    crop, transform = aligned.crop, aligned.transform
    return Image(
        image_id=task.image_id,
        identity=task.identity,
        role=task.options.role,
        status=aligned.status,
        n_faces=aligned.n_faces,
        source=task.source,
        transform="" if transform is None else " ".join(repr(float(number)) for number in transform.ravel()),
        coverage=aligned.coverage,
        margin=aligned.margin_available,
        label="",
        width=0 if crop is None else crop.shape[1],
        height=0 if crop is None else crop.shape[0],
        sha256="" if crop is None else pixel_hash(crop),
        note="; ".join(note for note in (converted, aligned.note) if note),
    )


def _tasks(root: Path, out: Path, options: _Options) -> list[_Task]:
    """One task for every file under `root` that is not hidden and not one of ours."""
    ours = out.resolve()
    files = [path for path in root.rglob("*") if path.is_file() and ours not in path.resolve().parents]
    parts = sorted(path.relative_to(root).parts for path in files)
    sources = ["/".join(names) for names in parts if not any(name.startswith(".") for name in names)]
    return [
        _Task(root / source, source, image_id, identity_of(source), out, options)
        for source, image_id in zip(sources, image_ids(sources), strict=True)
    ]


def _key(task: _Task) -> str:
    """What a finished row belongs to: the photograph as it is now, the options and this version."""
    state = task.path.stat()
    place = [task.source, task.image_id, state.st_size, state.st_mtime_ns, VERSION]
    return json.dumps([*place, *asdict(task.options).values()])
