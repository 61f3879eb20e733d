"""Checkpoints of a training: one safetensors file with every tensor, and all else as JSON in its header.

Nothing in it is executed when it is read, and a file is either whole or not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.atomic import replacing

FORMAT = "facedeblur-training-1"
KEY = "facedeblur"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a training goes on from.

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
        start = f"{name}."
        return {key[len(start) :]: value for key, value in self.tensors.items() if key.startswith(start)}

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's weights: the average where there is one."""
        return self.part("average") or self.part("network")


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header to a safetensors file, atomically."""
    save = need("safetensors.torch", "train").save_file
    # Cloned: tensors that share memory are refused.
    whole = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in tensors.items()}
    with replacing(path) as temporary:
        save(whole, temporary, metadata={KEY: json.dumps(dict(header))})


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the JSON header of a safetensors file; the header is empty where it is not ours.

    Raises
    ------
    InputError
        When it is not there, truncated, or no such file.
    """
    if not Path(path).is_file():
        raise InputError(str(path), expected="a safetensors file", found="nothing there")
    safe = need("safetensors", "train")
    try:
        with safe.safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            return {key: file.get_tensor(key) for key in list(file.keys())}, header
    except (safe.SafetensorError, ValueError) as error:
        raise InputError(
            str(path), expected="a whole safetensors file", found=str(error), do="take another checkpoint"
        ) from error


def write_checkpoint(path: str | Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint, atomically."""
    write_tensors(path, tensors, {"format": FORMAT} | dict(header))


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    InputError
        When it is not there, truncated, or not a checkpoint of a training.
    """
    tensors, header = read_tensors(path)
    if header.get("format") != FORMAT:
        raise InputError(
            str(path), expected=f"a checkpoint of format {FORMAT}", found=str(header.get("format", "none")),
            do="give a file of OUT/checkpoints",
        )  # fmt: skip
    return Checkpoint(Path(path), header, tensors)


def load_weights(net: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Load weights into a network that must have just these.

    Raises
    ------
    InputError
        When they are of another network.
    """
    own = net.state_dict()
    wrong = sorted(set(own) ^ set(weights)) or [key for key in own if own[key].shape != weights[key].shape]
    if wrong:
        key = wrong[0]
        shapes = [str(tuple(some[key].shape)) if key in some else "nothing" for some in (own, weights)]
        raise InputError(
            where, expected=f"weights of {type(net).__name__}, {shapes[0]} as '{key}'", found=shapes[1],
            do="it is of another network or configuration",
        )  # fmt: skip
    net.load_state_dict(dict(weights))


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
        When it is of another optimiser or other weights.
    """
    kept = checkpoint.header[name]
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*checkpoint.part(name).items(), *kept["numbers"].items()]:
        weight, _, which = key.partition(".")
        state.setdefault(int(weight), {})[which] = value
    groups = [group | {"betas": tuple(group["betas"])} if "betas" in group else group for group in kept["groups"]]
    try:
        optimiser.load_state_dict({"state": state, "param_groups": groups})
    except (ValueError, KeyError) as error:
        raise InputError(
            str(checkpoint.path), expected=f"the state of this {name}", found=str(error), do="start the stage again"
        ) from error
