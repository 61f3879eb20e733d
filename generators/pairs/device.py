"""Whole batches of virtual pairs made on the device that torch computes on, byte for byte those of the CPU.

The CPU prepares a batch: it plans the pairs, reads the photographs and draws the kernels. The device cuts or resamples,
blurs, adds noise and rounds. As in `facedeblur.generators.blur.degrade`, float32 does the work and float64 decides
where float32 is too near a rounding boundary; every other step is a single float64 or integer operation in the order of
the CPU's, so that nothing depends on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from facedeblur.generators.blur.convolve import border_index
from facedeblur.generators.blur.degrade import ROUNDINGS
from facedeblur.generators.pairs.augment import GREY, Augmentation
from facedeblur.generators.pairs.virtual import Plan, VirtualPairs

_AT_ONCE = 2**14  # Samples that float64 decides at once: some hundred MB for large kernels.


class Prepared(NamedTuple):
    """What the CPU prepares of a batch.

    Attributes
    ----------
    plans : list of Plan
    pixels : (bytes,) uint8
        The photographs, one after the other, RGB.
    places : (B, 3) int64
        Where the photograph of each pair begins in `pixels`, its height and its width.
    taps : (B, K) int64
        Places of the values of each kernel that are not zero, in the kernel turned by 180 degrees and padded to the
        largest size, row by row.
    weights : (B, K) float64
        Those values, filled up with zeros.
    """

    plans: list[Plan]
    pixels: torch.Tensor
    places: torch.Tensor
    taps: torch.Tensor
    weights: torch.Tensor


def prepare(pairs: VirtualPairs, plans: Sequence[Plan]) -> Prepared:
    """Read the photographs and draw the kernels of some pairs.

    Raises
    ------
    InputError
        If a photograph cannot be read, or no kernel fits.
    """
    found: dict[int, tuple[int, int, int]] = {}
    pixels, total = [], 0
    for number in dict.fromkeys(plan.image for plan in plans):
        stored = pairs.source.read(number)
        found[number] = (total, stored.shape[0], stored.shape[1])
        pixels.append(stored.reshape(-1))
        total += stored.size
    side = 2 * pairs.spec.radius + 1
    kernels = np.zeros((len(plans), side, side))
    for kernel, plan in zip(kernels, plans, strict=True):
        edge = (side - plan.size) // 2
        kernel[edge : side - edge, edge : side - edge] = pairs.kernel(plan.size, plan.kernel)
    turned = kernels[:, ::-1, ::-1].reshape(len(plans), -1)
    # What is not zero comes first, in its order.
    taps = np.argsort(turned == 0, axis=1, kind="stable")[:, : int((turned != 0).sum(1).max())]
    return Prepared(
        list(plans),
        torch.from_numpy(np.concatenate(pixels)),
        torch.tensor([found[plan.image] for plan in plans]),
        torch.from_numpy(taps),
        torch.from_numpy(np.take_along_axis(turned, taps, 1)),
    )


def make(pairs: VirtualPairs, prepared: Prepared, device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Make a batch of pairs on a device.

    Parameters
    ----------
    pairs : VirtualPairs
    prepared : Prepared
        Of these pairs.
    device : torch.device or str

    Returns
    -------
    sharp, blurred : (B, 3, H, W) uint8 RGB
        The bytes of ``pairs[index]``.
    """
    spec, (height, width), radius = pairs.spec, pairs.source.size, pairs.spec.radius
    window = _Crops(pairs, prepared, torch.device(device)).windows(radius)
    sharp = window[:, :, radius : radius + height, radius : radius + width].to(torch.uint8)
    numbers = [plan.number for plan in prepared.plans]
    noise = spec.noise.draw_on(device, pairs.seed, numbers, (height, width, 3)).permute(0, 3, 1, 2)
    taps, weights = prepared.taps.to(device), prepared.weights.to(device)
    return sharp, _degraded(window, taps, weights, noise, 255.0 * float(spec.noise.sigma), ROUNDINGS[spec.rounding])


