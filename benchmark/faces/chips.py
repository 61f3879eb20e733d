"""Network inputs from face images: the whole image resized, or the face found again and cut out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.faces.base import as_batch, no_more, unpinned
from facedeblur.benchmark.tensors import as_tensor, filled

if TYPE_CHECKING:
    import torch

DLIB_SIDE, DLIB_PADDING = 150, 0.25


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
    from facedeblur.benchmark.faces.detectors.dlib_hog import HogDetector, landmarker_68

    faces = HogDetector().detect(image)
    if not faces:
        return None
    dlib = need("dlib", "dlib-bin")
    points = landmarker_68().points(image, faces[0])
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


def provider_options(kind: str, options: Sequence[str]) -> tuple[str | None, bool]:
    """Read an embedder's options: ``@1234abcd`` pins its weights, ``as-is`` or ``detect`` says how inputs are made.

    Returns
    -------
    sha : str or None
    detect : bool

    Raises
    ------
    InputError
        When an option is not known, or two hashes are given.
    """
    sha, rest = unpinned(kind, options)
    no_more(kind, [option for option in rest if option not in {"as-is", "detect"}], "as-is or detect")
    return sha, rest[-1:] == ["detect"]


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


def torch_device(device: str) -> str:
    """Check a device's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto`` (a GPU where there is one).

    Raises
    ------
    InputError
        When the device is not there.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device '{device}'", expected="one that torch can use", found=str(error).split("\n")[0], do="use cpu"
        ) from error
    return device
