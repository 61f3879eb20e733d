"""The number by which runs differ: read from the record of a run, or from the training recipe of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.state_dict import read_header
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.weights import read_card, sha256_of
from facedeblur.methods.training.losses.registry import LOSSES

WEIGHTS, RECIPE = "weights.", "recipe."
"""What keys of the training recipe begin with: the weight of a loss, and anything else."""

ADVERSARIAL = "adversarial"


def number_of(text: str) -> float:
    """Read a number of the horizontal axis, such as ``1e-5``.

    Raises
    ------
    InputError
        If it is not a finite number.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"'{text}'", expected="a number, as in 1e-5=OUTPUTS", found=f"'{text}'")
    return found


def value_of(scores: Scores, key: str, trained: Sequence[str | Path] = ()) -> float:
    """The number that the run of a score table has under a key.

    Parameters
    ----------
    scores : Scores
    key : str
        A key of ``run.json``, with dots for tables (``options.amount``, ``parameters``); ``weights.NAME`` for the
        weight of a loss in the last stage of the training recipe, 0 where the recipe does not have that loss, with
        ``weights.adversarial`` for that of the adversary; or ``recipe.KEY`` for any other number of the recipe.
    trained : sequence of path
        Folders of trainings, in which the weights of the run are found by their sha256.

    Raises
    ------
    InputError
        If there is no such number, or the training is not found.
    """
    where = f"run '{scores.meta.method}'"
    if key.startswith(WEIGHTS):
        return _weight(_recipe(scores, trained, key), key.removeprefix(WEIGHTS), where)
    if key.startswith(RECIPE):
        return _number(_recipe(scores, trained, key), key.removeprefix(RECIPE), f"the training recipe of {where}")
    return _number(scores.meta.run, key, where)


def _number(values: Mapping[str, Any], key: str, where: str) -> float:
    found: Any = values
    for part in key.split("."):
        if not isinstance(found, Mapping):
            raise InputError(f"key '{key}' of {where}", "it has no such key")
        found = found[one_of(f"'{part}' of key '{key}'", part, map(str, found), of=where)]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise InputError(f"key '{key}' of {where}", expected="a number", found=repr(found))
    return float(found)


def _recipe(scores: Scores, trained: Sequence[str | Path], key: str) -> Mapping[str, Any]:
    """The training recipe of the weights of a run: network, config, data, and its last stage."""
    method = scores.meta.method
    known = {str(sha) for sha in (scores.meta.run.get("weights") or {}).values()}
    if not known:
        raise InputError(f"run '{method}' has no weights, so no training recipe with '{key}'", do="give X=OUTPUTS")
    if not trained:
        raise InputError(f"'{key}' is in the recipe of a training", do="name its folder with --trained FOLDER")
    for place in map(Path, trained):
        if not place.is_dir():
            raise MissingFile(place, expected="the folder of a training")
        for file in sorted(place.rglob("*.safetensors")):
            if sha256_of(file) in known:
                recipe = (read_card(file) or read_header(file)).get("recipe")
                if isinstance(recipe, Mapping):
                    return recipe
    raise InputError(f"the training of the weights of '{method}' is not in {', '.join(map(str, trained))}",
                     do="name its folder with --trained, or give X=OUTPUTS")  # fmt: skip


def _weight(recipe: Mapping[str, Any], name: str, where: str) -> float:
    stage = recipe.get("stage") or {}
    if name == ADVERSARIAL:
        return float((stage.get("adversary") or {}).get("weight", 0.0))
    one_of(f"loss of key '{WEIGHTS}{name}'", name, [ADVERSARIAL, *LOSSES])
    terms = [term for term in stage.get("losses", []) if term["name"] == name]
    found = {float(term.get("weight", 1.0)) for term in terms}
    if len(found) > 1:
        listed = ", ".join(f"{weight:g}" for weight in sorted(found))
        raise InputError(f"loss '{name}' of {where} has several weights: {listed}", do="give X=OUTPUTS")
    return found.pop() if found else 0.0
