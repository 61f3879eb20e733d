"""Images on their way into a network: as tensors, and in batches that all have the same size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError

if TYPE_CHECKING:
    import torch


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


def torch_device(device: str) -> str:
    """Check a device's name: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto`` (a GPU where there is one).

    Raises
    ------
    InputError
        When the device is missing.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device '{device}'", f"torch cannot use it ({str(error).splitlines()[0]})", do="use cpu"
        ) from error
    return device
