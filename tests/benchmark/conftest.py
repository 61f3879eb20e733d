"""A toy set, small enough to write in a blink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.traits import NO_TRAITS, Traits
from facedeblur.benchmark.sets.writer import SetWriter

INFO = {"name": "toy", "title": "Toy", "recipe": "name = 'toy'", "seed": 3, "sources": [], "packages": {}}
N_KERNELS = 2


def toy_images(rng: np.random.Generator, count: int = 3) -> tuple[list[Image], dict[str, np.ndarray]]:
    images, sharp = [], {}
    for number in range(count):
        pixels = rng.integers(0, 256, (20, 16, 3)).astype(np.uint8)
        name = f"face{number}"
        sharp[name] = pixels
        images.append(
            Image(name, f"id{number}", "test", "ok", 1, f"{name}.jpg", "", 1.0, 0, "", 16, 20, pixel_hash(pixels), "")
        )
    failed = replace(images[0], image_id="blank", status="no face", n_faces=0, sha256="", width=0, height=0)
    return [images[0], failed, *images[1:]], sharp


def toy_bank() -> Bank:
    box = np.full((3, 3), 1 / 9)
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    return Bank.of(["ker01_k03", "ker01_k05"], [box, dot])


def fill(
    out: Any, *, store: str = "png", stop_after: int | None = None, traits: Traits = NO_TRAITS, **info: Any
) -> Set | None:
    """Write a toy set; stop as a kill would after some photographs."""
    writer = SetWriter(out, INFO | info, store=store)
    images, sharp = toy_images(np.random.default_rng(0))
    bank = toy_bank()
    done = writer.start(images, lambda image: sharp[image.image_id], bank, n_kernels=N_KERNELS, traits=traits)
    for number, image in enumerate(image for image in images if image.status == "ok"):
        if image.image_id in done:
            continue
        if number == stop_after:
            return None
        pairs = []
        for k, kernel_id in enumerate(bank.ids):
            index = number * N_KERNELS + k
            pixels = np.roll(sharp[image.image_id], k + 1, axis=1)
            name = f"blur/{image.image_id}_{kernel_id}.png"
            write_pixels(writer.work, name, index, pixels, store=writer.store)
            size = int(bank.sizes[k])
            pairs.append(
                Pair(index, f"{image.image_id}_{kernel_id}", image.image_id, kernel_id, size, "uniform", "reflect",
                     0.01, 1.0, 3, image.sharp, name, pixel_hash(pixels))
            )  # fmt: skip
        writer.append(pairs)
    return writer.finish()


@pytest.fixture(scope="session")
def fill_toy() -> Callable[..., Set | None]:
    """``fill_toy(out, store=..., stop_after=..., **info)`` writes a toy set: 3 images, a failed one, 2 kernels."""
    return fill


@pytest.fixture
def toy(tmp_path) -> Set:
    made = fill(tmp_path / "toy")
    assert made is not None
    return made


@pytest.fixture
def toy_parts() -> tuple[list[Image], dict[str, np.ndarray]]:
    """Image records (the second is a failed photograph) and the pixels of the usable ones."""
    return toy_images(np.random.default_rng(0))
