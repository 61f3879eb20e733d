"""dlib's 128-dimensional face descriptor, ported to torch.

The network of King, "High Quality Face Recognition with Deep Metric Learning" (2017): a
ResNet with 29 convolutions, read from dlib's own weight file (public domain). The port
agrees with dlib to about 1e-6 on the same 150-pixel chip and is an order of magnitude
faster than the packaged dlib, because it works on batches and convolves through oneDNN.

In the ``.dat`` file dlib writes a tensor as its format version (2), its four sizes and its values. Whole numbers
are packed: a byte whose low four bits count the bytes that follow (its top bit is the sign),
then those bytes, lowest first. The values are little-endian float32. The layers' parameters
are in the order of the forward pass: a convolution's filters and biases in one tensor, an
affine layer's factors and then its offsets in one tensor, last the matrix of the linear layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.faces.inference import DETECT, NetworkEmbedder

if TYPE_CHECKING:
    import torch

SIDE, PADDING = 150, 0.25
"""Pixels of the network's input, and share of the face that dlib's chip adds around it."""

MEAN = (122.782, 117.001, 104.298)

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
                str(path), f"tensor {count + 1} of the {len(sizes)} of dlib's face network is missing",
                do="install the file again: pip install --force-reinstall face_recognition_models",
            )  # fmt: skip
        yield np.frombuffer(data, "<f4", size, start + len(head))


class DlibNetwork:
    """The forward pass, with every affine layer folded into its convolution.

    Parameters
    ----------
    weights : DlibWeights
    device : str
        Where it runs, as torch names it.
    """

    def __init__(self, weights: DlibWeights, *, device: str = "cpu"):
        import torch

        self.device = device
        self._layers = [self._fold(layer) for layer in weights.convolutions]
        self._linear = torch.from_numpy(weights.linear.copy()).to(device)
        self._mean = torch.tensor(MEAN, device=device).reshape(1, 3, 1, 1)

    def _fold(self, layer: Convolution) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        gamma = layer.gamma.astype(np.float64)
        weight = torch.from_numpy((layer.weight * gamma[:, None, None, None]).astype(np.float32))
        bias = torch.from_numpy((layer.bias * gamma + layer.beta).astype(np.float32))
        return weight.to(self.device, memory_format=torch.channels_last), bias.to(self.device)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Descriptors of chips.

        Parameters
        ----------
        batch : torch.Tensor, shape (N, 3, 150, 150), float32 RGB in [0, 255]

        Returns
        -------
        torch.Tensor, shape (N, 128), float32
        """
        import torch
        from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad

        with torch.inference_mode():
            layers = iter(self._layers)
            x = ((batch - self._mean) / 256).contiguous(memory_format=torch.channels_last)
            x = max_pool2d(conv2d(x, *next(layers), stride=2).relu_(), 3, 2)
            for filters, halves in BLOCKS:
                # dlib pads a convolution only where its stride is 1.
                y = conv2d(x, *next(layers), stride=2 if halves else 1, padding=0 if halves else 1).relu_()
                y = conv2d(y, *next(layers), padding=1)
                if halves:
                    # dlib adds tensors of unequal size as if both were filled up with zeros.
                    x = avg_pool2d(x, 2)
                    height, width = (max(a, b) for a, b in zip(x.shape[2:], y.shape[2:], strict=True))
                    y = pad(y, (0, width - y.shape[3], 0, height - y.shape[2]))
                    x = pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, filters - x.shape[1]))
                x = x.add(y).relu_()
            return x.mean((2, 3)) @ self._linear


@lru_cache(maxsize=4)
def _network(path: str, sha: str, device: str) -> DlibNetwork:
    return DlibNetwork(read_dat(path), device=device)


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
    return np.asarray(dlib.get_face_chip(np.ascontiguousarray(image), shape, size=SIDE, padding=PADDING))


class DlibEmbedder(NetworkEmbedder):
    """128-dimensional descriptors of faces; identities differ from a distance of about 0.6 on.

    With ``detect`` the face is cut out as dlib's own chip.
    """

    name, side, dimensions = "dlib-resnet", SIDE, DIMENSIONS
    # Eight chips keep the activations in the processor's cache; more a call is slower there.
    batch = 8
    terms: ClassVar[Mapping[str, str]] = {"dlib-resnet": "dlib's 128-d residual network", **DETECT}

    def network(self, device: str) -> DlibNetwork:
        """The network on a device."""
        return _network(str(self.weights.path), self.weights.sha256, device)

    def chip(self, image: np.ndarray) -> np.ndarray | None:
        """Return `dlib_chip`."""
        return dlib_chip(image)
