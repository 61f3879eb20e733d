"""Literal float64 PSNR and SSIM, and the golden values they give. Run this file to write golden_fidelity.json anew.

Nothing here imports the toolkit: every definition is written out as its source states it, slow and plain.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_AXIS = np.arange(-5, 6)
_BELL = np.exp(-(_AXIS**2) / (2 * 1.5**2))


def psnr(x: np.ndarray, y: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((x.astype(np.float64) - y.astype(np.float64)) ** 2)))


def luma(image: np.ndarray, name: str) -> np.ndarray:
    rgb = image.astype(np.float64)
    if name == "y-full":
        return 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]
    return 16 + (65.481 * rgb[..., 0] + 128.553 * rgb[..., 1] + 24.966 * rgb[..., 2]) / 255


def ssim_map(x: np.ndarray, y: np.ndarray, window: np.ndarray, unbiased: float = 1.0) -> np.ndarray:
    """Wang's index at every sample; any number of axes, replicated borders, the whole window literally."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.correlate(values, window, mode="nearest")

    mx, my = mean(x), mean(y)
    vx, vy = unbiased * (mean(x * x) - mx * mx), unbiased * (mean(y * y) - my * my)
    covariance = unbiased * (mean(x * y) - mx * my)
    return (2 * mx * my + C1) * (2 * covariance + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))


def ssim(x: np.ndarray, y: np.ndarray, definition: str) -> float:
    plane = np.outer(_BELL, _BELL)
    if definition == "matlab3d":
        volume = plane[:, :, None] * _BELL
        return float(ssim_map(x, y, volume / volume.sum()).mean())
    if definition == "skimage":
        maps = [ssim_map(x[..., c], y[..., c], np.full((7, 7), 1 / 49), 49 / 48)[3:-3, 3:-3] for c in range(3)]
        return float(np.mean(maps))
    name = definition.removesuffix("-replicate")
    channels = [(x[..., c], y[..., c]) for c in range(3)]
    pairs = channels if name == "perchannel" else [(luma(x, name), luma(y, name))]
    maps = [ssim_map(a, b, plane / plane.sum()) for a, b in pairs]
    return float(np.mean(maps if definition.endswith("-replicate") else [one[5:-5, 5:-5] for one in maps]))


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three pairs made of integer arithmetic alone, so that every machine has the same bytes."""
    row, column, channel = np.indices((37, 30, 3))
    waves = ((row * row * 3 + column * 7 * (channel + 1) + row * column) // 5 % 256).astype(np.uint8)
    ramp = np.clip(row * 5 + column * 2 + channel * 20, 0, 255).astype(np.uint8)
    shifted = np.roll(ramp, (2, 1), axis=(0, 1))
    grain = (row * 7919 + column * 104729 + channel * 1299709) % 61 - 30
    grainy = np.clip(ramp.astype(np.int64) + grain, 0, 255).astype(np.uint8)
    black, white = np.zeros((12, 11, 3), np.uint8), np.full((12, 11, 3), 255, np.uint8)
    return {"ramp-shifted": (shifted, ramp), "grain": (grainy, ramp), "waves": (waves, ramp), "black": (black, white)}


DEFINITIONS = (
    *("matlab3d", "perchannel", "perchannel-replicate", "y-limited", "y-limited-replicate"),
    *("y-full", "y-full-replicate", "skimage"),
)


def values() -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for name, (x, y) in cases().items():
        row = {"psnr[rgb,255]": psnr(x, y)}
        for space in ("y-limited", "y-full"):
            row[f"psnr[{space},255]"] = psnr(luma(x, space), luma(y, space))
        for definition in DEFINITIONS:
            window = "uniform,w7" if definition == "skimage" else "s1.5,w11"
            row[f"ssim[{definition},{window}]"] = ssim(x, y, definition)
        table[name] = row
    return table


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(json.dumps(values(), indent=1) + "\n", encoding="utf-8")
