"""Checkpoints and exported weights: safetensors files with every tensor, and all else as JSON in the header.

Nothing in it is executed when it is read, and a file is either whole or absent.

The folder of a training says where they are, and refuses those of another training. At the end the weights are exported
as a file that can be run and shared, with a card that states their origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.files.schema import Count, conform, reading
from facedeblur.benchmark.files.state_dict import load_exactly, read_tensors, write_tensors
from facedeblur.benchmark.resume import check_same
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.nets.loading import CHECKPOINT, network_in, part_of
from facedeblur.methods.running.environment import versions
from facedeblur.methods.training.data.pairs import TrainingData
from facedeblur.methods.training.devices import Engine
from facedeblur.methods.training.recipe import TrainRecipe


class Header(msgspec.Struct):
    """Schema of the header of a checkpoint."""

    stage: str
    step: Count
    seed: int
    data: str
    seen: Count
    metrics: dict[str, float]
    recipe: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a training resumes from.

    Attributes
    ----------
    path : Path
    header : dict
        ``recipe``, ``stage``, ``step``, ``data``, ``metrics`` and the settings of optimisers.
    tensors : dict
        By names that begin with ``network.``, ``average.``, ``discriminator.`` or ``optimiser.``.
    """

    path: Path
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name`, without it."""
        return part_of(self.tensors, name)

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's weights: the average if there is one."""
        return network_in(self.tensors)


def write_checkpoint(path: str | Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint, atomically."""
    write_tensors(path, tensors, {"format": CHECKPOINT} | dict(header))


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    InputError
        When it is missing, truncated, or not a checkpoint of a training.
    """
    tensors, header = read_tensors(path)
    if header.get("format") != CHECKPOINT:
        raise InputError(
            str(path), expected=f"a checkpoint of format {CHECKPOINT}", found=str(header.get("format", "none")),
            do="give a file from OUT/checkpoints",
        )  # fmt: skip
    conform(header, Header, f"{path}: header", "a checkpoint of a training", do="take another checkpoint")
    return Checkpoint(Path(path), header, tensors)


def load_weights(net: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load weights into a network that must have just these, counters of batch normalisation included.

    Raises
    ------
    InputError
        If they belong to another network.
    """
    load_exactly(net, weights, where, "use weights of this network and configuration", counters=True)


def flattened(optimiser: torch.optim.Optimizer, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of an optimiser as named tensors, and the rest of it as JSON has it."""
    state = optimiser.state_dict()
    tensors, numbers = {}, {}
    for weight, values in state["state"].items():
        for key, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{name}.{weight}.{key}"] = value
            else:
                numbers[f"{weight}.{key}"] = value
    return tensors, {"groups": state["param_groups"], "numbers": numbers}


def restore(optimiser: torch.optim.Optimizer, checkpoint: Checkpoint, name: str) -> None:
    """Put the state of `flattened` back.

    Raises
    ------
    InputError
        If it belongs to another optimiser or to other weights.
    """
    with reading(checkpoint.path, f"the state of this {name}", do="start the stage again"):
        kept = checkpoint.header[name]
        state: dict[int, dict[str, Any]] = {}
        for key, value in [*checkpoint.part(name).items(), *kept["numbers"].items()]:
            weight, _, which = key.partition(".")
            state.setdefault(int(weight), {})[which] = value
        groups = [group | {"betas": tuple(group["betas"])} if "betas" in group else group for group in kept["groups"]]
        optimiser.load_state_dict({"state": state, "param_groups": groups})


class TrainingFolder:
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
        """The checkpoint of the unfinished stage."""
        return self.root / "checkpoints" / "last.safetensors"

    def end(self, place: int) -> Path:
        """The checkpoint of a stage that is done."""
        return self.root / "checkpoints" / f"{place + 1}-{self.recipe.stage[place].name}.safetensors"

    def kept(self, place: int, step: int) -> Path:
        """The weights after a step of a stage that `Records.keep` names."""
        return self.end(place).with_stem(f"{self.end(place).stem}-{step:07}")

    def clear(self, chosen: list[int]) -> None:
        """Forget the checkpoints of some stages, and the weights kept of them."""
        ends = [self.end(place) for place in chosen]
        kept = [path for end in ends for path in end.parent.glob(f"{escape(end.stem)}-{'[0-9]' * 7}*.safetensors")]
        for path in (self.last, *ends, *kept):
            path.unlink(missing_ok=True)

    def done(self, place: int) -> Checkpoint | None:
        """The end of a stage, None if it has not been reached.

        Raises
        ------
        InputError
            If it belongs to another training.
        """
        return self._own(self.end(place), place) if self.end(place).is_file() else None

    def before(self, place: int) -> Checkpoint | None:
        """The end of the stage before one, None if absent; it may have been trained in another way.

        Raises
        ------
        InputError
            When it is not a checkpoint.
        """
        return read_checkpoint(self.end(place - 1)) if place and self.end(place - 1).is_file() else None

    def going(self, place: int) -> Checkpoint | None:
        """The last checkpoint of an unfinished stage, None if it has not begun.

        Raises
        ------
        InputError
            If it belongs to another training.
        """
        if not self.last.is_file():
            return None
        kept = read_checkpoint(self.last)
        return self._own(self.last, place) if kept.header["stage"] == self.recipe.stage[place].name else None

    def header(self, place: int) -> dict[str, Any]:
        """What a checkpoint says of the training that it belongs to."""
        described = self.recipe.described()
        general = {key: described[key] for key in ("name", "network", "config", "data")}
        return {
            "recipe": general | {"stage": described["stage"][place]},
            "stage": self.recipe.stage[place].name,
            "seed": self.seed,
            "data": self.data,
        }

    def _own(self, path: Path, place: int) -> Checkpoint:
        kept = read_checkpoint(path)
        do = "restart it, or choose another folder"
        check_same(path, kept.header, self.header(place), of="a training", do=do)
        return kept


def export(
    kept: Checkpoint, recipe: TrainRecipe, root: Path, data: TrainingData, engine: Engine, *, half: bool = False
) -> tuple[Path, Path]:
    """Write ``NAME.safetensors``, with the network's own names of its weights, and ``NAME.json``.

    Parameters
    ----------
    kept : Checkpoint
        Its average where it has one, else its network.
    recipe : TrainRecipe
    root : Path
    data : TrainingData
    engine : Engine
        Only the first rank writes.
    half : bool
        Store the weights in half precision; they are read back to 32 bits.

    Returns
    -------
    (Path, Path)
        Of weights and card.
    """
    weights, card = root / f"{recipe.name}.safetensors", root / f"{recipe.name}.json"
    if engine.rank == 0:
        short = write_weights(weights, kept, recipe, half=half)
        write_json(card, short | {
            "title": recipe.title,
            "source": recipe.source,
            "sha256": sha256_of(weights),
            "bytes": weights.stat().st_size,
            "pairs_seen": kept.header["seen"],
            "faces": len(data.train.source.faces),
            "faces_held_out": len(data.check.source.faces),
            "photographs": data.train.origin,
            **({"sketches": data.sketches} if data.sketches else {}),
            "data": data.digest,
            "seed": kept.header["seed"],
            "device": engine.device.type,
            **{name: True for name in ("channels_last", "compile") if getattr(engine.hardware, name)},
            "metrics": kept.header["metrics"],
            "recipe": kept.header["recipe"],
            "versions": versions(),
        })  # fmt: skip
    engine.wait()
    return weights, card


def write_weights(path: Path, kept: Checkpoint, recipe: TrainRecipe, *, half: bool = False) -> dict[str, Any]:
    """Write the weights of a checkpoint as a file that can be run; return its header."""
    tensors = kept.weights
    if half:
        tensors = {name: one.half() if one.is_floating_point() else one for name, one in tensors.items()}
    header: dict[str, Any] = {
        "name": recipe.name,
        "network": recipe.network,
        "config": recipe.config,
        "stage": kept.header["stage"],
        "stage_step": kept.header["step"],
        **_reached(kept, recipe),
        "trained_on": kept.header.get("trained_on", []),
    }
    write_tensors(path, tensors, header)
    return header


def _reached(kept: Checkpoint, recipe: TrainRecipe) -> dict[str, Any]:
    """How far a training has got: steps of the stage, where the network stops in it, and whether that is the end; and
    what the network is given, if not the blurred face."""
    names = [stage.name for stage in recipe.stage]
    stage = recipe.stage[names.index(kept.header["stage"])]
    finished = stage.name == names[-1] and kept.header["step"] == stage.iterations
    given = {"input": stage.input} if stage.input != "blurred" else {}
    return {"stage_steps": stage.iterations, "until": stage.until, "finished": finished} | given