def _degraded(
    window: torch.Tensor, taps: torch.Tensor, weights: torch.Tensor, noise: torch.Tensor, sigma: float, half: float
) -> torch.Tensor:
    """Grey levels `window` blurred by its kernels, with noise, clipped and rounded to bytes."""
    count, channels, high, wide = window.shape
    side = high - noise.shape[2] + 1
    turned = torch.zeros(count, side * side, device=window.device).scatter_(1, taps, weights.to(torch.float32))
    turned = turned.reshape(count, 1, side, side).repeat_interleave(channels, 0)
    # cuDNN would round the inputs to ten bits, for tensor cores.
    with torch.backends.cudnn.flags(enabled=False):
        flat = window.to(torch.float32).reshape(1, -1, high, wide)
        blurred = torch.nn.functional.conv2d(flat, turned, groups=count * channels).reshape(noise.shape)
    push = sigma * noise.to(torch.float32)
    value = blurred + push + half
    whole = torch.floor(value)
    # Rounding the weights, the noise, products and sums in any order, and the comparison itself, as in `degrade`.
    error = (taps.shape[1] + 14) * 2.0**-24 * 1.01
    bound, part = error * (blurred + push.abs() + 1), value - whole
    out = whole.clamp(0, 255).to(torch.uint8)
    for places in torch.nonzero((part < bound) | (part > 1 - bound)).split(_AT_ONCE):
        image, channel, row, column = places.unbind(1)
        tap = taps[image]
        rows, columns = row[:, None] + tap // side, column[:, None] + tap % side
        products = weights[image] * window[image[:, None], channel[:, None], rows, columns]
        exact = torch.zeros(len(places), dtype=torch.float64, device=window.device)
        for product in products.unbind(1):
            exact += product
        exact += sigma * noise[image, channel, row, column].to(torch.float64)
        out[image, channel, row, column] = torch.floor(exact.clamp(0, 255) + half).to(torch.uint8)
    return out


class _Crops:
    """Sharp crops cut out of the photographs of a batch, on a device."""

    def __init__(self, pairs: VirtualPairs, prepared: Prepared, device: torch.device):
        self.pairs, self.device = pairs, device
        self.plans, self.pixels = prepared.plans, prepared.pixels.to(device, non_blocking=True)
        self.places = prepared.places.tolist()

    def windows(self, radius: int) -> torch.Tensor:
        """The crops with `radius` around them, (B, 3, H + 2 radius, W + 2 radius) float64: whole grey levels."""
        height, width = self.pairs.source.size
        out = torch.empty(
            (len(self.plans), 3, height + 2 * radius, width + 2 * radius), dtype=torch.float64, device=self.device
        )
        for turned in (False, True):
            chosen = [i for i, plan in enumerate(self.plans) if (plan.augmentation is not None) is turned]
            if chosen:
                some, places = [self.plans[i] for i in chosen], [self.places[i] for i in chosen]
                made = self._resampled(some, places, radius) if turned else self._cut(some, places, radius)
                out[torch.tensor(chosen, device=self.device)] = made
        return out

    def _cut(self, plans: Sequence[Plan], places: Sequence[Any], radius: int) -> torch.Tensor:
        """Windows of photographs that are not augmented: each row and column by index, -1 for zero."""
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
        return torch.stack([self.pixels[here + channel] for channel in range(3)], 1).to(torch.float64) * inside

    def _resampled(self, plans: Sequence[Plan], places: Sequence[Any], radius: int) -> torch.Tensor:
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
            # The surroundings of an augmented crop are its own border, not the photograph.
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
                corners.append(torch.stack([self.pixels[here + k] for k in range(3)], 1).to(torch.float64))
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
        # A tensor on the device: by a number, a GPU would multiply with its rounded inverse.
        area = torch.full_like(total, size_y * size_x)
        middle = (brightness[:, 0, 0] * (total / area)).clamp(max=255)[:, None, None]
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
