"""The training loop of a stage: steps, log, checks, checkpoints, and a clean stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.reporter import Reporter
from facedeblur.methods.nets.loading import CHECKPOINT
from facedeblur.methods.training.checkpoint import Checkpoint, Folder, write_checkpoint
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.pairs import TrainingData
from facedeblur.methods.training.engine import Engine
from facedeblur.methods.training.log import Log
from facedeblur.methods.training.stage_run import Diverged, StageRun
from facedeblur.methods.training.validation import Validation


@dataclass(frozen=True)
class Pace:
    """Steps between rows of the log, between checks (with a sheet of samples), and between checkpoints; 0 chooses."""

    log: int = 0
    check: int = 0
    save: int = 0

    def of(self, iterations: int) -> Pace:
        """With numbers for a stage of that length."""
        check = self.check or max(1, min(1000, iterations // 10))
        return Pace(self.log or max(1, min(50, iterations // 20)), check, self.save or check)


class Loop:
    """Carries out stages.

    Parameters
    ----------
    engine, net, data, folder, validation
        As `trainer.train` makes them; only the first rank has a validation.
    pace : Pace
    loaders, channels_last, seed, reporter
        As in `trainer.train`.
    """

    def __init__(
        self,
        engine: Engine,
        net: nn.Module,
        data: TrainingData,
        folder: Folder,
        validation: Validation | None,
        *,
        pace: Pace,
        loaders: int,
        channels_last: bool,
        seed: int,
        reporter: Reporter,
    ):
        self.engine, self.net, self.data, self.folder, self.validation = engine, net, data, folder, validation
        self.pace, self.loaders, self.channels_last, self.seed = pace, loaders, channels_last, seed
        self.reporter = reporter
        self.interrupted = False
        self.steps = 0
        self.seen = 0

    def run(self, place: int, kept: Checkpoint | None, *, limit: int | None = None) -> Checkpoint:
        """Carry out one stage, from the beginning or from a checkpoint; return its last checkpoint.

        Raises
        ------
        InputError
            When the loss is no longer finite; the last good checkpoint stays.
        """
        stage = self.folder.recipe.stage[place]
        self.engine.set_precision(stage.precision)
        crop = self.folder.recipe.data.crop
        size = (crop, crop) if crop else self.data.train.source.size
        stage_run = StageRun(stage, self.net, self.engine, seed=self.seed, size=size)
        self.metrics: dict[str, float] = {}
        first = 0
        if kept is not None:
            stage_run.go_on(kept)
            first, self.metrics, self.seen = kept.header["step"], kept.header["metrics"], kept.header["seen"]
        else:
            before = self.folder.before(place)
            self.seen = before.header["seen"] if before is not None else 0
        last = stage.iterations if limit is None else min(stage.iterations, first + limit)
        log = None
        if self.engine.rank == 0:
            columns = [*stage_run.columns, "images_per_s", *_METRICS]
            log = Log(self.folder.root, f"{place + 1}-{stage.name}", columns, step=first)
        try:
            with _interrupts(self):
                end = self._steps(stage_run, place, first, last, log)
        except Diverged as error:
            step = first + self.steps
            raise InputError(
                f"training of '{self.folder.recipe.name}', stage '{stage.name}', step {step + 1:,}",
                expected="finite numbers", found=str(error),
                do=f"the last good state is in {self.folder.last}; lower the rate, or set 'clip'",
            ) from error  # fmt: skip
        finally:
            if log is not None:
                log.close()
        return end

    def _steps(self, run: StageRun, place: int, first: int, last: int, log: Log | None) -> Checkpoint:
        stage, data = run.stage, self.folder.recipe.data
        count = stage.batch or data.batch
        crop = (data.crop, data.crop) if data.crop else None
        examples = Examples(self.data.train, crop=crop, labels=stage.labels, kernels=stage.kernels)
        places = Places(count, self.seen, self.engine.rank, self.engine.world)
        source = batches(
            examples, places, self.engine.device, loaders=self.loaders, channels_last=self.channels_last
        )  # fmt: skip
        a_step = count * stage.accumulate * self.engine.world
        pace = self.pace.of(stage.iterations)
        self.steps = 0
        end = self._save(run, place, first)
        sums: dict[str, float] = {}
        summed, began, speed = 0, time.perf_counter(), 0.0
        for number in range(first, last):
            values = run.step(number, source)
            self.steps += 1
            self.seen += a_step
            step, closing = number + 1, number + 1 == stage.iterations
            sums = {key: sums.get(key, 0.0) + value for key, value in values.items()}
            summed += 1
            checked = closing or step % pace.check == 0
            if checked:
                self._check(run, step, log)
            if checked or step % pace.log == 0:
                speed = summed * a_step / (time.perf_counter() - began)
                if log is not None:
                    means = {key: value / summed for key, value in sums.items()} | {"rate": values["rate"]}
                    log.row(step, means | {"images_per_s": speed} | (self.metrics if checked else {}))
                sums, summed, began = {}, 0, time.perf_counter()
            self.reporter.progress(stage.name, step, stage.iterations, self._note(values["loss"], speed))
            # Ranks hear of an interruption at different times, and have to stop at the same step.
            self.interrupted = self.engine.any(self.interrupted)
            stopping = self.interrupted or step == last
            if stopping or step % pace.save == 0:
                end = self._save(run, place, step)
            if stopping:
                break
        return end

    def _note(self, loss: float, speed: float) -> str:
        """Loss, speed since the last row of the log, and the result of the last check."""
        parts = [f"loss {loss:.4g}"]
        parts += [f"{speed:,.0f} images/s"] if speed else []
        if "psnr" in self.metrics:
            parts.append(f"PSNR {self.metrics['psnr']:.2f} dB ({self.metrics['psnr_blurred']:.2f} blurred)")
        return ", ".join(parts)

    def _check(self, run: StageRun, step: int, log: Log | None) -> None:
        if self.validation is not None and log is not None:
            verdict = self.validation(run.best, run.restored, self.engine)
            self.metrics = verdict.metrics
            log.samples(step, verdict.pictures)
        self.engine.wait()

    def _save(self, run: StageRun, place: int, step: int) -> Checkpoint:
        """Write the state after `step` steps, as the end of the stage when it is."""
        tensors, numbers = run.state()
        header: dict[str, Any] = self.folder.header(place)
        header |= {"step": step, "seen": self.seen, "metrics": self.metrics} | numbers
        done = step == run.stage.iterations
        path = self.folder.end(place) if done else self.folder.last
        if self.engine.rank == 0:
            write_checkpoint(path, header, tensors)
            if done:
                self.folder.last.unlink(missing_ok=True)
        self.engine.wait()
        return Checkpoint(path, {"format": CHECKPOINT} | header, tensors)


_METRICS = ("psnr", "ssim", "psnr_blurred", "ssim_blurred")


@contextmanager
def _interrupts(loop: Loop) -> Iterator[None]:
    """Let the step in progress end before Ctrl-C, or a request to end, is followed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, frame: object) -> None:
        # Asked a second time, whoever asks does not want to wait.
        if loop.interrupted:
            raise KeyboardInterrupt
        loop.interrupted = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
