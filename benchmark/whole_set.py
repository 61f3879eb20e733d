"""A test of a whole set: the runs it is of, and its tasks worked off part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facedeblur.benchmark import shelf
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.recognise_task import CLEAR_A_TASK, Task, clear_tasks, probe_tasks, weigh
from facedeblur.benchmark.sets import Image, Set

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
    total : int
        Images in all.
    progress : callable or None
        Called with (images done, images in all).
    tell : callable
        Called with a line about a part that was damaged.
    force : bool
        Forget parts that an earlier test left.
    jobs, backend, scheduler, plugin
        See `facedeblur.benchmark.parallel.imap`.
    """

    the_set: Set
    function: Callable[[Task], Arrays]
    provider: str
    definition: str
    total: int
    progress: Callable[[int, int], None] | None
    tell: Callable[[str], None]
    force: bool
    jobs: int
    backend: str
    scheduler: str | None
    plugin: str | Path | None
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
            folder = shelf.shelf(file, kind, key, fresh=self.force)
        for part in shelf.compute(
            self.function, tasks, folder, weigh=weigh, say=self.tell, jobs=self.jobs, backend=self.backend,
            scheduler=self.scheduler, plugin=self.plugin,
        ):  # fmt: skip
            self._done += len(part["status"])
            if self.progress:
                self.progress(self._done, self.total)
            yield part
