"""Build and score 16,000 pairs from end to end, against scripts with the usual packages."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from common import Ratio, Seconds
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage import data

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.parallel import Workers, imap
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.build import build
from facedeblur.generators.photos.specs import Selection

SHARP, ROUNDS = 200, 3
NAIVE = "script with fftconvolve of {scipy} and {pillow}, 2 workers"
SKIMAGE = "script with {scikit-image} and {pillow}, 2 workers"
SCIPY = "script with filters of {scipy} and {pillow}, 2 workers"
ONE = "1 worker"
EACH = Selection(identity="each")
NAIVE_SHARE = 8  # the naive script runs on one sharp image in eight, and is scaled up


def crops(folder: Path, count: int = SHARP) -> Path:
    """Different 128x128 crops around a portrait."""
    portrait = data.astronaut()
    for number in range(count):
        top, left = 2 * (number // 50), 40 + 5 * (number % 50)
        write_png(folder / f"face_{number:04d}.png", portrait[top : top + 128, left : left + 128])
    return folder


def naive_build(task: tuple[Path, np.ndarray, Path]) -> int:
    from PIL import Image

    file, kernels, out = task
    sharp = np.asarray(Image.open(file)) / 255.0
    for number, kernel in enumerate(kernels):
        pad = len(kernel) // 2
        padded = np.pad(sharp, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
        blurred = np.dstack([fftconvolve(padded[:, :, c], kernel, mode="valid") for c in range(3)])
        noisy = np.clip(blurred + np.random.normal(0, 0.01, blurred.shape), 0, 1)  # noqa: NPY002
        Image.fromarray((noisy * 255 + 0.5).astype(np.uint8)).save(out / f"{file.stem}_{number:02d}.png")
    return len(kernels)


def naive_score(task: tuple[Path, list[Path]]) -> int:
    from PIL import Image
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    file, outputs = task
    for path in outputs:
        sharp, restored = np.asarray(Image.open(file)), np.asarray(Image.open(path))
        peak_signal_noise_ratio(sharp, restored)
        structural_similarity(
            sharp, restored, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    return len(outputs)


def naive_score_3d(task: tuple[Path, list[Path]]) -> int:
    from PIL import Image

    file, outputs = task
    for path in outputs:
        x, y = (np.asarray(Image.open(name), np.float64) for name in (file, path))
        smooth = partial(gaussian_filter, sigma=1.5, truncate=3.5, mode="nearest")
        mx, my = smooth(x), smooth(y)
        vx, vy, cov = smooth(x * x) - mx * mx, smooth(y * y) - my * my, smooth(x * y) - mx * my
        np.mean((2 * mx * my + 6.5025) * (2 * cov + 58.5225) / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225)))
        10 * np.log10(255**2 / np.mean((x - y) ** 2))
    return len(outputs)


def timed(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def drain(function: Callable[..., int], tasks: list) -> None:
    for _ in imap(function, tasks, Workers(2)):
        pass


def run() -> list[Ratio]:
    """Build and score by both stores with two workers; the set is on /dev/shm where there is one."""
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        return _run(Path(name))


def _run(root: Path) -> list[Ratio]:
    faces = crops(root / "faces")
    files = sorted(faces.iterdir())
    shutil.rmtree(root / "warm", ignore_errors=True)
    build("shen2020", faces, root / "warm", selection=EACH, workers=2, store="npy")  # compiles, starts the pool
    bank = Set.open(root / "warm").bank
    kernels = [bank.kernel(kernel_id) for kernel_id in bank.ids]
    share = files[::NAIVE_SHARE]
    (root / "naive").mkdir()
    seconds: dict[str, list[float]] = {}

    def record(what: str, job: Callable[[], object], scale: float = 1.0) -> None:
        seconds.setdefault(what, []).append(timed(job) * scale)

    scale = len(files) / len(share)
    for number in range(ROUNDS):
        for store in ("png", "npy"):
            out = root / f"{store}{number}"
            record(
                f"build {store}",
                lambda out=out, store=store: build("shen2020", faces, out, selection=EACH, workers=2, store=store),
            )
            _as_outputs(out)
            record(f"score {store} perchannel", lambda out=out: _score(out, "ssim[perchannel]"))
            record(f"score {store} matlab3d", lambda out=out: _score(out, "ssim[matlab3d]"))
            if store == "npy":
                record("score npy, 1 worker", lambda out=out: _score(out, "ssim[perchannel]", workers=1))
            shutil.rmtree(out)
        alone = root / "alone"
        record(
            "build npy, 1 worker",
            lambda alone=alone: build("shen2020", faces, alone, selection=EACH, workers=1, store="npy"),
        )
        shutil.rmtree(alone)
        tasks = [(file, kernels, root / "naive") for file in share]
        record("naive build", lambda tasks=tasks: drain(naive_build, tasks), scale)
        pairs = [(file, sorted((root / "naive").glob(f"{file.stem}_*"))) for file in share]
        record("naive score", lambda pairs=pairs: drain(naive_score, pairs), scale)
        record("naive 3-D", lambda pairs=pairs: drain(naive_score_3d, pairs), scale)
    median = {what: Seconds(times) for what, times in seconds.items()}
    return [
        Ratio("G4", "build 16,000 pairs to PNG, 2 workers", median["build png"], median["naive build"], 8, NAIVE),
        Ratio("G4", "build 16,000 pairs to npy, 2 workers", median["build npy"], median["naive build"], 20, NAIVE),
        Ratio(
            "G4",
            "score 16,000, PSNR, SSIM per channel, PNG",
            median["score png perchannel"],
            median["naive score"],
            7,
            SKIMAGE,
        ),
        Ratio(
            "G4",
            "score 16,000, PSNR, SSIM per channel, npy",
            median["score npy perchannel"],
            median["naive score"],
            12,
            SKIMAGE,
        ),
        Ratio(
            "G4",
            "score 16,000, PSNR, SSIM MATLAB 3-D, PNG",
            median["score png matlab3d"],
            median["naive 3-D"],
            7,
            SCIPY,
        ),
        Ratio(
            "G5", "build 16,000 pairs to npy, 2 workers", median["build npy"], median["build npy, 1 worker"], 1.6, ONE
        ),
        Ratio(
            "G5",
            "score 16,000, PSNR, SSIM per channel, npy, 2 workers",
            median["score npy perchannel"],
            median["score npy, 1 worker"],
            1.6,
            ONE,
        ),
    ]


def _as_outputs(folder: Path) -> None:
    """The blurred images of a set, given out as the outputs of a method."""
    from facedeblur.methods.running.runner import run as restore

    restore("blurred", folder, folder / "outputs", store=Set.open(folder).store)


def _score(folder: Path, ssim: str, *, workers: int = 2) -> None:
    (folder / "outputs" / "scores.parquet").unlink(missing_ok=True)
    score(folder, folder / "outputs", metrics=["psnr", ssim], workers=workers)
