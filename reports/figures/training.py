"""Curves of the logs of trainings: losses and checks on held-out faces against the step."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.paths import open_file
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.options import one_of
from facedeblur.reports.figures.columns import named
from facedeblur.reports.figures.style import COLUMN, GREY, legend, looks, name, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOG = re.compile(r"([1-9][0-9]*)-(.+)\.csv")
USUAL = ("loss", "psnr")
"""Columns that are drawn by default."""

DRAWN = "psnr_drawing"
"""In place of ``psnr`` in the logs of stages that draw, which restore nothing."""

_WORDS = {"psnr": "PSNR (dB)", "psnr_classes": "PSNR within the classes (dB)", "fscore": "F-score",
          DRAWN: "PSNR of drawings (dB)", "ssim": "SSIM", "loss": "loss",
          "rate": "rate of learning", "images_per_s": "images per second"}  # fmt: skip
INPUT = "_blurred"
"""What the column of the blurred faces ends in, next to that of the restored ones."""


@dataclass(frozen=True)
class StageLog:
    """The log of a stage.

    Attributes
    ----------
    name : str
    columns : tuple of str
        Without ``step``.
    rows : tuple of dict
        ``step`` and the numbers that were written at it.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, float], ...]

    @property
    def steps(self) -> float:
        """The last step that is logged."""
        return self.rows[-1]["step"] if self.rows else 0.0


def read_logs(place: str | Path) -> list[StageLog]:
    """Read the log of every stage in the folder of a training, or one file ``N-STAGE.csv``.

    Raises
    ------
    InputError
        When there is no log, or a file is not one.
    """
    root = Path(place)
    if not root.exists():
        raise MissingFile(root, expected="the folder of a training", do="give what facedeblur train -o wrote")
    files = [root] if root.is_file() else sorted(
        (file for file in root.glob("*.csv") if _LOG.fullmatch(file.name)),
        key=lambda file: int(file.name.partition("-")[0]),
    )  # fmt: skip
    if not files:
        raise InputError(str(root), "there is no log of a training in it, such as 1-STAGE.csv",
                         do="give what facedeblur train -o wrote")  # fmt: skip
    return [_read(file) for file in files]


def logs_of(texts: Sequence[str]) -> list[tuple[str, list[StageLog]]]:
    """Read trainings given as ``FOLDER`` or ``NAME=FOLDER``; folders under one name continue each other.

    Raises
    ------
    InputError
        As `read_logs`, or when two folders without a name are called alike.
    """
    found: dict[str, list[StageLog]] = {}
    unnamed: set[str] = set()
    for text in texts:
        label, place = named(text)
        if not label:
            label = Path(place).resolve().stem
            if label in unnamed or label in found:
                raise InputError(f"two trainings are called '{label}'", do="give them names, as in NAME=FOLDER")
            unnamed.add(label)
        elif label in unnamed:
            raise InputError(f"two trainings are called '{label}'", do="give them other names")
        found.setdefault(label, []).extend(read_logs(place))
    return list(found.items())


def _read(file: Path) -> StageLog:
    with reading(file, "the log of a training", do="give a file N-STAGE.csv that facedeblur train wrote"):
        with open_file(file) as stream:
            lines = stream.read().decode("utf-8").splitlines()
        table = csv.reader(lines)
        head = next(table, [])
        if head[:1] != ["step"]:
            raise ValueError("its first column is not 'step'")
        rows = []
        for number, row in enumerate(table, start=2):
            if len(row) != len(head):
                raise ValueError(f"line {number} has {len(row)} values, not {len(head)}")
            rows.append({key: float(cell) for key, cell in zip(head, row, strict=True) if cell})
            if "step" not in rows[-1]:
                raise ValueError(f"line {number} has no step")
    known = _LOG.fullmatch(file.name)
    return StageLog(known[2] if known else file.stem, tuple(head[1:]), tuple(rows))


