"""Make a blurred image of a sharp one: pad, convolve, add noise, clip, round to uint8; against two common scripts."""

from __future__ import annotations

import cv2
import numpy as np
from common import Ratio, interleave
from scipy.signal import fftconvolve

from facedeblur.generators.blur.degrade import degrade_many
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.kernels.boracchi_foi import STANDARD

SIGMA = 0.01
KERNELS = 40
PEERS = {
    "opencv": "filter2D of {opencv-python} and Philox of {numpy}",
    "fft": "script with fftconvolve of {scipy} and normals of {numpy}",
}


def by_opencv(image: np.ndarray, kernel: np.ndarray, index: int) -> np.ndarray:
    """cv2.filter2D in float32 and numpy's Philox keyed by (seed, pair): reproducible, as ours."""
    radius = len(kernel) // 2
    padded = cv2.copyMakeBorder(image, radius, radius, radius, radius, cv2.BORDER_REFLECT_101).astype(np.float32)
    full = cv2.filter2D(padded, -1, kernel[::-1, ::-1].astype(np.float32), borderType=cv2.BORDER_CONSTANT)
    blurred = full[radius:-radius, radius:-radius]
    noise = np.random.Generator(np.random.Philox(key=np.array([0, index], np.uint64)))
    blurred = blurred + np.float32(255 * SIGMA) * noise.standard_normal(blurred.shape, np.float32)
    return np.asarray(np.floor(np.clip(blurred, 0, 255) + np.float32(0.5)).astype(np.uint8))


def by_fft(image: np.ndarray, kernel: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """np.pad, fftconvolve a channel and rng.normal, all in float64: the usual script."""
    radius = len(kernel) // 2
    padded = np.pad(image.astype(np.float64), ((radius, radius), (radius, radius), (0, 0)), "reflect")
    planes = [fftconvolve(padded[..., c], kernel, mode="valid") for c in range(3)]
    blurred = np.stack(planes, -1)
    blurred += rng.normal(0, 255 * SIGMA, blurred.shape)
    return np.asarray(np.floor(np.clip(blurred, 0, 255) + 0.5).astype(np.uint8))


def run() -> list[Ratio]:
    """Ratios for N = 27 at 128 x 128 and N = 51 at 240 x 200, one image x 40 kernels and a new image each time."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    legacy = np.random.RandomState(0)
    ratios = []
    for size, height, width, low, high in ((27, 128, 128, 3.5, 8.0), (51, 240, 200, 3.0, 5.5)):
        coarse = rng.integers(0, 256, (KERNELS, height // 8, width // 8, 3), np.uint8)
        images = np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in coarse])
        bank = STANDARD.draw(0, size, KERNELS)
        numbers = np.arange(KERNELS)

        def shared(images: np.ndarray = images, bank: np.ndarray = bank, numbers: np.ndarray = numbers) -> None:
            degrade_many(images[0], bank, noise=Noise(SIGMA), seed=0, indices=numbers)

        def fresh(images: np.ndarray = images, bank: np.ndarray = bank) -> None:
            for i in range(KERNELS):
                degrade_many(images[i], bank[i : i + 1], noise=Noise(SIGMA), seed=0, indices=[i])

        def opencv(images: np.ndarray = images, bank: np.ndarray = bank) -> None:
            for i in range(10):
                by_opencv(images[i], bank[i], i)

        def fft(images: np.ndarray = images, bank: np.ndarray = bank) -> None:
            for i in range(10):
                by_fft(images[i], bank[i], legacy)

        jobs = {"shared": shared, "fresh": fresh, "opencv": opencv, "fft": fft}
        seconds = interleave(jobs, rounds=9)
        where = f"blur, noise, rounding: N={size} at {height}x{width}"
        for name, at_least in (("opencv", low), ("fft", high)):
            theirs, peer = seconds[name] / 10, PEERS[name]
            ratios.append(Ratio("G2", f"{where}, one image", seconds["shared"] / KERNELS, theirs, at_least, peer))
            ratios.append(Ratio("G2", f"{where}, new images", seconds["fresh"] / KERNELS, theirs, 1.0, peer))
    return ratios
