"""Small folders of blurred and sharp images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedeblur.benchmark.files.images import write_png


def pixels(seed: int, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    """A picture of noise, (H, W, 3) uint8, whose first sample is its seed."""
    made = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    made[0, 0, 0] = seed
    return made


def tree(root: Path, files: dict[str, int], size: tuple[int, int] = (24, 32)) -> Path:
    """Write a picture for every path, made from its seed."""
    for name, seed in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(root / name, pixels(seed, size))
    return root
