"""Train a network by a recipe: stage after stage; it can be stopped at any step and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.state_dict import read_tensors
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter, reporting
from facedeblur.generators.pairs.sharp_source import one_size
from facedeblur.generators.photos.opening import Photos
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.nets.loading import CHECKPOINT
from facedeblur.methods.training.checkpoint import Checkpoint, TrainingFolder, export, load_weights, read_checkpoint
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.data.observations import need_observations
from facedeblur.methods.training.data.pairs import (
    Sketches,
    TrainingData,
    check_sketches,
    need_kernels,
    need_labels,
    open_data,
)
from facedeblur.methods.training.devices import AUTO, Engine, Hardware, is_first_process
from facedeblur.methods.training.loop import USUAL, Loop, Records
from facedeblur.methods.training.losses.adversarial import make_adversary
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.recipe import LossTerm, TrainRecipe, load_train_recipe
from facedeblur.methods.training.validation import Validation


@dataclass(frozen=True)
class Trained:
    """Result of a training: the exported weights and their card, how far it got, and the rank of the process."""

    weights: Path
    card: Path
    stage: str
    step: int
    finished: bool
    metrics: dict[str, float]
    rank: int = 0


def train(
    recipe: str | Path | TrainRecipe,
    faces: Photos,
    out: str | Path,
    *,
    stage: str = "all",
    begin: str | Path | None = None,
    resume: bool = True,
    stop_after: int | None = None,
    seed: int = 0,
    pairs: Sequence[str | Path] = (),
    pairs_share: float | None = None,
    sketches: Sketches = (),
    hardware: Hardware = AUTO,
    records: Records = USUAL,
    workers: Workers | int = ALL,
    workspace: str | Path | None = None,
    progress: Reporter | bool | None = None,
    **photographs: Any,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    recipe : str, path or TrainRecipe
        Name of a recipe, a TOML file, or a recipe that was changed by `TrainRecipe.adjusted`.
    faces : path or sequence of them
        Photographs, of one or several collections, as for `facedeblur.generators.pairs.virtual.open_pairs`, which is
        given `photographs`, for instance ``selection=Selection(limit=100)``. Empty to train on `pairs` alone.
    out : path
        Gets ``NAME.safetensors`` and ``NAME.json``, ``checkpoints/``, ``STAGE.csv``, ``samples/`` and the aligned
        faces. The weights after a step that `records` names are in ``checkpoints/STAGE-STEP.safetensors``.
    stage : str
        ``all``, a number from 1, a range such as ``2-4``, or a name.
    begin : path, optional
        Weights (an export or a checkpoint) that the first chosen stage begins with.
    resume : bool
        Resume what is in `out`; otherwise the chosen stages start from the beginning.
    stop_after : int, optional
        Steps of this call, after which it stops as if interrupted.
    seed : int
        Of weights, pairs and all draws.
    pairs, pairs_share
        Finished sets whose pairs are trained on, too, and their share; see
        `facedeblur.methods.training.data.pairs.open_data`.
    sketches : path or sequence of them
        A folder of sketches of the photographs, weights that draw them, or both, see
        `facedeblur.methods.training.data.pairs.open_data`; for a recipe that compares with sketches.
    hardware : Hardware
        Devices, and processes that make batches.
    records : Records
        How often is logged, checked and saved, how many faces are checked by, and how weights are exported.
    workers : Workers or int
        Where photographs are aligned.
    workspace : path, optional
        Folder of the aligned faces, which trainings on the same photographs may share; by default in `out`.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress of the alignment and of each stage after every step, and what the user should know.

    Returns
    -------
    Trained

    Raises
    ------
    InputError
        When something given cannot be used, `out` holds another training, or the loss is no longer finite.
    """
    made = recipe if isinstance(recipe, TrainRecipe) else load_train_recipe(recipe)
    chosen = made.chosen(stage)
    check_sketches(made, chosen, sketches)
    folder = TrainingFolder(Path(out), made, seed)
    with only_writer(folder.root) if is_first_process() else nullcontext():
        engine = Engine(hardware)
        for place in chosen:
            engine.set_precision(made.stage[place].precision)
        engine.launch()
        drawing = torch.random.fork_rng(devices=[engine.device] if engine.device.type == "cuda" else [])
        with engine, reporting(SILENT if engine.rank else progress) as reporter, drawing:
            check_losses(made, chosen)
            torch.manual_seed(seed)
            net = make_network(made.network, **made.config)
            data = _opened(
                made, chosen, net, faces, folder, engine,
                seed=seed, held_out=records.held_out, pairs=pairs, pairs_share=pairs_share, sketches=sketches,
                workers=workers, progress=reporter, workspace=workspace or folder.root / "faces", **photographs,
            )  # fmt: skip
            folder.data = data.digest
            made = folder.recipe = made.counted(data.an_epoch, world=engine.world)
            _reachable(records.keep, [made.stage[place].iterations for place in chosen])
            failed = [image for image in data.train.images if image.status != "ok"]
            if failed:
                reporter.say(f"{len(failed):,} of {len(data.train.images):,} photographs cannot be used, such as "
                    f"{failed[0].source} ({failed[0].status})")  # fmt: skip
            if not resume and engine.rank == 0:
                folder.clear(chosen)
            engine.wait()
            validation = None
            if not engine.rank:
                labels = bool(getattr(net, "takes_labels", False)) or any(made.stage[place].labels for place in chosen)
                drawn = bool(data.check.sketch_files)
                held_out = Examples(
                    data.check, crop=_whole(data, net), labels=labels, sketches=drawn, centred=True
                )  # fmt: skip
                validation = Validation(held_out)
            engine.place(net, channels_last=hardware.channels_last)
            loop = Loop(engine, net, data, folder, validation, records=records, seed=seed, reporter=reporter)
            left = stop_after
            for order, place in enumerate(chosen):
                done = folder.done(place)
                if done is None:
                    going, before = folder.going(place), None
                    name = made.stage[place].name
                    if going is not None:
                        reporter.say(f"{folder.root}: stage '{name}' resumes after step {going.header['step']:,}")
                    else:
                        before = _begin(net, folder, place, None if order else begin, reporter)
                    last = loop.run(place, going, before=before, limit=left)
                    left = None if left is None else left - loop.steps
                else:
                    last = done
                    reporter.say(f"{folder.root}: stage '{made.stage[place].name}' is already finished")
                    loop.miss(place, made.stage[place].iterations)
                if loop.interrupted or last.header["step"] < made.stage[place].iterations or left == 0:
                    break
            weights, card = export(last, made, folder.root, data, engine, half=records.half)
        if loop.interrupted:
            raise KeyboardInterrupt
        step, metrics = last.header["step"], last.header["metrics"]
        finished = place == chosen[-1] and step == made.stage[place].iterations
        return Trained(weights, card, last.header["stage"], step, finished, metrics, engine.rank)


