"""How good a network is while it is trained: our own metrics on faces and kernels that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from facedeblur.benchmark.metrics.fidelity.psnr_ssim import psnr, ssim
from facedeblur.methods.training.data.batches import Examples
from facedeblur.methods.training.engine import Engine

SHOWN = 6
"""Faces on a sheet of samples."""

CAP = 100.0
"""PSNR that an identical image counts as, dB."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """Means over the held-out pairs, and the first of them as rows of blurred, restored, sharp."""

    metrics: dict[str, float]
    pictures: list[list[np.ndarray]]


class Validation:
    """Held-out pairs, made once.

    Parameters
    ----------
    examples : Examples
    count : int
        Pairs taken from its beginning.
    batch : int
        How many are restored at once.
    """

    def __init__(self, examples: Examples, *, count: int = 32, batch: int = 8):
        items = [examples[index] for index in range(min(count, len(examples)))]
        self.blurred = np.stack([item["blurred"] for item in items])
        self.sharp = np.stack([item["sharp"] for item in items])
        self.batch = batch
        self.before = _scores(self.blurred, self.sharp)

    def __call__(self, net: nn.Module, restore: Callable[[Tensor], Tensor], engine: Engine) -> Verdict:
        """Restore all pairs by `restore` and score them by PSNR (dB) and SSIM; `net` is in evaluation meanwhile."""
        was = {module: module.training for module in net.modules()}
        net.eval()
        parts = []
        with torch.inference_mode(), engine.autocast():
            for first in range(0, len(self.blurred), self.batch):
                batch = torch.from_numpy(self.blurred[first : first + self.batch]).to(engine.device)
                restored = restore(batch.float().div_(255)).float().clamp_(0, 1)
                parts.append(restored.mul_(255).round_().nan_to_num_().to(torch.uint8).cpu().numpy())
        for module, mode in was.items():
            module.training = mode
        found = np.concatenate(parts)
        metrics = _scores(found, self.sharp) | {f"{key}_blurred": value for key, value in self.before.items()}
        rows = zip(self.blurred[:SHOWN], found[:SHOWN], self.sharp[:SHOWN], strict=True)
        return Verdict(metrics, [[_picture(planes) for planes in row] for row in rows])


def _picture(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _scores(images: np.ndarray, sharp: np.ndarray) -> dict[str, float]:
    couples = [(_picture(a), _picture(b)) for a, b in zip(images, sharp, strict=True)]
    return {
        "psnr": float(np.mean([psnr(a, b, cap=CAP) for a, b in couples])),
        "ssim": float(np.mean([ssim(a, b) for a, b in couples])),
    }
