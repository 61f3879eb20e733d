"""EdgeFace embeddings: small networks for aligned faces, with the user's weight file.

George et al., "EdgeFace: Efficient Face Recognition Model for Edge Devices" (IEEE T-BIOM 2024).
The files ``edgeface_xs_q.pt`` and ``edgeface_xxs_q.pt`` are never downloaded; where one is
missing one line says where it belongs.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import chips
from facedeblur.benchmark.faces.arcface_chip import SIDE, arcface_chip
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.faces.edgeface_network import DIMENSIONS, EdgeFaceNetwork
from facedeblur.benchmark.state_dict import read_torch
from facedeblur.benchmark.weights import Located, locate

BATCH = 20
GPU_BATCH = 64


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> EdgeFaceNetwork:
    with warnings.catch_warnings():
        # torch tells that it will drop quantised tensors one day; nothing the user could change.
        warnings.simplefilter("ignore", UserWarning)
        state = read_torch(path)
    if not isinstance(state, dict):
        raise InputError(path, expected="a state dict", found=type(state).__name__, do="get it again")
    return EdgeFaceNetwork(state, device=device)


@dataclass(frozen=True)
class EdgeFaceEmbedder:
    """512-dimensional unit vectors; identities differ below a cosine of about 0.27 (L2 distance 1.2).

    Parameters
    ----------
    name : str
        ``edgeface-xs`` or ``edgeface-xxs``.
    weights : Located
        The weight file.
    detect : bool
        False takes crops of the template ``arcface112`` as they are and refuses others: the
        network sees little in a face that lies elsewhere. True finds the face again by MTCNN and
        aligns it so, and gives NaN where there is none.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    name: str
    weights: Located
    detect: bool = False
    device: str = "cpu"

    unit_length = True

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return (f"{self.name}@{self.weights.short}", *(["detect"] if self.detect else []))

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embeddings of (N, H, W, 3) uint8 RGB images, standardised by ``(x - 127.5) / 127.5``.

        Returns
        -------
        np.ndarray, shape (N, 512), float32
            A row of NaN where ``detect`` is on and no face was found.

        Raises
        ------
        InputError
            When `faces` is no batch of RGB images, is not (N, 112, 112, 3) while ``detect`` is
            off, or the weight file is not what it should be.
        """
        from torch.nn.functional import normalize

        faces = as_batch(faces)
        if not self.detect and faces.shape[1:3] != (SIDE, SIDE):
            raise InputError(
                f"images for {self.name}", expected=f"{SIDE}x{SIDE} crops of the template arcface112",
                found=f"{faces.shape[2]}x{faces.shape[1]}", do="use its option or mode 'detect'",
            )  # fmt: skip
        device = chips.torch_device(self.device)
        network = _network(str(self.weights.path), self.weights.sha256, device)
        return chips.embedded(
            lambda batch: normalize(network((batch - 127.5) / 127.5)), faces,
            chip=arcface_chip if self.detect else None, side=SIDE, dimensions=DIMENSIONS,
            size=BATCH if device == "cpu" else GPU_BATCH, device=device,
        )  # fmt: skip


def _made(name: str, options: tuple[str, ...], device: str) -> EdgeFaceEmbedder:
    sha, detect = chips.provider_options(name, options)
    return EdgeFaceEmbedder(name, locate(name, sha=sha), detect, device)


def edgeface_xs(*options: str, device: str = "cpu") -> EdgeFaceEmbedder:
    """Make EdgeFace XS from its options: ``as-is`` or ``detect``, and ``@1234abcd`` to pin its weights."""
    return _made("edgeface-xs", options, device)


def edgeface_xxs(*options: str, device: str = "cpu") -> EdgeFaceEmbedder:
    """Make EdgeFace XXS from its options: ``as-is`` or ``detect``, and ``@1234abcd`` to pin its weights."""
    return _made("edgeface-xxs", options, device)
