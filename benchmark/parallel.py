"""Many tasks on several workers through joblib, with bounded memory and results in order."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import joblib

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.registry import load_plugin

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Where and how many tasks are computed at a time.

    Parameters
    ----------
    jobs : int
        Number of workers; 1 computes in this process, -1 uses every processor.
    backend : {'loky', 'dask'}
        Processes on this machine, or a dask cluster.
    scheduler : str, optional
        Address of the dask scheduler; without one, backend 'dask' starts a cluster on this machine.
    plugin : path, optional
        Python file that every worker loads first (`facedeblur.benchmark.registry.load_plugin`), by its absolute path.

    Raises
    ------
    InputError
        When `backend` is not known.

    Examples
    --------
    Two processes on this machine; a number alone means the same:

    >>> import facedeblur as fd
    >>> two = fd.Workers(jobs=2)
    >>> made = fd.build("shen2020", "photos/", "set/", workers=two)
    >>> made = fd.build("shen2020", "photos/", "set/", workers=2)

    A dask cluster:

    >>> cluster = fd.Workers(backend="dask", scheduler="tcp://cluster:8786")
    """

    jobs: int = -1
    backend: str = "loky"
    scheduler: str | None = None
    plugin: str | Path | None = None

    def __post_init__(self) -> None:
        one_of("backend", self.backend, ("loky", "dask"))

    @classmethod
    def of(cls, workers: Workers | int) -> Workers:
        """Return `workers` as they are, or a number of them as that many processes on this machine."""
        return workers if isinstance(workers, Workers) else cls(jobs=workers)

    def loading(self, plugin: str | Path | None) -> Workers:
        """Load a plugin here, and return these workers with it; without one, return them as they are."""
        if plugin is None:
            return self
        load_plugin(plugin)
        return replace(self, plugin=Path(plugin).resolve())

    @property
    def count(self) -> int:
        """Number of workers, at least 1."""
        return cores() if self.jobs < 1 else self.jobs


ALL = Workers()
"""Every processor of this machine."""

HERE = Workers(jobs=1)
"""This process alone."""


def cores() -> int:
    """Number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _InWorker:
    """A function as a worker calls it: Ctrl-C is left to the parent, which stops its workers itself."""

    function: Callable[[Any], Any]
    plugin: str | Path | None

    def __call__(self, task: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.plugin is not None:
            load_plugin(self.plugin)
        return self.function(task)


def imap(function: Callable[[Task], Result], tasks: Iterable[Task], workers: Workers | int = ALL) -> Iterator[Result]:
    """Yield ``function(task)`` for every task, in the order of the tasks.

    Tasks are taken from `tasks` as workers become free, two per worker ahead, and results are yielded
    as they come, so neither are ever all in memory. Each worker computes in one thread.

    Parameters
    ----------
    function : callable
        Module-level function of one task.
    tasks : iterable
        May be a generator of any length.
    workers : Workers or int
        Where to compute; a number means that many processes on this machine.

    Raises
    ------
    InputError
        When the package of the backend is missing.
    """
    workers = Workers.of(workers)
    if workers.backend == "loky" and workers.count == 1:
        yield from map(function, tasks)
        return
    if workers.backend == "dask":
        distributed = need("distributed", "dist")
        client = (
            distributed.Client(workers.scheduler)
            if workers.scheduler
            else distributed.Client(processes=True, n_workers=workers.count)
        )
        context: object = joblib.parallel_config(backend="dask")
    else:
        client = nullcontext()
        context = joblib.parallel_config(backend="loky", inner_max_num_threads=1)
    with client, context, warnings.catch_warnings():  # type: ignore[attr-defined]
        # A worker that has loaded a network looks like a leak to loky, which then starts a fresh one: no harm done.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*tasks (have been|which were)", category=UserWarning)
        pool = joblib.Parallel(n_jobs=workers.count, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)
        yield from pool(joblib.delayed(_InWorker(function, workers.plugin))(task) for task in tasks)
