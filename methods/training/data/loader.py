"""Batches for the training loop, made ahead of it by worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.parallel import cores
from facedeblur.methods.training.data.pairs import Examples, Places

AHEAD = 4
"""Batches that a worker makes ahead."""


class _Told(Dataset[Any]):
    """Examples, where an error is an item: a loader would wrap it into a traceback."""

    def __init__(self, examples: Examples):
        self.examples = examples

    def __getitem__(self, index: int) -> dict[str, Any] | InputError:
        try:
            return self.examples[index]
        except InputError as error:
            return error


def _gathered(items: Sequence[Any]) -> Any:
    return next((item for item in items if isinstance(item, InputError)), None) or default_collate(list(items))


def _on_its_own(number: int) -> None:
    # Ctrl-C is the parent's affair, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def batches(
    examples: Examples, places: Places, device: torch.device, *, loaders: int = -1, channels_last: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Endless batches on a device.

    Parameters
    ----------
    examples : Examples
    places : Places
        Which, in which order.
    device : torch.device
    loaders : int
        Processes that make them; 0 makes them in this one, -1 takes as many as there are processors but one, at most
        16. The batches do not depend on it.
    channels_last : bool
        Lay images out so.

    Yields
    ------
    dict
        ``index`` (B,); ``sharp`` and ``blurred`` (B, 3, H, W) float32 RGB in [0, 1]; where wanted ``labels``
        (B, H, W) int64 and ``kernels`` (B, K, K) float32.

    Raises
    ------
    InputError
        When a photograph or its labels cannot be read.
    """
    count = max(1, min(16, cores() - 1)) if loaders < 0 else loaders
    loader: DataLoader[Any] = DataLoader(
        _Told(examples),
        batch_sampler=places,
        num_workers=count,
        prefetch_factor=AHEAD if count else None,
        collate_fn=_gathered,
        worker_init_fn=_on_its_own,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        moved = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
        for name in ("sharp", "blurred"):
            image = moved[name].float().div_(255)
            moved[name] = image.contiguous(memory_format=torch.channels_last) if channels_last else image
        if "labels" in moved:
            moved["labels"] = moved["labels"].long()
        yield moved
