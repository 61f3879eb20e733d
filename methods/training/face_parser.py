"""Train facedeblur's own face parser (`facedeblur.benchmark.faces.parsers.own`)."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.parsers.own import ParsingNetwork
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.metrics.faces.parsing import confusion, fscores
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.photos.opening import open_collection
from facedeblur.methods.training.data.labelled_faces import IGNORED, LabelledFaces, augmented, read_labelled
from facedeblur.methods.training.recipe import require


@dataclass(frozen=True)
class ParserRecipe:
    """How a parser is trained.

    Attributes
    ----------
    size : int
        Side of the crops in pixels.
    batch, epochs, held_out : int
        ``held_out`` photographs at the end of the collection are not trained on; they measure the progress.
    rate, decay : float
        AdamW's rate, which warms up over 200 steps and falls to nothing by a cosine, and its weight decay.
    dice : float
        Weight of the soft Dice loss relative to the cross-entropy; small parts count in it as much as large ones.
    average : float
        Decay of the running mean of the weights, which is what is kept.
    seed : int
    """

    size: int = 128
    batch: int = 16
    epochs: int = 24
    held_out: int = 100
    rate: float = 2e-3
    decay: float = 0.02
    dice: float = 1.0
    average: float = 0.998
    seed: int = 0


def parsing_loss(logits: torch.Tensor, labels: torch.Tensor, *, dice: float = 1.0) -> torch.Tensor:
    """Cross-entropy, and `dice` times one minus the mean over the classes present of the soft Dice coefficient.

    Parameters
    ----------
    logits : (N, K, H, W) float
    labels : (N, H, W) int64
        `IGNORED` where no class is known.
    """
    logits = logits.float()
    entropy = functional.cross_entropy(logits, labels, ignore_index=IGNORED)
    known = (labels != IGNORED).unsqueeze(1)
    truth = functional.one_hot(torch.where(labels == IGNORED, 0, labels), logits.shape[1]).permute(0, 3, 1, 2) * known
    shares = logits.softmax(1) * known
    hits, both = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    return entropy + dice * (1 - (2 * hits / both.clamp_min(1))[present].mean())


@torch.no_grad()
def component_scores(network: nn.Module, faces: LabelledFaces, *, size: int) -> np.ndarray:
    """F-score of the 11 classes, of pixels pooled over `faces` shrunk to `size`; (11,) float64."""
    counts = []
    network.eval()
    for start in range(0, len(faces), 25):
        some = faces.part(start, start + 25)
        images = functional.interpolate(some.photographs.float() / 255, size=(size, size), mode="area")
        found = network(images).argmax(1).to(torch.uint8).numpy()
        truth = functional.interpolate(some.labels.unsqueeze(1).float(), size=(size, size), mode="nearest-exact")
        counts += [confusion(one, true) for one, true in zip(found, truth[:, 0].to(torch.uint8).numpy(), strict=True)]
    return fscores(np.stack(counts))


def train_parser(
    faces: LabelledFaces | str | Path,
    out: str | Path,
    *,
    recipe: ParserRecipe | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train a parser and write ``parser.safetensors``, ``parser.json`` and ``log.csv`` into the folder `out`.

    Weights are kept in half precision, bfloat16 arithmetic is used where the processor has it.

    Parameters
    ----------
    faces : LabelledFaces or path
        A path is a collection with labels, such as ``celebamask:FOLDER``.
    out : path
        A folder; made if it is missing.
    recipe : ParserRecipe, optional
    report : callable, optional
        Called after each epoch with its numbers: ``epoch, loss, mean, seconds``.

    Returns
    -------
    dict
        What ``parser.json`` holds: the recipe, the sources' hash and the scores on the held-out photographs.

    Raises
    ------
    InputError
        When there are fewer photographs than two batches besides the held-out ones, or the recipe wants no batch, epoch
        or held-out photograph.
    """
    from safetensors.torch import save_file

    recipe = recipe or ParserRecipe()
    if not isinstance(faces, LabelledFaces):
        faces = read_labelled(open_collection(faces))
    for name in ("batch", "epochs", "held_out"):
        require(f"parser recipe, {name}", getattr(recipe, name) >= 1, "at least 1", getattr(recipe, name))
    n = len(faces) - recipe.held_out
    if n < 2 * recipe.batch:
        raise InputError("faces", expected=f"{2 * recipe.batch + recipe.held_out} or more", found=str(len(faces)))
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = nn.utils.convert_conv2d_weight_memory_format(ParsingNetwork(), torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = n // recipe.batch
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / 200) * 0.5 * (1 + np.cos(np.pi * min(1.0, step / (steps * recipe.epochs)))),
    )
    log: list[dict[str, Any]] = []
    scores, start = np.full(len(HELEN), np.nan), time.perf_counter()
    for epoch in range(recipe.epochs):
        generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
        order, total = torch.randperm(n, generator=generator), 0.0
        network.train()
        for rows in order[: steps * recipe.batch].split(recipe.batch):
            images, labels = augmented(faces, rows, size=recipe.size, generator=generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(images.contiguous(memory_format=torch.channels_last))
            loss = parsing_loss(logits, labels, dice=recipe.dice)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            rates.step()
            average.update_parameters(network)
            total += loss.item()
        if epoch % 5 == 4 or epoch == recipe.epochs - 1:
            scores = component_scores(average.module, faces.part(n, len(faces)), size=recipe.size)
            _keep(average.module, folder / "parser.safetensors", save_file)
        log.append({
            "epoch": epoch + 1, "loss": round(total / steps, 5), "mean": round(float(scores[1:].mean()), 5),
            "seconds": round(time.perf_counter() - start, 1),
        })  # fmt: skip
        if report:
            report(log[-1])
        with replacing(folder / "log.csv") as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(log[0]))
            writer.writeheader()
            writer.writerows(log)
    card = {
        "recipe": asdict(recipe), "photographs": n, "held out": recipe.held_out,
        "sources": hashlib.sha256("\n".join(faces.sources).encode()).hexdigest(),
        "scores": {name: round(float(one), 4) for name, one in zip(HELEN, scores, strict=True)},
        "mean of ten": round(float(scores[1:].mean()), 4), "seconds": log[-1]["seconds"],
        "sha256": sha256_of(folder / "parser.safetensors"),
    }  # fmt: skip
    with replacing(folder / "parser.json") as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n")
    return card


def _keep(network: nn.Module, path: Path, save: Callable[..., None]) -> None:
    half = {
        name: value.contiguous().half() if value.is_floating_point() else value.contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with replacing(path) as temporary:
        save(half, str(temporary))
