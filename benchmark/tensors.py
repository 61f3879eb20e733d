"""Images on their way into a network: as tensors, in batches that all have the same size, on a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from facedeblur.benchmark.errors import InputError

if TYPE_CHECKING:
    import torch

Record = TypeVar("Record", bound=Any)


def as_tensor(images: np.ndarray, *, device: str) -> torch.Tensor:
    """Turn (N, H, W, 3) uint8 RGB into (N, 3, H, W) float32 in [0, 255]; in memory the channels stay last."""
    import torch

    # A view of a memory-mapped store cannot be written, and torch warns of such arrays.
    pixels = np.require(images, requirements=["C", "W"])
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()


def filled(images: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Cut images into batches of just `size`, the last one filled up with copies of its last image.

    Convolution libraries choose their order of summation by the shape, so with one shape what a network
    says of an image does not depend on its company, bit for bit.

    Parameters
    ----------
    images : np.ndarray, shape (N, H, W, 3)
    size : int
        Images per batch.

    Yields
    ------
    np.ndarray, shape (size, H, W, 3)
    int
        How many of them, from the first on, are no filling.
    """
    for start in range(0, len(images), size):
        part = images[start : start + size]
        count = len(part)
        yield (part if count == size else part[[min(at, count - 1) for at in range(size)]]), count


def on_device(record: Record, device: str) -> Record:
    """Return a frozen dataclass with its field ``device`` set to `device`; one without that field as it is."""
    if not any(field.name == "device" for field in fields(record)):
        return record
    return replace(record, device=device)


def full_precision() -> None:
    """Switch TF32 off: 32 bits must mean 32 bits on every GPU."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def device_label(device: str) -> str:
    """Return the name of the GPU behind a device, as in ``NVIDIA H200``; of another device its own."""
    import torch

    return str(torch.cuda.get_device_name(device)) if device.startswith("cuda") else device


def torch_device(device: str, *, float64: bool = False) -> str:
    """Check a device's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto`` (a GPU where there is one).

    Raises
    ------
    InputError
        When the device is missing or, with `float64`, does not know that type.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device, dtype=torch.float64 if float64 else None)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            f"device '{device}'", f"torch cannot use it ({str(error).splitlines()[0]})", do="use cpu"
        ) from error
    return device
