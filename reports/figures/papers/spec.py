"""What the figures of a paper show: kind, columns, and where each result comes from.

One TOML file per paper. A slot is a result that a user gives as ``NAME=OUTPUTS``; figures name the slots that they
need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.options import one_of
from facedeblur.reports.figures.columns import OWN, PREFIX
from facedeblur.reports.tables.published.compared import comparison

PACKAGE = "facedeblur.reports.figures.papers"
KINDS = ("grid", "curves", "bars", "training", "drawing", "other")
"""Drawings show a network or an idea, not a result; others are drawn by another command."""

DRAWN = ("grid", "curves", "bars", "training")
"""Kinds that are drawn of results."""


@dataclass(frozen=True)
class Slot:
    """A result that figures show.

    Attributes
    ----------
    name : str
        As the user names it.
    title : str
        As figures name it.
    compared : str
        The compared method that it is of, as `facedeblur.reports.tables.published.compared` has it.
    run : str
        Method of the toolkit that makes it, as ``facedeblur run`` knows it; empty where no method does. By default that
        of the compared method.
    table, row : str
        The row of an ablation that makes it: number of the table and label.
    says : str
        How else it is made.
    """

    name: str
    title: str
    compared: str = ""
    run: str = ""
    table: str = ""
    row: str = ""
    says: str = ""


@dataclass(frozen=True)
class PaperColumn:
    """A column of a grid, or a bar.

    Attributes
    ----------
    of : str
        A slot, or an image of the set such as ``set:sharp``.
    title : str
        Heading, where it is not that of the slot.
    keep : str
        Intermediate result of the run that is shown instead of the restored images.
    line : int
        In which of the lines of each pair it is.
    kernel : bool
        Whether the paper shows its estimated kernel.
    """

    of: str
    title: str = ""
    keep: str = ""
    line: int = 1
    kernel: bool = False

    @property
    def own(self) -> bool:
        """Whether it is an image of the set."""
        return self.of.startswith(PREFIX)


@dataclass(frozen=True)
class PaperFigure:
    """A figure.

    Attributes
    ----------
    number : str
        As printed.
    shows : str
        What it shows, in our words.
    kind : str
        One of `KINDS`.
    column : tuple of PaperColumn
        Of a grid or bars.
    of : str
        Which set its results are of.
    open : bool
        Whether results that have no slot can be added under names of the user's own.
    pairs : str
        Pairs of a grid, as ``facedeblur figure grid --pairs`` takes them.
    kernels, corner : str
        Which kernels a grid shows, and where.
    turned : bool
        Whether a grid has a column per pair.
    captions : bool
        Whether numbers below the pictures mean anything.
    width : float
        Inches.
    metrics : tuple of str
        Of curves and bars.
    labels : tuple of str
        Plots of curves: what varies.
    show : tuple of str
        Columns of the logs of trainings.
    why : str
        Of a drawing or another figure: what draws it.
    """

    number: str
    shows: str
    kind: str
    column: tuple[PaperColumn, ...] = ()
    of: str = ""
    open: bool = False
    pairs: str = "worst,median,best"
    kernels: str = "none"
    corner: str = "upper left"
    turned: bool = False
    captions: bool = True
    width: float = 7.16
    metrics: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    why: str = ""

    @property
    def drawn(self) -> bool:
        """Whether it is drawn of results."""
        return self.kind in DRAWN

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots that it needs, in order."""
        return tuple(dict.fromkeys(one.of for one in self.column if not one.own))

    def kept(self, slot: str) -> tuple[str, ...]:
        """What the run of a slot has to keep for it, as ``run --keep`` takes it."""
        here = [one for one in self.column if one.of == slot]
        names = [one.keep.partition("-")[0] for one in here if one.keep] + ["kernel"] * any(one.kernel for one in here)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class PaperFigures:
    """All figures of a paper.

    Attributes
    ----------
    paper, title : str
    figure : tuple of PaperFigure
    slot : tuple of Slot
    """

    paper: str
    title: str
    figure: tuple[PaperFigure, ...]
    slot: tuple[Slot, ...] = ()

    def find(self, number: str) -> PaperFigure:
        """The figure of this number, ``7`` or ``Figure 7``.

        Raises
        ------
        InputError
            If the paper has no such figure.
        """
        by_number = {one.number: one for one in self.figure}
        wanted = number.removeprefix("Figure ").removeprefix("Fig. ")
        return by_number[one_of("figure", wanted, by_number, of=self.paper)]

    def called(self, name: str) -> Slot:
        """The slot of this name."""
        return next(one for one in self.slot if one.name == name)


def papers() -> list[str]:
    """Papers whose figures come with the toolkit."""
    return shipped(PACKAGE)


def load_figures(paper: str) -> PaperFigures:
    """Load the figures of a paper, by its name or from a TOML file.

    Raises
    ------
    InputError
        When there is no such paper, or a key in its file cannot be used.
    """
    values, _, where = read_named(paper, PACKAGE, "paper with figures")
    made = strict(PaperFigures, values, where)
    slots = [one.name for one in made.slot]
    for figure in made.figure:
        one_of(f"{where}: figure {figure.number}, kind", figure.kind, KINDS)
        for column in figure.column:
            if column.own:
                one_of(f"{where}: figure {figure.number}, image of the set", column.of.removeprefix(PREFIX), OWN)
            else:
                one_of(f"{where}: figure {figure.number}, slot", column.of, slots)
    return replace(made, slot=tuple(_filled(one, where) for one in made.slot))


def _filled(slot: Slot, where: str) -> Slot:
    """A slot with what runs the compared method."""
    if not slot.compared:
        return slot
    known = comparison().by_name
    found = known[one_of(f"{where}: slot {slot.name}, compared", slot.compared, known)]
    says = slot.says or (found.command if not found.runs else "")
    return replace(slot, run=slot.run or found.runs, says=says)
