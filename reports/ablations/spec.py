"""Which networks an ablation compares, and at what scale they are trained.

One TOML file per paper: its tables, and for each row the label that the paper prints and the training recipe. A scale
divides widths, steps, faces and batches by stated factors, and may leave losses out, so that a table can be tried on a
processor.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.generators.recipe import load_recipe
from facedeblur.methods.nets.base import DISCRIMINATORS, NETS
from facedeblur.methods.training.losses.registry import LOSSES
from facedeblur.methods.training.recipe import Optimiser, Stage, TrainRecipe, load_train_recipe
from facedeblur.reports.tables.layouts import Layout
from facedeblur.reports.tables.papers.find import layouts

PACKAGE = "facedeblur.reports.ablations"

RECORD = "ablation.json"
"""File in the folder of an ablation that says of which paper it is and at what scale its networks are trained."""


@dataclass(frozen=True)
class Scale:
    """What everything is divided by; rates of learning are multiplied by theirs.

    Attributes
    ----------
    name : str
    widths, steps, faces, batch, rates : int
    drop : tuple of str
        Names of losses that are left out of every stage, such as those whose weights have to be supplied.
    """

    name: str
    widths: int = 1
    steps: int = 1
    faces: int = 1
    batch: int = 1
    rates: int = 1
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.drop:
            one_of(f"scale '{self.name}', drop: loss", name, LOSSES)

    @property
    def described(self) -> str:
        """``small scale: widths / 8, steps / 1,000, faces / 20, batches / 2, rates x 25, no loss perceptual``."""
        factors = [("widths", self.widths), ("steps", self.steps), ("faces", self.faces), ("batches", self.batch)]
        said = [f"{what} / {factor:,}" for what, factor in factors if factor != 1]
        said += [f"rates x {self.rates:,}"] if self.rates != 1 else []
        said += [f"no loss {name}" for name in self.drop]
        return f"{self.name} scale" + (f": {', '.join(said)}" if said else "")


@dataclass(frozen=True)
class Row:
    """A row: the label that the paper prints, and the training recipe of its network."""

    label: str
    recipe: str


@dataclass(frozen=True)
class Table:
    """A table of an ablation: its number as the paper prints it, and its rows."""

    number: str
    row: tuple[Row, ...]


@dataclass(frozen=True)
class Ablations:
    """All ablations of a paper.

    Attributes
    ----------
    paper : str
        Of its tables, and of the protocol of scoring.
    test : str or table
        Recipe of all test sets; or, for a paper whose data sets are made by different ones, name of each data set in
        its tables -> recipe.
    table : tuple of Table
    scale : tuple of Scale
    """

    paper: str
    test: Any
    table: tuple[Table, ...]
    scale: tuple[Scale, ...] = ()

    def __post_init__(self) -> None:
        recipes = [self.test] if isinstance(self.test, str) else list(getattr(self.test, "values", list)())
        if not recipes or not all(isinstance(recipe, str) for recipe in recipes):
            raise InputError("test", expected="a recipe, or a table of data sets and their recipes",
                             found=repr(self.test))  # fmt: skip

    def test_recipe(self, name: str) -> str:
        """The recipe of the test set with this name.

        Raises
        ------
        InputError
            If the paper's data sets have recipes of their own, and this is not one of them.
        """
        if isinstance(self.test, str):
            return self.test
        recipe: str = self.test[one_of("name of a test set", name, self.test, of=f"the ablations of {self.paper}")]
        return recipe

    def find(self, number: str) -> tuple[Table, Layout]:
        """The table of this number with its layout.

        Raises
        ------
        InputError
            If the paper has no such ablation.
        """
        by_number = {table.number: table for table in self.table}
        (layout,) = layouts(self.paper, number)
        return by_number[one_of("table", layout.number, by_number, of=f"the ablations of {self.paper}")], layout

    def at(self, scale: str) -> Scale:
        """The scale of this name; ``full`` divides nothing.

        Raises
        ------
        InputError
            If there is no such scale.
        """
        scales = {"full": Scale("full")} | {one.name: one for one in self.scale}
        return scales[one_of("scale", scale, scales)]


def ablations() -> list[str]:
    """Papers whose ablations come with the toolkit."""
    return shipped(PACKAGE)


def load_ablations(paper: str) -> Ablations:
    """Load the ablations of a paper.

    Raises
    ------
    InputError
        When there is no such paper, or a key or a row in its file cannot be used.
    """
    values, _, where = read_named(paper, PACKAGE, "ablation")
    made = strict(Ablations, values, where)
    for recipe in [made.test] if isinstance(made.test, str) else made.test.values():
        load_recipe(recipe)
    for table in made.table:
        (layout,) = layouts(made.paper, table.number)
        labels = [subject.label for subject in layout.subjects]
        for row in table.row:
            one_of(f"{where}: table {table.number}, label", row.label, labels)
        for name in () if isinstance(made.test, str) else made.test:
            one_of(f"{where}: test", name, [dataset.label for dataset in layout.datasets], of=layout.table)
    return made


def faces_of(recipe: TrainRecipe, scale: Scale) -> int | None:
    """How many faces a network is trained on: all that there are, or so many of those that the paper uses.

    Raises
    ------
    InputError
        If the recipe of its pairs does not say how many the paper uses.
    """
    if scale.faces == 1:
        return None
    count = load_recipe(recipe.data.recipe)[0].image.count
    if not count:
        raise InputError(f"recipe '{recipe.data.recipe}' does not say how many faces the paper uses",
                         do="set image.count in it, or train at full scale")  # fmt: skip
    return max(2, count // scale.faces)


def scaled(recipe: TrainRecipe, scale: Scale) -> TrainRecipe:
    """Return a training recipe at a scale.

    Widths are settings of the network and of discriminators whose names end in ``width``.
    """
    return replace(
        recipe,
        config=_narrowed(NETS.get(recipe.network), recipe.config, scale.widths),
        data=replace(recipe.data, batch=max(1, recipe.data.batch // scale.batch)),
        stage=tuple(_shortened(stage, scale) for stage in recipe.stage),
    )


def _narrowed(factory: Any, config: dict[str, Any], factor: int) -> dict[str, Any]:
    if factor == 1:
        return dict(config)
    known = {name: one.default for name, one in inspect.signature(factory).parameters.items()} | config
    widths = {name: value for name, value in known.items() if name == "width" or name.endswith("_width")}
    return config | {name: max(1, value // factor) for name, value in widths.items() if isinstance(value, int)}


def _shortened(stage: Stage, scale: Scale) -> Stage:
    steps = max(1, stage.iterations // scale.steps) if stage.iterations else 0
    adversary = stage.adversary
    if adversary is not None:
        adversary = replace(
            adversary,
            optimiser=_hastened(adversary.optimiser, scale.rates),
            config=_narrowed(DISCRIMINATORS.get(adversary.discriminator), adversary.config, scale.widths),
        )
    return replace(
        stage,
        iterations=steps,
        epochs=max(1, stage.epochs // scale.steps) if stage.epochs and not steps else stage.epochs,
        schedule=stage.schedule.shrunk(steps / stage.iterations) if steps else stage.schedule,
        optimiser=_hastened(stage.optimiser, scale.rates),
        losses=tuple(term for term in stage.losses if term.name not in scale.drop),
        adversary=adversary,
        batch=max(1, stage.batch // scale.batch) if stage.batch else 0,
    )


def _hastened(optimiser: Optimiser, factor: int) -> Optimiser:
    rates = {part: rate * factor for part, rate in optimiser.rates.items()}
    return replace(optimiser, lr=optimiser.lr * factor, rates=rates)


def recipe_of(row: Row, scale: Scale) -> TrainRecipe:
    """The training recipe of a row at a scale."""
    return scaled(load_train_recipe(row.recipe), scale)
