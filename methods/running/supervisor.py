"""Supervision of worker processes, which are started, given work, watched, and replaced if they crash or hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.parallel import interrupts_held
from facedeblur.benchmark.sets.set import Pair
from facedeblur.methods.running.measuring import Memory
from facedeblur.methods.running.messages import Comparison, Facts, Job, OutOfMemory, Result, freeze

START_S = 120.0
"""Time for a new process to import its packages, before the method's own time limit counts."""

Kind = Literal["results", "memory", "lost"]
Order = Literal["process", "compare"]


@dataclass(frozen=True)
class BatchOutcome:
    """Outcome of a batch: its rows with the peak of memory, too little memory, or the loss of the worker (`why`)."""

    pairs: tuple[Pair, ...]
    kind: Kind
    results: tuple[Result, ...] = ()
    why: str = ""
    memory: Memory | None = None


class Unusable(Exception):
    """The method cannot be made or loaded; the message says why."""


class Worker:
    """One process with the method in it.

    Parameters
    ----------
    job : Job
    plugin : str
        Path of the plugin file, empty if absent.
    log : path
        File that its standard output and error are appended to.
    threads : int or None
        Processor threads that its libraries may use.
    """

    def __init__(self, job: Job, plugin: str, log: Path, threads: int | None):
        environment = dict(os.environ)
        if threads is not None:
            names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
            environment |= dict.fromkeys(names, str(threads))
        self.connection, theirs = Pipe()
        self.busy: tuple[Pair, ...] = ()
        self.deadline = float("inf")
        self.facts: Facts | None = None
        command = [sys.executable, "-m", "facedeblur.methods.running.worker", str(theirs.fileno())]
        with theirs, log.open("ab") as stream, interrupts_held():
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, **_inherit(theirs)
            )
        self._send({"path": list(sys.path), "plugin": plugin, "job": freeze(job)})

    def ready(self, limit: float) -> Facts:
        """Wait until the method is loaded.

        Raises
        ------
        Unusable
            If loading raises, crashes, or takes longer than `limit` seconds.
        InputError
            When it refuses its options, weights or device.
        """
        if self.facts is not None:
            return self.facts
        message, content = self._receive(START_S, "its process did not start")
        if message == "started":
            message, content = self._receive(limit, "load did not return")
        if message == "refused":
            raise content
        if message != "ready":
            raise Unusable(str(content))
        self.facts = content
        return self.facts

    def _receive(self, limit: float, what: str) -> tuple[str, Any]:
        try:
            if not self.connection.poll(limit):
                raise Unusable(f"{what} within {limit:g} s")
            message: tuple[str, Any] = self.connection.recv()
        except (EOFError, OSError):
            raise Unusable(f"{what}: {self.last_words()}") from None
        return message

    def give(self, pairs: tuple[Pair, ...], limit: float, order: Order = "process") -> None:
        """Send a batch; the clock for it starts."""
        self.busy, self.deadline = pairs, time.monotonic() + limit
        self._send((order, pairs))

    def _send(self, message: Any) -> None:
        # If the process has died, the next read from the connection shows it.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def last_words(self) -> str:
        """Return how the process ended."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "its process closed the connection"
        if code < 0:
            try:
                return f"its process died of {signal.Signals(-code).name}"
            except ValueError:
                return f"its process died of signal {-code}"
        return f"its process died with exit code {code}"

    def end(self) -> None:
        """Kill the process and whatever it has started."""
        self.connection.close()
        if hasattr(os, "killpg"):
            # It leads its own group, which outlives it as long as a child does.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()


def _inherit(end: Connection) -> dict[str, Any]:
    """Arguments of Popen that hand one end of a pipe down, and cut the child off from our Ctrl-C."""
    if sys.platform == "win32":
        os.set_handle_inheritable(end.fileno(), True)
        return {"close_fds": False, "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"pass_fds": [end.fileno()], "start_new_session": True}


class Supervisor:
    """Some workers on the same job.

    Parameters
    ----------
    job, plugin, log
        See `Worker`.
    limit : float
        Seconds that a batch, or loading, may take.
    threads : int or None
    """

    def __init__(self, job: Job, plugin: str, log: Path, *, limit: float, threads: int | None):
        self._make: Callable[[], Worker] = lambda: Worker(job, plugin, log, threads)
        self._limit = limit
        self._workers: list[Worker] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def grow(self, count: int) -> Facts:
        """Start workers until `count` are loaded; return the facts that the first one reports.

        Raises
        ------
        Unusable, InputError
            See `Worker.ready`.
        """
        while len(self._workers) < count:
            self._workers.append(self._make())
        facts = [worker.ready(self._limit) for worker in self._workers]
        return facts.pop(0)

    def work(self, batches: Callable[[], tuple[Pair, ...] | None]) -> Iterator[BatchOutcome]:
        """Have the workers restore batches until none is left, and yield the outcome of each.

        `batches` is asked again after every outcome, so it may return the same images once more.
        A worker that is lost is replaced.

        Raises
        ------
        OSError
            When a worker cannot read or write its files.
        Unusable
            When a new worker cannot load the method.
        """
        while True:
            for worker in self._workers:
                if not worker.busy and (pairs := batches()) is not None:
                    worker.give(pairs, self._limit)
            busy = {worker.connection: worker for worker in self._workers if worker.busy}
            if not busy:
                return
            now = time.monotonic()
            nearest = min(worker.deadline for worker in busy.values())
            answered = wait(list(busy), timeout=max(0.0, nearest - now))
            outcomes: deque[BatchOutcome] = deque()
            for connection in answered:
                outcomes.append(self._outcome(busy[connection]))  # type: ignore[index]
            for worker in busy.values():
                # An answer may have come while a lost worker was replaced.
                if worker.busy and worker.deadline <= time.monotonic() and not worker.connection.poll():
                    outcomes.append(self._outcome(worker, late=True))
            yield from outcomes

    def compare(self, pairs: tuple[Pair, ...]) -> Comparison:
        """Compare a batch with the outputs of these images, which were restored one by one.

        Raises
        ------
        OutOfMemory
            When the batch does not fit the device.
        OSError, Unusable
            See `work`.
        """
        worker = self._workers[0]
        worker.give(pairs, self._limit, "compare")
        kind, content = self._answer(worker, late=not worker.connection.poll(self._limit))
        if kind == "memory":
            raise OutOfMemory(content)
        found: Comparison = Comparison(len(pairs), why=content) if kind == "lost" else content[0]
        return found

    def _outcome(self, worker: Worker, *, late: bool = False) -> BatchOutcome:
        pairs = worker.busy
        kind, content = self._answer(worker, late=late)
        if kind == "results":
            results, memory = content
            return BatchOutcome(pairs, kind, tuple(results), memory=memory)
        return BatchOutcome(pairs, kind, why=content)

    def _answer(self, worker: Worker, *, late: bool) -> tuple[Kind, Any]:
        """Return the kind of a worker's answer, and its content; a worker without an answer is lost, and replaced."""
        worker.busy = ()
        why = f"no answer within {self._limit:g} s"
        if not late:
            try:
                message, content = worker.connection.recv()
            except (EOFError, OSError):
                why = worker.last_words()
            else:
                if message == "system":
                    raise content
                return message, content
        self._replace(worker)
        return "lost", why

    def _replace(self, worker: Worker) -> None:
        worker.end()
        self._workers.remove(worker)
        fresh = self._make()
        self._workers.append(fresh)
        try:
            fresh.ready(self._limit)
        except InputError as error:
            raise Unusable(str(error)) from error
