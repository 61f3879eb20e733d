"""The training loop of a stage: steps, log, checks on held-out faces, checkpoints, and a clean stop."""

from __future__ import annotations

import csv
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.methods.nets.loading import CHECKPOINT
from facedeblur.methods.training.checkpoint import Checkpoint, TrainingFolder, write_checkpoint, write_weights
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.observations import ObservedExamples
from facedeblur.methods.training.data.pairs import TrainingData
from facedeblur.methods.training.devices import Engine
from facedeblur.methods.training.stage import Diverged, StageRun
from facedeblur.methods.training.validation import Validation, in_words, measured
from facedeblur.methods.weight_cards.data_sets import of_collections


@dataclass(frozen=True)
class Records:
    """What a training writes down, and how often.

    Parameters
    ----------
    log, check, save : int
        Steps between rows of the log, between checks on held-out faces (with a sheet of samples), and between
        checkpoints; 0 chooses.
    held_out : int
        Faces that are checked by, not trained on: at most a tenth of all.
    half : bool
        Export the weights in half precision, half as large.
    keep : tuple of int
        Steps of each stage after which its weights are kept, as a file of their own.
    """

    log: int = 0
    check: int = 0
    save: int = 0
    held_out: int = 32
    half: bool = False
    keep: tuple[int, ...] = ()

    def of(self, iterations: int) -> Records:
        """With numbers of steps for a stage of that length."""
        check = self.check or max(1, min(1000, iterations // 10))
        return replace(self, log=self.log or max(1, min(50, iterations // 20)), check=check, save=self.save or check)


USUAL = Records()
"""As often as suits the length of a stage."""


class Loop:
    """Carries out stages.

    Parameters
    ----------
    engine, net, data, folder, validation
        As `trainer.train` makes them; only the first rank has a validation.
    records : Records
    seed, reporter
        As in `trainer.train`.
    """

    def __init__(
        self,
        engine: Engine,
        net: nn.Module,
        data: TrainingData,
        folder: TrainingFolder,
        validation: Validation | None,
        *,
        records: Records,
        seed: int,
        reporter: Reporter,
    ):
        self.engine, self.net, self.data, self.folder, self.validation = engine, net, data, folder, validation
        self.records, self.seed, self.reporter = records, seed, reporter
        self.interrupted = False
        self.steps = 0
        self.seen = 0

    def run(
        self, place: int, kept: Checkpoint | None, *, before: Checkpoint | None = None, limit: int | None = None
    ) -> Checkpoint:
        """Carry out one stage, from the beginning or from a checkpoint; return its last checkpoint.

        A stage that begins has the discriminator of the stage `before`, if it is the same one.

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
            if before is not None and stage_run.inherit(before):
                self.reporter.say(f"stage '{stage.name}' trains the discriminator of {before.path.name} further")
            previous = self.folder.before(place)
            self.seen = previous.header["seen"] if previous is not None else 0
        self.miss(place, first)
        last = stage.iterations if limit is None else min(stage.iterations, first + limit)
        log = None
        if self.engine.rank == 0:
            columns = [*stage_run.columns, "images_per_s", *measured(stage_run)]
            log = Log(self.folder.root, f"{place + 1}-{stage.name}", columns, step=first)
        try:
            with _interrupts(self):
                end = self._steps(stage_run, place, first, last, log)
        except Diverged as error:
            step = first + self.steps
            raise InputError(
                f"training of '{self.folder.recipe.name}', stage '{stage.name}', step {step + 1:,}: {error}",
                do=f"the last good state is in {self.folder.last}; lower the rate, or set 'clip'",
            ) from error  # fmt: skip
        finally:
            if log is not None:
                log.close()
        return end

    def _steps(self, run: StageRun, place: int, first: int, last: int, log: Log | None) -> Checkpoint:
        stage, data, hardware = run.stage, self.folder.recipe.data, self.engine.hardware
        count = stage.batch or data.batch
        crop = (data.crop, data.crop) if data.crop else None
        drawn = "sketch" in stage.targets and bool(self.data.train.sketch_files)
        pairs = self.data.train if stage.sigma is None else self.data.train.with_noise(stage.sigma)
        examples = Examples(pairs, crop=crop, labels=stage.labels, kernels=stage.kernels, sketches=drawn)
        if stage.observations == 2:
            examples = ObservedExamples(pairs, crop=crop, kernels=stage.kernels, proxies=stage.proxies is not None)
        places = Places(count, self.seen, self.engine.rank, self.engine.world)
        source = batches(
            examples, places, self.engine.device, loaders=hardware.loaders, channels_last=hardware.channels_last
        )  # fmt: skip
        a_step = count * stage.accumulate * self.engine.world
        records = self.records.of(stage.iterations)
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
            checked = closing or step % records.check == 0
            if checked:
                self._check(run, step, log)
            if checked or step % records.log == 0:
                speed = summed * a_step / (time.perf_counter() - began)
                if log is not None:
                    means = {key: value / summed for key, value in sums.items()} | {"rate": values["rate"]}
                    log.row(step, means | {"images_per_s": speed} | (self.metrics if checked else {}))
                sums, summed, began = {}, 0, time.perf_counter()
            self.reporter.progress(stage.name, step, stage.iterations, self._note(values["loss"], speed))
            # Ranks hear of an interruption at different times, and have to stop at the same step.
            self.interrupted = self.engine.any(self.interrupted)
            stopping = self.interrupted or step == last
            if step in records.keep:
                self._keep(run, place, step)
            if stopping or step % records.save == 0:
                end = self._save(run, place, step)
            if stopping:
                break
        return end

    def _note(self, loss: float, speed: float) -> str:
        """Loss, speed since the last row of the log, and the result of the last check."""
        parts = [f"loss {loss:.4g}"]
        parts += [f"{speed:,.0f} images/s"] if speed else []
        return ", ".join([*parts, *in_words(self.metrics)])

    def _check(self, run: StageRun, step: int, log: Log | None) -> None:
        if self.validation is not None and log is not None:
            verdict = self.validation(run, self.engine)
            self.metrics = verdict.metrics
            log.samples(step, verdict.pictures)
        self.engine.wait()

    def miss(self, place: int, step: int) -> None:
        """Say which steps should be kept, but are past after `step` steps of a stage and were not kept."""
        gone = [one for one in self.records.keep if one <= step and not self.folder.kept(place, one).is_file()]
        if gone:
            which = ", ".join(f"{one:,}" for one in gone)
            self.reporter.say(f"stage '{self.folder.recipe.stage[place].name}' is past step {which}, which was not "
                              "kept; train the stage again to keep it")  # fmt: skip

    def _state(self, run: StageRun, place: int, step: int) -> Checkpoint:
        """The state after `step` steps: the end of the stage when it is."""
        tensors, numbers = run.state()
        header: dict[str, Any] = self.folder.header(place)
        finished = step == run.stage.iterations and place == len(self.folder.recipe.stage) - 1
        header |= {"step": step, "seen": self.seen, "metrics": self.metrics, "finished": finished} | numbers
        header["trained_on"] = list(of_collections(self.data.train.collections))
        path = self.folder.end(place) if step == run.stage.iterations else self.folder.last
        return Checkpoint(path, {"format": CHECKPOINT} | header, tensors)

    def _keep(self, run: StageRun, place: int, step: int) -> None:
        """Write the weights after `step` steps as a file of their own."""
        state = self._state(run, place, step)
        if self.engine.rank == 0:
            write_weights(self.folder.kept(place, step), state, self.folder.recipe, half=self.records.half)
        self.engine.wait()

    def _save(self, run: StageRun, place: int, step: int) -> Checkpoint:
        """Write the state after `step` steps."""
        state = self._state(run, place, step)
        if self.engine.rank == 0:
            write_checkpoint(state.path, state.header, state.tensors)
            if state.path != self.folder.last:
                self.folder.last.unlink(missing_ok=True)
        self.engine.wait()
        return state


@contextmanager
def _interrupts(loop: Loop) -> Iterator[None]:
    """Let the step in progress end before Ctrl-C, or a request to end, is followed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, frame: object) -> None:
        # A second Ctrl-C means that the user does not want to wait; `timeout` and schedulers ask twice as a matter of
        # course, the process and its group.
        if loop.interrupted and number == signal.SIGINT:
            raise KeyboardInterrupt
        loop.interrupted = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Log:
    """Rows of numbers by step.

    Parameters
    ----------
    folder : path
        Gets ``STAGE.csv``, ``samples/`` and, with the package tensorboard, ``tensorboard/``.
    stage : str
    columns : sequence of str
        Without ``step``.
    step : int
        Step from which the stage resumes; later rows, from an interrupted run, are dropped.
    """

    def __init__(self, folder: str | Path, stage: str, columns: Sequence[str], *, step: int = 0):
        self.folder, self.stage, self.columns = Path(folder), stage, ["step", *columns]
        self.path = self.folder / f"{stage}.csv"
        rows = []
        if step and self.path.is_file():
            with self.path.open(encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if row["step"].isdecimal() and int(row["step"]) <= step]
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.columns, extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(rows)
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self.folder / "tensorboard" / stage), purge_step=step)

    def row(self, step: int, values: Mapping[str, float]) -> None:
        """Add the numbers of a step; columns that have none stay empty."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            line = {"step": str(step)} | {key: f"{value:.6g}" for key, value in values.items()}
            csv.DictWriter(file, self.columns, restval="").writerow(line)
        if self._board is not None:
            for key, value in values.items():
                self._board.add_scalar(key, value, step)

    def samples(self, step: int, pictures: Sequence[Sequence[np.ndarray]]) -> Path:
        """Write a sheet: one row per face, (H, W, 3) uint8 RGB side by side; return its path."""
        path = self.folder / "samples" / f"{self.stage}-{step:07}.png"
        sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in pictures], axis=0)
        write_png(path, sheet)
        if self._board is not None:
            self._board.add_image("samples", sheet, step, dataformats="HWC")
        return path

    def close(self) -> None:
        """Write out what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()
