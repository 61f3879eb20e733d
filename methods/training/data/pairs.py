"""What a network is trained on: virtual pairs of some faces, and pairs of other faces to validate it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facedeblur.benchmark.config import strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.pairs.augment import AugmentLaw
from facedeblur.generators.pairs.sharp_source import SharpFace, SharpSource
from facedeblur.generators.pairs.sketches import sketches_digest
from facedeblur.generators.pairs.spec import TRAINING_NOISE, PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs, open_pairs
from facedeblur.generators.photos.collection import Photos
from facedeblur.methods.training.data.synthesis import draw_missing
from facedeblur.methods.training.recipe import Data, TrainRecipe

Sketches = str | Path | Sequence[str | Path]
"""Sketches as users give them: a folder, weights that draw them, or both."""

CPU = torch.device("cpu")

LAPS = 2**60
"""Length that a training set is extended to by repetition, each time with other noise and augmentation."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Pairs to train on and pairs for validation.

    Attributes
    ----------
    train, check : VirtualPairs
        They differ in faces and kernels; with a single face, in kernels only.
    digest : str
        sha256 of everything that determines the pairs.
    sketches : str
        Where the sketches come from; empty where none were given.
    """

    train: VirtualPairs
    check: VirtualPairs
    digest: str
    sketches: str = ""


class Some:
    """Some faces of a source, by their numbers there."""

    def __init__(self, source: SharpSource, numbers: Sequence[int]):
        self.source, self.numbers = source, tuple(numbers)
        self.size: tuple[int, int] = source.size
        self.faces: Sequence[SharpFace] = tuple(source.faces[number] for number in self.numbers)

    def read(self, number: int) -> np.ndarray:
        """See `SharpSource`."""
        return self.source.read(self.numbers[number])


def open_data(
    data: Data,
    faces: Photos,
    *,
    workspace: str | Path,
    seed: int = 0,
    held_out: int = 32,
    sketches: Sketches = (),
    device: torch.device = CPU,
    progress: Reporter | bool | None = None,
    **options: Any,
) -> TrainingData:
    """Open the pairs that the data table of a recipe describes, of a folder of photographs.

    Parameters
    ----------
    data : Data
    faces, workspace, progress, **options
        As in `open_pairs`.
    seed : int
        Of kernels, noise, augmentation and order.
    held_out : int
        Faces kept for validation, with all faces of their identities: at least 1 and at most a tenth.
    sketches : path or sequence of them
        A folder of sketches of the photographs, of which those without a sketch are left out then; the weights of a
        network that draws them, see `facedeblur.methods.training.data.synthesis`; or both, and it draws the faces
        that have none in the folder.
    device : torch.device
        Where they are drawn.

    Raises
    ------
    InputError
        If the recipe, the photographs or the sketches cannot be used.
    """
    folder, weights = sketch_places(sketches)
    # The recipe of a test set may be used for training, but not with its noise.
    changes: dict[str, Any] = {"photographs": 0, "noise_from": TRAINING_NOISE}
    if data.augment:
        named = isinstance(data.augment, str)
        changes["augment"] = data.augment if named else strict(AugmentLaw, data.augment, "data.augment")
    given = {"sigma": data.sigma, "sizes": data.sizes or None, "first": data.first, "per_size": data.per_size}
    changes |= {name: value for name, value in given.items() if value is not None}
    with reporting(progress) as reporter:
        opened = open_pairs(
            data.recipe, faces, workspace=workspace, seed=seed, sketches=folder, without_sketch=weights is not None,
            progress=reporter, **options, **changes,
        )  # fmt: skip
        told = [f"{folder.resolve().name}: {len(opened.sketch_files):,}"] if folder is not None else []
        if weights is not None:
            drawn = draw_missing(opened, weights, Path(workspace) / "sketches", device=device, reporter=reporter)
            opened.sketch_files |= drawn
            told.append(f"drawn by {weights.stem}@{sha256_of(weights)[:8]}: {len(drawn):,}")
    return replace(divide(opened, held_out=held_out), sketches="; ".join(told))


def sketch_places(sketches: Sketches) -> tuple[Path | None, Path | None]:
    """The folder of sketches and the weights that draw them among what a user gives.

    Raises
    ------
    InputError
        When there are several of a kind.
    """
    given = [Path(one) for one in ([sketches] if isinstance(sketches, str | Path) else sketches)]
    weights = [one for one in given if one.suffix.lower() == ".safetensors"]
    folders = [one for one in given if one not in weights]
    if len(weights) > 1 or len(folders) > 1:
        more = weights if len(weights) > 1 else folders
        raise InputError(
            f"sketches from {more[0]} and {more[1]}", expected="one folder and one file of weights at most",
            found=f"{len(folders)} folders and {len(weights)} files", do="put all sketches into one folder",
        )  # fmt: skip
    return next(iter(folders), None), next(iter(weights), None)


def divide(pairs: VirtualPairs, *, held_out: int = 32) -> TrainingData:
    """Divide the faces of a virtual set into those to train on and those for validation; see `open_data`."""
    kept, checked = _parted(pairs.source.faces, held_out)
    spec = pairs.spec
    train = _over(pairs, kept, spec)
    lap = train.lap
    train = _over(pairs, kept, spec, repeats=max(1, LAPS // lap))
    # After the training kernels, so that validation sees new blur as well.
    check = _over(pairs, checked, replace(spec, first=spec.first + spec.per_size, augment=None))
    described = {
        "spec": replace(spec, augment=None).as_dict() | {"augment": asdict(spec.law) if spec.law else None},
        "seed": pairs.seed,
        "size": list(pairs.source.size),
        "train": [[face.image_id, face.sha256] for face in train.source.faces],
        "check": [[face.image_id, face.sha256] for face in check.source.faces],
    }
    if pairs.sketch_files:
        names = [face.image_id for one in (train, check) for face in one.source.faces]
        described["sketches"] = sketches_digest(pairs.sketch_files, names)
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()
    return TrainingData(train, check, digest)


def _over(pairs: VirtualPairs, numbers: tuple[int, ...], spec: PairSpec, *, repeats: int = 1) -> VirtualPairs:
    return VirtualPairs(
        Some(pairs.source, numbers),
        replace(spec, photographs=0),
        seed=pairs.seed,
        shuffle=True,
        repeats=repeats,
        images=pairs.images,
        origin=pairs.origin,
        label_files=pairs.label_files,
        sketch_files=pairs.sketch_files,
    )


def _parted(faces: Sequence[SharpFace], held_out: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    people = {face.identity for face in faces}
    names = [face.identity if len(people) > 1 else face.image_id for face in faces]
    if len(faces) == 1:
        return (0,), (0,)
    wanted = max(1, min(held_out, len(faces) // 10))
    out: set[str] = set()
    held = 0
    # By hash: which faces are held out does not depend on their order, nor much on which others there are.
    for name in sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())[:-1]:
        if held >= wanted:
            break
        out.add(name)
        held += names.count(name)
    kept = tuple(i for i, name in enumerate(names) if name not in out)
    return kept, tuple(i for i, name in enumerate(names) if name in out)


def need_labels(data: TrainingData, stage: str) -> None:
    """Raise InputError if a face has no labels, which a stage needs."""
    without = [face.image_id for face in data.train.source.faces if face.image_id not in data.train.label_files]
    if without:
        raise InputError(
            f"stage '{stage}' needs labels, which {len(without):,} of the faces lack, such as {without[0]}",
            do="give a labelled collection, such as celebamask:FOLDER or helen:FOLDER, or use facedeblur label first",
        )  # fmt: skip


def check_sketches(recipe: TrainRecipe, chosen: Sequence[int], sketches: Sketches) -> None:
    """Raise InputError if a stage needs sketches that are not given, or the recipe has no use for those that are."""
    lacking = [recipe.stage[place].name for place in chosen if recipe.stage[place].sketches]
    if not sketches and lacking:
        raise InputError(
            f"stage '{lacking[0]}' of '{recipe.name}' needs sketches of the photographs",
            do="give their folder, with the file names of the photographs: --sketches FOLDER",
        )  # fmt: skip
    if sketches and not any("sketch" in stage.targets for stage in recipe.stage):
        raise InputError(f"recipe '{recipe.name}' compares nothing with sketches", do="leave out --sketches")
