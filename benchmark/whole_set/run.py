"""Tests of a whole set: results that exist are read, and what is missing is computed part by part.

A test is one module with a record of its results (`Record`) and a `WholeSetTest` that says which images of the set it
needs, what a worker does with some images, and how that becomes a result. Everything else is here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, tee
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import Embedder
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.outputs import Outputs, OutputsLike, Status
from facedeblur.benchmark.parallel import Workers
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.set import Image, Pair, Set, SetLike, open_set
from facedeblur.benchmark.whole_set.record import Record

INPUT = "blurred images"
"""What a set's own blurred images are called in place of a method."""

SHARP = "sharp images"
"""What a set's own sharp images are called in place of a method."""

NO_FACE = "no face"

Result = TypeVar("Result", bound=Record)


@dataclass(frozen=True)
class LookTask:
    """All pairs of one photograph, or (without pairs) some clear images.

    Attributes
    ----------
    set_root : Path
    set_hash : str
    provider : str
        Embedder, features or parser, with its options; empty for none.
    images : tuple of Image
    pairs : tuple of Pair
    run_root : Path or None
        The outputs; None takes the blurred images of the set.
    statuses : tuple of Status
        One per pair, of the run.
    """

    set_root: Path
    set_hash: str
    provider: str
    images: tuple[Image, ...]
    pairs: tuple[Pair, ...] = ()
    run_root: Path | None = None
    statuses: tuple[Status, ...] = ()

    @property
    def count(self) -> int:
        """Number of images to look at."""
        return len(self.pairs) or len(self.images)

    def pictures(self) -> list[tuple[str, np.ndarray | None]]:
        """Read the images: ``ok`` and (H, W, 3) uint8 RGB, or the reason for the failure and None."""
        the_set = open_set(self.set_root, self.set_hash)
        if not self.pairs:
            return [("ok", the_set.sharp(image)) for image in self.images]
        if self.run_root is None:
            return [("ok", the_set.blurred(pair)) for pair in self.pairs]
        opened, (image,) = Outputs.open(self.run_root, the_set, check=False), self.images
        found, _ = opened.read_all(self.pairs, self.statuses, (image.height, image.width))
        return [(output.status, output.pixels) for output in found]


def embed(task: LookTask, embedder: Embedder) -> tuple[list[str], np.ndarray]:
    """Read the images of a task and embed them; images of one size are embedded together.

    Returns
    -------
    list of str
        ``ok``, or ``failed: why`` for an image that cannot be read.
    np.ndarray, shape (N, D), float32
        NaN where there is no image or no face; D is 0 where no image could be read.
    """
    pictures = task.pictures()
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


@dataclass(frozen=True)
class Candidate:
    """The images that one result is of.

    Attributes
    ----------
    the_set : Set
    run : Outputs or None
        None for images of the set itself.
    file : Path or None
        Where the result is kept; None where it is not.
    clear : tuple of Image or None
        Clear images of the set; None for the images of the run or, without a run, the blurred ones.
    name : str
        What images of the set itself are called in place of a method.
    """

    the_set: Set
    run: Outputs | None
    file: Path | None
    clear: tuple[Image, ...] | None = None
    name: str = INPUT

    @property
    def count(self) -> int:
        """Number of images."""
        return self.the_set.n_pairs if self.clear is None else len(self.clear)

    @property
    def origin(self) -> dict[str, Any]:
        """The fields of a `Record` that say where the images come from."""
        run = self.run
        files = "" if run is None else run.files_hash  # first: it finds the hash of the run as well
        return {
            "method": self.name if run is None else run.method,
            "oracle": run is not None and bool(run.info.get("oracle", False)),
            "set_name": self.the_set.name,
            "set_hash": self.the_set.content_hash,
            "run_hash": "" if run is None else run.run_hash,
            "files_hash": files,
        }

    def tasks(self, provider: str, *, clear_per_task: int) -> Iterator[LookTask]:
        """Yield one task per photograph with all its pairs, or some clear images at a time."""
        the_set, run = self.the_set, self.run
        if self.clear is not None:
            for start in range(0, len(self.clear), clear_per_task):
                images = self.clear[start : start + clear_per_task]
                yield LookTask(the_set.root, the_set.content_hash, provider, images)
            return
        # The manifest is read once; the stream of statuses lags behind by the pairs of an image.
        whole, *streams = tee(the_set.pairs(), 1 if run is None else 2)
        statuses = None if run is None else (status for _, status in run.records(*streams))
        for image, pairs in the_set.by_image(whole):
            recorded = () if statuses is None else tuple(islice(statuses, len(pairs)))
            root = None if run is None else run.root
            yield LookTask(the_set.root, the_set.content_hash, provider, (image,), tuple(pairs), root, recorded)


