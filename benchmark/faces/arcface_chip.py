"""Find the face in an image again and cut it out as networks of the ArcFace family want it."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.faces.similarity import similarity

SIDE = 112
# Deng et al., "ArcFace" (CVPR 2019): eyes, nose and mouth corners in their crops of 112 pixels.
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

    from facedeblur.benchmark.faces.mtcnn import MtcnnDetector

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
