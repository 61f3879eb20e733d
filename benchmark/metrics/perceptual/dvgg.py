"""d_VGG: how far the VGG-Face features of a restored face are from those of the sharp one.

Yasarla et al., TIP 2020 (UMSN), Table IV: the L2 norm between the outputs of pool5. The paper does
not say how images are scaled and the printed values do not settle it, so there are two definitions:

``norm``
    RGB in [0, 255] less the mean of VGG-Face's training faces; square root of the sum of squares.
``mse``
    As the programs of Lu et al. (CVPR 2019) and Lee et al. (2020, MSPL) compute it: RGB in [0, 255] with no mean
    taken off; the mean of squares.

Neither resizes. UMSN itself is trained on features of this network, so the measure favours it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import as_batch, as_image
from facedeblur.benchmark.metrics.base import Metric
from facedeblur.benchmark.options import Slot, fill, pin_of
from facedeblur.benchmark.tensors import as_tensor, filled, torch_device
from facedeblur.benchmark.weights import Located, locate

NETWORK = "vgg-face"
VARIANTS = ("norm", "mse")

# On a processor larger batches are no faster; 2 and 16 divide the 80 blurred versions of a face.
BATCH, GPU_BATCH = 2, 16


@dataclass(frozen=True)
class VggDistance(Metric):
    """Distance of VGG-Face pool5 features: ``dvgg[vgg-face,norm]``, or ``mse``.

    Parameters
    ----------
    weights : Located
        The weight file.
    variant : {'norm', 'mse'}
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    variant: str = "norm"
    device: str = "cpu"

    name, higher_is_better, limits = "dvgg", False, (0.0, math.inf)
    device_bound = 1e-4
    worst = math.inf  # features have no largest distance; a protocol may name another value
    summary = "distance between the features of the restored and the sharp face in a VGG network"
    terms: ClassVar[Mapping[str, str]] = {
        "vgg-face": "VGG-Face, layer pool5",
        "norm": "Euclidean norm of the difference, images less the mean colour of VGG-Face",
        "mse": "mean squared difference, images as they are",
    }
    slots = (Slot((NETWORK,), pinned=True), VARIANTS)

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`.

        Parameters
        ----------
        *options : str
            ``norm`` (the default) or ``mse``; ``vgg-face``, perhaps with the beginning of its weights' sha256 behind
            ``@``.
        """
        network, variant = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(locate(NETWORK, sha=pin_of(network)), variant)

    @property
    def options(self) -> tuple[str, ...]:
        """Network with the hash of its weights, and the variant."""
        return f"{NETWORK}@{self.weights.short}", self.variant

    @property
    def label(self) -> str:
        """Short column heading."""
        return "d_VGG" if self.variant == "norm" else "d_VGG (mean square)"

    def features(self, images: np.ndarray) -> np.ndarray:
        """The outputs of pool5; an image's do not depend on its company, bit for bit.

        Parameters
        ----------
        images : np.ndarray, shape (N, H, W, 3), uint8 RGB

        Returns
        -------
        np.ndarray, shape (N, 512 * (H // 32) * (W // 32)), float32

        Raises
        ------
        InputError
            When images are smaller than 32 pixels or the weight file is not what it should be.
        """
        import torch

        from facedeblur.benchmark.metrics.perceptual.vggface import MEAN, read_vggface

        device = torch_device(self.device)
        network = read_vggface(str(self.weights.path), self.weights.sha256, device)
        mean = torch.tensor(MEAN if self.variant == "norm" else (0.0, 0.0, 0.0), device=device).view(1, 3, 1, 1)
        parts = []
        with torch.inference_mode():
            for batch, count in filled(images, BATCH if device == "cpu" else GPU_BATCH):
                # Channels stay last, as the network's weights are: about a quarter less time.
                layers = network(as_tensor(batch, device=device) - mean)
                parts.append(layers["pool5"][:count].flatten(1).cpu().numpy())
        return np.concatenate(parts)

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> np.ndarray:
        """Features of the sharp image, (H, W, 3) uint8 RGB: shape (D,) float32."""
        return np.asarray(self.features(as_image(sharp)[None])[0])

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: np.ndarray) -> np.ndarray:
        """Distances of restored images from the sharp one.

        Parameters
        ----------
        restored : np.ndarray, shape (N, H, W, 3), uint8 RGB
        sharp : np.ndarray, shape (H, W, 3), uint8 RGB
            Only its shape is looked at; its features are `prepared`.
        prepared : np.ndarray, shape (D,)
            What `prepare` returned.

        Returns
        -------
        np.ndarray, shape (N,), float64
            0 for the sharp image itself, without an upper bound.

        Raises
        ------
        InputError
            When shapes or types differ.
        """
        if as_batch(restored).shape[1:] != sharp.shape:
            raise InputError(
                "restored images", expected=f"the shape of the sharp image, {sharp.shape}",
                found=f"{restored.shape[1:]}",
            )  # fmt: skip
        if not len(restored):
            return np.empty(0)
        squares = (self.features(restored).astype(np.float64) - prepared.astype(np.float64)) ** 2
        return np.asarray(np.sqrt(squares.sum(axis=1)) if self.variant == "norm" else squares.mean(axis=1))