def check_losses(recipe: TrainRecipe, chosen: Sequence[int] | None = None) -> None:
    """Make the losses of stages once: missing weights are reported now, not after days of training.

    Parameters
    ----------
    recipe : TrainRecipe
    chosen : sequence of int, optional
        Places of the stages, from 0; by default all.

    Raises
    ------
    InputError
        When a loss or a discriminator's cannot be made.
    """
    made: list[LossTerm] = []
    for place in range(len(recipe.stage)) if chosen is None else chosen:
        stage = recipe.stage[place]
        for term in stage.losses:
            if not any((term.name, term.options) == (other.name, other.options) for other in made):
                make_loss(term.name, term.options)
                made.append(term)
        if stage.adversary is not None:
            make_adversary(stage.adversary.kind, stage.adversary.options)


def _reachable(keep: Sequence[int], lengths: Sequence[int]) -> None:
    """Raise InputError for a step to be kept that no chosen stage has."""
    for step in keep:
        if not 1 <= step <= max(lengths):
            raise InputError(f"the weights after step {step:,} cannot be kept", "no chosen stage has such a step",
                             do=f"name steps from 1 to {max(lengths):,}")  # fmt: skip


def _opened(
    recipe: TrainRecipe, chosen: list[int], net: nn.Module, faces: Photos, folder: TrainingFolder, engine: Engine,
    **options: Any,
) -> TrainingData:  # fmt: skip
    """The data; the first rank aligns the faces, the others find them."""
    if engine.rank == 0:
        data = open_data(recipe.data, faces, device=engine.device, **options)
    engine.wait()
    if engine.rank:
        data = open_data(recipe.data, faces, device=engine.device, **options)
    for place in chosen:
        if recipe.stage[place].labels or getattr(net, "takes_labels", False):
            need_labels(data, recipe.stage[place].name)
        if recipe.stage[place].observations == 2:
            need_observations(data, recipe.stage[place].name)
        elif recipe.stage[place].kernels:
            need_kernels(data, recipe.stage[place].name)
    multiple = int(getattr(net, "multiple", 1))
    several = [] if recipe.data.crop else [part for part in (data.train, data.check) if not one_size(part.source)]
    if several:
        raise InputError(
            f"data of recipe '{recipe.name}'", "faces of several sizes cannot share a batch",
            do="train on random crops: --crop 128, or 'crop' in its table [data]",
        )  # fmt: skip
    size = (recipe.data.crop,) if recipe.data.crop else data.train.source.size
    if any(side % multiple for side in size):
        raise InputError(
            f"data of recipe '{recipe.name}'", expected=f"sides that are multiples of {multiple}",
            found="x".join(map(str, size[::-1])), do="train on random crops: --crop N, or 'crop' in its table [data]",
        )  # fmt: skip
    return data


def _whole(data: TrainingData, net: nn.Module) -> tuple[int, int]:
    """As much of a face as the network takes."""
    multiple = int(getattr(net, "multiple", 1))
    height, width = (side // multiple * multiple for side in data.check.source.size)
    return height, width


def _begin(
    net: nn.Module, folder: TrainingFolder, place: int, begin: str | Path | None, reporter: Reporter
) -> Checkpoint | None:
    """Give the network the weights that a stage begins with; return the checkpoint that they are in, if any."""
    before: Checkpoint | None = None
    if begin is not None:
        tensors, header = read_tensors(begin)
        if header.get("format") == CHECKPOINT:
            before = read_checkpoint(begin)
            tensors = before.weights
        load_weights(net, tensors, str(begin))
    elif place:
        before = folder.before(place)
        stages = folder.recipe.stage
        if before is None:
            raise InputError(
                f"stage '{stages[place].name}' continues stage '{stages[place - 1].name}', which is not finished in "
                f"{folder.root}", do="train that stage first, or give --begin",
            )  # fmt: skip
        load_weights(net, before.weights, str(before.path))
    reporter.say(f"{folder.root}: stage '{folder.recipe.stage[place].name}' starts")
    return before
