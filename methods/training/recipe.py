"""A training recipe: a TOML file that says what a network is trained on, in which stages, and how.

Numbers that a paper states carry their source as a comment in the file; what a paper leaves open stands there as an
assumption.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.recipe import Assumption
from facedeblur.methods.training.stages import Data, Stage, check, table

PACKAGE = "facedeblur.methods.training.recipes"


@dataclass(frozen=True)
class TrainRecipe:
    """How one network is trained."""

    name: str
    network: str
    source: str
    data: Data
    stage: tuple[Stage, ...]
    title: str = ""
    config: Any = field(default_factory=dict)
    assumption: tuple[Assumption, ...] = ()

    def __post_init__(self) -> None:
        table("config", self.config)
        names = [stage.name for stage in self.stage]
        check("stage", len(set(names)) == len(names) > 0, "stages of different names, at least one", names)

    def described(self) -> dict[str, Any]:
        """Everything in it as JSON has it."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    def chosen(self, which: str) -> list[int]:
        """Places of the stages that ``"all"``, a number from 1, ``"2-4"`` or a name means.

        Raises
        ------
        InputError
            When there is no such stage.
        """
        names = [stage.name for stage in self.stage]
        if which == "all":
            return list(range(len(names)))
        if which in names:
            return [names.index(which)]
        first, _, last = which.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= len(names):
            return list(range(int(first) - 1, int(last or first)))
        raise InputError(
            f"stage '{which}' of '{self.name}'", expected=f"all, or from 1 to {len(names)}",
            do=suggest(which, [*names, "all"]),
        )  # fmt: skip


def train_recipes() -> list[str]:
    """Names of the recipes that come with the toolkit."""
    return shipped(PACKAGE)


def load_train_recipe(name: str | Path) -> TrainRecipe:
    """Load a training recipe by its name, or from a TOML file.

    Raises
    ------
    InputError
        When there is none of that name, or a key or a value in it cannot be used.
    """
    values, _, where = read_named(name, PACKAGE, "training recipe")
    return strict(TrainRecipe, values, where)
