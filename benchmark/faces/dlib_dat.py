"""Read the weights of dlib's face-recognition network from its ``.dat`` file.

dlib writes a tensor as its format version (2), its four sizes and its values. Whole numbers
are packed: a byte whose low four bits count the bytes that follow (its top bit is the sign),
then those bytes, lowest first. The values are little-endian float32. The layers' parameters
stand in the order of the forward pass: a convolution's filters and biases in one tensor, an
affine layer's factors and then its offsets in one tensor, last the matrix of the linear layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError

# Filters of the two convolutions of each residual block, forward; True where the block halves the image.
BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    (64, True), *[(64, False)] * 3,
    (128, True), *[(128, False)] * 2,
    (256, True), *[(256, False)] * 2,
    (256, True),
)  # fmt: skip
FEATURES = 256
DIMENSIONS = 128


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution with the affine layer behind it.

    Attributes
    ----------
    weight : np.ndarray, shape (out, in, k, k), float32
    bias, gamma, beta : np.ndarray, shape (out,), float32
        The output is ``gamma * (weight * x + bias) + beta``.
    """

    weight: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True, eq=False)
class DlibWeights:
    """All parameters: the first convolution, two for each block of `BLOCKS`, and the (256, 128) linear layer."""

    convolutions: tuple[Convolution, ...]
    linear: np.ndarray


def read_dat(path: str | Path) -> DlibWeights:
    """Read ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises
    ------
    InputError
        When the file does not hold the 59 tensors of that network.
    """
    path = Path(path)
    data = path.read_bytes()
    sizes = [(32, 3, 7)]
    width = 32
    for filters, _ in BLOCKS:
        sizes += [(filters, width, 3), (filters, filters, 3)]
        width = filters
    tensors = _tensors(path, data, [n for out, into, k in sizes for n in (out * into * k * k + out, 2 * out)]
                       + [FEATURES * DIMENSIONS])  # fmt: skip
    convolutions = []
    for out, into, k in sizes:
        filters_and_bias, affine = next(tensors), next(tensors)
        convolutions.append(
            Convolution(
                filters_and_bias[:-out].reshape(out, into, k, k), filters_and_bias[-out:], affine[:out], affine[out:]
            )
        )
    return DlibWeights(tuple(convolutions), next(tensors).reshape(FEATURES, DIMENSIONS))


def pack(number: int) -> bytes:
    """dlib's packed form of a whole number."""
    size = (abs(number).bit_length() + 7) // 8
    return bytes([size | (0x80 if number < 0 else 0)]) + abs(number).to_bytes(size, "little")


def _tensors(path: Path, data: bytes, sizes: list[int]) -> Iterator[np.ndarray]:
    at = 0
    for count, size in enumerate(sizes):
        # The fully connected layer is stored as a matrix, every other tensor as one long column.
        shape = (FEATURES, DIMENSIONS) if count == len(sizes) - 1 else (size, 1)
        head = pack(2) + b"".join(pack(side) for side in (*shape, 1, 1))
        start = data.find(head, at)
        at = start + len(head) + 4 * size
        if start < 0 or at > len(data):
            raise InputError(
                str(path), expected=f"tensor {count + 1} of {len(sizes)} of dlib's face network", found="none",
                do="get the file again: pip install face_recognition_models",
            )  # fmt: skip
        yield np.frombuffer(data, "<f4", size, start + len(head))
