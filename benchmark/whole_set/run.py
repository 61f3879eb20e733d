"""A test of a whole set: the runs it is of, and its tasks worked off part by part.

One task of a test of a whole set: some images of a set or of a run, read and embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.parallel import Workers
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Image, Pair, Set, open_set

CLEAR_A_TASK = 40


@dataclass(frozen=True)
class Task:
    """All pairs of one photograph, or (without pairs) some clear images.

    Attributes
    ----------
    set_root : Path
    set_hash : str
    provider : str
        Who looks at the images: name of an embedder, features or a parser, with its options.
    images : tuple of Image
    pairs : tuple of Pair
    run_root : Path or None
        The outputs; None takes the blurred images of the set.
    statuses : tuple of Status
        One a pair, of the run.
    """

    set_root: Path
    set_hash: str
    provider: str
    images: tuple[Image, ...]
    pairs: tuple[Pair, ...] = ()
    run_root: Path | None = None
    statuses: tuple[Status, ...] = ()


def clear_tasks(the_set: Set, images: Sequence[Image], provider: str, *, size: int = CLEAR_A_TASK) -> Iterator[Task]:
    """Cut clear images into tasks of `size`."""
    for start in range(0, len(images), size):
        yield Task(the_set.root, the_set.content_hash, provider, tuple(images[start : start + size]))


def probe_tasks(the_set: Set, run: Outputs | None, provider: str) -> Iterator[Task]:
    """One task a photograph: its restored versions, or where `run` is None its blurred ones."""
    statuses = None if run is None else run.statuses()
    for image, pairs in the_set.by_image():
        told = () if statuses is None else tuple(islice(statuses, len(pairs)))
        root = None if run is None else run.root
        yield Task(the_set.root, the_set.content_hash, provider, (image,), tuple(pairs), root, told)


@lru_cache(maxsize=2)
def made(embedder: str) -> Embedder:
    """One embedder a process: networks are loaded once a worker."""
    return provider(EMBEDDERS, embedder)


def look(task: Task) -> dict[str, np.ndarray]:
    """Read and embed the images of one task.

    Returns
    -------
    status : np.ndarray, shape (N,), str
        ``ok``, or ``failed: why`` for an image that is not there or not what it should be.
    vector : np.ndarray, shape (N, D), float32
        NaN where there is no image or no face; D is 0 where no image could be read.
    """
    said, vectors = embedded(task, made(task.provider))
    return {"status": np.array(said), "vector": vectors}


def embedded(task: Task, embedder: Embedder) -> tuple[list[str], np.ndarray]:
    """Statuses and vectors of the images of a task, as `run` returns them; images of one size are embedded together."""
    pictures = pictures_of(task)
    alike: dict[tuple[int, ...], list[int]] = {}
    for at, (_, pixels) in enumerate(pictures):
        if pixels is not None:
            alike.setdefault(pixels.shape, []).append(at)
    vectors = np.zeros((len(pictures), 0), np.float32)
    for places in alike.values():
        found = embedder.embed(np.stack([np.asarray(pictures[at][1]) for at in places]))
        if not vectors.shape[1]:
            vectors = np.full((len(pictures), found.shape[1]), np.nan, dtype=np.float32)
        vectors[places] = found
    return [status for status, _ in pictures], vectors


def pictures_of(task: Task) -> list[tuple[str, np.ndarray | None]]:
    """Read the images of a task: ``ok`` and (H, W, 3) uint8 RGB, or why there is none and None."""
    the_set = open_set(task.set_root, task.set_hash)
    if not task.pairs:
        return [("ok", the_set.sharp(image)) for image in task.images]
    if task.run_root is None:
        return [("ok", the_set.blurred(pair)) for pair in task.pairs]
    opened, (image,) = Outputs.open(task.run_root, the_set, check=False), task.images
    return [restored_of(opened, *both, image) for both in zip(task.pairs, task.statuses, strict=True)]


def weigh(task: Task) -> int:
    """How many images a task is of."""
    return len(task.pairs) or len(task.images)


def restored_of(opened: Outputs, pair: Pair, status: Status, image: Image) -> tuple[str, np.ndarray | None]:
    """The restored image, or why there is none: missing, damaged and altered files are rows, not ends."""
    if not status.ok:
        return status.status, None
    try:
        pixels = opened.restored(pair, (image.height, image.width))
    except InputError as error:
        missing = isinstance(error, MissingFile)
        return "failed: output missing" if missing else f"failed: expected {error.expected}, found {error.found}", None
    if status.sha256 and pixel_hash(pixels) != status.sha256:
        return "failed: altered since the run", None
    return "ok", pixels


Arrays = dict[str, np.ndarray]


def open_runs(outputs: str | Path | Sequence[str | Path | None] | None, the_set: Set) -> list[Outputs | None]:
    """Open the runs that a test is of; None stays and stands for the set's blurred images themselves.

    Raises
    ------
    InputError
        When outputs are not there, not finished, or belong to another set.
    """
    folders = [outputs] if outputs is None or isinstance(outputs, str | Path) else outputs
    return [None if folder is None else Outputs.open(folder, the_set) for folder in folders]


@dataclass
class Work:
    """Has the images of a test looked at, keeps what is finished, and counts.

    Attributes
    ----------
    the_set : Set
    function : callable
        Module-level function from a task to arrays, among them ``status`` with one entry an image.
    provider : str
        Who looks at the images, as `Task` has it.
    definition : str
        The same with the hash of its weights: parts of another are not used.
    stage : str
        What is being done, for the reporter: ``"parsing"``.
    total : int
        Images in all.
    force : bool
        Forget parts that an earlier test left.
    workers : Workers
        Where to compute.
    reporter : Reporter
        Is told the progress, and which parts were damaged.
    """

    the_set: Set
    function: Callable[[Task], Arrays]
    provider: str
    definition: str
    stage: str
    total: int
    force: bool
    workers: Workers | int
    reporter: Reporter
    _done: int = field(default=0, init=False)

    def clear(self, images: Sequence[Image], file: Path | None, *, size: int = CLEAR_A_TASK) -> Iterator[Arrays]:
        """Yield what `function` makes of clear images, `size` a task; parts are kept beside `file` if there is one."""
        return self._parts("clear", clear_tasks(self.the_set, images, self.provider, size=size), file, None)

    def probes(self, run: Outputs | None, file: Path | None) -> Iterator[Arrays]:
        """Yield what it makes of the images of a run (None: the blurred ones), photograph by photograph."""
        return self._parts("probes", probe_tasks(self.the_set, run, self.provider), file, run)

    def _parts(self, kind: str, tasks: Iterator[Task], file: Path | None, run: Outputs | None) -> Iterator[Arrays]:
        folder = None
        if file is not None:
            of_run = [] if run is None else [run.run_hash, run.files_hash]
            key = [self.the_set.content_hash, self.definition, *of_run]
            folder = resume.shelf(file, kind, key, fresh=self.force)
        for part in resume.compute(
            self.function, tasks, folder, weigh=weigh, workers=self.workers, reporter=self.reporter
        ):
            self._done += len(part["status"])
            self.reporter.progress(self.stage, self._done, self.total)
            yield part
