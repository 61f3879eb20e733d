"""Face images through networks: whole images resized, or the face found again and cut out; labels of every pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.faces.base import as_batch
from facedeblur.benchmark.tensors import as_tensor, filled

if TYPE_CHECKING:
    import torch

DLIB_SIDE, DLIB_PADDING = 150, 0.25

PARSED = 8
"""Images that a parser labels at once."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

MODES = ("as-is", "detect")
"""The option of embedders that says what is embedded: the whole image, or the face found again in it."""

DETECT = {"detect": "the face is found again first"}
"""That option in words."""


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


def dlib_chip(image: np.ndarray) -> np.ndarray | None:
    """Cut out the largest face as dlib's network wants it.

    HOG detector with one upsampling, 68 landmarks, dlib's own face chip of 150 pixels with a padding of 0.25.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB

    Returns
    -------
    np.ndarray, shape (150, 150, 3), uint8 RGB, or None where no face is found
    """
    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, Landmarker68

    faces = HogDetector().detect(image)
    if not faces:
        return None
    dlib = need("dlib", "dlib-bin")
    points = Landmarker68.of().points(image, faces[0])
    left, top, right, bottom = (round(side) for side in faces[0].box)
    shape = dlib.full_object_detection(
        dlib.rectangle(left, top, right, bottom), [dlib.point(int(x), int(y)) for x, y in points]
    )
    return np.asarray(dlib.get_face_chip(np.ascontiguousarray(image), shape, size=DLIB_SIDE, padding=DLIB_PADDING))


def mtcnn_chip(image: np.ndarray, side: int) -> np.ndarray | None:
    """Cut out the largest face's MTCNN box, no margin, and resize it to a square.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB
    side : int
        Height and width of the result in pixels.

    Returns
    -------
    np.ndarray, shape (side, side, 3), uint8 RGB, or None where no face is found
    """
    from facedeblur.benchmark.faces.detectors.mtcnn import MtcnnDetector

    faces = MtcnnDetector().detect(image)
    if not faces:
        return None
    height, width = image.shape[:2]
    left, top = (max(0, int(edge)) for edge in faces[0].box[:2])
    right, bottom = min(width, int(faces[0].box[2])), min(height, int(faces[0].box[3]))
    if right <= left or bottom <= top:
        return None
    chip = resized(image[None, top:bottom, left:right], side)[0]
    return np.asarray(chip.permute(1, 2, 0).round().byte().numpy())


def in_batches(
    network: Callable[[torch.Tensor], torch.Tensor], inputs: np.ndarray, side: int, *, size: int, device: str
) -> Iterator[np.ndarray]:
    """Resize and embed images in batches that all have the same size; see `facedeblur.benchmark.tensors.filled`.

    Parameters
    ----------
    network : callable
        (size, 3, side, side) float32 in [0, 255] to (size, D).
    inputs : np.ndarray, shape (N, H, W, 3), uint8 RGB
    side, size : int
        Pixels of the network's input; images a batch.
    device : str

    Yields
    ------
    np.ndarray, shape (K, D), float32
        The vectors of up to `size` images, in order.
    """
    for batch, count in filled(inputs, size):
        yield network(resized(batch, side, device=device))[:count].cpu().numpy()


def embedded(
    network: Callable[[torch.Tensor], torch.Tensor],
    faces: np.ndarray,
    *,
    chip: Callable[[np.ndarray], np.ndarray | None] | None,
    side: int,
    dimensions: int,
    size: int,
    device: str,
) -> np.ndarray:
    """Embed whole images, or the face found again in each.

    Parameters
    ----------
    network : callable
        (size, 3, side, side) float32 in [0, 255] to (size, dimensions).
    faces : np.ndarray, shape (N, H, W, 3), uint8 RGB
    chip : callable, optional
        From an image to its face, (S, S, 3) uint8 RGB, or None where it finds none; left out, images are taken whole.
    side, dimensions, size, device
        See `in_batches`.

    Returns
    -------
    np.ndarray, shape (N, dimensions), float32
        A row of NaN where no face was found.
    """
    out = np.full((len(faces), dimensions), np.nan, dtype=np.float32)
    inputs, where = faces, np.arange(len(faces))
    if chip is not None:
        found = [chip(face) for face in faces]
        where = np.array([at for at, one in enumerate(found) if one is not None], dtype=np.int64)
        if not where.size:
            return out
        inputs = np.stack([one for one in found if one is not None])
    vectors = in_batches(network, inputs, side, size=size, device=device)
    for start, part in zip(range(0, len(inputs), size), vectors, strict=True):
        out[where[start : start + size]] = part
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
