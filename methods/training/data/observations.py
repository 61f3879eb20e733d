"""Batches of two blurred images of each face, without the sharp one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.pairs.device import make, prepare
from facedeblur.generators.pairs.observed import Observations, ObservedPlan
from facedeblur.generators.pairs.sharp_source import one_size
from facedeblur.generators.pairs.stored import Mixture, Pairs
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.methods.training.data.batches import Examples, Unfinished, moved
from facedeblur.methods.training.data.pairs import TrainingData, need_kernels
from facedeblur.methods.training.losses.observations import SIDES


def observed(pairs: Pairs) -> Observations:
    """Two blurred images of each face of some pairs.

    Raises
    ------
    InputError
        If these are pairs of photographs and of sets, or a face has one blurred image only.
    """
    if isinstance(pairs, Mixture):
        raise InputError(
            "photographs and sets cannot both give two blurred images of each face", do="give --faces or --pairs alone"
        )
    return Observations(pairs)


def need_observations(data: TrainingData, stage: str) -> None:
    """Raise InputError if the training data have no two blurred images of each face, with kernels."""
    if not isinstance(data.train, Mixture):
        need_kernels(replace(data, check=data.train), stage)
    observed(data.train)


class ObservedExamples(Examples):
    """Two blurred images of a face as an item, with the names of `facedeblur.methods.training.observed`.

    Parameters
    ----------
    pairs : Pairs
        Virtual ones, or those of sets.
    crop : (height, width) or None
        One random crop for both, which depends on (seed, number of the item) alone.
    kernels, proxies : bool
        Whether items hold the kernels of the two, and those that estimates are blurred by.
    """

    def __init__(
        self, pairs: Pairs, *, crop: tuple[int, int] | None = None, kernels: bool = False, proxies: bool = False
    ):
        super().__init__(pairs, crop=crop, kernels=kernels)
        self.observations, self.proxies = observed(pairs), proxies

    def __len__(self) -> int:
        return len(self.observations)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """``blurred``, ``second_blurred``: (3, H, W) uint8 RGB; ``edge``, ``second_edge``: pixels from the border whose
        blur is not that of the mirrored image; ``[second_][proxy_]kernels``: (K, K) float32."""
        plan = self._plan(index)
        crop = self._both(plan)
        images = {
            f"{side}blurred": np.ascontiguousarray(self.pairs.make(one).blurred[crop].transpose(2, 0, 1))
            for side, one in self._sides(plan)
        }
        return images | self._told(plan)

    @property
    def on_device(self) -> bool:
        """Whether a device can make the images: those of photographs of one size."""
        return isinstance(self.pairs, VirtualPairs) and one_size(self.pairs.source)

    def unfinished(self, indices: Sequence[int]) -> Unfinished:
        """What `finish` needs for making `batch` on a device."""
        assert isinstance(self.pairs, VirtualPairs)
        plans = [self._plan(index) for index in indices]
        both = [one for at in range(2) for one in (self._sides(plan)[at][1] for plan in plans)]
        corners = [(rows.start, columns.start) for rows, columns in map(self._both, plans)]
        return Unfinished(prepare(self.pairs, both), 2 * corners, default_collate([self._told(plan) for plan in plans]))

    def finish(self, begun: Unfinished, device: torch.device) -> dict[str, Tensor]:
        """Make a batch on a device: the values of `batch`, byte for byte."""
        assert isinstance(self.pairs, VirtualPairs)
        _, images = make(self.pairs, begun.prepared, device)
        if self.crop is not None:
            images = self._cut(images, begun.corners)
        return dict(zip((f"{side}blurred" for side in SIDES), images.chunk(2), strict=True)) | moved(begun.rest, device)

    def _plan(self, index: int) -> ObservedPlan:
        return self.observations.plan(index % len(self))

    def _both(self, plan: ObservedPlan) -> tuple[slice, slice]:
        """The crop of both images."""
        return self._crop(replace(plan.first, number=plan.number))

    @staticmethod
    def _sides(plan: ObservedPlan) -> list[tuple[str, Any]]:
        return list(zip(SIDES, (plan.first, plan.second), strict=True))

    def _told(self, plan: ObservedPlan) -> dict[str, Any]:
        """Everything but the images."""
        item: dict[str, Any] = {"index": plan.index}
        for (side, one), proxy in zip(self._sides(plan), plan.proxies, strict=True):
            whole = self.crop is None or self.crop == self.pairs.size_of(one)
            item[f"{side}edge"] = self.observations.edge(one, whole=whole)
            if self.kernels:
                item[f"{side}kernels"] = self.pairs.padded_kernel(one).astype(np.float32)
            if self.proxies:
                item[f"{side}proxy_kernels"] = self.pairs.padded_kernel(proxy).astype(np.float32)
        return item
