"""G1: kernels against DeblurGAN's generator, and against drawing the normals alone with numpy's fastest generator."""

from __future__ import annotations

import cmath
import math

import numpy as np
from common import Ratio, interleave

from facedeblur.generators.kernels import kernels

SAMPLES = 2000
BATCH = 128


def deblurgan_trajectory(rng: np.random.Generator, *, canvas: int, length: float, anxiety: float) -> np.ndarray:
    """One step at a time in plain Python, as that code does it; complex positions, 1-based, (samples,)."""
    pull, push, often = 0.7 * rng.random(), 10.0 * rng.random(), 0.2 * rng.random()
    angle = 2 * math.pi * rng.random()
    step = length / (SAMPLES - 1)
    velocity = complex(math.cos(angle), math.sin(angle)) * (anxiety if anxiety > 0 else step)
    x = np.zeros(SAMPLES, complex)
    for t in range(SAMPLES - 1):
        shake = 0j
        if rng.random() < often * anxiety:
            shake = 2 * velocity * cmath.exp(1j * (math.pi + rng.random() - 0.5))
        normal = complex(rng.standard_normal(), rng.standard_normal())
        velocity += shake + anxiety * (push * normal - pull * x[t]) * step
        velocity *= step / abs(velocity)
        x[t + 1] = x[t] + velocity
    x -= complex(x.real.min(), x.imag.min())
    x -= complex(x[0].real % 1, x[0].imag % 1) - (1 + 1j)
    return np.asarray(x + complex(math.ceil((canvas - x.real.max()) / 2), math.ceil((canvas - x.imag.max()) / 2)))


def deblurgan_kernel(x: np.ndarray, *, canvas: int) -> np.ndarray:
    """Bilinear deposit of every sample at T = [1], four triangle products each, in plain Python."""
    kernel = np.zeros((canvas, canvas))

    def triangle(distance: float) -> float:
        return max(0.0, 1.0 - abs(distance))

    for point in x:
        column = min(canvas - 1, max(1, math.floor(point.real)))
        row = min(canvas - 1, max(1, math.floor(point.imag)))
        for i in (row, row + 1):
            for j in (column, column + 1):
                kernel[i - 1, j - 1] += triangle(point.real - j) * triangle(point.imag - i)
    return kernel / len(x)


def run() -> list[Ratio]:
    """Ratios for N = 13, 27 and 51 at L = 1.85 N, M = 2000, T = 1; the target is stated for 27."""
    ratios = []
    start = iter(range(0, 10**9, BATCH))
    sfc = np.random.Generator(np.random.SFC64(1))
    rng = np.random.default_rng(1)
    for size in (13, 27, 51):

        def ours(size: int = size) -> None:
            kernels(0, size, BATCH, start=next(start))

        def deblurgan(size: int = size) -> None:
            path = deblurgan_trajectory(rng, canvas=size, length=1.85 * size, anxiety=0.005)
            deblurgan_kernel(path, canvas=size)

        def normals() -> None:
            for _ in range(BATCH):
                sfc.standard_normal(2 * (SAMPLES - 1))

        seconds = interleave({"ours": ours, "deblurgan": deblurgan, "normals": normals}, rounds=9)
        one = seconds["ours"] / BATCH
        ratios.append(Ratio("G1", f"kernel N={size} / DeblurGAN at T=[1]", one, seconds["deblurgan"], 1000.0))
        drawn = seconds["normals"] / BATCH
        ratios.append(Ratio("G1", f"kernel N={size} / SFC64.standard_normal(3998)", one, drawn, 1 / 1.25))
    return ratios


if __name__ == "__main__":
    for ratio in run():
        print(ratio, f"{ratio.value:.2f}x")
