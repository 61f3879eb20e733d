"""Face images through networks: vectors of whole images or of the face found again, and labels of every pixel."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from facedeblur.benchmark.faces.base import Embedder, as_batch
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.tensors import as_tensor, filled, torch_device
from facedeblur.benchmark.weights import Located, locate

if TYPE_CHECKING:
    import torch

PARSED = 8
"""Images that a parser labels at once."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

DETECT = {"detect": "the face is found again first"}
"""The option of embedders that finds the face again, in words."""


def resized(faces: np.ndarray, side: int, *, device: str = "cpu") -> torch.Tensor:
    """Resize whole images to a square, the aspect ratio not kept.

    Bilinear with half-pixel centres, antialiased where it shrinks (a triangle filter), in
    float32 and not rounded: the same on every version of the libraries to about 1e-4 grey levels.

    Parameters
    ----------
    faces : np.ndarray, shape (N, H, W, 3), uint8 RGB
    side : int
        Height and width of the result in pixels.
    device : str
        Where to do it, as torch names it.

    Returns
    -------
    torch.Tensor, shape (N, 3, side, side), float32 in [0, 255]
    """
    import torch

    batch = as_tensor(as_batch(faces), device=device)
    if tuple(batch.shape[2:]) == (side, side):
        return batch
    return torch.nn.functional.interpolate(batch, (side, side), mode="bilinear", align_corners=False, antialias=True)


@dataclass(frozen=True)
class NetworkEmbedder(Embedder):
    """An embedder by a network, of whole images or of the face found again in each.

    Parameters
    ----------
    weights : Located
        The weight file.
    mode : str
        ``as-is`` resizes the whole image to the network's input (bilinear, aspect not kept), for images that are
        aligned already; ``detect`` finds the face again and cuts it out, and gives NaN if no face is found.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    mode: str = "as-is"
    device: str = "cpu"

    choices = "as-is or detect, @1234abcd to pin the weights"
    modes: ClassVar[tuple[str, ...]] = ("as-is", "detect")
    side: ClassVar[int]
    """Height and width of the network's input in pixels."""
    dimensions: ClassVar[int]
    # From 16 images on oneDNN takes faster kernels; 20 divides the 80 blurred versions of a face.
    batch: ClassVar[int] = 20
    gpu_batch: ClassVar[int] = 40

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the embedder with its options: one of its modes, and ``@1234abcd`` to pin its weights."""
        mode, pin = fill(f"embedder '{cls.name}'", options, cls.modes, PIN)
        return cls(locate(cls.name, sha=pin_of(pin)), mode)

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they appear in a signature."""
        return (f"{self.name}@{self.weights.short}", *([self.mode] if self.mode != "as-is" else []))

    @abstractmethod
    def network(self, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The network on a device: (N, 3, side, side) float32 in [0, 255] to (N, dimensions)."""

    @abstractmethod
    def chip(self, image: np.ndarray) -> np.ndarray | None:
        """The face found again in (H, W, 3) uint8 RGB, as the network wants it; None if it is not found."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embed images.

        Parameters
        ----------
        faces : np.ndarray, shape (N, H, W, 3), uint8 RGB

        Returns
        -------
        np.ndarray, shape (N, dimensions), float32
            A row of NaN where the face was to be found again and was not.

        Raises
        ------
        InputError
            When `faces` is not a batch of RGB images, the weight file is not the right one, or the device or a package
            is missing.
        """
        faces, device = as_batch(faces), torch_device(self.device)
        out = np.full((len(faces), self.dimensions), np.nan, dtype=np.float32)
        inputs, where = faces, np.arange(len(faces))
        if self.mode != "as-is":
            found = [self.chip(face) for face in faces]
            where = np.array([at for at, one in enumerate(found) if one is not None], dtype=np.int64)
            inputs = np.stack([one for one in found if one is not None]) if where.size else faces[:0]
        network, size = self.network(device), self.batch if device == "cpu" else self.gpu_batch
        for start, (batch, count) in zip(range(0, len(inputs), size), filled(inputs, size), strict=True):
            vectors = network(resized(batch, self.side, device=device))[:count]
            out[where[start : start + size]] = vectors.cpu().numpy()
        return out


def labelled(
    network: Callable[[torch.Tensor], torch.Tensor],
    faces: np.ndarray,
    *,
    side: int,
    multiple: int,
    device: str,
    standardise: bool = False,
) -> np.ndarray:
    """Label every pixel of images of any size by a network.

    Parameters
    ----------
    network : callable
        (N, 3, h, w) float32 in [0, 1] to (N, K, h, w) scores of the classes.
    faces : np.ndarray, shape (N, H, W, 3), uint8 RGB
    side, multiple : int
        Images are resized so that the shorter side has `side` pixels, and both are padded to multiples of `multiple`.
    device : str
        Where the network runs, as torch names it.
    standardise : bool
        Whether inputs are standardised by ImageNet's mean and deviation.

    Returns
    -------
    np.ndarray, shape (N, H, W), uint8
        The best class of every pixel, in the network's order.
    """
    import torch
    from torch.nn.functional import interpolate, pad

    faces = as_batch(faces)
    height, width = faces.shape[1:3]
    scale = side / min(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    beyond = tuple(multiple * math.ceil(n / multiple) - n for n in inner)
    labels = np.empty(faces.shape[:3], np.uint8)
    with torch.inference_mode():
        for start in range(0, len(faces), PARSED):
            x = as_tensor(faces[start : start + PARSED], device=device) / 255
            if inner != (height, width):
                x = interpolate(x, inner, mode="bilinear", antialias=True, align_corners=False)
            if standardise:
                x = (x - x.new_tensor(_MEAN).view(1, 3, 1, 1)) / x.new_tensor(_DEVIATION).view(1, 3, 1, 1)
            scores = network(pad(x, (0, beyond[1], 0, beyond[0]), mode="replicate"))[..., : inner[0], : inner[1]]
            if inner != (height, width):
                scores = interpolate(scores, (height, width), mode="bilinear", align_corners=False)
            labels[start : start + PARSED] = scores.argmax(1).to(torch.uint8).cpu().numpy()
    return labels
