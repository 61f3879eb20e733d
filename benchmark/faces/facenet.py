"""FaceNet embeddings: InceptionResnetV1 trained on VGGFace2, with the user's weight file.

Schroff et al., "FaceNet" (CVPR 2015), in the network that facenet-pytorch distributes. The
file ``20180402-114759-vggface2.pt`` is never downloaded; where it is missing one line says
where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facedeblur.benchmark.faces import chips
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.faces.facenet_network import DIMENSIONS, SIDE, FaceNetwork
from facedeblur.benchmark.state_dict import read_state
from facedeblur.benchmark.weights import Located, locate

# From 16 images on oneDNN takes faster kernels; 20 divides the 80 blurred versions of a face.
BATCH = 20
GPU_BATCH = 64


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> FaceNetwork:
    return FaceNetwork(read_state(path), device=device)


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

    unit_length = True

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
        faces, device = as_batch(faces), chips.torch_device(self.device)
        network = _network(str(self.weights.path), self.weights.sha256, device)
        return chips.embedded(
            lambda batch: network((batch - 127.5) / 128), faces,
            chip=(lambda face: chips.mtcnn_chip(face, SIDE)) if self.detect else None,
            side=SIDE, dimensions=DIMENSIONS, size=BATCH if device == "cpu" else GPU_BATCH, device=device,
        )  # fmt: skip


def facenet_embedder(*options: str, device: str = "cpu") -> FaceNetEmbedder:
    """Make a `FaceNetEmbedder` from its options: ``as-is`` or ``detect``, and ``@1234abcd`` to pin its weights."""
    sha, detect = chips.provider_options("facenet-vggface2", options)
    return FaceNetEmbedder(locate("facenet-vggface2", sha=sha), detect, device)
