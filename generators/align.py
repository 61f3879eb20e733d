"""A folder of photographs to a folder of aligned faces, every photograph accounted for.

``OUT/images.csv`` has a row for each file of the collection, with its status; ``OUT/sharp``
the crops whose status is ``ok``, ``OUT/cut`` those that leave their photograph, ``OUT/wide``
the crops with their surroundings where a margin was asked for. ``OUT/align.jsonl`` keeps what
is done, so that a second run works only on photographs that are new or have changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, LANDMARKERS, Detector, Landmarker, provider
from facedeblur.benchmark.images import SUFFIXES, list_images, pixel_hash, read_photo, write_png
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.sets import Image
from facedeblur.benchmark.tables import write_rows
from facedeblur.generators.crop import CUT, OK, Aligned, align_photo, check_options
from facedeblur.generators.templates import similarity, template_named

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Aligned", "align", "align_photo", "identity_of", "image_ids", "similarity"]

UNREADABLE, NOT_AN_IMAGE = "unreadable", "not an image"
JOURNAL = "align.jsonl"
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
    known = dict(_read_journal(target / JOURNAL))
    _check_out(target, known.values(), {task.source for task in tasks})
    done = {
        task.image_id: known[key]
        for task, key in zip(tasks, keys, strict=True)
        if _stands(known.get(key), target, wide=margin > 0)
    }
    _clear(target, known.values(), done)
    todo = [(task, key) for task, key in zip(tasks, keys, strict=True) if task.image_id not in done]
    target.mkdir(parents=True, exist_ok=True)
    if progress is not None:
        progress(len(done), len(tasks))
    with (target / JOURNAL).open("a", encoding="utf-8", newline="\n") as journal:
        results = imap(
            _align_one, [task for task, _ in todo], jobs=1 if len(todo) < 4 else jobs, backend=backend,
            scheduler=scheduler,
        )  # fmt: skip
        for (task, key), row in zip(todo, results, strict=True):
            journal.write(json.dumps({"key": key, "row": asdict(row)}) + "\n")
            journal.flush()
            done[task.image_id] = row
            if progress is not None:
                progress(len(done), len(tasks))
    rows = [done[task.image_id] for task in tasks]
    write_rows(target / "images.csv", Image, rows)
    with replacing(target / JOURNAL) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        for key, row in zip(keys, rows, strict=True):
            stream.write(json.dumps({"key": key, "row": asdict(row)}) + "\n")
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


def identity_of(source: str) -> str:
    """Whose face a photograph shows: its folder's name, or its own without suffix and trailing ``_0001``.

    Parameters
    ----------
    source : str
        Path relative to the collection, forward slashes.
    """
    *folders, name = source.split("/")
    stem = name.rpartition(".")[0] or name
    return folders[-1] if folders else re.sub(r"_\d+$", "", stem) or stem


def image_ids(sources: Sequence[str]) -> list[str]:
    """Names of the crops: unique, also where case does not count, and safe as file names.

    Parameters
    ----------
    sources : sequence of str
        Paths relative to the collection, forward slashes, sorted.

    Returns
    -------
    list of str
        The file's stem, behind its folders' names where it does not begin with the last of them;
        anything but letters, digits, ``.``, ``_`` and ``-`` becomes ``_``.
    """
    taken: set[str] = set()
    names = []
    for source in sources:
        *folders, name = source.split("/")
        stem, _, suffix = name.rpartition(".") if "." in name else (name, "", "")
        parts = [*folders[:-1], stem] if folders and stem.startswith(folders[-1]) else [*folders, stem]
        plain = "".join(char if char.isalnum() or char in "._-" else "_" for char in "_".join(parts)).lstrip(".")
        candidates: Iterator[str] = (
            candidate for n in range(len(sources) + 2) for candidate in [plain, f"{plain}-{suffix}", f"{plain}-{n}"]
        )
        chosen = next(candidate for candidate in candidates if candidate and candidate.casefold() not in taken)
        taken.add(chosen.casefold())
        names.append(chosen)
    return names


def _key(task: _Task) -> str:
    """What a finished row belongs to: the photograph as it is now, the options and this version."""
    state = task.path.stat()
    place = [task.source, task.image_id, state.st_size, state.st_mtime_ns, VERSION]
    return json.dumps([*place, *asdict(task.options).values()])


def _read_journal(path: Path) -> Iterator[tuple[str, Image]]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            yield entry["key"], Image(**entry["row"])
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when a run was stopped


def _stands(row: Image | None, out: Path, *, wide: bool) -> bool:
    """Tell whether a finished row's crops are still there."""
    if row is None:
        return False
    folders = {OK: ["sharp", "wide"] if wide else ["sharp"], CUT: ["cut"]}.get(row.status, [])
    return all((out / folder / f"{row.image_id}.png").is_file() for folder in folders)


def _check_out(out: Path, known: Iterable[Image], sources: set[str]) -> None:
    """Refuse a folder that holds something else: what is in it would be overwritten or removed."""
    earlier = {row.source for row in known}
    if earlier and not earlier & sources:
        raise InputError(
            str(out), expected="faces of the same photographs", found=f"those of {len(earlier)} others",
            do="give another output folder",
        )  # fmt: skip
    if not earlier and (out / "images.csv").exists():
        raise InputError(
            str(out), expected="a new folder or one of 'align'", found="an images.csv of something else",
            do="give another output folder",
        )  # fmt: skip


def _clear(out: Path, known: Iterable[Image], keep: Container[str]) -> None:
    """Remove crops of photographs that have changed or are gone."""
    for row in known:
        if row.image_id not in keep:
            for folder in ("sharp", "cut", "wide"):
                (out / folder / f"{row.image_id}.png").unlink(missing_ok=True)
