"""Draw blur kernels, against DeblurGAN's generator and against drawing the random numbers alone.

The peer is written here from the model, with the operations that the public code spends its time on: numpy functions
called on one number at a time.
"""

from __future__ import annotations

import math

import numpy as np
from common import NotMeasured, PeerMissing, Ratio, Row, deepinv, interleave

from facedeblur.generators.kernels.boracchi_foi import STANDARD

SAMPLES = 2000
BATCH = 128
LOOP = "DeblurGAN's generator with {numpy}, as we wrote it"
NORMALS = "3,998 normals alone, SFC64 of {numpy}"


def deblurgan_trajectory(*, canvas: int, length: float, anxiety: float) -> np.ndarray:
    """The walk one step at a time on numpy scalars and numpy's global stream; complex, 1-based, (samples,)."""
    rng = np.random
    pull, often, push = 0.7 * rng.uniform(), 0.2 * rng.uniform(), 10 * rng.uniform()
    angle = np.deg2rad(360 * rng.uniform())
    step = length / (SAMPLES - 1)
    velocity = complex(np.cos(angle), np.sin(angle)) * (anxiety if anxiety > 0 else step)
    x = np.zeros(SAMPLES, complex)
    walked = 0.0
    for t in range(SAMPLES - 1):
        shake = 0j
        if rng.uniform() < often * anxiety:
            shake = 2 * velocity * np.exp(complex(0, np.pi + rng.uniform() - 0.5))
        normal = complex(rng.randn(), rng.randn())
        velocity = velocity + shake + anxiety * (push * normal - pull * x[t]) * step
        velocity = velocity / float(np.abs(velocity)) * step
        x[t + 1] = x[t] + velocity
        walked += abs(x[t + 1] - x[t])
    x -= complex(x.real.min(), x.imag.min())
    x -= complex(x[0].real % 1, x[0].imag % 1) - (1 + 1j)
    return np.asarray(x + complex(math.ceil((canvas - x.real.max()) / 2), math.ceil((canvas - x.imag.max()) / 2)))


def deblurgan_kernel(x: np.ndarray, *, canvas: int, until: float = 1.0) -> np.ndarray:
    """Every sample on its own: its share of the exposure, then four products of triangle functions (numpy scalars)."""
    kernel = np.zeros((canvas + 1, canvas + 1))
    m = len(x)

    def tent(u: float, v: float) -> float:
        return float(np.multiply(np.maximum(0, 1 - np.abs(u)), np.maximum(0, 1 - np.abs(v))))

    for t in range(m):
        share = max(0.0, min(t + 1, until * m) - t)
        column = int(np.minimum(canvas - 1, np.maximum(1, math.floor(x[t].real))))
        row = int(np.minimum(canvas - 1, np.maximum(1, math.floor(x[t].imag))))
        kernel[row, column] += share * tent(x[t].real - column, x[t].imag - row)
        kernel[row, column + 1] += share * tent(x[t].real - column - 1, x[t].imag - row)
        kernel[row + 1, column] += share * tent(x[t].real - column, x[t].imag - row - 1)
        kernel[row + 1, column + 1] += share * tent(x[t].real - column - 1, x[t].imag - row - 1)
    return kernel / m


def other_models() -> list[Row]:
    """Against generators of other kinds of kernels, N = 27: no targets, because their work is another."""
    rows: list[Row] = [NotMeasured("G1", "kernel, N=27", "motionblur is not on PyPI")]
    try:
        peer = deepinv().physics.generator.MotionBlurGenerator(psf_size=(27, 27), num_channels=1)
    except PeerMissing as error:
        return [*rows, NotMeasured("G1", "kernel, N=27", f"{error} is not installed")]
    start = iter(range(0, 10**9, BATCH))
    seconds = interleave(
        {"ours": lambda: STANDARD.draw(0, 27, BATCH, start=next(start)), "peer": lambda: peer.step(BATCH)}, rounds=9
    )
    what = "{deepinv}, a Gaussian process, batches of 128"
    return [*rows, Ratio("G1", "kernel, N=27", seconds["ours"] / BATCH, seconds["peer"] / BATCH, 0, what)]


def run() -> list[Row]:
    """Ratios for N = 13, 27 and 51 at L = 1.85 N, M = 2000, T = 1; the target is stated for 27."""
    ratios: list[Row] = []
    start = iter(range(0, 10**9, BATCH))
    sfc = np.random.Generator(np.random.SFC64(1))
    np.random.seed(1)  # noqa: NPY002
    for size in (13, 27, 51):

        def ours(size: int = size) -> None:
            STANDARD.draw(0, size, BATCH, start=next(start))

        def deblurgan(size: int = size) -> None:
            path = deblurgan_trajectory(canvas=size, length=1.85 * size, anxiety=0.005)
            deblurgan_kernel(path, canvas=size)

        def normals() -> None:
            for _ in range(BATCH):
                sfc.standard_normal(2 * (SAMPLES - 1))

        seconds = interleave({"ours": ours, "deblurgan": deblurgan, "normals": normals}, rounds=9)
        one = seconds["ours"] / BATCH
        ratios.append(Ratio("G1", f"kernel, N={size}, T=1", one, seconds["deblurgan"], 1000.0, LOOP))
        drawn = seconds["normals"] / BATCH
        ratios.append(Ratio("G1", f"kernel, N={size}, T=1", one, drawn, 1 / 1.25, NORMALS))
    return ratios + other_models()
