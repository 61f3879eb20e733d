"""Multi-scale SSIM against the paper's formula, written out with scipy, and against pytorch-msssim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.metrics.fidelity import ms_ssim as ms_ssim_module
from facedeblur.benchmark.metrics.fidelity.ms_ssim import ms_ssim

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def literal(x: np.ndarray, y: np.ndarray, window: int) -> float:
    """Luminance at the last scale, contrast and structure at all five; the mean over the channels' products."""
    powers = (-((np.arange(window) - window // 2) ** 2) / (2 * 1.5**2)).astype(np.float32)
    taps = np.exp(powers.astype(float)).astype(np.float32)
    taps = (taps / np.float32(taps.sum(dtype=float))).astype(float)
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


def pair(height: int, width: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image and a noisy copy, (height, width, 3) uint8 each."""
    rng = np.random.default_rng(height)
    sharp = rng.integers(0, 256, (height, width, 3), np.uint8).astype(float)
    sharp = convolve1d(convolve1d(sharp, np.ones(5) / 5, axis=0), np.ones(5) / 5, axis=1).astype(np.uint8)
    return np.clip(sharp + rng.normal(0, noise, sharp.shape), 0, 255).astype(np.uint8), sharp


@pytest.mark.parametrize(("size", "window"), [(192, 11), (160, 9), (128, 7), (128, 5), (64, 3)])
def test_it_is_the_papers_formula(size: int, window: int) -> None:
    restored, sharp = pair(size, size + 32, 12)
    value = ms_ssim(restored, sharp, window=window)
    assert 0.2 < value < 0.99
    assert value == pytest.approx(literal(restored, sharp, window), abs=1e-12)
    assert ms_ssim(sharp, sharp, window=window) == pytest.approx(1, abs=1e-12)
    assert ms_ssim(sharp, restored, window=window) == value


@pytest.mark.parametrize("noise", [5, 80])
@pytest.mark.parametrize(
    ("height", "width", "window"),
    [(176, 176, 11), (161, 240, 11), (129, 190, 9), (128, 128, 7), (97, 99, 7), (100, 65, 5), (33, 45, 3)],
)
def test_it_is_pytorch_msssim(height: int, width: int, window: int, noise: float) -> None:
    """Also where sides are odd at one scale or another."""
    torch, library = pytest.importorskip("torch"), pytest.importorskip("pytorch_msssim")
    restored, sharp = pair(height, width, noise)
    x, y = (torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float64)) for image in (restored, sharp))
    # torch's float32 exponential may differ by its last bit from one processor to another: about 1e-5 of the value.
    taps = ms_ssim_module._taps(window)[ms_ssim_module._taps(window) > 0]
    given = torch.from_numpy(taps).repeat(3, 1, 1, 1)
    expected = float(library.ms_ssim(x, y, data_range=255, win=given))
    assert ms_ssim(restored, sharp, window=window) == pytest.approx(expected, abs=1e-12)
    own = float(library.ms_ssim(x, y, data_range=255, win_size=window, win_sigma=1.5))
    assert own == pytest.approx(expected, abs=2e-5)


def test_negative_structure_counts_as_zero() -> None:
    _, sharp = pair(128, 128, 0)
    assert ms_ssim(255 - sharp, sharp, window=7) == 0


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
