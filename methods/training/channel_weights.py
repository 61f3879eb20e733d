"""How much the discriminator of a training weighs each channel of VGG-Face's features, averaged over a set.

Jung, Lee and Heo (DFPGnet), supplementary material, section 2.1 and Fig. 1: deep features of the blurred images of
MSPL's test set go through the channel attention of the trained discriminator D^c, which gives each channel a weight
between 0 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.schema import reading
from facedeblur.benchmark.files.state_dict import load_exactly
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.sets.set import Pair, Set, SetLike
from facedeblur.benchmark.tensors import as_tensor, torch_device
from facedeblur.methods.nets.base import make_discriminator
from facedeblur.methods.training.checkpoint import Checkpoint, read_checkpoint
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.losses.perceptual import FeaturePriors

BATCH = 8
# The end of a stage; weights that `--keep-steps` kept have a number of seven digits behind its name.
_END = re.compile(r"(\d+)-(?!.*-\d{7,}\.safetensors$).+\.safetensors")


@dataclass(frozen=True, eq=False)
class ChannelWeights:
    """Mean channel weights.

    Attributes
    ----------
    layers : tuple of str
        Layers of VGG-Face: ``relu1_2``, ``relu2_2``, ``relu3_3``.
    weights : tuple of np.ndarray, shape (C,), float64
        Of each layer, in the order of its channels, in [0, 1].
    learned : bool
        False for a discriminator that weighs all channels alike.
    images : int
        Blurred images that were averaged over.
    set_name : str
    checkpoint : Path
    stage, step, steps : str, int, int
        How far its training had got: the step of its last stage, and how many this stage has.
    """

    layers: tuple[str, ...]
    weights: tuple[np.ndarray, ...]
    learned: bool
    images: int
    set_name: str
    checkpoint: Path
    stage: str
    step: int
    steps: int

    def descending(self) -> tuple[np.ndarray, ...]:
        """The weights of each layer, the largest first."""
        return tuple(np.sort(one)[::-1] for one in self.weights)

    def over(self, bound: float) -> tuple[float, ...]:
        """Share of each layer's channels, in [0, 1], whose weight is above `bound`."""
        return tuple(float(np.mean(one > bound)) for one in self.weights)

    def under(self, bound: float) -> tuple[float, ...]:
        """Share of each layer's channels, in [0, 1], whose weight is below `bound`."""
        return tuple(float(np.mean(one < bound)) for one in self.weights)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per channel, each layer's largest weight first: layer, rank from 1, channel from 0, weight."""
        for layer, weights in zip(self.layers, self.weights, strict=True):
            for rank, channel in enumerate(np.argsort(-weights, kind="stable").tolist(), start=1):
                yield {"layer": layer, "rank": rank, "channel": channel, "weight": float(weights[channel])}


@checked
def channel_weights(
    weights: str | Path,
    the_set: SetLike,
    *,
    limit: int | None = None,
    device: str = "auto",
    progress: Reporter | bool | None = None,
) -> ChannelWeights:
    """Average the channel weights of a trained discriminator over the blurred images of a set.

    Parameters
    ----------
    weights : path
        Folder of a training, whose last checkpoint is taken, or a checkpoint: the exported weights hold no
        discriminator.
    the_set : Set or path
    limit : int, optional
        At most so many images, drawn at random, the same ones each time.
    device : str
        cpu, cuda, cuda:N or auto.
    progress : Reporter or bool, optional

    Raises
    ------
    InputError
        When there is no checkpoint, its discriminator weighs no channels, or VGG-Face's weights are missing.
    """
    if limit is not None and limit < 1:
        raise InputError("limit", expected="1 or more", found=str(limit))
    kept = read_checkpoint(_checkpoint(Path(weights)))
    features, discriminator, steps = _judges(kept)
    opened, device = Set.open(the_set), torch_device(device)
    if not opened.n_pairs:
        raise InputError(f"set '{opened.name}' has no blurred images", do="give another set")
    features.to(device)
    discriminator.to(device)
    attentions: list[nn.Module] = list(discriminator.attentions)  # type: ignore[arg-type]  # of a ModuleList
    sums = [torch.zeros(width, dtype=torch.float64) for width in features.channels]
    count, total = 0, min(opened.n_pairs, limit or opened.n_pairs)
    with reporting(progress) as reporter, torch.inference_mode():
        for pairs in _batches(opened, total):
            blurred = as_tensor(np.stack([opened.blurred(pair) for pair in pairs]), device=device) / 255
            for at, (deep, attention) in enumerate(zip(features.of_images(blurred).values(), attentions, strict=True)):
                sums[at] += attention(deep).flatten(1).double().sum(0).cpu()
            count += len(pairs)
            reporter.progress("weighing channels", count, total)
    return ChannelWeights(
        layers=tuple(features.features.layers),
        weights=tuple((one / count).numpy() for one in sums),
        learned=any(True for _ in discriminator.attentions.parameters()),  # type: ignore[union-attr]
        images=count,
        set_name=opened.name,
        checkpoint=kept.path,
        stage=kept.header["stage"],
        step=kept.header["step"],
        steps=steps,
    )


def _batches(opened: Set, total: int) -> Iterator[list[Pair]]:
    """`total` pairs drawn at random, the same each time; those of one photograph together, and so of one size."""
    drawn = set(np.random.default_rng(0).permutation(opened.n_pairs)[:total].tolist())
    for _, pairs in opened.by_image():
        chosen = [pair for pair in pairs if pair.index in drawn]
        for start in range(0, len(chosen), BATCH):
            yield chosen[start : start + BATCH]


def _checkpoint(place: Path) -> Path:
    """The last checkpoint of a training."""
    if place.is_file():
        return place
    if not place.is_dir():
        raise MissingFile(
            str(place), expected="the folder of a training, or one of its checkpoints", do="check the path"
        )
    folder = place / "checkpoints"
    ends = [(int(found[1]), path) for path in folder.glob("*.safetensors") if (found := _END.fullmatch(path.name))]
    last = folder / "last.safetensors"
    if last.is_file():
        return last
    if not ends:
        raise InputError(
            f"{place} holds no checkpoints of a training", do="give the folder that facedeblur train wrote"
        )
    return max(ends)[1]


def _judges(kept: Checkpoint) -> tuple[FeaturePriors, nn.Module, int]:
    """What the training compared estimates with, its discriminator, both ready to look, and the steps of the stage."""
    where, network = str(kept.path), kept.header["recipe"].get("network")
    do = "give a checkpoint of a training of dfpgnet with its discriminator"
    with reading(kept.path, "a checkpoint of a training", do=do):
        stage = kept.header["recipe"]["stage"]
        rival, steps = stage["adversary"] or {}, int(stage["iterations"])
        found = [term for term in stage["losses"] if term["name"] == "feature-priors"]
    if rival.get("discriminator") != "dfpg" or not found:
        what = f"'{rival['discriminator']}'" if rival.get("discriminator") else "none"
        raise InputError(where, expected="the discriminator 'dfpg', which weighs channels of deep features",
                         found=f"{what}, in stage '{kept.header['stage']}' of {network}", do=do)  # fmt: skip
    discriminator = make_discriminator("dfpg", **rival["config"])
    load_exactly(discriminator, kept.part("discriminator"), where, do)
    features = make_loss(found[0]["name"], found[0]["options"])
    assert isinstance(features, FeaturePriors)
    features.channels = tuple(int(width) for width in discriminator.widths)  # type: ignore[union-attr]
    return features.eval(), discriminator.eval().requires_grad_(False), steps
