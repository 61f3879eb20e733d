"""What the tests of training share: small faces, a small network, a small recipe."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.pairs.sharp_source import SharpArray, SharpFace
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.methods.nets.base import DISCRIMINATORS, NETS
from facedeblur.methods.training.devices import Hardware
from facedeblur.methods.training.loop import Records
from facedeblur.methods.training.recipe import (
    AdversaryRecipe,
    Data,
    LossTerm,
    Optimiser,
    RateSchedule,
    Stage,
    TrainRecipe,
)

PAIRS = """
name = "small"
title = "small"
source = "test"
kind = "uniform"
virtual = true
[image]
template = "shen128"
count = 3
[kernels]
sizes = "5,7"
per_size = 20
[blur]
border = "reflect"
fallback = "reflect"
[noise]
sigma = 0.01
[output]
rounding = "round"
"""


class SmallNet(nn.Module):
    """Two convolutions with dropout and normalisation between, beside the identity."""

    multiple = 2
    parts = ("enter", "leave")

    def __init__(self, *, width: int = 6, bare: bool = False):
        super().__init__()
        behind = [] if bare else [nn.BatchNorm2d(width), nn.Dropout(0.1)]
        self.enter = nn.Sequential(nn.Conv2d(3, width, 5, padding=2), *behind)
        self.leave = nn.Conv2d(width, 3, 5, padding=2)

    def forward(self, blurred):
        return blurred + self.leave(torch.relu(self.enter(blurred)))

    def outputs(self, blurred, *, labels=None, kernels=None):
        return {"restored": self(blurred)}


class SmallCritic(nn.Module):
    """One convolution."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1))

    def forward(self, images):
        return self.body(images)


for _registry, _name, _kind in ((NETS, "test-small", SmallNet), (DISCRIMINATORS, "test-small", SmallCritic)):
    if _name not in _registry:
        _registry.add(_name, _kind)


def smooth(seed: int, size: int = 32) -> np.ndarray:
    """A picture of a few waves, (size, size, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / 128
    draws = rng.uniform((-16, -16, 0), (16, 16, 6), (9, 3))
    waves = [np.sin(2 * np.pi * (u * x + v * y) + phase) for u, v, phase in draws]
    return np.uint8(127 + 40 * np.stack([sum(waves[i::3]) for i in range(3)], -1))


def write_faces(folder: Path, count: int = 10) -> Path:
    """A folder of small pictures beside the recipe of their pairs."""
    folder.mkdir(parents=True)
    for i in range(count):
        write_png(folder / f"{i:02}.png", smooth(i, 128))
    folder.with_suffix(".toml").write_text(PAIRS, encoding="utf-8")
    return folder


def recipe(faces: Path, *stages: Stage) -> TrainRecipe:
    """A training recipe of the small network on `faces`; `plain` without stages."""
    data = Data(recipe=str(faces.with_suffix(".toml")), batch=2, crop=16)
    return TrainRecipe("small", "test-small", "test", data, stages or (plain(),))


def plain(name: str = "whole", **changes) -> Stage:
    """A stage by L1 and Adam."""
    stage = Stage(name, Optimiser("adam", 2e-3), (LossTerm("l1"),), 6, schedule=RateSchedule("cosine", warmup=2))
    return replace(stage, **changes)


def rival() -> AdversaryRecipe:
    """A small adversary."""
    return AdversaryRecipe("test-small", "wgan-gp", 1e-3, Optimiser("adam", 1e-3, betas=(0.5, 0.9)), critic_steps=2)


def virtual(*, labels: dict | None = None, size: int = 32, identities: int = 10, augment: str = "") -> VirtualPairs:
    """Virtual pairs of pictures in memory, two a person."""
    faces = [SharpFace(f"{i:02}", f"p{i % identities}") for i in range(2 * identities)]
    source = SharpArray(np.stack([smooth(i, size) for i in range(len(faces))]), faces=faces)
    spec = PairSpec(sizes=(5, 7), per_size=10, border="reflect", augment=augment or None)
    return VirtualPairs(source, spec, label_files=labels)


def train(recipe: TrainRecipe, faces: Path, out: Path, **given):
    """Train as `trainer.train` does, with what the command is given; small and on the processor unless told."""
    from facedeblur.methods.training import trainer

    def taken(names, **usual):
        return usual | {name: given.pop(name) for name in names if name in given}

    changes = taken(("iterations", "batch", "precision", "config"))
    hardware = Hardware(**taken([one.name for one in fields(Hardware)], device="cpu", loaders=0))
    records = Records(**taken([one.name for one in fields(Records)], check=3, held_out=1))
    recipe = recipe.adjusted(given.get("stage", "all"), **changes)
    return trainer.train(recipe, faces, out, hardware=hardware, records=records, **{"workers": 1} | given)
