"""PSNR and one SSIM of pairs in memory, against the usual packages.

40 crops of 128x128 of the portrait that scikit-image carries, each against a blurred and noisy version of itself.
Every peer is checked to give our value before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from common import PeerMissing, Ratio, interleave

from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.metrics.fidelity.window import gaussian_taps

C1, C2 = 6.5025, 58.5225
Pair = tuple[np.ndarray, np.ndarray]
Measure = Callable[[np.ndarray, np.ndarray], tuple[float, float]]


def faces() -> list[Pair]:
    """Return 40 pairs (restored, sharp), (128, 128, 3) uint8 RGB."""
    from scipy import ndimage
    from skimage import data

    portrait = np.asarray(data.astronaut())
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(40):
        top, left = 20 + 3 * i, 100 + 2 * i
        sharp = np.ascontiguousarray(portrait[top : top + 128, left : left + 128])
        blurred = ndimage.gaussian_filter(sharp.astype(np.float64), (0.5 + i / 20, 1, 0))
        pairs.append((np.clip(blurred + rng.normal(0, 2.55, sharp.shape), 0, 255).round().astype(np.uint8), sharp))
    return pairs


def ours(name: str) -> Measure:
    psnr, ssim = metric("psnr"), metric(f"ssim[{name}]")

    def measure(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        return psnr.measure(x[None], y, None)[0], ssim.measure(x[None], y, None)[0]

    return measure


def scikit_image(gaussian: bool) -> Measure:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False} if gaussian else {}

    def measure(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        return peak_signal_noise_ratio(y, x), structural_similarity(y, x, channel_axis=2, **options)

    return measure


def _psnr(x: np.ndarray, y: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((x - y) ** 2)))


def _map(x: np.ndarray, y: np.ndarray, mean: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    mx, my = mean(x), mean(y)
    mxx, myy, mxy = mx**2, my**2, mx * my
    vx, vy, covariance = mean(x**2) - mxx, mean(y**2) - myy, mean(x * y) - mxy
    return ((2 * mxy + C1) * (2 * covariance + C2)) / ((mxx + myy + C1) * (vx + vy + C2))


def basicsr_like() -> Measure:
    """Return BasicSR's arithmetic: cv2.filter2D in float64 with the 11x11 window, channel by channel, valid region."""
    import cv2

    cv2.setNumThreads(1)
    window = np.outer(gaussian_taps(), gaussian_taps())

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.filter2D(values, -1, window)[5:-5, 5:-5]

    def measure(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        a, b = x.astype(np.float64), y.astype(np.float64)
        return _psnr(a, b), float(np.mean([_map(a[..., c], b[..., c], mean).mean() for c in range(3)]))

    return measure


def separable_volume() -> Measure:
    from scipy import ndimage

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, 1.5, mode="nearest", radius=5)

    def measure(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        a, b = x.astype(np.float64), y.astype(np.float64)
        return _psnr(a, b), float(_map(a, b, mean).mean())

    return measure


PEERS: list[tuple[str, str, Callable[[], Measure], float]] = [
    ("perchannel", "BasicSR's arithmetic with {opencv-python}", basicsr_like, 7.0),
    ("perchannel", "{scikit-image}, Gaussian window", lambda: scikit_image(True), 11.0),
    ("matlab3d", "separable filters of {scipy}", separable_volume, 9.0),
    ("skimage", "{scikit-image}, default", lambda: scikit_image(False), 20.0),
]


def multi_scale(pairs: list[Pair]) -> Ratio:
    """MS-SSIM against pytorch-msssim in float32, as people run it; its value in float64 is ours to 1e-6."""
    try:
        import torch
        from pytorch_msssim import ms_ssim
    except ImportError as error:
        raise PeerMissing("pytorch-msssim") from error

    torch.set_num_threads(1)
    mine = metric("ms-ssim[w7]")

    def library(x: np.ndarray, y: np.ndarray, kind: type) -> float:
        a, b = (torch.from_numpy(image.transpose(2, 0, 1)[None].astype(kind)) for image in (x, y))
        return float(ms_ssim(a, b, data_range=255, win_size=7))

    for x, y in pairs[:5]:
        np.testing.assert_allclose(mine.measure(x[None], y, None)[0], library(x, y, np.float64), rtol=0, atol=1e-6)
    jobs = {
        "ours": lambda: [mine.measure(x[None], y, None) for x, y in pairs],
        "peer": lambda: [library(x, y, np.float32) for x, y in pairs],
    }
    seconds = interleave(jobs, rounds=5)
    what = "MS-SSIM w7 vs pytorch-msssim, float32"
    return Ratio("G3", what, seconds["ours"] / len(pairs), seconds["peer"] / len(pairs), 5.0)


def run() -> list[Ratio]:
    """Return the ratios of target G3, seconds being for one pair."""
    pairs = faces()
    rows = []
    for name, peer, make, at_least in PEERS:
        mine, other = ours(name), make()
        for x, y in pairs[:5]:
            np.testing.assert_allclose(mine(x, y), other(x, y), rtol=1e-12, atol=1e-12)

        def over(measure: Measure) -> Callable[[], object]:
            return lambda: [measure(x, y) for x, y in pairs]

        seconds = interleave({"ours": over(mine), "peer": over(other)}, rounds=5)
        rows.append(
            Ratio(
                target="G3",
                what=f"PSNR + SSIM {name}, 128x128",
                peer=peer,
                ours_s=seconds["ours"] / len(pairs),
                peer_s=seconds["peer"] / len(pairs),
                at_least=at_least,
            )
        )
    try:
        rows.append(multi_scale(pairs))
    except PeerMissing as missing:
        print(f"G3: peer {missing} is not installed")
    return rows
