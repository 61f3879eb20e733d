"""Labelled faces for training a face parser: photographs with label images, in memory, and their augmentation."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Collection as Names
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_photo
from facedeblur.generators.photos.collection import Collection
from facedeblur.generators.photos.labels import labels_of

IGNORED = 255
"""Label of pixels beyond the photograph, which have no loss."""

_Uniform: TypeAlias = Callable[..., torch.Tensor]
_MIRRORED = torch.tensor([0, 1, 3, 2, 5, 4, 6, 7, 8, 9, 10, *range(11, 256)])


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """Photographs of one size and their classes.

    Attributes
    ----------
    photographs : torch.Tensor, (N, 3, S, S) uint8 RGB
    labels : torch.Tensor, (N, S, S) uint8
        Places in `facedeblur.benchmark.sets.classes.HELEN`.
    sources : tuple of str
    """

    photographs: torch.Tensor
    labels: torch.Tensor
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    def part(self, start: int, stop: int) -> LabelledFaces:
        """Some of the faces, without a copy."""
        return LabelledFaces(self.photographs[start:stop], self.labels[start:stop], self.sources[start:stop])


def read_labelled(collection: Collection, *, size: int = 256, leave_out: Names[str] = ()) -> LabelledFaces:
    """Read all photographs of a collection that have label images, made square of `size` pixels.

    Raises
    ------
    InputError
        When none has a label, a label cannot be read, a photograph is not square, or `leave_out` names
        a missing one.
    """
    missing = sorted(set(leave_out) - {one.source for one in collection.photographs})
    if missing:
        raise InputError(f"photograph '{missing[0]}' to leave out is not in {collection.place}")
    taken = [one for one in collection.photographs if one.label and one.source not in leave_out]
    if not taken:
        raise InputError(f"{collection.place} has no photographs with label images")
    photographs = np.empty((len(taken), 3, size, size), np.uint8)
    labels = np.empty((len(taken), size, size), np.uint8)
    for row, one in enumerate(taken):
        pixels = read_photo(collection.file(one.source)).pixels
        height, width = pixels.shape[:2]
        if height != width:
            raise InputError(one.source, expected="a square photograph", found=f"{width}x{height}", do="crop it")
        classes = labels_of(collection, one, size=(height, width))
        resized = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
        photographs[row] = resized.transpose(2, 0, 1)
        labels[row] = cv2.resize(classes, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)
    return LabelledFaces(
        torch.from_numpy(photographs), torch.from_numpy(labels), tuple(one.source for one in taken)
    )  # fmt: skip


def augmented(
    faces: LabelledFaces, rows: torch.Tensor, *, size: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch: turned, scaled, moved, mirrored, with another light and focus.

    A crop's side is 0.62 to 1.15 of the photograph's, so that both the frame of CelebA-HQ and the tighter one of
    Shen's template are in it; turned by up to 25 degrees, moved by up to 0.12 of the side.

    Parameters
    ----------
    faces : LabelledFaces
    rows : torch.Tensor, (B,) int64
    size : int
        Side of the crops in pixels.
    generator : torch.Generator
        Where every random number comes from.

    Returns
    -------
    images : (B, 3, size, size) float32 RGB in [0, 1]
    labels : (B, size, size) int64
        `IGNORED` beyond the photograph.
    """

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(rows), *shape, generator=generator)

    side = torch.exp(uniform(math.log(0.62), math.log(1.15)))
    angle = uniform(-25, 25) * (math.pi / 180)
    mirror = (uniform(0, 1) < 0.5).float() * -2 + 1
    turn = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], 1).view(-1, 2, 2)
    turn = turn * side.view(-1, 1, 1)
    turn[:, :, 0] *= mirror.view(-1, 1)
    affine = torch.cat([turn, uniform(-0.24, 0.24, 2, 1) * 0.5], 2)
    # Twice as fine as wanted, then averaged: a photograph is up to twice as large as its crop.
    fine = functional.affine_grid(affine, [len(rows), 3, 2 * size, 2 * size], align_corners=False)
    images = functional.grid_sample(
        faces.photographs[rows].float() / 255, fine, padding_mode="border", align_corners=False
    )
    images = functional.avg_pool2d(images, 2)
    coarse = functional.affine_grid(affine, [len(rows), 1, size, size], align_corners=False)
    shifted = faces.labels[rows].unsqueeze(1).float() + 1
    labels = functional.grid_sample(shifted, coarse, mode="nearest", align_corners=False)[:, 0].long() - 1
    labels = torch.where(labels < 0, IGNORED, labels)
    labels = torch.where((mirror < 0).view(-1, 1, 1), _MIRRORED[labels], labels)
    return _relit(images, uniform), labels


def _relit(images: torch.Tensor, uniform: _Uniform) -> torch.Tensor:
    """Another exposure, white balance and gamma; some grey, some out of focus, some noisy."""
    gamma, gain = torch.exp2(uniform(-0.5, 0.5, 1, 1, 1)), uniform(0.7, 1.3, 1, 1, 1) * uniform(0.9, 1.1, 3, 1, 1)
    images = (images.clamp(1e-4, 1) ** gamma) * gain + uniform(-0.08, 0.08, 1, 1, 1)
    grey = images.mean(1, keepdim=True).expand_as(images)
    images = torch.where(uniform(0, 1, 1, 1, 1) < 0.08, grey, images)
    soft = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    images = torch.lerp(images, soft, uniform(-0.6, 1, 1, 1, 1).clamp_min(0))
    strength = uniform(-0.03, 0.03, 1, 1, 1).clamp_min(0)
    return (images + strength * uniform(-1.7, 1.7, *images.shape[1:])).clamp(0, 1)
