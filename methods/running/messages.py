"""Messages between the supervisor and its workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import MOST_FOUND, shorten
from facedeblur.benchmark.sets.set import Pair


@dataclass(frozen=True)
class Job:
    """Task of a worker; the fields are those of `facedeblur.methods.running.runner.run`.

    `keep` are the intermediate results that the method is to keep, `folders` the kinds of their folders by name.
    If `takes_kernels` is set, ``restore`` is given kernels: those in the file `kernels`, by pair, or the true ones. If
    `takes_labels` is set, it is given the true labels instead.
    """

    kind: type[Any]
    name: str
    arguments: dict[str, Any]
    takes_kernels: bool
    takes_labels: bool
    kernels: Path | None
    weights: dict[str, Path]
    device: str
    precision: str
    set_root: Path
    set_hash: str
    out_root: Path
    store: str
    scratch: Path
    keep: tuple[str, ...] = ()
    folders: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """Outcome of one image; `retry` means that another image of the batch may be at fault.

    `kernel` is the estimated point spread function, (k, k) float64, if the method has one for this image; `kept` has
    the hash of the pixels for each folder of intermediate results; `clipped` is the share of values that were outside
    [0, 1] by more than a grey level.
    """

    index: int
    pair_id: str
    status: str
    seconds: float
    sha256: str
    retry: bool = False
    kernel: np.ndarray | None = field(default=None, compare=False, repr=False)
    kept: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    clipped: float = field(default=0.0, compare=False, repr=False)


@dataclass(frozen=True)
class Facts:
    """Facts about a loaded method and its worker; `size_bytes` only if the method states it.

    `precision` is that of the weights if they are not of 32 bits, else the one that was requested.
    """

    device: str
    device_name: str
    precision: str
    parameters: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class Comparison:
    """Largest difference of a batch from single images, in grey levels, or why there was no result.

    `batch` is the number of images in the batch, `seconds` its time per image.
    """

    images: int
    grey_levels: int = 0
    why: str = ""
    batch: int = 0
    seconds: float = float("nan")


class OutOfMemory(Exception):
    """The batch is too large for the device."""


def failure(pair: Pair, why: str, *, seconds: float = float("nan"), retry: bool = False) -> Result:
    """The row of an image that could not be restored; `why` is put on one line."""
    return Result(pair.index, pair.pair_id, f"failed: {shorten(why, MOST_FOUND)}", seconds, "", retry)


def freeze(job: Job) -> bytes:
    """Bytes of a job; a class that was written in a script or a notebook travels with its code."""
    data: bytes = _pickler().dumps(job)
    return data


def thaw(data: bytes) -> Job:
    """The job that `freeze` was given."""
    job: Job = _pickler().loads(data)
    return job


def _pickler() -> Any:
    # joblib installs cloudpickle: as a separate package since 1.6, inside itself before.
    try:
        return import_module("cloudpickle")
    except ModuleNotFoundError:
        return import_module("joblib.externals.cloudpickle")
