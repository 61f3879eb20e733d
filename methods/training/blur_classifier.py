"""Train the classifier of sharp and blurred images that is the prior of `facedeblur.methods.classical.blind.li_2018`.

Li et al. (CVPR 2018, section 3.1): sharp images have the label 0 and blurred ones 1, the loss is the binary
cross-entropy, and every batch is shrunk by a random factor from 0.25 to 1, so that the classifier can be used at every
scale of the kernel estimation. The paper trains on natural, face, text and dark photographs; here the photographs are
those that are given. Kernels are those of the toolkit, and crops, noise, exposure and the optimiser are ours, as is the
share of batches that are not shrunk.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing, write_text
from facedeblur.benchmark.files.tables import frame_to_csv
from facedeblur.benchmark.weights import sha256_of
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.methods.classical.blind.blur_network import BlurClassifier
from facedeblur.methods.classical.blind.scales import shrunk
from facedeblur.methods.training.data.blurred_crops import TEST_KERNELS, CropLaw, read_grey
from facedeblur.methods.training.recipe import require

EVERY = 5
"""One of so many photographs is held out."""
HELD_KERNELS = 100_000
"""Number of the first held-out kernel of each size."""


@dataclass(frozen=True)
class ClassifierRecipe:
    """How the classifier is trained.

    Attributes
    ----------
    crop : int
        Side of the crops in pixels.
    batch, steps : int
        Pairs of a sharp and a blurred crop per step, and steps.
    sizes : (int, int)
        Range of the sides to which photographs are shrunk before they are cut, the same chance for each octave.
    kernels : tuple of int
        Sizes of the kernels.
    noise : float
        Greatest standard deviation of the noise; each crop, sharp or blurred, has its own.
    least, whole : float
        Least factor by which batches are shrunk, and share of the batches that are not.
    rate : float
        Adam's rate, which falls to nothing by a cosine.
    seed : int
    """

    crop: int = 48
    batch: int = 8
    steps: int = 800
    sizes: tuple[int, int] = (144, 384)
    kernels: tuple[int, ...] = (7, 11, 15, 19, 23, 27)
    noise: float = 0.015
    least: float = 0.25
    whole: float = 0.4
    rate: float = 1e-3
    seed: int = 0

    @property
    def law(self) -> CropLaw:
        """How the crops are drawn."""
        return CropLaw(self.crop, self.sizes, self.noise)


def held_out_accuracy(
    network: nn.Module, photographs: Sequence[np.ndarray], recipe: ClassifierRecipe, *, pairs: int = 240
) -> dict[str, float]:
    """Share of crops that are classified correctly, of photographs and kernels that were not trained on.

    Returns
    -------
    dict
        ``sharp 1/2`` and so on: for each of the factors 1, 1/2 and 1/4 the share of each label.
    """
    rng = np.random.default_rng(recipe.seed + 1)
    crops = []
    for number in range(pairs):
        size = recipe.kernels[number % len(recipe.kernels)]
        kernel = STANDARD.draw(recipe.seed, size, start=HELD_KERNELS + number)[0]
        crops.append(recipe.law.draw(photographs, kernel, rng))
    found: dict[str, float] = {}
    network.eval()
    with torch.no_grad():
        for name, factor in (("1", 1.0), ("1/2", 0.5), ("1/4", 0.25)):
            images = torch.from_numpy(_shrunk(crops, factor))
            for label, some in zip(("sharp", "blurred"), images.split(pairs), strict=True):
                logits = torch.cat([network(part) for part in some.split(40)])
                found[f"{label} {name}"] = float(((logits > 0) == (label == "blurred")).float().mean())
    return found


def _shrunk(pairs: Sequence[tuple[np.ndarray, np.ndarray]], factor: float) -> np.ndarray:
    """All sharp crops, then all blurred ones, shrunk as in the estimation of kernels; (2 N, 1, s, s) float32."""
    return np.stack([shrunk(one, factor) for some in zip(*pairs, strict=True) for one in some])[:, None]


def train_classifier(
    faces: str | Path,
    out: str | Path,
    *,
    recipe: ClassifierRecipe | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train a classifier and write ``li-2018.safetensors``, ``li-2018.json`` and ``log.csv`` into the folder `out`.

    Weights are kept in half precision. Every fifth photograph is held out, and kernels of test sets are not used.

    Parameters
    ----------
    faces : path
        A collection of photographs, such as ``folder:FOLDER``.
    out : path
        A folder; made if it is missing.
    recipe : ClassifierRecipe, optional
    report : callable, optional
        Called every 50 steps with ``step, loss, seconds``.

    Returns
    -------
    dict
        What ``li-2018.json`` holds: the recipe, the hash of the photographs' names and the accuracy on held-out ones.

    Raises
    ------
    InputError
        When there are fewer than ten photographs, or the recipe wants no batch or step.
    """
    from safetensors.torch import save_file

    recipe = recipe or ClassifierRecipe()
    for name in ("batch", "steps"):
        require(f"classifier recipe, {name}", getattr(recipe, name) >= 1, "at least 1", getattr(recipe, name))
    read, collection = read_grey(faces)
    if len(read) < 2 * EVERY:
        raise InputError("faces", expected=f"{2 * EVERY} or more", found=str(len(read)))
    held = read[EVERY - 1 :: EVERY]
    taken = [one for number, one in enumerate(read) if number % EVERY != EVERY - 1]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = nn.utils.convert_conv2d_weight_memory_format(BlurClassifier(), torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    rng = np.random.default_rng(recipe.seed)
    labels = torch.cat([torch.zeros(recipe.batch), torch.ones(recipe.batch)])
    log: list[dict[str, Any]] = []
    total, start, count = 0.0, time.perf_counter(), 0
    for step in range(1, recipe.steps + 1):
        pairs = []
        for _ in range(recipe.batch):
            size = recipe.kernels[count % len(recipe.kernels)]
            kernel = STANDARD.draw(recipe.seed, size, start=TEST_KERNELS + count // len(recipe.kernels))[0]
            pairs.append(recipe.law.draw(taken, kernel, rng))
            count += 1
        factor = 1.0 if rng.random() < recipe.whole else rng.uniform(recipe.least, 1)
        images = torch.from_numpy(_shrunk(pairs, factor))
        network.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.binary_cross_entropy_with_logits(logits.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rates.step()
        total += loss.item()
        if step % 50 == 0 or step == recipe.steps:
            steps = (step - 1) % 50 + 1
            log.append({
                "step": step, "loss": round(total / steps, 5), "seconds": round(time.perf_counter() - start, 1)
            })  # fmt: skip
            total = 0.0
            if report:
                report(log[-1])
            with replacing(folder / "li-2018.safetensors") as temporary:
                save_file({name: one.contiguous().half() for name, one in network.state_dict().items()}, str(temporary))
            write_text(folder / "log.csv", frame_to_csv(pd.DataFrame(log)))
    network.half().float()  # what is measured is what is kept
    accuracy = held_out_accuracy(network, held, recipe)
    sources = "\n".join(one.source for one in collection.photographs)
    card = {
        "recipe": asdict(recipe), "photographs": len(taken), "held out": len(held),
        "licence": collection.licence, "sources": hashlib.sha256(sources.encode()).hexdigest(),
        "accuracy": {name: round(share, 4) for name, share in accuracy.items()},
        "mean accuracy": round(float(np.mean(list(accuracy.values()))), 4), "seconds": log[-1]["seconds"],
        "sha256": sha256_of(folder / "li-2018.safetensors"),
    }  # fmt: skip
    with replacing(folder / "li-2018.json") as temporary:
        temporary.write_text(json.dumps(card, indent=1) + "\n")
    return card
