"""What embedders of ArcFace's crops of 112 pixels share: the crop, and its five points.

Deng et al., "ArcFace" (CVPR 2019). The template ``arcface112`` of `facedeblur.generators.align` makes the same crops.
"""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.faces.geometry import similarity
from facedeblur.benchmark.faces.inference import NetworkEmbedder

SIDE = 112
# Eyes, nose and mouth corners.
POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def arcface_chip(image: np.ndarray) -> np.ndarray | None:
    """Cut out the largest face, turned and scaled by its five points onto `POINTS`.

    MTCNN finds the points; what lies outside the image is black.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB

    Returns
    -------
    np.ndarray, shape (112, 112, 3), uint8 RGB, or None where no face is found
    """
    import cv2

    from facedeblur.benchmark.faces.detectors.mtcnn import MtcnnDetector

    faces = MtcnnDetector().detect(image)
    if not faces or faces[0].landmarks is None:
        return None
    matrix = similarity(faces[0].landmarks, POINTS)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        # Averaged first, for the warp below takes four neighbours only.
        height, width = image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        factors = np.array([size[0] / width, size[1] / height])
        matrix = similarity((faces[0].landmarks + 0.5) * factors - 0.5, POINTS)
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR))


class ArcFaceEmbedder(NetworkEmbedder):
    """An embedder that wants its faces as crops of the template ``arcface112``.

    With ``as-is`` such crops are taken as they are and others refused: the network sees little in a face that lies
    elsewhere. With ``detect`` MTCNN finds the face again, and it is aligned so.
    """

    side, unit_length = SIDE, True

    def chip(self, image: np.ndarray) -> np.ndarray | None:
        """Return `arcface_chip`."""
        return arcface_chip(image)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embed images; see `NetworkEmbedder.embed`. Unless the face is found again they measure 112x112."""
        if self.mode == "as-is" and as_batch(faces).shape[1:3] != (SIDE, SIDE):
            raise InputError(
                f"images for {self.name}", expected=f"{SIDE}x{SIDE} crops of the template arcface112",
                found=f"{faces.shape[2]}x{faces.shape[1]}", do="use the option 'detect'",
            )  # fmt: skip
        return super().embed(faces)
