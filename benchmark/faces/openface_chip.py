"""Find the face in an image again and cut it out as OpenFace's networks want it.

Amos et al., "OpenFace" (CMU-CS-16-118, 2016): dlib's HOG detector with one upsampling, its 68 points, and the affine
map that takes three of them to their places in the mean face.
"""

from __future__ import annotations

import numpy as np

SIDE = 96

TRIPLES = {"outer": (36, 45, 33), "inner": (39, 42, 57)}
"""Outer corners of the eyes and base of the nose; inner corners and lower lip (iBUG numbering)."""

# Mean face of OpenFace, in its own unit: the points used, and the extent of all 68.
_MEAN_FACE = {
    36: (0.252418718401, 0.331052263829),
    45: (0.782865376271, 0.321305281656),
    33: (0.520712933176, 0.634268222208),
    39: (0.403718978315, 0.338677110830),
    42: (0.631326076346, 0.334136672344),
    57: (0.525398405766, 0.841706377792),
}
_LEAST = (0.0792396913815, 0.182360984545)
_MOST = (0.971193274221, 1.060803711260)


def places(triple: str) -> np.ndarray:
    """Where the points of a triple go in the crop.

    Parameters
    ----------
    triple : {'outer', 'inner'}

    Returns
    -------
    np.ndarray, shape (3, 2), float64
        Pixels ``(x, y)`` in the crop of 96: the mean face's extent is the whole crop.
    """
    points = np.array([_MEAN_FACE[index] for index in TRIPLES[triple]])
    return np.asarray(SIDE * (points - _LEAST) / (np.array(_MOST) - _LEAST))


def openface_chip(image: np.ndarray, triple: str = "outer") -> np.ndarray | None:
    """Cut out the largest face, its three points brought to `places`.

    Bilinear and not averaged first, as OpenFace does it; what lies outside the image is black.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB
    triple : {'outer', 'inner'}

    Returns
    -------
    np.ndarray, shape (96, 96, 3), uint8 RGB, or None where no face is found

    Raises
    ------
    InputError
        When dlib is not installed or its landmark file is missing.
    """
    import cv2

    from facedeblur.benchmark.faces.dlib_hog import HogDetector, landmarker_68

    faces = HogDetector().detect(image)
    if not faces:
        return None
    points = landmarker_68().points(image, faces[0])[list(TRIPLES[triple])]
    if abs(np.linalg.det(points[1:] - points[0])) < 1:  # in one line: no affine map
        return None
    matrix = cv2.getAffineTransform(points.astype(np.float32), places(triple).astype(np.float32))
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR))
