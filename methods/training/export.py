"""The weights of a training as a file to run and to hand on, and the card that says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.weights import sha256_of
from facedeblur.methods.running.environment import versions
from facedeblur.methods.training.checkpoint import Checkpoint
from facedeblur.methods.training.data.pairs import TrainingData
from facedeblur.methods.training.engine import Engine
from facedeblur.methods.training.recipe import TrainRecipe


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
        tensors = kept.weights
        if half:
            tensors = {name: one.half() if one.is_floating_point() else one for name, one in tensors.items()}
        short: dict[str, Any] = {
            "name": recipe.name,
            "network": recipe.network,
            "config": recipe.config,
            "stage": kept.header["stage"],
            "stage_step": kept.header["step"],
        }
        write_tensors(weights, tensors, short)
        write_json(card, short | {
            "title": recipe.title,
            "source": recipe.source,
            "sha256": sha256_of(weights),
            "bytes": weights.stat().st_size,
            "pairs_seen": kept.header["seen"],
            "faces": len(data.train.source.faces),
            "faces_held_out": len(data.check.source.faces),
            "photographs": data.train.origin,
            "data": data.digest,
            "seed": kept.header["seed"],
            "device": engine.device.type,
            "metrics": kept.header["metrics"],
            "recipe": kept.header["recipe"],
            "versions": versions(),
        })  # fmt: skip
    engine.wait()
    return weights, card
