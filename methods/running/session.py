"""One run from its first batch to its last: which images form a batch, and when the method is given up.

The images of a batch that fails are tried again one by one; the outcome of each is recorded.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import shorten
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.parallel import cores
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.benchmark.words import many, word
from facedeblur.methods.runnable import Runnable
from facedeblur.methods.running.batches import Batches, Size
from facedeblur.methods.running.environment import versions
from facedeblur.methods.running.execution import TIMEOUT_S, Execution
from facedeblur.methods.running.journal import LOG, NOT_RUN, RunJournal
from facedeblur.methods.running.measuring import IMAGES, RULE_FOLDER, sizes, summarise_times
from facedeblur.methods.running.messages import Comparison, Facts, Job, OutOfMemory, Result, failure
from facedeblur.methods.running.supervisor import BatchOutcome, Supervisor, Unusable

FAILURES_AT_START = 5
LOSSES_IN_A_ROW = 20
NOTES = 50
COMPARED = 4
SLOWER = 1.1
"""How many times as long as alone an image must take in a batch for batches to be given up on a processor.

Less is within what other work on the machine does to times, and images alone cost more around the method.
"""
CLIPPED = 0.1
"""Share of values outside [0, 1] in the first images from which on it is noted."""


class Stop(Exception):
    """The method is given up; the message says why."""


def one_size(the_set: Set) -> Size | None:
    """(height, width) of every image of the set; None if they differ."""
    sizes = {(image.height, image.width) for image in the_set.images.values() if image.status == "ok"}
    return sizes.pop() if len(sizes) == 1 else None


class Session:
    """One call of `facedeblur.methods.running.runner.run`: its counters, and its decisions after each batch.

    Parameters
    ----------
    method : Runnable
    the_set : Set
    journal : RunJournal
    execution : Execution
    jobs : int
        Number of workers.
    chosen : range or frozenset of int
        Rows of the manifest to restore.
    rest : str
        Status of the pairs that are not restored in the end.
    reporter : Reporter
    """

    def __init__(
        self,
        method: Runnable,
        the_set: Set,
        journal: RunJournal,
        execution: Execution,
        *,
        jobs: int,
        chosen: range | frozenset[int],
        rest: str,
        reporter: Reporter,
    ):
        self._method, self._set, self._journal, self._execution = method, the_set, journal, execution
        self._timeout = execution.timeout or TIMEOUT_S
        self._jobs, self._reporter = jobs, reporter
        self._chosen, self._rest, self._whole = chosen, rest, len(chosen)
        self._done = self._whole - sum(1 for _ in journal.pending(chosen))
        self._batches = Batches(
            self._pairs(),
            the_set,
            batch=execution.batch,
            mixed=method.folder,
            state=journal.state,
            caps=journal.info.get("batch_limits"),
        )
        self._any_ok = journal.n_ok > 0
        self._failures = self._losses = 0
        self._notes: list[str] = list(journal.info.get("notes", []))
        self._clock: list[float] = []
        self._first: list[Pair] = []
        self._memory: dict[str, Any] | None = None
        self._clipped: list[float] = []

    def _pairs(self) -> Iterator[Pair]:
        """Yield the pairs to restore, in the order of the manifest."""
        return (pair for pair in self._set.pairs() if pair.index in self._chosen)

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
        return self._journal.finish(self._closing(begin, ""), rest=self._rest, chosen=self._chosen)

    def _run(self, begin: float) -> Outputs:
        root = self._journal.root
        made_here = not root.exists()
        root.mkdir(parents=True, exist_ok=True)
        self._journal.sweep()
        if self._method.folder:
            self._journal.scratch.mkdir()
        if self._done:
            done = f"{self._done:,} of {many(self._whole, 'pair')} {word(self._done, 'is', 'are')}"
            self._reporter.say(f"{root}: {done} already restored, resuming")
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
            self._rest = f"{NOT_RUN} ({shorten(stopped, 200)})"
        return self._journal.finish(self._closing(begin, stopped), rest=self._rest, chosen=self._chosen)

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
            takes_labels=method.labels,
            kernels=method.given.file if method.given else None,
            weights={name: path.resolve() for name, path in method.weights.items()},
            device=self._execution.device,
            precision=self._execution.precision,
            set_root=self._set.root.resolve(),
            set_hash=self._set.content_hash,
            out_root=self._journal.root.resolve(),
            store=self._journal.info["store"],
            scratch=self._journal.scratch.resolve(),
            keep=tuple(method.keep),
            folders=method.kept_folders,
        )

    def _begin(self, facts: Facts) -> None:
        self._journal.check({"device": facts.device})
        self._journal.start(size=one_size(self._set))
        self._tell_differences()
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
        if self._method.remark and self._method.remark not in self._notes:
            self._note(self._method.remark)

    def _tell_differences(self) -> None:
        """Note how a resumed run differs from an unbroken one: an output may depend on the others in its batch."""
        before, now = self._journal.info.get("batch"), self._execution.batch or "auto"
        if self._done and before not in (None, now):
            self._note(f"resumed with batch {now} after {many(self._done, 'pair')} with batch {before}: outputs may "
                "differ in rounding from those of an unbroken run")  # fmt: skip
        if self._journal.extended:
            self._note(f"extended from a sample of {many(self._journal.extended, 'pair')}")
        failed = sum(self._journal.state(pair) == "failed" for pair in self._pairs())
        if failed:
            again = f"{many(failed, 'pair')} that had failed {word(failed, 'is', 'are')}"
            self._note(f"resumed: {again} restored again, one at a time")

    def _restore(self, crew: Supervisor, facts: Facts) -> None:
        self._reporter.progress(self._method.shown, self._done, self._whole)
        if not self._method.folder:
            self._time(crew, facts)
            self._compare(crew, facts)
        crew.grow(min(self._jobs, self._batches.ahead(self._whole - self._done)))
        for outcome in crew.work(self._batches):
            if self._method.folder:
                self._note_folder_times(outcome, facts)
            self._take(outcome)

    def _time(self, crew: Supervisor, facts: Facts) -> None:
        """Run the first ten images one by one, which gives their outputs and the run time at once.

        Those that a stopped run has restored already count with the times that it recorded. The only image of a set
        is restored twice, since the first time is discarded.
        """
        self._first = self._batches.take(IMAGES)
        states = [self._journal.state(pair) for pair in self._first]
        waiting = [pair for pair, state in zip(self._first, states, strict=True) if state != "restored"]
        earlier = [pair for pair in self._first if pair not in waiting]
        singles = deque((pair,) for pair in waiting)
        last = len(waiting)
        for number, outcome in enumerate(crew.work(lambda: singles.popleft() if singles else None), 1):
            if len(self._first) == number == 1 and (spent := _seconds(outcome)):
                self._clock += spent
                singles.extend((pair,) for pair in waiting)
                last += 1
                continue
            if number == last:
                # Before the last one is recorded: a run that is stopped in between would have nothing left to measure.
                self._note_times([*self._clock, *_seconds(outcome)], earlier, outcome, facts)
            self._take(outcome)
        if not waiting:
            self._note_times([], earlier, None, facts)

    def _note_times(self, now: list[float], earlier: list[Pair], last: BatchOutcome | None, facts: Facts) -> None:
        """Record the run time of the first images, from the seconds measured `now` and those recorded `earlier`."""
        measured = (self._journal.info.get("timings") or {}).get("images", 0)
        if not self._first or measured >= max(1, len(self._first) - 1):
            return
        # The first image in a process pays for what is made once.
        clock = [row.seconds for row in self._journal.rows(earlier)] + now[bool(earlier) :]
        size = self._batches.size(self._first[0])
        timings = summarise_times(clock, size=size, device=facts.device_name)
        if timings:
            self._batches.pace(size, timings["median_s"], self._timeout)
            # The memory now, while it has had one image at a time: batches take more.
            self._journal.note(timings=timings, memory=self._peak(last), batch_limits=self._batches.caps)

    def _note_folder_times(self, outcome: BatchOutcome, facts: Facts) -> None:
        """Record the run time of the images so far, before those of `outcome` are recorded."""
        if clock := [*self._clock, *_seconds(outcome)]:
            size = one_size(self._set)
            timings = summarise_times(clock, size=size, device=facts.device_name, rule=RULE_FOLDER, discard=0)
            self._journal.note(timings=timings, memory=self._peak(outcome))

    def _peak(self, outcome: BatchOutcome | None) -> dict[str, Any] | None:
        """Peak of memory after `outcome`."""
        return self._memory if outcome is None or outcome.memory is None else asdict(outcome.memory)

    def _compare(self, crew: Supervisor, facts: Facts) -> None:
        """Compare a batch with the single images, once per run; make none if the method cannot, or is slower by it."""
        if not self._first or self._journal.info.get("compared") or self._whole <= len(self._first):
            return
        count = min(COMPARED, self._batches.limit(self._batches.size(self._first[0])) // 2)
        pairs = tuple(pair for pair in self._first if self._journal.state(pair) == "restored")[:count]
        if not pairs:
            return
        try:
            found = crew.compare(pairs)
        except OutOfMemory:
            return  # batches are halved until they fit
        if found.why:
            self._note(f"a batch of images failed ({found.why}): they are restored one at a time")
        elif found.grey_levels > 1:
            self._note(
                f"in a batch the outputs differ from those of single images by up to {found.grey_levels} grey levels: "
                "they are restored one at a time"
            )
        if found.why or found.grey_levels > 1:
            self._batches.one_by_one()
        elif facts.device == "cpu" and self._execution.batch is None:
            self._choose_by_time(crew, pairs, found)
        seen = {"images": found.images, "grey_levels": found.grey_levels, "why": found.why}
        self._journal.note(compared=seen, batch_limits=self._batches.caps)

    def _choose_by_time(self, crew: Supervisor, pairs: tuple[Pair, ...], found: Comparison) -> None:
        """Make no batches if an image takes longer in one than alone."""
        timings = self._journal.info.get("timings")
        if not timings:
            return
        single, seconds = timings["median_s"], found.seconds
        if seconds > SLOWER * single and self._whole - self._done > 4 * found.batch:
            # A first batch also pays for what is made once for its size.
            with suppress(OutOfMemory):
                again = crew.compare(pairs)
                seconds = seconds if again.why else min(seconds, again.seconds)
        if seconds > SLOWER * single:
            self._batches.one_by_one()
        chosen = self._batches.limit(self._batches.size(self._first[0]))
        times = {"single_s": single, "batch": found.batch, "batch_s": round(seconds, 6), "chosen": chosen}
        self._journal.note(batch_times=times)

    def _take(self, outcome: BatchOutcome) -> None:
        """Record the outcome of a batch, or have its images tried again."""
        pairs, several = outcome.pairs, len(outcome.pairs) > 1
        if outcome.memory is not None:
            self._memory = asdict(outcome.memory)
        rows: list[Result] = []
        if outcome.kind == "memory":
            if several:
                cap = self._batches.halve(pairs)
                self._journal.note(batch_limits=self._batches.caps)
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
        known = {pair.index for pair in pairs if self._journal.state(pair) == "restored"}
        new = sum(row.index not in known for row in rows)
        self._journal.keep_kernels((row.index, row.kernel) for row in rows if row.status == "ok")
        self._journal.record_kept((row.index, row.pair_id, row.status, row.kept) for row in rows)
        self._journal.record(Status(row.index, row.pair_id, row.status, row.seconds, row.sha256) for row in rows)
        self._done += new
        self._reporter.progress(self._method.shown, self._done, self._whole)
        for row in rows:
            ok = row.status == "ok"
            self._failures = 0 if ok else self._failures + 1
            self._losses = self._losses + 1 if lost else 0
            if ok:
                self._any_ok = True
                self._note_clipped(row)
                if len(self._clock) < IMAGES or self._method.folder:
                    self._clock.append(row.seconds)
        if not self._any_ok and self._failures >= FAILURES_AT_START:
            raise Stop(f"failed on the first {self._failures} images: {rows[-1].status.removeprefix('failed: ')}")
        if self._losses >= LOSSES_IN_A_ROW:
            raise Stop(f"crashed or hung on {self._losses} images in a row: {rows[-1].status.removeprefix('failed: ')}")

    def _note_clipped(self, row: Result) -> None:
        """Note, once, that much of the first images was outside [0, 1]: the network may have another range."""
        if len(self._clipped) == COMPARED:
            return
        self._clipped.append(row.clipped)
        share = statistics.median(self._clipped)
        if len(self._clipped) == min(COMPARED, self._whole) and share > CLIPPED:
            line = f"{share:.0%} of the values of the first outputs are outside [0, 1] and were clipped"
            if "output_range" in self._method.options:
                line += ": if the network's values are in [-1, 1], give --set output_range=-1..1, or range=-1..1 where "
                line += "its input is, too"
            if line not in self._notes:
                self._note(line)

    def _note(self, line: str) -> None:
        """Note a line at once, so that a run that is stopped still has it when it is resumed."""
        self._notes.append(line)
        self._reporter.say(line)
        if len(self._notes) <= NOTES:
            self._journal.note(notes=self._notes)

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


def _seconds(outcome: BatchOutcome) -> list[float]:
    """Seconds per image of those that were restored."""
    return [result.seconds for result in outcome.results if result.status == "ok"]


def _remove_empty(root: Path) -> None:
    """Leave no trace of a run that was refused or stopped before it began."""
    log = root / LOG
    if log.is_file() and not log.stat().st_size:
        log.unlink()
    if not any(root.iterdir()):
        root.rmdir()
