"""Batches for the training loop: which pairs are in them, what is taken of each, and where they are made.

On a CPU worker processes make whole pairs ahead of the loop. On a GPU they only prepare them, read photographs and draw
kernels, and the device does the rest. The bytes are the same.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.parallel import cores
from facedeblur.generators.pairs.device import Prepared, make, prepare
from facedeblur.generators.pairs.sharp_source import one_size
from facedeblur.generators.pairs.stored import Pairs
from facedeblur.generators.pairs.virtual import VirtualPairs

AHEAD = 4
"""Batches that a worker makes ahead."""

CROP_STREAM = 0xC409
"""Stream of the random crops."""


@dataclass(frozen=True)
class Places:
    """Endless batches of indices, a function of where training stands: no two ranks share one, and stopping and
    resuming changes nothing."""

    batch: int
    start: int = 0
    rank: int = 0
    world: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        first = self.start + self.rank
        while True:
            yield [first + i * self.world for i in range(self.batch)]
            first += self.batch * self.world


class Unfinished(NamedTuple):
    """A batch that a device has to finish: its pairs, the top left corners of their crops, and its other values."""

    prepared: Prepared
    corners: list[tuple[int, int]]
    rest: dict[str, Tensor]


class Examples:
    """Pairs as a map-style dataset: dicts of arrays, cropped, with labels, kernels and sketches where wanted.

    Parameters
    ----------
    pairs : Pairs
        Virtual ones, those of sets, or a mixture.
    crop : (height, width) or None
        Random crops, which depend on (seed, number of the pair) alone.
    labels, kernels, sketches : bool
    centred : bool
        Crop the middle instead.
    """

    def __init__(
        self,
        pairs: Pairs,
        *,
        crop: tuple[int, int] | None = None,
        labels: bool = False,
        kernels: bool = False,
        sketches: bool = False,
        centred: bool = False,
    ):
        height, width = pairs.source.size
        if crop is not None and (crop[0] > height or crop[1] > width):
            raise InputError(
                "data.crop", expected=f"at most {width}x{height}", found=f"{crop[1]}x{crop[0]}", do="crop less"
            )
        if crop is None and not one_size(pairs.source):
            raise InputError("faces of several sizes cannot share a batch", do="set 'crop', such as --crop 128")
        self.pairs, self.crop, self.centred = pairs, crop, centred
        self.labels, self.kernels, self.sketches = labels, kernels, sketches

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """``sharp``, ``blurred``: (3, H, W) uint8 RGB; ``labels``: (H, W) uint8; ``kernels``: (K, K) float32;
        ``sketch``: (1, H, W) uint8."""
        plan: Any = self.pairs.plan(index % len(self.pairs))
        pair, crop = self.pairs.make(plan), self._crop(plan)
        images = {"sharp": pair.sharp, "blurred": pair.blurred}
        planes = {name: np.ascontiguousarray(pixels[crop].transpose(2, 0, 1)) for name, pixels in images.items()}
        return planes | self._rest(plan, index)

    @property
    def on_device(self) -> bool:
        """Whether a device can make the pairs: virtual ones of one size."""
        return isinstance(self.pairs, VirtualPairs) and one_size(self.pairs.source)

    def batch(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Several items as one, each value with an additional first axis."""
        made: dict[str, Tensor] = default_collate([self[index] for index in indices])
        return made

    def unfinished(self, indices: Sequence[int]) -> Unfinished:
        """What `finish` needs for making `batch` on a device."""
        plans: list[Any] = [self.pairs.plan(index % len(self.pairs)) for index in indices]
        corners = [(rows.start, columns.start) for rows, columns in map(self._crop, plans)]
        rest = default_collate([self._rest(plan, index) for plan, index in zip(plans, indices, strict=True)])
        assert isinstance(self.pairs, VirtualPairs)
        return Unfinished(prepare(self.pairs, plans), corners, rest)

    def finish(self, begun: Unfinished, device: torch.device) -> dict[str, Tensor]:
        """Make a batch on a device: the values of `batch`, byte for byte."""
        assert isinstance(self.pairs, VirtualPairs)
        made = dict(zip(("sharp", "blurred"), make(self.pairs, begun.prepared, device), strict=True))
        if self.crop is not None:
            made = {name: self._cut(images, begun.corners) for name, images in made.items()}
        return made | moved(begun.rest, device)

    def _cut(self, images: Tensor, corners: Sequence[tuple[int, int]]) -> Tensor:
        """The crop of each image, given its top left corner."""
        assert self.crop is not None
        high, wide = self.crop
        return torch.stack(
            [image[:, y : y + high, x : x + wide] for image, (y, x) in zip(images, corners, strict=True)]
        )

    def _rest(self, plan: Any, index: int) -> dict[str, Any]:
        item: dict[str, Any] = {"index": index}
        if self.labels:
            item["labels"] = np.ascontiguousarray(self.pairs.label(plan)[self._crop(plan)])
        if self.kernels:
            item["kernels"] = self.pairs.padded_kernel(plan).astype(np.float32)
        if self.sketches:
            item["sketch"] = np.ascontiguousarray(self.pairs.sketch(plan)[self._crop(plan)])[None]
        return item

    def _crop(self, plan: Any) -> tuple[slice, slice]:
        height, width = self.pairs.size_of(plan)
        high, wide = self.crop or (height, width)
        top, left = (height - high) // 2, (width - wide) // 2
        if not self.centred and (high, wide) != (height, width):
            key = np.array([self.pairs.seed ^ (CROP_STREAM << 48), plan.number], dtype=np.uint64)
            draw = np.random.Generator(np.random.Philox(key=key))
            top, left = (int(draw.integers(0, most + 1)) for most in (height - high, width - wide))
        return slice(top, top + high), slice(left, left + wide)


