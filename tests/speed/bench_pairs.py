"""Make training pairs, against what a trainer needs and against other libraries.

A batch of 16 at 10 iterations a second is 160 pairs a second: more than a 10-million-parameter network at 128x128 takes
in full training on one GPU. Faces lie in memory on all sides; ours draws a new kernel for every pair, the OpenCV script
takes them from 500 that it drew before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from common import NotMeasured, PeerMissing, Ratio, Row, deepinv, interleave

from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.generators.pairs.device import make, prepare
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs

SIZES = tuple(range(13, 28, 2))
AROUND = 66
PAIRS = 64
WANTED = 160
NAMES = {
    "cv2": "script with {opencv-python} and normals of {numpy}, kernels drawn before",
    "albumentations": "{albumentations}, straight lines",
    "deepinv": "{deepinv}, batches of 16",
}


def faces() -> np.ndarray:
    """64 crops of 128x128 of one portrait, with 66 pixels around."""
    from skimage import data

    portrait = np.pad(data.astronaut(), ((0, 0), (0, 64), (0, 0)), "reflect")
    return np.stack([portrait[i : i + 128 + 2 * AROUND, i : i + 128 + 2 * AROUND] for i in range(PAIRS)])


def by_opencv(stored: np.ndarray, bank: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """cv2.warpAffine, filter2D in float32 and numpy's noise: the usual dataset's __getitem__."""
    import cv2

    radius, side = 13, 128 + 26
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-30, 30), rng.uniform(0.9, 1.1))
    turn[:, 2] += rng.uniform(-12, 12, 2) - turn[:, :2] @ np.full(2, AROUND - radius)
    sharp = cv2.warpAffine(stored, turn, (side, side), borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
    kernel = bank[int(rng.integers(len(bank)))]
    full = cv2.filter2D(sharp, -1, kernel[::-1, ::-1])[radius:-radius, radius:-radius]
    noisy = full + 2.55 * rng.standard_normal(full.shape, np.float32)
    return np.asarray(np.floor(np.clip(noisy, 0, 255) + 0.5).astype(np.uint8))


def albumentations_job(crops: np.ndarray) -> Callable[[], object]:
    """Affine, MotionBlur (straight lines only) and GaussNoise of albumentations."""
    try:
        import albumentations as A
    except ImportError as error:
        raise PeerMissing("albumentations") from error
    sharpen = A.Affine(scale=(0.9, 1.1), translate_px=(-12, 12), rotate=(-30, 30), border_mode=4, p=1)
    degrade = A.Compose([A.MotionBlur(blur_limit=(13, 27), p=1), A.GaussNoise(std_range=(0.01, 0.01), p=1)])

    def job() -> None:
        for stored in crops:
            sharp = sharpen(image=stored)["image"][AROUND:-AROUND, AROUND:-AROUND]
            degrade(image=np.ascontiguousarray(sharp))

    return job


def deepinv_job(crops: np.ndarray) -> Callable[[], object]:
    """MotionBlurGenerator (a Gaussian process), convolution and noise of deepinv, 16 at a time, no augmentation."""
    import torch

    peer = deepinv()
    batch = torch.from_numpy(np.ascontiguousarray(crops[:16, AROUND:-AROUND, AROUND:-AROUND])).permute(0, 3, 1, 2) / 255
    draw = peer.physics.generator.MotionBlurGenerator(psf_size=(27, 27), num_channels=1)
    noise = peer.physics.GaussianNoise(sigma=0.01)

    def job() -> None:
        blurred = peer.physics.functional.conv2d(batch, draw.step(16)["filter"], padding="reflect")
        noise(blurred).clamp(0, 1)

    return job


def run() -> list[Row]:
    """Ratios without and with the augmentation of Shen et al., on a GPU too where there is one."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    crops = faces()
    source = SharpArray(crops, around=AROUND)
    plain = VirtualPairs(source, PairSpec(SIZES, 2500, first=10), shuffle=True)
    turned = VirtualPairs(source, PairSpec(SIZES, 2500, first=10, augment="shen"), shuffle=True)
    bank = [kernel.astype(np.float32) for kernel in STANDARD.draw(0, 27, 500)]
    rng = np.random.default_rng(0)
    place = iter(range(0, 10**9, PAIRS))

    def made(pairs: VirtualPairs) -> None:
        first = next(place)
        for index in range(first, first + PAIRS):
            pairs[index % len(pairs)]

    jobs: dict[str, Callable[[], object]] = {
        "plain": lambda: made(plain),
        "shen": lambda: made(turned),
        "cv2": lambda: [by_opencv(stored, bank, rng) for stored in crops],
    }
    rates = {"plain": 3.0, "shen": 2.0}
    ratios: list[Row] = []
    if torch.cuda.is_available():

        def batches() -> None:
            for first in range(0, PAIRS, 16):
                plans = [turned.plan(index) for index in range(first, first + 16)]
                make(turned, prepare(turned, plans), "cuda")
            torch.cuda.synchronize()

        jobs["on the GPU"], rates["on the GPU"] = batches, 5.0
    else:
        ratios.append(NotMeasured("pairs", "training pair made on a GPU", "no GPU was found"))
    peers = {"cv2": "shen", "albumentations": "shen", "deepinv": "plain"}
    for name, start in (("albumentations", albumentations_job), ("deepinv", deepinv_job)):
        try:
            jobs[name] = start(crops)
        except PeerMissing as error:
            ratios.append(NotMeasured("pairs", f"training pair against {name}", f"{error} is not installed"))
    seconds = {name: time / (16 if name == "deepinv" else PAIRS) for name, time in interleave(jobs).items()}
    ratios += [
        Ratio(
            "pairs", f"training pair, {name}", seconds[name], 1 / WANTED, at_least, f"{WANTED} a second, for a trainer"
        )
        for name, at_least in rates.items()
    ]
    for name, ours in peers.items():
        if name in seconds:
            ratios.append(Ratio("pairs", f"training pair, {ours}", seconds[ours], seconds[name], 1.0, NAMES[name]))
    return ratios
