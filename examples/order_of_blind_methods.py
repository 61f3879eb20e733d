"""Where the order of blind methods comes from: kernel size, colour, final deconvolution and scoring are varied.

    python examples/order_of_blind_methods.py order.csv SET [SET ...]

The sets, written by ``facedeblur build``, have the same sharp images and kernel sizes. Kernel size and colour are
varied on the first; on the others each method is given the true size. Every row is one pair under one choice. Rows
that order.csv has are not computed again, so the script can be stopped at any time.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import facedeblur as fd
from facedeblur.benchmark.files.images import to_uint8
from facedeblur.benchmark.metrics.fidelity.shift import shift_psnr
from facedeblur.methods.base import METHODS
from facedeblur.methods.classical.blind.cho_lee_2009 import gaussian
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import hyper_laplacian

COMPARED = ("cho-lee-2009", "krishnan-2011", "xu-2013")
FIELDS = ("set", "pair", "size", "colour", "method", "final", "rule", "value")
CUT = 13
"""Pixels that are cut off on each side: the radius of the largest kernel."""


def variations(true: int) -> list[tuple[str, int, str]]:
    """Name and value of the kernel size that a method is given, and the channel that it estimates from."""
    return [("true", true, "grey"), ("27", 27, "grey"), ("true + 4", true + 4, "grey"), ("true", true, "green")]


def scores(restored: np.ndarray, sharp: np.ndarray) -> dict[str, float]:
    """Score (H, W, 3) in [0, 1] against uint8 under each rule."""
    pixels, inner = to_uint8(np.clip(restored, 0, 1)), np.s_[CUT:-CUT, CUT:-CUT]
    return {
        "psnr": fd.psnr(pixels, sharp),
        "psnr, border cut": fd.psnr(np.ascontiguousarray(pixels[inner]), np.ascontiguousarray(sharp[inner])),
        "psnr, shift": shift_psnr(pixels, sharp, crop=CUT, reach=8),
        "ssim": fd.ssim(pixels, sharp),
    }


def restorations(name: str, size: int, blurred: np.ndarray, seen: np.ndarray) -> dict[str, np.ndarray]:
    """Estimate a kernel from `seen` and restore `blurred` by each final deconvolution."""
    method = METHODS.get(name)(size=size)
    kernel = method.estimate(seen)
    return {
        "own": method.deconvolve(blurred, kernel),
        "common": hyper_laplacian(blurred, kernel, weight=500.0),
        "gaussian": gaussian(blurred, kernel),
    }


def main(target: Path, folders: list[str]) -> None:
    """Append to `target` what it lacks, by turns one pair of every set."""
    done: set[tuple[str, ...]] = set()
    if target.exists():
        with target.open(newline="", encoding="utf-8") as file:
            done = {tuple(row[:5]) for row in csv.reader(file)}
    sets = [fd.Set.open(folder) for folder in folders]
    with target.open("a", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        if not done:
            table.writerow(FIELDS)
        for pairs in zip(*(one.pairs() for one in sets), strict=True):
            for one, pair in zip(sets, pairs, strict=True):
                sharp, blurred = one.sharp(one.image_of(pair)), one.blurred(pair).astype(np.float32) / 255
                several = variations(pair.kernel_size)
                for label, size, colour in several if one is sets[0] else several[:1]:
                    seen = blurred if colour == "grey" else np.repeat(blurred[..., 1:2], 3, axis=2)
                    for name in COMPARED:
                        key = (one.name, pair.pair_id, label, colour, name)
                        if key in done:
                            continue
                        for final, restored in restorations(name, size, blurred, seen).items():
                            for rule, value in scores(restored, sharp).items():
                                table.writerow((*key, final, rule, f"{value:.4f}"))
                        file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
