"""A small set on disk: two portraits, four kernels, written by the set writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from facedeblur.benchmark.files.images import pixel_hash, to_uint8
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter

MARGIN = 14


def motion_kernel(size: int, seed: int) -> np.ndarray:
    """A random walk smeared by a Gaussian, (size, size) float64, sum 1, mass in the middle."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0, size / 16, (60, 2)), axis=0)
    path += (size - 1) / 2 - path.mean(axis=0)
    grid = np.arange(size)
    kernel = np.zeros((size, size))
    for y, x in path:
        kernel += np.outer(np.exp(-((grid - y) ** 2) / 0.7), np.exp(-((grid - x) ** 2) / 0.25))
    return kernel / kernel.sum()


def write_set(
    root: Path,
    portrait: np.ndarray,
    *,
    sizes: tuple[int, ...] = (13, 13, 19, 27),
    shapes: tuple[tuple[int, int], ...] = ((128, 128), (128, 128)),
    store: str = "png",
    seed: int = 0,
    labelled: bool = False,
) -> Set:
    """Write a set whose photographs are crops of `portrait`, halved, of the given (height, width)."""
    bank = Bank.of([f"ker{i:02d}_k{size}" for i, size in enumerate(sizes)],
                   [motion_kernel(size, seed + i) for i, size in enumerate(sizes)])  # fmt: skip
    half = portrait.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    images, sharp, wide, labels = [], {}, {}, {}
    for i, (height, width) in enumerate(shapes):
        corner = (10 * i, 30 + 20 * i)
        crop = half[corner[0] :, corner[1] :][: height + 2 * MARGIN, : width + 2 * MARGIN]
        name = f"face{i}"
        wide[name] = crop / 255
        sharp[name] = np.ascontiguousarray(crop[MARGIN:-MARGIN, MARGIN:-MARGIN])
        images.append(Image(name, f"person{i}", "test", "ok", 1, f"{name}.jpg", "", 1.0, MARGIN, "", width, height,
                            pixel_hash(sharp[name]), ""))  # fmt: skip
        if labelled:
            labels[name] = np.uint8(np.add.outer(np.arange(height), np.arange(width) + 8 * i) // 16 % 11)
            images[-1] = replace(images[-1], label=f"labels/{name}.png", label_sha256=pixel_hash(labels[name]))
    writer = SetWriter(root, {"name": f"tiny{seed}", "recipe": "tiny", "seed": seed, "sources": []}, store=store)
    writer.start(images, lambda image: sharp[image.image_id], bank, n_kernels=len(sizes),
                 label=lambda image: labels[image.image_id])  # fmt: skip
    rng = np.random.default_rng(seed)
    for i, image in enumerate(images):
        rows = []
        for j, kernel_id in enumerate(bank.ids):
            kernel = bank.kernel(kernel_id)
            blurred = np.stack([signal.fftconvolve(wide[image.image_id][..., c], kernel, "same") for c in range(3)], 2)
            blurred = blurred[MARGIN:-MARGIN, MARGIN:-MARGIN] + rng.normal(0, 0.01, (image.height, image.width, 3))
            pixels = to_uint8(blurred)
            name = f"blur/{image.image_id}_{kernel_id}.png"
            index = i * len(sizes) + j
            write_pixels(writer.work, name, index, pixels, store=store)
            rows.append(Pair(index, f"{image.image_id}_{kernel_id}", image.image_id, kernel_id, sizes[j], "uniform",
                             "valid", 0.01, 1.0, seed, image.sharp, name, pixel_hash(pixels)))  # fmt: skip
        writer.append(rows)
    return writer.finish()


@pytest.fixture(scope="session")
def make_set(portrait: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Set]:
    """Function that writes a set into a new folder; see `write_set`."""

    def make(**options: object) -> Set:
        return write_set(tmp_path_factory.mktemp("sets") / "tiny", portrait, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def tiny(make_set: Callable[..., Set]) -> Set:
    """Eight pairs: two photographs of 128x128, four kernels."""
    return make_set()
