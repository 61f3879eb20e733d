"""Sharp crops of virtual pairs, cut or augmented on the device that torch computes on, byte for byte as on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.augment import GREY, Augmentation
from facedeblur.generators.blur import border_index
from facedeblur.generators.pairs import Plan, VirtualPairs


class DeviceCrops:
    """Photographs on a device, one flat tensor of bytes, and what is cut out of them.

    Parameters
    ----------
    pairs : VirtualPairs
    device : torch.device
    resident : bool
        Upload all photographs at once; otherwise those of a batch each time.

    Raises
    ------
    InputError
        When they do not fit on the device.
    """

    def __init__(self, pairs: VirtualPairs, device: torch.device, *, resident: bool = False):
        self.pairs, self.device = pairs, device
        self._held = self._upload(range(pairs.n_images)) if resident else None

    def windows(self, plans: Sequence[Plan], radius: int) -> torch.Tensor:
        """Sharp crops with `radius` around them.

        Returns
        -------
        (B, 3, H + 2 radius, W + 2 radius) float64
            RGB, whole grey levels from 0 to 255.
        """
        flat, where = self._held or self._upload([plan.image for plan in plans])
        height, width = self.pairs.source.size
        out = torch.empty(
            (len(plans), 3, height + 2 * radius, width + 2 * radius), dtype=torch.float64, device=self.device
        )
        for turned in (False, True):
            chosen = [i for i, plan in enumerate(plans) if (plan.augmentation is not None) is turned]
            if not chosen:
                continue
            some = [plans[i] for i in chosen]
            places = [where[plan.image] for plan in some]
            made = self._resampled(flat, some, places, radius) if turned else self._cut(flat, some, places, radius)
            out[torch.tensor(chosen, device=self.device)] = made
        return out

    def _upload(self, numbers: Sequence[int]) -> tuple[torch.Tensor, dict[int, tuple[int, int, int]]]:
        """Photographs as one flat tensor of bytes, and where each begins, its height and its width."""
        where: dict[int, tuple[int, int, int]] = {}
        pixels, total = [], 0
        for number in dict.fromkeys(numbers):
            stored = self.pairs.source.read(number)
            where[number] = (total, stored.shape[0], stored.shape[1])
            pixels.append(torch.from_numpy(np.ascontiguousarray(stored)).reshape(-1))
            total += stored.size
        if self.device.type == "cuda" and total > torch.cuda.mem_get_info(self.device)[0] // 2:
            raise InputError(
                f"{len(where):,} photographs",
                expected="half the device's free memory to hold them",
                found=f"{total:,} bytes",
                do="leave resident out",
            )
        return torch.cat(pixels).to(self.device), where

    def _cut(self, flat: torch.Tensor, plans: Sequence[Plan], places: Sequence[Any], radius: int) -> torch.Tensor:
        """Windows of photographs that are not augmented: each row and column by index, -1 standing for zero."""
        rows: list[np.ndarray] = []
        columns: list[np.ndarray] = []
        for plan, (_, high, wide) in zip(plans, places, strict=True):
            border = self.pairs.border(plan)
            for side, stored, index in zip(self.pairs.source.size, (high, wide), (rows, columns), strict=True):
                around = (stored - side) // 2
                # Beyond a kernel's own radius only its zeros reach.
                edge = np.clip(np.arange(-radius, side + radius) + around, 0, stored - 1)
                index.append(edge if border == "valid" else _padded(side, radius, border, around))
        row, column = self._tensor(rows)[:, :, None], self._tensor(columns)[:, None, :]
        start, wide = (self._tensor([place[i] for place in places])[:, None, None] for i in (0, 2))
        here = start + 3 * (row.clamp(min=0) * wide + column.clamp(min=0))
        inside = ((row >= 0) & (column >= 0))[:, None]
        return torch.stack([flat[here + channel] for channel in range(3)], 1).to(torch.float64) * inside

    def _resampled(self, flat: torch.Tensor, plans: Sequence[Plan], places: Sequence[Any], radius: int) -> torch.Tensor:
        """Windows of augmented photographs; the arithmetic of `augment`, operation for operation."""
        height, width = self.pairs.source.size
        drawn = [plan.augmentation for plan in plans if plan.augmentation is not None]
        back = []
        for what, (_, high, wide) in zip(drawn, places, strict=True):
            matrix = what.back(height, width)
            matrix[:, 2] += (wide - width) // 2, (high - height) // 2
            back.append(matrix)
        m = self._tensor(back)[:, :, :, None, None]
        u = torch.arange(-radius, width + radius, dtype=torch.float64, device=self.device)[None, None, :]
        v = torch.arange(-radius, height + radius, dtype=torch.float64, device=self.device)[None, :, None]
        if self.pairs.spec.border != "valid":
            # What lies around an augmented crop is its own border, not the photograph.
            u = u[..., _padded_tensor(width, radius, self.pairs.spec.border, self.device)]
            v = v[:, _padded_tensor(height, radius, self.pairs.spec.border, self.device)]
        x = m[:, 0, 0] * u + m[:, 0, 1] * v + m[:, 0, 2]
        y = m[:, 1, 0] * u + m[:, 1, 1] * v + m[:, 1, 2]
        left, top = torch.floor(x), torch.floor(y)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        start, high, wide = (self._tensor([place[i] for place in places])[:, None, None] for i in range(3))
        x0, y0 = left.to(torch.int64), top.to(torch.int64)
        columns, rows = [_mirror(c, wide) for c in (x0, x0 + 1)], [_mirror(r, high) for r in (y0, y0 + 1)]
        corners = []
        for row in rows:
            for column in columns:
                here = start + 3 * (row * wide + column)
                corners.append(torch.stack([flat[here + k] for k in range(3)], 1).to(torch.float64))
        upper = corners[0] + fx * (corners[1] - corners[0])
        lower = corners[2] + fx * (corners[3] - corners[2])
        window = torch.floor(upper + fy * (lower - upper) + 0.5)
        if any(what.recolours for what in drawn):
            window = self._recoloured(window, drawn, radius)
        if self.pairs.spec.border == "zero":
            window[:, :, :radius] = window[:, :, radius + height :] = 0
            window[:, :, :, :radius] = window[:, :, :, radius + width :] = 0
        return window

    def _recoloured(self, window: torch.Tensor, drawn: Sequence[Augmentation], radius: int) -> torch.Tensor:
        size_y, size_x = window.shape[2] - 2 * radius, window.shape[3] - 2 * radius
        factors = self._tensor([[what.brightness, what.contrast, what.saturation] for what in drawn])
        brightness, contrast, saturation = factors[:, :, None, None].unbind(1)
        sums = window[:, :, radius : radius + size_y, radius : radius + size_x].sum((2, 3))
        total = GREY[0] * sums[:, 0] + GREY[1] * sums[:, 1] + GREY[2] * sums[:, 2]
        middle = (brightness[:, 0, 0] * (total / (size_y * size_x))).clamp(max=255)[:, None, None]
        planes = []
        for k in range(3):
            value = (brightness * window[:, k]).clamp(max=255)
            planes.append((middle + contrast * (value - middle)).clamp(0, 255))
        grey = GREY[0] * planes[0] + GREY[1] * planes[1] + GREY[2] * planes[2]
        done = [torch.floor((grey + saturation * (p - grey)).clamp(0, 255) + 0.5) for p in planes]
        still = torch.tensor([not what.recolours for what in drawn], device=self.device)[:, None, None, None]
        return torch.where(still, window, torch.stack(done, 1))

    def _tensor(self, values: Any) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values)).to(self.device)


def _padded(side: int, radius: int, border: str, around: int) -> np.ndarray:
    index = border_index(side, radius, border)
    return np.where(index >= 0, index + around, -1)


def _padded_tensor(side: int, radius: int, border: str, device: torch.device) -> torch.Tensor:
    index = border_index(side, radius, border)
    return torch.from_numpy(np.where(index >= 0, index, 0) + radius).to(device)


def _mirror(place: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    period = (2 * n - 2).clamp(min=1)
    inside = place.remainder(period)
    return torch.minimum(inside, period - inside) * (n > 1)
