"""Where a training keeps its checkpoints, and whether those that it finds there are its own."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps, loads
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.checkpoint import Checkpoint, read_checkpoint
from facedeblur.methods.training.recipe import TrainRecipe


class Folder:
    """The folder of a training.

    Parameters
    ----------
    root : Path
    recipe : TrainRecipe
    seed : int
    """

    def __init__(self, root: Path, recipe: TrainRecipe, seed: int):
        self.root, self.recipe, self.seed = root, recipe, seed
        self.data = ""

    @property
    def last(self) -> Path:
        """The checkpoint of the stage that is going on."""
        return self.root / "checkpoints" / "last.safetensors"

    def end(self, place: int) -> Path:
        """The checkpoint of a stage that is done."""
        return self.root / "checkpoints" / f"{place + 1}-{self.recipe.stage[place].name}.safetensors"

    def clear(self, chosen: list[int]) -> None:
        """Forget the checkpoints of some stages."""
        for path in (self.last, *(self.end(place) for place in chosen)):
            path.unlink(missing_ok=True)

    def done(self, place: int) -> Checkpoint | None:
        """The end of a stage, None where it has not been reached.

        Raises
        ------
        InputError
            When it is of another training.
        """
        return self._own(self.end(place), place) if self.end(place).is_file() else None

    def before(self, place: int) -> Checkpoint | None:
        """The end of the stage before one, None where there is none; it may have been trained in another way.

        Raises
        ------
        InputError
            When it is not a checkpoint.
        """
        return read_checkpoint(self.end(place - 1)) if place and self.end(place - 1).is_file() else None

    def going(self, place: int) -> Checkpoint | None:
        """The last checkpoint of a stage that is going on, None where it has not begun.

        Raises
        ------
        InputError
            When it is of another training.
        """
        if not self.last.is_file():
            return None
        kept = read_checkpoint(self.last)
        return self._own(self.last, place) if kept.header["stage"] == self.recipe.stage[place].name else None

    def header(self, place: int) -> dict[str, Any]:
        """What a checkpoint says of the training that it belongs to."""
        stage = loads(dumps(asdict(self.recipe.stage[place])))
        described = self.recipe.described()
        general = {key: described[key] for key in ("name", "network", "config", "data")}
        return {
            "recipe": general | {"stage": stage},
            "stage": self.recipe.stage[place].name,
            "seed": self.seed,
            "data": self.data,
        }

    def _own(self, path: Path, place: int) -> Checkpoint:
        kept = read_checkpoint(path)
        differing = _differing(kept.header, self.header(place))
        if differing:
            key, before, now = differing
            raise InputError(
                str(path), expected=f"a training with {key} = {now}", found=f"{before}",
                do="restart it, or choose another folder",
            )  # fmt: skip
        return kept


def _differing(kept: dict[str, Any], own: dict[str, Any], where: str = "") -> tuple[str, Any, Any] | None:
    """The first value of `own` that `kept` has otherwise."""
    for key, value in own.items():
        other = kept.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            found = _differing(other, value, f"{where}{key}.")
            if found is None and set(other) - set(value):
                extra = sorted(set(other) - set(value))[0]
                found = (f"{where}{key}.{extra}", other[extra], "nothing")
            if found is not None:
                return found
        elif value != other:
            return f"{where}{key}", other, value
    return None
