"""The similarity that takes points to points: how a face is brought to where a network or a template wants it.

Find the face in an image again and cut it out as OpenFace's networks want it.

Amos et al., "OpenFace" (CMU-CS-16-118, 2016): dlib's HOG detector with one upsampling, its 68 points, and the affine
map that takes three of them to their places in the mean face.

Find the face in an image again and cut it out as networks of the ArcFace family want it.
"""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError


def similarity(src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Rotation, uniform scale and shift that take `src` to `dst` with least squared error.

    In complex numbers ``w = a z + b`` with ``a = sum(conj(z) w) / sum(|z|^2)`` of the centred
    points: the solution of Umeyama (IEEE PAMI 1991) in two dimensions, without reflection.

    Parameters
    ----------
    src, dst : np.ndarray, shape (N, 2)
        Corresponding points ``(x, y)``, at least two different ones in `src`.

    Returns
    -------
    np.ndarray, shape (2, 3), float64
        ``dst ~ M[:, :2] @ src + M[:, 2]``.

    Raises
    ------
    InputError
        When the shapes differ, a value is not finite, or all points of `src` or of `dst` coincide.
    """
    source, target = paired_points(src, dst, "a similarity", 2)
    z, w = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    mean_z, mean_w = z.mean(), w.mean()
    z, w = z - mean_z, w - mean_w
    spread = float(np.sum(np.abs(z) ** 2))
    factor = np.sum(np.conj(z) * w) / spread if spread > 0 else np.nan
    if not np.isfinite(factor) or abs(factor) == 0:
        raise InputError("points of a similarity", expected="finite points that differ", found="none such")
    shift = mean_w - factor * mean_z
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def paired_points(src: np.ndarray, dst: np.ndarray, what: str, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of (N, 2) points as float64.

    Raises
    ------
    InputError
        When they are no such lists of equal length, at least `least` long; `what` they are for is named.
    """
    source, target = np.asarray(src, dtype=np.float64), np.asarray(dst, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < least:
        raise InputError(
            f"points of {what}", expected=f"twice (N, 2), N >= {least}", found=f"{source.shape} and {target.shape}"
        )
    return source, target


OPENFACE_SIDE = 96

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
    return np.asarray(OPENFACE_SIDE * (points - _LEAST) / (np.array(_MOST) - _LEAST))


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

    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, landmarker_68

    faces = HogDetector().detect(image)
    if not faces:
        return None
    points = landmarker_68().points(image, faces[0])[list(TRIPLES[triple])]
    if abs(np.linalg.det(points[1:] - points[0])) < 1:  # in one line: no affine map
        return None
    matrix = cv2.getAffineTransform(points.astype(np.float32), places(triple).astype(np.float32))
    return np.asarray(cv2.warpAffine(image, matrix, (OPENFACE_SIDE, OPENFACE_SIDE), flags=cv2.INTER_LINEAR))


ARCFACE_SIDE = 112
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
    return np.asarray(cv2.warpAffine(image, matrix, (ARCFACE_SIDE, ARCFACE_SIDE), flags=cv2.INTER_LINEAR))
