"""OpenFace embeddings: the network nn4.small2 with the user's weight file.

Amos et al., "OpenFace: A general-purpose face recognition library with mobile applications"
(CMU-CS-16-118, 2016). The file ``openface.pth``, or one with this package's own layer names, is never
downloaded; where it is missing one line says where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import chips
from facedeblur.benchmark.faces.base import as_batch, no_more, unpinned
from facedeblur.benchmark.faces.openface_chip import SIDE, openface_chip
from facedeblur.benchmark.weights import WEIGHTS, Located, locate

if TYPE_CHECKING:
    from facedeblur.benchmark.faces.openface_network import OpenFaceNetwork

NAME = "openface-nn4.small2"
DIMENSIONS = 128
MODES = {"as-is": "", "detect": "outer", "detect-inner": "inner"}
"""Option -> the points by which the face is aligned."""

BATCH = 20
GPU_BATCH = 64


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> OpenFaceNetwork:
    import torch
    from torch.nn.utils import convert_conv2d_weight_memory_format

    from facedeblur.benchmark.faces.openface_network import openface_network
    from facedeblur.benchmark.state_dict import read_state

    network = openface_network(read_state(path), do=WEIGHTS[NAME].get).float().fused().to(device)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


@dataclass(frozen=True)
class OpenFaceEmbedder:
    """128-dimensional unit vectors; OpenFace compares them by their squared L2 distance.

    Parameters
    ----------
    weights : Located
        The weight file.
    mode : {'as-is', 'detect', 'detect-inner'}
        ``as-is`` resizes the whole image to 96 pixels (bilinear, aspect not kept), for images that are aligned already;
        ``detect`` finds the face again and aligns it by the outer corners of the eyes and the base of
        the nose, as nn4.small2 was trained; ``detect-inner`` by the inner corners and the lower lip. Both give NaN
        where there is no face.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    mode: str = "as-is"
    device: str = "cpu"

    unit_length = True

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return (f"{NAME}@{self.weights.short}", *([self.mode] if self.mode != "as-is" else []))

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embeddings of (N, H, W, 3) uint8 RGB images, divided by 255.

        Returns
        -------
        np.ndarray, shape (N, 128), float32
            A row of NaN where the face was to be found again and was not.

        Raises
        ------
        InputError
            When `faces` is no batch of RGB images, or the weight file is not what it should be.
        """
        import torch

        faces, device, points = as_batch(faces), chips.torch_device(self.device), MODES[self.mode]
        network = _network(str(self.weights.path), self.weights.sha256, device)

        def vectors(batch: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                return network((batch / 255).contiguous(memory_format=torch.channels_last))

        return chips.embedded(
            vectors, faces, chip=(lambda face: openface_chip(face, points)) if points else None,
            side=SIDE, dimensions=DIMENSIONS, size=BATCH if device == "cpu" else GPU_BATCH, device=device,
        )  # fmt: skip


def openface_embedder(*options: str, device: str = "cpu") -> OpenFaceEmbedder:
    """Make an `OpenFaceEmbedder` from its options.

    Parameters
    ----------
    *options : str
        ``as-is`` (the default), ``detect`` or ``detect-inner``, and ``@1234abcd`` to pin its weights.
    device : str

    Raises
    ------
    InputError
        When an option is not known, two modes or two hashes are given, or the weights are missing or others.
    """
    sha, modes = unpinned(NAME, options)
    no_more(NAME, [mode for mode in modes if mode not in MODES], " or ".join(MODES))
    if len(modes) > 1:
        raise InputError(f"embedder '{NAME}'", expected="one mode", found=" and ".join(modes), do="write one")
    return OpenFaceEmbedder(locate(NAME, sha=sha), modes[0] if modes else "as-is", device)
