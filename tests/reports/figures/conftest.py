"""A set of two labelled faces of 32 pixels, and the outputs of a network that kept what is in between."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.sets.classes import coloured
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter

SIDE = 32
WRONG = 64
"""Pixels of each kept label map that have another class than the true labels."""


@dataclass(frozen=True)
class Stages:
    """The folder of the set and those of outputs, by method."""

    set: Path
    outputs: dict[str, Path]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """`ours` with estimated kernels, ``parsing``, ``coarse`` and a grey ``sketch``; `other` that kept nothing."""
    root = tmp_path_factory.mktemp("stages")
    rng = np.random.default_rng(0)
    faces = {f"face{k}": rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for k in range(2)}
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[8:24, 8:24] = 1
    kernel = np.eye(5) / 5
    bank = Bank.of(["ker01_k5"], [kernel])
    info: dict[str, Any] = {"schema": 1, "name": "labelled", "recipe": "", "seed": 0, "store": "png", "sources": []}
    writer = SetWriter(root / "set", {**info, "packages": {}, "kind": "blur", "title": "", "assumptions": []})
    images = [
        Image(name, name, "test", "ok", 1, "a.png", "", 1.0, 0, f"labels/{name}.png", SIDE, SIDE, pixel_hash(face),
              "", pixel_hash(labels))
        for name, face in faces.items()
    ]  # fmt: skip
    writer.start(images, lambda image: faces[image.image_id], bank, n_kernels=1, label=lambda image: labels)
    for index, (name, face) in enumerate(faces.items()):
        blurred = cv2.filter2D(face, -1, kernel, borderType=cv2.BORDER_REFLECT)
        pair = Pair(index, f"{name}_b", name, "ker01_k5", 5, "uniform", "reflect", 0.0, 1.0, 0, f"sharp/{name}.png",
                    f"blur/{name}_b.png", pixel_hash(blurred))  # fmt: skip
        write_pixels(writer.work, pair.blur, index, blurred, store="png")
        writer.append([pair])
    made = writer.finish()
    ours, other = root / "ours", root / "other"
    blurs = {pair.pair_id: made.blurred(pair) for pair in made.pairs()}
    parsed = labels.copy()
    parsed.flat[:WRONG] = 10
    kept = {
        "parsing": ("labels", {name: coloured(parsed) for name in blurs}),
        "coarse": ("image", {name: pixels // 2 for name, pixels in blurs.items()}),
        "sketch": ("image", {name: np.repeat(pixels[..., :1], 3, axis=2) for name, pixels in blurs.items()}),
    }
    write_outputs(ours, made, "lin2020", {name: pixels // 4 * 3 for name, pixels in blurs.items()}, keep=list(kept))
    for folder, (kind, pixels) in kept.items():
        write_outputs(ours / folder, made, f"lin2020:{folder}", pixels, kept={"folder": folder, "kind": kind})
    Bank.of(list(blurs), [np.full((3, 3), 1 / 9)] * len(blurs)).save(ours / "kernels.npz")
    write_outputs(other, made, "unsharp", blurs)
    return Stages(root / "set", {"ours": ours, "other": other})


def write_outputs(root: Path, made: Set, method: str, pixels: dict[str, np.ndarray], **facts: Any) -> None:
    """Write outputs as a run does."""
    root.mkdir()
    info = {"schema": 1, "method": method, "name": method.partition(":")[0], "version": "1", "store": "png"}
    info |= {"weights": {}, "options": {}, "set": {"name": made.name, "hash": made.content_hash}}
    statuses = []
    for pair in made.pairs():
        write_pixels(root, pair.name, pair.index, pixels[pair.pair_id], store="png")
        statuses.append(Status(pair.index, pair.pair_id, "ok", 0.1, pixel_hash(pixels[pair.pair_id])))
    (root / "run.json").write_text(json.dumps(info | facts))
    write_rows(root / "status.csv", Status, statuses)
