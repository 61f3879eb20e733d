"""What a network is trained on: virtual pairs of some faces, and pairs of other faces to validate it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facedeblur.benchmark.config import strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.pairs.augment import AugmentLaw
from facedeblur.generators.pairs.sharp_source import SharpFace, SharpSource, size_of
from facedeblur.generators.pairs.sketches import sketches_digest
from facedeblur.generators.pairs.spec import TRAINING_NOISE, PairSpec
from facedeblur.generators.pairs.stored import Mixture, Pairs, StoredPairs, open_stored
from facedeblur.generators.pairs.virtual import VirtualPairs, open_pairs
from facedeblur.generators.photos.opening import Photos
from facedeblur.generators.photos.sketches import sketches_in
from facedeblur.methods.training.data.synthesis import check_synthesiser, draw_missing
from facedeblur.methods.training.recipe import Data, TrainRecipe

Sketches = str | Path | Sequence[str | Path]
"""Sketches as users give them: a folder, weights that draw them, or both."""

CPU = torch.device("cpu")

LEAST = 1e-6
"""Least share of a part of the training pairs."""

LAPS = 2**60
"""Length that a training set is extended to by repetition, each time with other noise and augmentation."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Pairs to train on and pairs for validation.

    Attributes
    ----------
    train, check : Pairs
        They differ in faces and kernels; with a single face, in kernels only.
    digest : str
        sha256 of everything that determines the pairs.
    sketches : str
        Where the sketches come from; empty where none were given.
    an_epoch : int
        Pairs of a pass: one of each face, each pair of sets, and of a mixture as many as show each photograph once.
    """

    train: Pairs
    check: Pairs
    digest: str
    sketches: str = ""
    an_epoch: int = 0


class Some:
    """Some faces of a source, by their numbers there."""

    def __init__(self, source: SharpSource, numbers: Sequence[int]):
        self.source, self.numbers = source, tuple(numbers)
        sizes = tuple(size_of(source, number) for number in self.numbers)
        self.sizes = sizes if len(set(sizes)) > 1 else None
        self.size: tuple[int, int] = (min(high for high, _ in sizes), min(wide for _, wide in sizes))
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
    pairs: Sequence[str | Path] = (),
    pairs_share: float | None = None,
    sketches: Sketches = (),
    device: torch.device = CPU,
    progress: Reporter | bool | None = None,
    **options: Any,
) -> TrainingData:
    """Open the pairs that the data table of a recipe describes, of a folder of photographs, and those of sets.

    Parameters
    ----------
    data : Data
    faces, workspace, progress, **options
        As in `open_pairs`.
    seed : int
        Of kernels, noise, augmentation and order.
    held_out : int
        Faces kept for validation, with all faces of their identities: at least 1 and at most a tenth.
    pairs : sequence of str or path
        Finished sets whose pairs are trained on, too, or alone if `faces` is empty; see `open_stored`.
    pairs_share : float, optional
        Share of the training pairs that come from them, in (0, 1); by default, each photograph and each of these pairs
        is taken equally often.
    sketches : path or sequence of them
        A folder of sketches of the photographs, of which those without a sketch are left out then; the weights of a
        network that draws them, see `facedeblur.methods.training.data.synthesis`; or both, and it draws the faces
        that have none in the folder.
    device : torch.device
        Where they are drawn.

    Raises
    ------
    InputError
        If the recipe, the photographs, the sets or the sketches cannot be used.
    """
    photographs = not isinstance(faces, list | tuple) or len(faces) > 0
    if not photographs and not pairs:
        raise InputError("there is nothing to train on", do="give photographs (--faces) or sets (--pairs)")
    if pairs_share is not None and not (photographs and pairs and LEAST <= pairs_share <= 1 - LEAST):
        both = "photographs and sets, and a share above 0 and under 1, no nearer than a millionth"
        raise InputError("pairs_share", expected=both, found=str(pairs_share), do="give both, or leave it out")
    if sketches and pairs:
        raise InputError("sets have no sketches", do="leave out --pairs or --sketches")
    folder, weights = sketch_places(sketches)
    # Photographs may take hours to align: errors that need none of them come first.
    if folder is not None:
        sketches_in(folder)
    if weights is not None:
        check_synthesiser(weights)
    # The recipe of a test set may be used for training, but not with its noise.
    changes: dict[str, Any] = {"photographs": 0, "noise_from": TRAINING_NOISE}
    if data.augment:
        named = isinstance(data.augment, str)
        changes["augment"] = data.augment if named else strict(AugmentLaw, data.augment, "data.augment")
    given: dict[str, Any] = {
        "sigma": data.sigma,
        "sizes": data.sizes or None,
        "first": data.first,
        "per_size": data.per_size,
    }
    given["border"] = data.border or None
    changes |= {name: value for name, value in given.items() if value is not None}
    with reporting(progress) as reporter:
        stored = open_stored(pairs, seed=seed, reporter=reporter) if pairs else None
        opened = open_pairs(
            data.recipe, faces, workspace=workspace, seed=seed, sketches=folder, without_sketch=weights is not None,
            progress=reporter, **options, **changes,
        ) if photographs else None  # fmt: skip
        told = []
        if opened is not None and folder is not None:
            told.append(f"{folder.resolve().name}: {len(opened.sketch_files):,}")
        if opened is not None and weights is not None:
            drawn = draw_missing(opened, weights, Path(workspace) / "sketches", device=device, reporter=reporter)
            opened.sketch_files |= drawn
            told.append(f"drawn by {weights.stem}@{sha256_of(weights)[:8]}: {len(drawn):,}")
        share = None if pairs_share is None else Fraction(str(pairs_share)).limit_denominator(round(1 / LEAST))
        found = divide(opened, stored, held_out=held_out, share=share)
        trained = {face.image_id for face in found.train.source.faces}
        if trained & {face.image_id for face in found.check.source.faces}:
            reporter.say("too few people to hold any out: validation is on faces that are trained on")
        if opened is not None and opened.spec.unseen() is None:
            reporter.say("the file has no other kernels: validation is on kernels that are trained on")
        if isinstance(found.train, Mixture):
            reporter.say(f"of the training pairs, {float(100 * found.train.share):.3g} % come from sets")
    return replace(found, sketches="; ".join(told))


def sketch_places(sketches: Sketches) -> tuple[Path | None, Path | None]:
    """The folder of sketches and the weights that draw them among what a user gives; a folder with one file of weights
    in it, such as that of a training, means the weights.

    Raises
    ------
    InputError
        When there are several of a kind.
    """
    given = [Path(one) for one in ([sketches] if isinstance(sketches, str | Path) else sketches)]
    held = [list(one.glob("*.safetensors")) for one in given]
    given = [files[0] if len(files) == 1 else one for one, files in zip(given, held, strict=True)]
    weights = [one for one in given if one.suffix.lower() == ".safetensors"]
    folders = [one for one in given if one not in weights]
    if len(weights) > 1 or len(folders) > 1:
        more = weights if len(weights) > 1 else folders
        raise InputError(
            f"sketches from {more[0]} and {more[1]}", expected="one folder and one file of weights at most",
            found=f"{len(folders)} folders and {len(weights)} files", do="put all sketches into one folder",
        )  # fmt: skip
    return next(iter(folders), None), next(iter(weights), None)


def divide(
    virtual: VirtualPairs | None,
    stored: StoredPairs | None = None,
    *,
    held_out: int = 32,
    share: Fraction | None = None,
) -> TrainingData:
    """Divide faces into those to train on and those for validation; see `open_data`."""
    parts: list[Sequence[SharpFace]] = [part.source.faces for part in (virtual, stored) if part is not None]
    kept, checked = _parted(parts, held_out)
    described: dict[str, Any] = {}
    train = check = None
    if virtual is not None:
        spec = virtual.spec
        lap = _over(virtual, kept[0], spec).lap
        train = _over(virtual, kept[0], spec, repeats=max(1, LAPS // lap))
        # Other kernels than in training, so that validation sees new blur as well.
        if checked[0]:
            check = _over(virtual, checked[0], replace(spec.unseen() or spec, augment=None))
        described = {
            "spec": replace(spec, augment=None).as_dict() | {"augment": asdict(spec.law) if spec.law else None},
            "seed": virtual.seed,
            "size": list(virtual.source.size),
            "train": [[face.image_id, face.sha256] for face in train.source.faces],
            "check": [[face.image_id, face.sha256] for face in check.source.faces] if check else [],
        }
        if virtual.sketch_files:
            names = [face.image_id for one in (train, check) if one for face in one.source.faces]
            described["sketches"] = sketches_digest(virtual.sketch_files, names)
    if stored is None:
        assert train is not None and check is not None
        return TrainingData(train, check, _digest(described), an_epoch=len(train.source.faces))
    once = stored.only(kept[-1])
    repeated = stored.only(kept[-1], repeats=LAPS // once.lap)
    rest = stored.only(checked[-1]) if checked[-1] else None
    described |= {"sets": [once.described(), rest.described() if rest else []], "seed": stored.seed}
    whole: Pairs = repeated
    an_epoch = once.lap
    if train is not None:
        share = Fraction(once.lap, once.lap + len(train.source.faces)) if share is None else share
        an_epoch = round(len(train.source.faces) / (1 - share))
        whole, described["share"] = Mixture(train, repeated, share), str(share)
    held: Pairs | None = rest if check is None else check
    if check is not None and rest is not None:
        # Each face and each pair once.
        held = Mixture(check, rest, Fraction(rest.lap, rest.lap + len(check.source.faces)))
    assert held is not None
    return TrainingData(whole, held, _digest(described), an_epoch=an_epoch)


def _digest(described: dict[str, Any]) -> str:
    return sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def _over(pairs: VirtualPairs, numbers: Sequence[int], spec: PairSpec, *, repeats: int = 1) -> VirtualPairs:
    return VirtualPairs(
        Some(pairs.source, numbers),
        replace(spec, photographs=0),
        seed=pairs.seed,
        shuffle=True,
        repeats=repeats,
        images=pairs.images,
        origin=pairs.origin,
        collections=pairs.collections,
        label_files=pairs.label_files,
        sketch_files=pairs.sketch_files,
    )


def _parted(parts: Sequence[Sequence[SharpFace]], held_out: int) -> tuple[list[list[int]], list[list[int]]]:
    """Numbers of the faces to train on and of those held out, in each part.

    Nobody is on both sides, except where every part shows one person only: then everybody is.
    """
    faces = [face for part in parts for face in part]
    if len(faces) == 1:
        return [[0]], [[0]]
    people = {face.identity for face in faces}
    names = [[face.identity if len(people) > 1 else face.image_id for face in part] for part in parts]
    wanted = max(1, min(held_out, len(faces) // 10))
    out: set[str] = set()
    left = [Counter(part) for part in names]
    held = 0
    # By hash: which faces are held out does not depend on their order, nor much on which others there are.
    for name in sorted({name for part in names for name in part}, key=lambda name: sha256(name.encode()).digest()):
        if held >= wanted:
            break
        # Every part keeps somebody to train on.
        if all(part.total() > part[name] for part in left):
            out.add(name)
            held += sum(part.pop(name, 0) for part in left)
    kept, gone = (
        [[i for i, name in enumerate(part) if (name in out) is held] for part in names] for held in (False, True)
    )
    if not out:
        # Every part shows one person only: the faces that are trained on are those of the validation, too.
        gone = [list(range(len(part))) for part in names]
    return kept, gone


def need_labels(data: TrainingData, stage: str) -> None:
    """Raise InputError if a face has no labels, which a stage needs."""
    faces = (*data.train.source.faces, *data.check.source.faces)
    labelled = {*data.train.label_files, *data.check.label_files}
    without = [face.image_id for face in faces if face.image_id not in labelled]
    if without:
        raise InputError(
            f"stage '{stage}' needs labels, which {len(without):,} of the faces lack, such as {without[0]}",
            do="give a labelled collection, such as celebamask:FOLDER or helen:FOLDER, or use facedeblur label first",
        )  # fmt: skip


def need_kernels(data: TrainingData, stage: str) -> None:
    """Raise InputError if a pair of a set has no kernel, which a stage needs."""
    stored = [getattr(part, "stored", part) for part in (data.train, data.check)]
    without = [name for part in stored if isinstance(part, StoredPairs) for name in part.without_kernel()]
    if without:
        raise InputError(
            f"stage '{stage}' needs kernels, which {len(without):,} pairs of the sets lack, such as {without[0]}",
            do="leave those sets out of --pairs",
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
