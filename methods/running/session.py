"""One run from its first batch to its last: which images form a batch, and when the method is given up.

The images of a batch that fails are tried again one by one; the outcome of each is recorded.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.parallel import cores
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.methods.runnable import Runnable
from facedeblur.methods.running.environment import versions
from facedeblur.methods.running.execution import TIMEOUT_S, Execution
from facedeblur.methods.running.journal import LOG, NOT_RUN, RunJournal
from facedeblur.methods.running.measuring import IMAGES, RULE_FOLDER, sizes, summarise_times
from facedeblur.methods.running.messages import Facts, Job, Result, failure
from facedeblur.methods.running.supervisor import BatchOutcome, Supervisor, Unusable

FAILURES_AT_START = 5
LOSSES_IN_A_ROW = 20
NOTES = 50


class Stop(Exception):
    """The method is given up; the message says why."""


def one_size(the_set: Set) -> Size | None:
    """(height, width) of every image of the set; None if they differ."""
    sizes = {(image.height, image.width) for image in the_set.images.values() if image.status == "ok"}
    return sizes.pop() if len(sizes) == 1 else None


class Session:
    """One call of `facedeblur.methods.running.runner.run`: its counters, and its decisions after each batch."""

    def __init__(
        self,
        method: Runnable,
        the_set: Set,
        journal: RunJournal,
        execution: Execution,
        *,
        jobs: int,
        limit: int | None,
        reporter: Reporter,
    ):
        self._method, self._set, self._journal, self._execution = method, the_set, journal, execution
        self._timeout = execution.timeout or TIMEOUT_S
        self._jobs, self._reporter = jobs, reporter
        whole = the_set.n_pairs if limit is None else min(limit, the_set.n_pairs)
        self._done, self._whole = whole - sum(1 for _ in journal.pending(limit)), whole
        self._rest = NOT_RUN + (f" (limit {limit})" if limit is not None else "")
        pending = journal.pending(limit)
        self._batches = Batches(pending, the_set, batch=execution.batch, mixed=method.folder)
        self._any_ok = journal.n_ok > 0
        self._failures = self._losses = 0
        self._notes: list[str] = list(journal.info.get("notes", []))
        self._clock: list[float] = []
        self._memory: dict[str, Any] | None = None

    def carry_out(self) -> Outputs:
        """Restore the pending images and finish the outputs."""
        begin = time.perf_counter()
        if self._done < self._whole:
            return self._run(begin)
        if self._journal.finished:
            self._journal.sweep()
            self._reporter.say(f"{self._journal.root}: all {self._whole} pairs are already restored, nothing to do")
            return Outputs.open(self._journal.root, self._set)
        self._journal.start(size=one_size(self._set))
        return self._journal.finish(self._closing(begin, ""), rest=self._rest)

    def _run(self, begin: float) -> Outputs:
        root = self._journal.root
        made_here = not root.exists()
        root.mkdir(parents=True, exist_ok=True)
        self._journal.sweep()
        if self._method.folder:
            self._journal.scratch.mkdir()
        if self._done:
            self._reporter.say(f"{root}: {self._done:,} of {self._whole:,} pairs are already restored, resuming")
        threads = max(1, cores() // self._jobs) if self._jobs > 1 else None
        try:
            with Supervisor(self._job(), self._method.plugin, root / LOG, limit=self._timeout, threads=threads) as crew:
                stopped = self._go(crew)
        except BaseException:
            self._journal.sweep()
            if made_here:
                _remove_empty(root)
            raise
        if stopped:
            self._reporter.say(stopped)
            self._rest = f"{NOT_RUN} ({' '.join(stopped.split())[:200]})"
        return self._journal.finish(self._closing(begin, stopped), rest=self._rest)

    def _go(self, crew: Supervisor) -> str:
        """Load the method and restore the images; return why the method was given up, or an empty text."""
        try:
            facts = crew.grow(1)
            self._begin(facts)
            self._restore(crew, facts)
        except Unusable as error:
            self._journal.start(size=one_size(self._set))
            unknown: dict[str, Any] = {"device_name": "", **sizes(None, None, ()), "memory": None}
            self._journal.note(**unknown | self._journal.info)
            return f"method '{self._method.shown}' cannot be loaded: {error}"
        except Stop as error:
            return f"method '{self._method.shown}' {error}"
        return ""

    def _job(self) -> Job:
        method = self._method
        return Job(
            kind=method.kind,
            name=method.shown,
            arguments=method.options | method.fixed,
            takes_kernels=method.spec.oracle,
            kernels=method.given.file if method.given else None,
            weights={name: path.resolve() for name, path in method.weights.items()},
            device=self._execution.device,
            precision=self._execution.precision,
            set_root=self._set.root.resolve(),
            set_hash=self._set.content_hash,
            out_root=self._journal.root.resolve(),
            store=self._journal.info["store"],
            scratch=self._journal.scratch.resolve(),
        )

    def _begin(self, facts: Facts) -> None:
        self._journal.check({"device": facts.device})
        self._journal.start(size=one_size(self._set))
        self._journal.note(
            device=facts.device,
            device_name=facts.device_name,
            precision=facts.precision,
            **sizes(facts.parameters, facts.size_bytes, self._method.weights.values()),
            batch=self._execution.batch or "auto",
            jobs=self._jobs,
            timeout_s=self._timeout,
            versions=versions(),
        )

    def _restore(self, crew: Supervisor, facts: Facts) -> None:
        self._reporter.progress(self._method.shown, self._done, self._whole)
        if not self._method.folder:
            self._time(crew, facts)
        crew.grow(min(self._jobs, self._batches.ahead(self._whole - self._done)))
        for outcome in crew.work(self._batches):
            self._take(outcome)
        if self._method.folder and self._clock:
            size = one_size(self._set)
            timings = summarise_times(self._clock, size=size, device=facts.device_name, rule=RULE_FOLDER, discard=0)
            self._journal.note(timings=timings, memory=self._memory)

    def _time(self, crew: Supervisor, facts: Facts) -> None:
        """Run the first ten images one by one, which gives their outputs and the run time at once.

        Skipped if a stopped run has already measured as many.
        """
        measured = (self._journal.info.get("timings") or {}).get("images", 0)
        if measured >= min(IMAGES, self._whole - self._done) - 1:
            return
        first = self._batches.take(IMAGES)
        singles = iter([(pair,) for pair in first])
        for outcome in crew.work(lambda: next(singles, None)):
            self._take(outcome)
        size = self._batches.size(first[0])
        timings = summarise_times(self._clock, size=size, device=facts.device_name)
        if timings:
            # The memory now, while it has had one image at a time: batches take more.
            self._journal.note(timings=timings, memory=self._memory)
            self._batches.pace(size, timings["median_s"], self._timeout)

    def _take(self, outcome: BatchOutcome) -> None:
        """Record the outcome of a batch, or have its images tried again."""
        pairs, several = outcome.pairs, len(outcome.pairs) > 1
        if outcome.memory is not None:
            self._memory = asdict(outcome.memory)
        rows: list[Result] = []
        if outcome.kind == "memory":
            if several:
                cap = self._batches.halve(pairs)
                self._note(f"out of memory with a batch of {len(pairs)}: at most {cap} per batch from here on")
            else:
                rows = [failure(pair, f"out of memory: {outcome.why}") for pair in pairs]
        elif outcome.kind == "lost":
            self._note(f"{outcome.why} (at {pairs[0].name}{' and others' * several})")
            if several:
                self._batches.alone(pairs)
            else:
                rows = [failure(pair, outcome.why) for pair in pairs]
        else:
            by_index = {result.index: result for result in outcome.results}
            rows = [result for result in outcome.results if not (several and result.retry)]
            self._batches.alone(pair for pair in pairs if several and by_index[pair.index].retry)
        self._enter(pairs, rows, lost=outcome.kind == "lost")

    def _enter(self, pairs: tuple[Pair, ...], rows: list[Result], *, lost: bool) -> None:
        self._journal.keep_kernels((row.index, row.kernel) for row in rows if row.status == "ok")
        self._journal.record(Status(row.index, row.pair_id, row.status, row.seconds, row.sha256) for row in rows)
        self._done += len(rows)
        self._reporter.progress(self._method.shown, self._done, self._whole)
        for row in rows:
            ok = row.status == "ok"
            self._failures = 0 if ok else self._failures + 1
            self._losses = self._losses + 1 if lost else 0
            if ok:
                self._any_ok = True
                if len(self._clock) < IMAGES or self._method.folder:
                    self._clock.append(row.seconds)
        if not self._any_ok and self._failures >= FAILURES_AT_START:
            raise Stop(f"failed on the first {self._failures} images: {rows[-1].status.removeprefix('failed: ')}")
        if self._losses >= LOSSES_IN_A_ROW:
            raise Stop(f"crashed or hung on {self._losses} images in a row: {rows[-1].status.removeprefix('failed: ')}")

    def _note(self, line: str) -> None:
        self._notes.append(line)
        self._reporter.say(line)

    def _closing(self, begin: float, stopped: str) -> dict[str, Any]:
        if len(self._notes) > NOTES:
            self._notes = [*self._notes[: NOTES - 1], f"and {len(self._notes) - NOTES + 1} more of this kind"]
        before = float(self._journal.info.get("seconds_total", 0.0))
        return {
            "notes": self._notes,
            "stopped": stopped,
            "seconds_total": round(before + time.perf_counter() - begin, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _remove_empty(root: Path) -> None:
    """Leave no trace of a run that was refused or stopped before it began."""
    log = root / LOG
    if log.is_file() and not log.stat().st_size:
        log.unlink()
    if not any(root.iterdir()):
        root.rmdir()


Size = tuple[int, int]

PIXELS = 2**19
MOST = 32
SECONDS = 30.0


def usual_batch(size: Size) -> int:
    """Return the default batch for images of (height, width): 32 at 128x128, 1 for a large frame."""
    return max(1, min(MOST, PIXELS // (size[0] * size[1])))


class Batches:
    """Iterator that divides a stream of pairs into batches of one size; a few batches per size are in memory.

    Parameters
    ----------
    pairs : iterable of Pair
    set_ : Set
    batch : int or None
        Largest number of images in a batch; None chooses by their size and speed.
    mixed : bool
        Sizes may be mixed, as in a folder of files.
    """

    def __init__(self, pairs: Iterable[Pair], set_: Set, *, batch: int | None, mixed: bool = False):
        self._pairs, self._set, self._batch, self._mixed = iter(pairs), set_, batch, mixed
        self._cap: dict[Size, int] = {}
        self._waiting: dict[Size, list[Pair]] = {}
        self._again: deque[tuple[Pair, ...]] = deque()
        self._stream = self._cut()

    def __call__(self) -> tuple[Pair, ...] | None:
        """Return the next batch, retries first; None if nothing is left for now."""
        return self._again.popleft() if self._again else next(self._stream, None)

    def size(self, pair: Pair) -> Size:
        """(height, width) of the pair's images."""
        image = self._set.image_of(pair)
        return image.height, image.width

    def ahead(self, count: int) -> int:
        """About how many batches `count` images make, at least one."""
        return max(1, -(-count // (self._batch or MOST)))

    def limit(self, size: Size) -> int:
        """Most images of this size in a batch."""
        usual = self._batch or usual_batch(size)
        return min(usual, self._cap.get(size, usual))

    def pace(self, size: Size, seconds: float, limit: float) -> None:
        """Keep a batch within 30 seconds and a quarter of the time limit, unless the user set its size."""
        if self._batch is None and seconds > 0:
            self._cap[size] = max(1, int(min(SECONDS, limit / 4) / seconds))

    def halve(self, pairs: tuple[Pair, ...]) -> int:
        """Try a batch that did not fit the memory again in two halves; return the new limit for its size."""
        half = (len(pairs) + 1) // 2
        size = self.size(pairs[0])
        self._cap[size] = min(half, self.limit(size))
        self._again.extend((pairs[:half], pairs[half:]))
        return self._cap[size]

    def alone(self, pairs: Iterable[Pair]) -> None:
        """Try these again one by one."""
        self._again.extend((pair,) for pair in pairs)

    def take(self, count: int) -> list[Pair]:
        """The first pairs of one size, at most `count`; the others keep their turn."""
        taken: list[Pair] = []
        passed: list[Pair] = []
        for pair in self._pairs:
            if taken and self.size(pair) != self.size(taken[0]):
                passed.append(pair)
            else:
                taken.append(pair)
            if len(taken) == count or len(passed) == 4 * count:
                break
        rest = self._pairs
        self._pairs = (pair for part in (passed, rest) for pair in part)
        return taken

    def _cut(self) -> Iterator[tuple[Pair, ...]]:
        for pair in self._pairs:
            size = self.size(pair)
            row = self._waiting.setdefault((0, 0) if self._mixed else size, [])
            row.append(pair)
            while len(row) >= self.limit(size):
                yield self._off(row)
        for row in self._waiting.values():
            while row:
                yield self._off(row)

    def _off(self, row: list[Pair]) -> tuple[Pair, ...]:
        """Take a batch off the row; the limit may have fallen since the row was begun."""
        count = self.limit(self.size(row[0]))
        batch = tuple(row[:count])
        del row[:count]
        return batch
