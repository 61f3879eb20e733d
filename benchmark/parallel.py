"""Many tasks on several workers through joblib, with bounded memory and results in order."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.registry import load_plugin

Task = TypeVar("Task")
Result = TypeVar("Result")


MOST_JOBS = 4096
"""Largest number of workers."""


@checked
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
        When `backend` is not known, or there are more than 4096 workers.

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
        if self.jobs > MOST_JOBS:
            raise InputError("option 'jobs'", expected=f"at most {MOST_JOBS:,} workers", found=f"{self.jobs:,}")

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
"""One worker per processor of this machine."""

HERE = Workers(jobs=1)
"""This process alone."""


def cores() -> int:
    """Number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WATCH_S = 1.0
"""How often a worker looks whether its parent is still there, in seconds."""


def end_with_parent(parent: int) -> None:
    """End this process, and the group of processes that it leads, within seconds of its parent's end.

    Parameters
    ----------
    parent : int
        Process id of the parent.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back during the block, in which workers are started: they never get it, not even while they import.

    A process inherits which signals are held back. It is the parent that is interrupted, after the block, and ends its
    workers.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers() -> None:
    """Start the processes that remove what workers share in memory.

    Starting one lets Ctrl-C through again, so they are started before it is held back for the workers.
    """
    if not hasattr(signal, "pthread_sigmask"):
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as of_loky

    for tracker in (resource_tracker, of_loky):
        with interrupts_held():
            tracker.ensure_running()


def _worker_lost(error: Exception) -> InputError:
    """The error for a worker that somebody else ended; joblib says by which signals."""
    signals = sorted(set(re.findall(r"SIG[A-Z]+", str(error))))
    by = f" by {', '.join(signals)}" if signals else ""
    return InputError(
        f"a worker process was ended{by}, usually because there is too little memory",
        do="run the same command again to resume, with fewer --jobs",
    )


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
        When the package of the backend is missing, or a worker was killed.
    """
    workers = Workers.of(workers)
    if workers.backend == "loky" and workers.count == 1:
        yield from map(function, tasks)
        return
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    lost: tuple[type[Exception], ...] = (BrokenProcessPool,)
    starting: dict[str, Any] = {}
    if workers.backend == "dask":
        distributed = need("distributed", "dist")
        lost += (distributed.KilledWorker,)
        with interrupts_held():
            client = (
                distributed.Client(workers.scheduler)
                if workers.scheduler
                else distributed.Client(processes=True, n_workers=workers.count)
            )
        context: object = joblib.parallel_config(backend="dask")
    else:
        client = nullcontext()
        context = joblib.parallel_config(backend="loky", inner_max_num_threads=1)
        starting = {"initializer": end_with_parent, "initargs": (os.getpid(),)}
    with client, context, warnings.catch_warnings():  # type: ignore[attr-defined]
        # A worker that has loaded a network looks like a leak to loky, which then starts a fresh one: no harm done.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*tasks (have been|which were)", category=UserWarning)
        pool = joblib.Parallel(
            n_jobs=workers.count, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1, **starting
        )
        try:
            _start_trackers()
            with interrupts_held():
                results = pool(joblib.delayed(_InWorker(function, workers.plugin))(task) for task in tasks)
            yield from results
        except lost as error:
            raise _worker_lost(error) from error
