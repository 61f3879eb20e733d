"""Sets of every kind for cards: pixels and arrays, with labels, a gallery and traits, and without sharp images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.traits import NO_TRAITS, Traits
from facedeblur.benchmark.sets.writer import SetWriter

SIDE = 24
KERNELS = 2
RECIPE = 'name = "tiny"\ntitle = "Tiny"\n\n[kernels]\nper_size = 2\n'
OPEN = ({"folder": "photos", "licence": "CC0 1.0", "collection": "faker: 3 photographs; licence: CC0 1.0"},)


def make_set(
    root: Path,
    *,
    sources: tuple[Mapping[str, str], ...] = OPEN,
    store: str = "png",
    labels: bool = False,
    gallery: bool = False,
    reference: bool = True,
    traits: Traits = NO_TRAITS,
    **info: Any,
) -> Set:
    """A set of three faces x two kernels; one photograph shows no face."""
    rng = np.random.default_rng(5)
    pixels: dict[str, np.ndarray] = {}
    masks: dict[str, np.ndarray] = {}

    def image(name: str, role: str = "test", status: str = "ok") -> Image:
        pixels[name] = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        masks[name] = rng.integers(0, 11, (SIDE, SIDE), dtype=np.uint8)
        labelled = labels and status == "ok" and role != "gallery"
        return Image(
            name, f"=person {name[-1]}", role, status, 1, f"{name}.jpg", "", 1.0, 0,
            f"labels/{name}.png" if labelled else "", SIDE, SIDE, pixel_hash(pixels[name]), "",
            pixel_hash(masks[name]) if labelled else "",
        )  # fmt: skip

    images = [image(f"face{place}") for place in range(3)]
    images += [image("known0", "gallery")] if gallery else []
    images += [image("tree", status="no face")]
    bank = Bank.of([f"ker{place + 1:02d}_k5" for place in range(KERNELS)], [np.eye(5) / 5, np.eye(5)[::-1] / 5])
    described = {"name": "tiny", "title": "Tiny", "recipe": RECIPE, "seed": 7, "sources": list(sources),
                 "packages": {"facedeblur": "0.1.0", "numpy": "2"}, "reference": reference, **info}  # fmt: skip
    writer = SetWriter(root, described, store=store)
    writer.start(
        images, (lambda one: pixels[one.image_id]) if reference else None, bank, n_kernels=KERNELS,
        label=(lambda one: masks[one.image_id]) if labels else None, traits=traits,
    )  # fmt: skip
    index = 0
    for one in images:
        if not one.blurred:
            continue
        pairs = []
        for kernel in bank.ids:
            blurred, name = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8), f"{one.image_id}_{kernel}"
            pairs.append(
                Pair(index, name, one.image_id, kernel, 5, "uniform", "valid", 0.01, 1.0, 7,
                     one.sharp if reference else "", f"blur/{name}.png", pixel_hash(blurred))
            )  # fmt: skip
            write_pixels(writer.work, pairs[-1].blur, index, blurred, store=store)
            index += 1
        writer.append(pairs)
    return writer.finish()


@pytest.fixture(scope="session")
def small_set() -> Callable[..., Set]:
    """`make_set`."""
    return make_set


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Set:
    """A set whose faces are CC0."""
    return make_set(tmp_path_factory.mktemp("tiny") / "set")
