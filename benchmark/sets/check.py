"""Verification of a set: every file that is missing, altered, truncated, superfluous or of the wrong size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import is_temporary
from facedeblur.benchmark.parallel import HERE, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.resume import grouped
from facedeblur.benchmark.sets.set import AlteredFile, ContentHash, Image, Pair, Set, SetLike
from facedeblur.benchmark.sets.traits import FILE as TRAITS
from facedeblur.benchmark.sets.truths import FILE as TRUTHS
from facedeblur.benchmark.sets.truths import FOLDER as TRUTHS_FOLDER

PAIRS_A_TASK = 128
"""Sending a task to a worker costs as much as looking at a few small pictures."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a set: the file, and a line that says what."""

    file: str
    problem: str


def check(the_set: SetLike, *, workers: Workers | int = HERE, progress: Reporter | bool | None = None) -> list[Problem]:
    """Verify a set against its own tables and content hash.

    Parameters
    ----------
    the_set : Set or path
        A finished set.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    list of Problem
        Empty for a sound set.

    Raises
    ------
    InputError
        When there is no set.
    """
    opened = Set.open(the_set, verify=False)
    problems = _read_tables(opened)
    if problems:
        return problems
    walk = _Walk(opened)
    seen = 0
    modified = (opened.root / "images.csv").stat().st_mtime_ns
    tasks = ((opened.root, modified, some) for some in grouped(walk, lambda one: len(one[1]), PAIRS_A_TASK))
    with reporting(progress) as reporter:
        for found, count in imap(_check_images, tasks, workers):
            problems += found
            seen += count
            reporter.progress("checking", seen, opened.n_pairs)
    if seen != opened.n_pairs:
        problems.append(Problem("manifest.csv", f"expected {opened.n_pairs} pairs, found {seen}"))
    for image in opened.images.values():
        if image.ok and image.image_id not in walk.image_ids:
            problems += _check_sharp(opened, image)
    problems += _superfluous(opened, walk.files)
    problems += _check_file(TRAITS, lambda: opened.traits, "set.json")
    if walk.hash.hexdigest() != opened.content_hash:
        problems.append(Problem("set.json", "content hash differs: images.csv, manifest.csv or kernels.npz was edited"))
    return problems


class _Walk:
    """The photographs with their pairs; one pass over the manifest keeps what the rest of the check asks of it."""

    def __init__(self, opened: Set):
        self._opened = opened
        self.hash = ContentHash(opened.images.values(), opened.bank, opened.truths)
        self.image_ids: set[str] = set()
        self.files: set[str] = set()

    def __iter__(self) -> Iterator[tuple[Image, list[Pair]]]:
        for image, pairs in self._opened.by_image():
            self.hash.update(pairs)
            self.image_ids.add(image.image_id)
            self.files.update(pair.blur for pair in pairs)
            yield image, pairs


def _read_tables(opened: Set) -> list[Problem]:
    """Read each table once; what does not read is a problem of its own."""
    readers: dict[str, Callable[[], object]] = {
        "images.csv": lambda: opened.images,
        "kernels.npz": lambda: opened.bank,
        TRUTHS: lambda: opened.truths,
        "manifest.csv": lambda: sum(1 for _ in opened.by_image()),
    }
    problems = []
    for file, read in readers.items():
        try:
            read()
        except InputError as error:
            problems.append(Problem(file, str(error)))
    return problems


@lru_cache(maxsize=1)
def _open(root: Path, modified: int) -> Set:
    """Open a set once per process: its image table is read once, as long as it is not `modified`."""
    return Set.open(root, verify=False)


def _check_images(task: tuple[Path, int, list[tuple[Image, list[Pair]]]]) -> tuple[list[Problem], int]:
    root, modified, photographs = task
    opened = _open(root, modified)
    problems: list[Problem] = []
    for image, pairs in photographs:
        problems += _check_sharp(opened, image)
        for pair in pairs:
            problems += _check_file(pair.blur, partial(opened.blurred, pair), "the manifest")
    return problems, sum(len(pairs) for _, pairs in photographs)


def _check_sharp(opened: Set, image: Image) -> list[Problem]:
    problems = []
    if opened.has_sharp:
        problems += _check_file(image.sharp, partial(opened.sharp, image), "images.csv")
    for truth in opened.truths.get(image.image_id, ()):
        problems += _check_file(truth.file, partial(opened.truth, image, truth), TRUTHS)
    if image.label:
        problems += _check_file(image.label, partial(opened.label, image), "images.csv")
    return problems


def _check_file(file: str, read: Callable[[], object], table: str) -> list[Problem]:
    """Read a picture, which compares its hash with that in the table."""
    try:
        read()
    except AlteredFile:
        return [Problem(file, f"altered: its pixels are not those of {table}")]
    except MissingFile:
        return [Problem(file, "missing")]
    except InputError as error:
        return [Problem(file, error.reason)]
    return []


def _superfluous(opened: Set, blurred: set[str]) -> Iterator[Problem]:
    if opened.store != "png":
        return
    known = {path for image in opened.images.values() if image.ok for path in (image.sharp, image.label)}
    known |= {truth.file for some in opened.truths.values() for truth in some}
    for folder in ("sharp", "gallery", "labels", TRUTHS_FOLDER, "blur"):
        if folder == "blur":
            known = blurred
        for file in sorted((opened.root / folder).rglob("*")):
            name = file.relative_to(opened.root).as_posix()
            if file.is_file() and name not in known and not is_temporary(file.name):
                yield Problem(name, "not in the tables: remove it")
