"""Train a network by a recipe: stage after stage, stopped and gone on with at any step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_tensors
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.training.checkpoint import Checkpoint, Folder, load_weights
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.data.pairs import TrainingData, need_labels, open_data
from facedeblur.methods.training.engine import Engine
from facedeblur.methods.training.export import export
from facedeblur.methods.training.loop import Loop, Pace
from facedeblur.methods.training.losses.adversarial import make_adversary
from facedeblur.methods.training.losses.content import make_loss
from facedeblur.methods.training.recipe import PRECISIONS, Loss, TrainRecipe, load_train_recipe
from facedeblur.methods.training.validation import Validation


@dataclass(frozen=True)
class Trained:
    """What a training gave: the exported weights and their card, and how far it came; `rank` is that of the process."""

    weights: Path
    card: Path
    stage: str
    step: int
    finished: bool
    metrics: dict[str, float]
    rank: int = 0


def train(
    recipe: str | Path | TrainRecipe,
    faces: str | Path,
    out: str | Path,
    *,
    stage: str = "all",
    iterations: int | None = None,
    batch: int | None = None,
    config: Mapping[str, Any] | None = None,
    device: str = "auto",
    devices: int = 1,
    strategy: str = "auto",
    precision: str | None = None,
    channels_last: bool = False,
    loaders: int = -1,
    seed: int = 0,
    resume: bool = True,
    begin: str | Path | None = None,
    stop_after: int | None = None,
    pace: Pace | None = None,
    held_out: int = 32,
    half: bool = False,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
    **faces_options: Any,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    recipe : str, path or TrainRecipe
        Name of a recipe, or a TOML file.
    faces : path
        Photographs, as for `facedeblur.generators.pairs.write.open_pairs`, which gets `faces_options`.
    out : path
        Gets ``NAME.safetensors`` and ``NAME.json``, ``checkpoints/``, ``STAGE.csv``, ``samples/`` and the aligned
        faces.
    stage : str
        ``all``, a number from 1, a range such as ``2-4``, or a name.
    iterations, batch, precision
        Instead of the recipe's, in every chosen stage; schedules shrink with the iterations.
    config : mapping, optional
        Of the network, beside the recipe's.
    device, devices, strategy
        As in `Engine`.
    channels_last : bool
        Lay tensors out with the channels last, which is faster on most devices.
    loaders : int
        Processes that make batches, as in `batches`.
    seed : int
        Of weights, pairs and all draws.
    resume : bool
        Go on from `out`; otherwise the chosen stages begin anew.
    begin : path, optional
        Weights (an export or a checkpoint) that the first chosen stage begins with.
    stop_after : int, optional
        Steps of this call, after which it stops as if interrupted.
    pace : Pace, optional
        How often is logged, checked and saved.
    held_out : int
        Faces that are checked by, not trained on.
    half : bool
        Export the weights in half precision.
    workers : Workers or int
        Where photographs are aligned.
    reporter : Reporter
        Is told the progress of the alignment and of each stage after every step, and what the user should know.

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
    made = _adjusted(made, chosen, iterations, batch, precision, config)
    folder = Folder(Path(out), made, seed)
    engine = Engine(device=device, devices=devices, strategy=strategy)
    for place in chosen:
        engine.set_precision(made.stage[place].precision)
    engine.launch()
    if engine.rank:
        reporter = SILENT
    with torch.random.fork_rng(devices=[engine.device] if engine.device.type == "cuda" else []):
        _ready(made, chosen)
        torch.manual_seed(seed)
        net = make_network(made.network, **made.config)
        data = _opened(made, chosen, net, faces, folder, engine, seed=seed, held_out=held_out, workers=workers,
                       reporter=reporter, **faces_options)  # fmt: skip
        folder.data = data.digest
        failed = [image for image in data.train.images if image.status != "ok"]
        if failed:
            reporter.say(f"{len(failed):,} of {len(data.train.images):,} photographs cannot be used, the first: "
                f"{failed[0].source}: {failed[0].status}")  # fmt: skip
        if not resume and engine.rank == 0:
            folder.clear(chosen)
        engine.wait()
        validation = Validation(Examples(data.check, crop=_whole(data, net), centred=True)) if not engine.rank else None
        engine.place(net, channels_last=channels_last)
        loop = Loop(engine, net, data, folder, validation, pace=pace or Pace(), loaders=loaders,
                    channels_last=channels_last, seed=seed, reporter=reporter)  # fmt: skip
        left = stop_after
        for order, place in enumerate(chosen):
            done = folder.done(place)
            if done is None:
                going = folder.going(place)
                if going is not None:
                    reporter.say(
                        f"{folder.root}: stage '{made.stage[place].name}' goes on from step {going.header['step']:,}"
                    )
                else:
                    _begin(net, folder, place, None if order else begin, reporter)
                last = loop.run(place, going, limit=left)
                left = None if left is None else left - loop.steps
            else:
                last = done
                reporter.say(f"{folder.root}: stage '{made.stage[place].name}' is done already")
            if loop.interrupted or last.header["step"] < made.stage[place].iterations or left == 0:
                break
        weights, card = export(last, made, folder.root, data, engine, half=half)
    engine.close()
    if loop.interrupted:
        raise KeyboardInterrupt
    step, metrics = last.header["step"], last.header["metrics"]
    finished = place == chosen[-1] and step == made.stage[place].iterations
    return Trained(weights, card, last.header["stage"], step, finished, metrics, engine.rank)


def _adjusted(
    recipe: TrainRecipe, chosen: list[int], iterations: int | None, batch: int | None, precision: str | None,
    config: Mapping[str, Any] | None,
) -> TrainRecipe:  # fmt: skip
    """The recipe with what the caller gives instead, for the chosen stages."""
    if precision is not None:
        one_of("precision", precision, PRECISIONS)
    stages = list(recipe.stage)
    for place in chosen:
        stage = stages[place]
        if iterations is not None:
            schedule = stage.schedule.shrunk(iterations / stage.iterations)
            stage = replace(stage, iterations=iterations, schedule=schedule)
        stages[place] = replace(stage, precision=precision or stage.precision, batch=0 if batch else stage.batch)
    data = replace(recipe.data, batch=batch) if batch is not None else recipe.data
    return replace(recipe, stage=tuple(stages), data=data, config={**recipe.config, **(config or {})})


def _ready(recipe: TrainRecipe, chosen: list[int]) -> None:
    """Make the losses of all stages once: weights that are not there are told now, not after days of training."""
    made: list[Loss] = []
    for place in chosen:
        stage = recipe.stage[place]
        for term in stage.losses:
            if not any((term.name, term.options) == (other.name, other.options) for other in made):
                make_loss(term.name, term.options)
                made.append(term)
        if stage.adversary is not None:
            make_adversary(stage.adversary.kind, stage.adversary.options)


def _opened(
    recipe: TrainRecipe, chosen: list[int], net: nn.Module, faces: str | Path, folder: Folder, engine: Engine,
    **options: Any,
) -> TrainingData:  # fmt: skip
    """The data; the first rank aligns the faces, the others find them."""
    workspace = folder.root / "faces"
    if engine.rank == 0:
        data = open_data(recipe.data, faces, workspace=workspace, **options)
    engine.wait()
    if engine.rank:
        data = open_data(recipe.data, faces, workspace=workspace, **options)
    for place in chosen:
        if recipe.stage[place].labels:
            need_labels(data, recipe.stage[place].name)
    multiple = int(getattr(net, "multiple", 1))
    size = (recipe.data.crop,) if recipe.data.crop else data.train.source.size
    if any(side % multiple for side in size):
        raise InputError(
            f"data of recipe '{recipe.name}'", expected=f"sides that are multiples of {multiple}",
            found="x".join(map(str, size[::-1])), do="set 'crop' in its table [data]",
        )  # fmt: skip
    return data


def _whole(data: TrainingData, net: nn.Module) -> tuple[int, int]:
    """As much of a face as the network takes."""
    multiple = int(getattr(net, "multiple", 1))
    height, width = (side // multiple * multiple for side in data.check.source.size)
    return height, width


def _begin(net: nn.Module, folder: Folder, place: int, begin: str | Path | None, reporter: Reporter) -> None:
    """Give the network the weights that a stage begins with."""
    if begin is not None:
        tensors, header = read_tensors(begin)
        if "step" in header and any(key.startswith("network.") for key in tensors):
            tensors = Checkpoint(Path(begin), header, tensors).weights
        load_weights(net, tensors, str(begin))
    elif place:
        before = folder.before(place)
        stages = folder.recipe.stage
        if before is None:
            raise InputError(
                f"stage '{stages[place].name}'", expected=f"stage '{stages[place - 1].name}' done in {folder.root}",
                found="it is not", do="train that first, or give weights to begin with",
            )  # fmt: skip
        load_weights(net, before.weights, str(before.path))
    reporter.say(f"{folder.root}: stage '{folder.recipe.stage[place].name}' begins")
