"""FaceNet embeddings: InceptionResnetV1 trained on VGGFace2, with the user's weight file.

Schroff et al., "FaceNet" (CVPR 2015), in the network that facenet-pytorch distributes. The
file ``20180402-114759-vggface2.pt`` is never downloaded; where it is missing one line says
where it belongs.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import chips
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.faces.facenet_network import DIMENSIONS, SIDE, FaceNetwork
from facedeblur.benchmark.weights import Located, locate

# From 16 images on oneDNN takes faster kernels; 20 divides the 80 blurred versions of a face.
BATCH = 20
GPU_BATCH = 64


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> FaceNetwork:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise InputError(
            path, expected="a torch file of tensors", found=str(error).split("\n")[0][:120], do="get it again"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(path, expected="a state dict", found=type(state).__name__, do="get it again")
    return FaceNetwork(state, device=device)


@dataclass(frozen=True)
class FaceNetEmbedder:
    """512-dimensional unit vectors; identities differ from an L2 distance of about 1.1 on.

    Parameters
    ----------
    weights : Located
        The weight file.
    detect : bool
        False resizes the whole image to 160 pixels (bilinear, aspect not kept), for images that
        are aligned already; True finds the face again by MTCNN and cuts its box, and gives NaN
        where there is none.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    detect: bool = False
    device: str = "cpu"

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return (f"facenet-vggface2@{self.weights.short}", *(["detect"] if self.detect else []))

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embeddings of (N, H, W, 3) uint8 RGB images, standardised by ``(x - 127.5) / 128``.

        Returns
        -------
        np.ndarray, shape (N, 512), float32
            A row of NaN where ``detect`` is on and no face was found.

        Raises
        ------
        InputError
            When `faces` is no batch of RGB images, or the weight file is not what it should be.
        """
        faces = as_batch(faces)
        out = np.full((len(faces), DIMENSIONS), np.nan, dtype=np.float32)
        if self.detect:
            inputs, where = chips.scatter([chips.mtcnn_chip(face, SIDE) for face in faces])
        else:
            inputs, where = faces, np.arange(len(faces))
        device = chips.torch_device(self.device)
        network = _network(str(self.weights.path), self.weights.sha256, device)
        size = BATCH if device == "cpu" else GPU_BATCH
        vectors = chips.in_batches(lambda batch: network((batch - 127.5) / 128), inputs, SIDE, size=size, device=device)
        for start, part in zip(range(0, len(inputs), size), vectors, strict=True):
            out[where[start : start + size]] = part
        return out


def facenet_embedder(*options: str, device: str = "cpu") -> FaceNetEmbedder:
    """Make a `FaceNetEmbedder` from its options: ``as-is`` or ``detect``, and ``@1234abcd`` to pin its weights."""
    sha, detect = chips.provider_options("facenet-vggface2", options)
    return FaceNetEmbedder(locate("facenet-vggface2", sha=sha), detect, device)