class _Told(Dataset[Any]):
    """Batches by their indices; an error is returned as an item, because a loader would wrap it in a traceback."""

    def __init__(self, made: Callable[[Sequence[int]], Any]):
        self.made = made

    def __getitem__(self, indices: Any) -> Any:
        try:
            return self.made(indices)
        except InputError as error:
            return error


def _as_it_is(batch: Any) -> Any:
    return batch


_REQUESTS = (signal.SIGINT, signal.SIGTERM)


def _on_its_own(number: int) -> None:
    # The parent handles both, which job schedulers send to all processes of a job, and tells its workers to end.
    for one in _REQUESTS:
        signal.signal(one, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _REQUESTS)


@contextmanager
def _held_back() -> Iterator[None]:
    """Let requests to end wait until the workers that are started meanwhile ignore them, which they do not at first."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def moved(values: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Tensors on a device, by the same names."""
    return {name: value.to(device, non_blocking=True) for name, value in values.items()}


def batches(
    examples: Examples,
    places: Places,
    device: torch.device,
    *,
    loaders: int = -1,
    channels_last: bool = False,
    on_device: bool | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Endless batches on a device.

    Parameters
    ----------
    examples : Examples
    places : Places
        Which pairs, in which order.
    device : torch.device
    loaders : int
        Processes that make or prepare them; 0 does it in this one, -1 takes as many as there are processors but one,
        at most 16. The batches do not depend on it.
    channels_last : bool
        Store images with the channels last.
    on_device : bool, optional
        Finish the pairs on the device, so that the processes only prepare them; by default on a GPU, where it can make
        them. The batches do not depend on it.

    Yields
    ------
    dict
        ``index`` (B,); ``sharp`` and ``blurred`` (B, 3, H, W) float32 RGB in [0, 1]; where wanted ``labels``
        (B, H, W) int64, ``kernels`` (B, K, K) float32, and ``sketch`` (B, 1, H, W) float32 in [0, 1], 1 is paper. Of
        two blurred images of each face: see `facedeblur.methods.training.observed`.

    Raises
    ------
    InputError
        If a photograph, its labels or its sketch cannot be read.
    """
    count = max(1, min(16, cores() - 1)) if loaders < 0 else loaders
    on_device = (device.type == "cuda" and examples.on_device) if on_device is None else on_device
    loader: DataLoader[Any] = DataLoader(
        _Told(examples.unfinished if on_device else examples.batch),
        sampler=places,
        batch_size=None,
        num_workers=count,
        prefetch_factor=AHEAD if count else None,
        collate_fn=_as_it_is,
        worker_init_fn=_on_its_own,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),
    )
    with _held_back():
        source = iter(loader)
    for batch in source:
        if isinstance(batch, InputError):
            raise batch
        made = examples.finish(batch, device) if on_device else moved(batch, device)
        for name in {"sharp", "blurred", "second_blurred", "sketch"} & made.keys():
            image = made[name].float().div_(255)
            made[name] = image.contiguous(memory_format=torch.channels_last) if channels_last else image
        if "labels" in made:
            made["labels"] = made["labels"].long()
        yield made