def training(
    logs: Sequence[tuple[str, Sequence[StageLog]]], *, columns: Sequence[str] = USUAL, width: float = COLUMN
) -> Figure:
    """Numbers of logs against the step, one plot per column, one line per training.

    Stages follow each other; a thin line marks where one ends. For the checks of restored faces the dotted level is
    that of the blurred ones.

    Parameters
    ----------
    logs : sequence of (str, sequence of StageLog)
        Name of each training and its stages.
    columns : sequence of str
        Of the logs: ``loss``, ``psnr``, ``ssim``, ``rate``, or one of the losses.
    width : float
        Inches.

    Raises
    ------
    InputError
        When no log is given, or none has a column or a number in it.
    """
    if not logs:
        raise InputError("no trainings were given")
    known = dict.fromkeys(column for _, stages in logs for stage in stages for column in stage.columns)
    if tuple(columns) == USUAL and "psnr" not in known and DRAWN in known:
        columns = ("loss", DRAWN)
    for column in columns:
        one_of("column", column, known, of="the logs")
        if not any(column in row for _, stages in logs for stage in stages for row in stage.rows):
            raise InputError(f"the logs have no number in column '{column}' yet", do="train further")
    longest = 1.02 * max(sum(stage.steps for stage in stages) for _, stages in logs)
    styles = looks((label, False) for label, _ in logs)
    with styled():
        from matplotlib.figure import Figure

        across = max(1, min(len(columns), int(width / 3.0)))
        down = -(-len(columns) // across)
        figure = Figure(figsize=(width, 1.9 * down), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        for axes, column in zip(grid.flat, columns, strict=False):
            ends: list[float] = []
            for label, stages in logs:
                steps, values, own = _line(stages, column)
                ends += own
                style = styles[label] | {"marker": styles[label]["marker"] if len(steps) <= 25 else ""}
                axes.plot(steps, values, label=name(label), **style)
                level = [row[column + INPUT] for stage in stages for row in stage.rows if column + INPUT in row]
                if level:
                    axes.axhline(level[-1], color=style["color"] if len(logs) > 1 else GREY, linewidth=0.8,
                                 linestyle=(0, (1, 1.5)))  # fmt: skip
            if axes in grid[0] and ends and len({tuple(stage.name for stage in stages) for _, stages in logs}) == 1:
                _name_stages(axes, logs[0][1])
            axes.set_xlim(0, longest)
            values = [value for line in axes.lines for value in line.get_ydata() if math.isfinite(value)]
            positive = [value for value in values if value > 0]
            if (
                not column.startswith(("psnr", "ssim"))
                and len(positive) == len(values)
                and max(values) > 50 * min(values)
            ):
                axes.set_yscale("log")
            for end in sorted(set(ends)):
                axes.axvline(end, color=GREY, linewidth=0.5, zorder=0)
            axes.locator_params(axis="x", integer=True)
            axes.set_xlabel("step")
            axes.set_ylabel(_WORDS.get(column, column))
            axes.grid()
        for axes in list(grid.flat)[len(columns) :]:
            axes.remove()
        if len(logs) > 1:
            legend(grid[0][0])
    return figure


def _line(stages: Sequence[StageLog], column: str) -> tuple[list[float], list[float], list[float]]:
    """Steps and values of a column over all stages, with a gap between them, and where stages end but the last."""
    steps: list[float] = []
    values: list[float] = []
    ends: list[float] = []
    before = 0.0
    for stage in stages:
        if ends:
            steps.append(before)
            values.append(math.nan)
        some = [(before + row["step"], row[column]) for row in stage.rows if column in row]
        steps += [step for step, _ in some]
        values += [value for _, value in some]
        before += stage.steps
        ends.append(before)
    return steps, values, ends[:-1]


def _name_stages(axes: Axes, stages: Sequence[StageLog]) -> None:
    """Names of the stages above the plot, each where it begins."""
    before = 0.0
    for stage in stages:
        axes.annotate(
            stage.name, (before, 1.02), xycoords=("data", "axes fraction"), fontsize=6, color=GREY, ha="left",
            va="bottom", rotation=25, rotation_mode="anchor",
        )  # fmt: skip
        before += stage.steps
