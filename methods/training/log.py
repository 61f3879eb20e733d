"""The record of a training: one CSV file a stage, TensorBoard's where it is installed, and sheets of samples."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import write_png


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
        Where the stage goes on; later rows are of a run that was stopped, and are dropped.
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
        """Write a sheet: one row a face, (H, W, 3) uint8 RGB side by side; return its path."""
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
