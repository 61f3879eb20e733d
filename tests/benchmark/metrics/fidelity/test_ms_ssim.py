"""Multi-scale SSIM against the paper's formula, written out with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.metrics.fidelity.ms_ssim import ms_ssim

pytest.importorskip("pytorch_msssim")

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def literal(x: np.ndarray, y: np.ndarray, window: int) -> float:
    """Luminance at the last scale, contrast and structure at all five; the mean over the channels' products."""
    taps = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    half = window // 2

    def blurred(image: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = convolve1d(image, taps, axis=axis)
        return image[half:-half, half:-half]

    products = []
    for channel in range(3):
        a, b, value = x[..., channel].astype(float), y[..., channel].astype(float), 1.0
        for scale, weight in enumerate(WEIGHTS):
            ma, mb = blurred(a), blurred(b)
            va, vb, vab = blurred(a * a) - ma**2, blurred(b * b) - mb**2, blurred(a * b) - ma * mb
            structure = (2 * vab + (0.03 * 255) ** 2) / (va + vb + (0.03 * 255) ** 2)
            light = (2 * ma * mb + (0.01 * 255) ** 2) / (ma**2 + mb**2 + (0.01 * 255) ** 2)
            term = (light * structure if scale == 4 else structure).mean()
            value *= max(term, 0.0) ** weight
            a, b = (image.reshape(len(image) // 2, 2, -1, 2).mean((1, 3)) for image in (a, b))
        products.append(value)
    return float(np.mean(products))


@pytest.mark.parametrize(("size", "window"), [(192, 11), (128, 7)])
def test_it_is_the_papers_formula(size: int, window: int) -> None:
    rng = np.random.default_rng(size)
    sharp = rng.integers(0, 256, (size, size, 3), np.uint8)
    sharp = (convolve1d(convolve1d(sharp.astype(float), np.ones(5) / 5, axis=0), np.ones(5) / 5, axis=1)).astype(
        np.uint8
    )
    restored = np.clip(sharp + rng.normal(0, 12, sharp.shape), 0, 255).astype(np.uint8)
    value = ms_ssim(restored, sharp, window=window)
    assert 0.2 < value < 0.99
    assert value == pytest.approx(literal(restored, sharp, window), abs=2e-6)  # its window is float32
    assert ms_ssim(sharp, sharp, window=window) == pytest.approx(1, abs=1e-12)


def test_signature_and_bad_input() -> None:
    assert str(metric("ms-ssim").signature) == "ms-ssim[rgb,w11]"
    assert metric("ms-ssim[w7]").label == "MS-SSIM w7"
    face = np.zeros((128, 128, 3), np.uint8)
    with pytest.raises(InputError, match=r"use ms-ssim\[w7\]"):
        metric("ms-ssim").measure(face[None], face, None)
    with pytest.raises(InputError, match="larger images"):
        ms_ssim(face[:20, :20], face[:20, :20])
    with pytest.raises(InputError, match="w13"):
        metric("ms-ssim[w13]")
    with pytest.raises(InputError, match="shape"):
        ms_ssim(face[:100], face)
