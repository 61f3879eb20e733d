"""Interrupted jobs resume: finished parts of a result are kept, and the work of another job is refused.

Parts of a result are files in ``.FILE.parts/KIND-KEY`` next to it. KEY is a digest of everything that the parts depend
on, so parts of anything else are never read, only removed. Files that grow row by row are in
`facedeblur.benchmark.files.journal`, files that are whole or absent in `facedeblur.benchmark.files.atomic`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.files.arrays import read_npz
from facedeblur.benchmark.files.atomic import parts_of, replacing
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import SILENT, Reporter

Task = TypeVar("Task")
Item = TypeVar("Item")
Arrays = dict[str, np.ndarray]

IMAGES_A_PART = 32


def check_same(where: Path, kept: Any, wanted: Mapping[str, Any], *, of: str, do: str) -> None:
    """Refuse to resume what another job has begun.

    Parameters
    ----------
    where : Path
        Folder or file of the job that was begun.
    kept : dict
        What the folder says of that job. Tables in it must have no other keys than those in `wanted`.
    wanted : mapping
        What must be the same in it.
    of : str
        What the job makes, for the message: ``a run``.
    do : str
        What the user does next.

    Raises
    ------
    InputError
        Naming the first value that is another one.
    """
    if not isinstance(kept, dict):
        raise InputError(str(where), f"not the description of {of} (a JSON {type(kept).__name__})", do=do)
    differing = _difference(kept, wanted)
    if differing is not None:
        key, before, now = differing
        raise InputError(
            str(where), expected=f"{of} with {key} = {shorten(str(now), 200)}", found=shorten(str(before), 200), do=do
        )


def _difference(kept: dict[str, Any], wanted: Mapping[str, Any], inside: str = "") -> tuple[str, Any, Any] | None:
    """The first value of `wanted` that is another one in `kept`: its key, the value there, and the one wanted."""
    for key, value in wanted.items():
        other = kept.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            found = _difference(other, value, f"{inside}{key}.")
            extra = sorted(set(other) - set(value))
            if found is None and extra:
                found = f"{inside}{key}.{extra[0]}", other[extra[0]], "nothing"
            if found is not None:
                return found
        elif value != other:
            return f"{inside}{key}", other, value
    return None


def parts_folder(file: Path, kind: str, key: Sequence[Any], *, fresh: bool = False) -> Path:
    """Make the folder of the parts of `file`, or find it, and remove the folders of other keys.

    Parameters
    ----------
    file : Path
        The result that the parts will make.
    kind : str
        One word; a result may be made of parts of several kinds.
    key : sequence
        JSON values that the parts depend on, besides the version of facedeblur.
    fresh : bool
        Remove the parts in it.
    """
    digest = hashlib.sha256(json.dumps([version("facedeblur"), IMAGES_A_PART, *key]).encode()).hexdigest()
    folder = parts_of(file) / f"{kind}-{digest[:32]}"
    for other in parts_of(file).glob(f"{kind}-*"):
        if fresh or other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def all_parts(file: Path) -> list[Path]:
    """Return the files of all parts of `file`, whatever their kind and key."""
    return sorted(path for path in parts_of(file).rglob("*") if path.is_file())


def remove_parts(file: Path) -> None:
    """Remove all parts of `file`, which is whole."""
    shutil.rmtree(parts_of(file), ignore_errors=True)


def compute_parts(
    function: Callable[[Task], Arrays],
    tasks: Iterable[Task],
    folder: Path | None,
    *,
    weigh: Callable[[Task], int],
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> Iterator[Arrays]:
    """Yield ``function(task)`` for every task, in order, and keep finished parts of several tasks in a folder.

    Parameters
    ----------
    function : callable
        Module-level function from a task to arrays.
    tasks : iterable
        The same ones in the same order whenever the folder is the same.
    folder : Path or None
        See `parts_folder`; None keeps nothing.
    weigh : callable
        Number of images of a task; a part has `IMAGES_A_PART` or more.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Gets a line about damaged parts, which are computed again.
    """
    groups = enumerate(grouped(tasks, weigh, IMAGES_A_PART))
    parts = (_Part(tuple(some), folder and folder / f"{number:06d}.npz") for number, some in groups)
    for results, note in imap(_PartWorker(function), parts, workers):
        if note:
            reporter.say(note)
        yield from results


def grouped(items: Iterable[Item], weigh: Callable[[Item], int], least: int) -> Iterator[list[Item]]:
    """Yield items in groups that weigh `least` or more; the last one may weigh less."""
    group: list[Item] = []
    weight = 0
    for item in items:
        group.append(item)
        weight += weigh(item)
        if weight >= least:
            yield group
            group, weight = [], 0
    if group:
        yield group


def read_part(file: Path, read: Callable[[Path], Item]) -> tuple[Item | None, str]:
    """Read a part that an earlier run left.

    Returns
    -------
    object or None
        None if it is absent or damaged.
    str
        A line about the damage, for the user; else empty.
    """
    if not file.is_file():
        return None, ""
    try:
        return read(file), ""
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
        return None, f"{file}: damaged ({type(error).__name__}: {error}), computed again"


@dataclass(frozen=True)
class _Part:
    tasks: tuple[Any, ...]
    file: Path | None


@dataclass(frozen=True)
class _PartWorker:
    """What a worker does with a part: read it, or compute and keep it."""

    function: Callable[[Any], Arrays]

    def __call__(self, part: _Part) -> tuple[list[Arrays], str]:
        results, note = None, ""
        if part.file is not None:
            results, note = read_part(part.file, partial(_load, count=len(part.tasks)))
        if results is None:
            results = [self.function(task) for task in part.tasks]
            if part.file is not None:
                _save(part.file, results)
        return results, note


def _save(file: Path, results: Sequence[Arrays]) -> None:
    arrays: dict[str, Any] = {f"{at}/{name}": array for at, one in enumerate(results) for name, array in one.items()}
    with replacing(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)


def _load(file: Path, count: int) -> list[Arrays]:
    """Read a part; the archive's checksums tell whether it is whole."""
    results: list[Arrays] = [{} for _ in range(count)]
    for key, array in read_npz(file, "a part of a result").items():
        at, _, name = key.partition("/")
        results[int(at)][name] = array
    if not all(results):
        raise ValueError("a task is missing")
    return results
