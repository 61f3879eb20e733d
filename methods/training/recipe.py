"""A training recipe: a TOML file that says what a network is trained on, in which stages, and how.

Numbers that a paper states carry their source as a comment in the file; what a paper leaves open stands there as an
assumption.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from facedeblur.benchmark.config import read_toml, strict
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
    return sorted(entry.name[:-5] for entry in files(PACKAGE).iterdir() if entry.name.endswith(".toml"))


def load_train_recipe(name: str | Path) -> TrainRecipe:
    """Load a training recipe by its name, or from a TOML file.

    Raises
    ------
    InputError
        When there is none of that name, or a key or a value in it cannot be used.
    """
    if str(name).endswith(".toml"):
        return strict(TrainRecipe, read_toml(name)[0], str(name))
    if str(name) not in train_recipes():
        do = suggest(str(name), train_recipes())
        raise InputError(f"training recipe '{name}'", expected="a known one, or a .toml file", do=do)
    with as_file(files(PACKAGE) / f"{name}.toml") as path:
        return strict(TrainRecipe, read_toml(path)[0], path.name)