class WholeSetTest(ABC, Generic[Result]):
    """A test of a whole set with its options.

    Parameters
    ----------
    the_set : Set
    provider : str
        Embedder, features or parser, with its options.
    facts : dict
        Fields of the record that say how the test is made. A result with others is computed again.
    definition : str
        Definition of the provider with the hash of its weights; parts made by another one are not used.
    clear : sequence of Image
        Clear images of the set that every result needs; see `reference`.
    """

    record: ClassVar[type[Record]]
    stage: ClassVar[str]
    """What is being done, for the reporter and messages: ``parsing``."""
    clear_per_task: ClassVar[int] = 40
    takes_labels: ClassVar[bool] = False
    """Whether label images that a run kept are of use."""

    def __init__(
        self, the_set: Set, provider: str, facts: dict[str, Any], definition: str, clear: Sequence[Image] = ()
    ):
        self.the_set, self.provider, self.facts, self.definition = the_set, provider, facts, definition
        self.clear = tuple(clear)

    @staticmethod
    @abstractmethod
    def look(task: LookTask) -> Arrays:
        """Return what a worker finds in the images of a task, among it ``status`` with one entry per image."""

    def file(self, folder: Path) -> Path:
        """Return where the result of the outputs in `folder` is kept."""
        return folder / self.record.file_name

    def candidates(self, runs: Sequence[Outputs | None]) -> list[Candidate]:
        """Return what there is a result of, in order; None is the blurred images, whose result is not kept."""
        return [Candidate(self.the_set, run, None if run is None else self.file(run.root)) for run in runs]

    def facts_of(self, candidate: Candidate) -> dict[str, Any]:
        """Return the fields of the record that say how this result is made."""
        return self.facts

    def provider_of(self, candidate: Candidate) -> str:
        """Return the embedder, features or parser that looks at the images of a candidate; empty for none."""
        return self.provider

    def reference(self, parts: Iterator[Arrays]) -> Any:
        """Return what all results need to know of the clear images, from what workers made of them."""
        return None

    @abstractmethod
    def result(self, candidate: Candidate, parts: Iterator[Arrays], reference: Any) -> Result:
        """Return the result of a candidate from what workers made of its images."""


def run_test(
    make: Callable[[Set], WholeSetTest[Result]],
    the_set: SetLike,
    outputs: Sequence[OutputsLike | None],
    *,
    force: bool,
    plugin: str | Path | None,
    workers: Workers | int,
    progress: Reporter | bool | None,
) -> list[Result]:
    """Run a test of a whole set on one or more runs; see `facedeblur.benchmark.whole_set.recognition.recognise`.

    Results are kept with the outputs and read from there while set, outputs and options stay the same. Until a result
    is whole its parts are kept next to it, those of the clear images with the first run.

    Parameters
    ----------
    make : callable
        Makes the test for the opened set, once plugins are loaded.
    the_set, outputs, force, plugin, workers, progress
        As the test is given them.
    """
    workers = Workers.of(workers).loading(plugin)
    the_set = Set.open(the_set)
    runs = [None if one is None else Outputs.open(one, the_set) for one in outputs]
    for run in runs:
        if run is not None:
            run.need_whole()
    test = make(the_set)
    for run in runs:
        if run is not None and not test.takes_labels:
            run.need_images()
    candidates = test.candidates(runs)
    files = [candidate.file for candidate in candidates if candidate.file is not None]
    with only_writer(*files), reporting(progress) as reporter:
        results = [None if force else _finished(test, candidate, reporter) for candidate in candidates]
        waiting = [at for at, result in enumerate(results) if result is None]
        if waiting:
            total = len(test.clear) + sum(candidates[at].count for at in waiting)
            work = _Dispatch(test, total, force, workers, reporter)
            first = files[0] if files else None
            reference = test.reference(work.look_at(Candidate(the_set, None, first, test.clear)))
        for at in waiting:
            candidate = candidates[at]
            results[at] = made = test.result(candidate, work.look_at(candidate), reference)
            if candidate.file is not None:
                made.write(candidate.file)
        for file in files:
            resume.remove_parts(file)
    return [result for result in results if result is not None]


def _finished(test: WholeSetTest[Result], candidate: Candidate, reporter: Reporter) -> Any:
    """Read the result of just these images by just this test; None if absent."""
    if candidate.file is None or not candidate.file.is_file():
        return None
    try:
        found = test.record.read(candidate.file)
    except InputError as error:
        reporter.say(f"{error}; {test.stage} from the start")
        return None
    now = candidate.origin
    wanted = {**test.facts_of(candidate), **{name: now[name] for name in ("set_hash", "run_hash", "files_hash")}}
    return found if all(getattr(found, name) == value for name, value in wanted.items()) else None


@dataclass
class _Dispatch:
    """Sends images to the workers, and counts those that are done."""

    test: WholeSetTest[Any]
    total: int
    force: bool
    workers: Workers
    reporter: Reporter
    done: int = 0

    def look_at(self, candidate: Candidate) -> Iterator[Arrays]:
        """Yield what workers make of the images of a candidate; parts are kept next to its file."""
        test, folder = self.test, None
        if candidate.file is not None:
            key = [candidate.the_set.content_hash, test.definition]
            if candidate.run is not None:
                key += [candidate.run.run_hash, candidate.run.files_hash]
            kind = "probes" if candidate.clear is None else "clear"
            folder = resume.parts_folder(candidate.file, kind, key, fresh=self.force)
        tasks = candidate.tasks(test.provider_of(candidate), clear_per_task=test.clear_per_task)
        for part in resume.compute_parts(
            test.look, tasks, folder, weigh=lambda task: task.count, workers=self.workers, reporter=self.reporter
        ):
            self.done += len(part["status"])
            self.reporter.progress(test.stage, self.done, self.total)
            yield part
