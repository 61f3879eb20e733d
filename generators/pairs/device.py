"""Virtual pairs for torch: a map-style dataset for loaders, and whole batches made on the device.

Sharp crops of virtual pairs, cut or augmented on the device that torch computes on, byte for byte as on the CPU.

The random numbers of `philox`, made on the device that torch computes on: the same bits as on the CPU.

Words are kept in the lower half of 64-bit integers, products wrap as they do in C, and every float32 operation of
`philox.normal_pair` stands here once more, in its order and on its own, so that nothing can be contracted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import border_index
from facedeblur.generators.blur.degrade import ROUNDINGS
from facedeblur.generators.pairs.augment import GREY, Augmentation
from facedeblur.generators.pairs.virtual import Plan, VirtualPair, VirtualPairs
from facedeblur.generators.random.philox import CHUNK, NOISE, halves

if TYPE_CHECKING:
    import torch

WAYS = ("auto", "fft", "conv")


class PairDataset(Dataset[dict[str, Any]]):
    """Virtual pairs as a torch dataset; give it to a ``DataLoader`` with a `RankIndices` as its sampler.

    Each item is a dict: ``sharp`` and ``blurred``, (3, H, W) RGB, float32 in [0, 1] or uint8; ``index``, int.

    Parameters
    ----------
    pairs : VirtualPairs
    dtype : {'float32', 'uint8'}
        Bytes are a quarter to move; divide them by 255 on the device.
    extra : callable, optional
        Called with the `VirtualPair`; what it returns is added to the item, labels for instance.

    Raises
    ------
    InputError
        When `dtype` is neither.
    """

    def __init__(
        self,
        pairs: VirtualPairs,
        *,
        dtype: str = "float32",
        extra: Callable[[VirtualPair], Mapping[str, Any]] | None = None,
    ):
        if dtype not in ("float32", "uint8"):
            raise InputError(f"dtype '{dtype}'", expected="float32 or uint8", do="choose one of the two")
        self.pairs, self.dtype, self.extra = pairs, dtype, extra

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        pair = self.pairs[index]
        item: dict[str, Any] = {"index": pair.index}
        for name, pixels in (("sharp", pair.sharp), ("blurred", pair.blurred)):
            planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
            item[name] = torch.from_numpy(planes)
            if self.dtype == "float32":
                item[name] = item[name].to(torch.float32).div_(255)
        return item | dict(self.extra(pair)) if self.extra else item


@dataclass(frozen=True, eq=False)
class Batch:
    """Pairs on a device: ``index`` (B,), ``sharp`` and ``blurred`` (B, 3, H, W) float32 RGB in [0, 1]."""

    index: torch.Tensor
    sharp: torch.Tensor
    blurred: torch.Tensor


class TorchPairs:
    """Batches of virtual pairs made on a device.

    Faces are cut or resampled, blurred and made noisy there; the CPU reads photographs and draws kernels. Noise and
    sharp crops are the CPU path's bit for bit, blurred values before rounding to 8 bits agree with it to 1e-5.

    Parameters
    ----------
    pairs : VirtualPairs
    device : torch.device or str
    way : {'auto', 'fft', 'conv'}
        How to convolve: by transforms, by a convolution of each channel with its kernel in full float32, or by what
        is faster on the device.
    resident : bool
        Keep all photographs on the device, as bytes.

    Raises
    ------
    InputError
        When `way` is unknown, or the photographs do not fit on the device.
    """

    def __init__(
        self, pairs: VirtualPairs, *, device: torch.device | str = "cpu", way: str = "auto", resident: bool = False
    ):
        if way not in WAYS:
            raise InputError(f"way '{way}'", expected=f"one of {', '.join(WAYS)}", do="choose one of them")
        self.pairs, self.device = pairs, torch.device(device)
        self.way = ("conv" if self.device.type == "cpu" else "fft") if way == "auto" else way
        self._crops = DeviceCrops(pairs, self.device, resident=resident)

    def batch(self, indices: Sequence[int], *, quantise: bool = True) -> Batch:
        """Make pairs.

        Parameters
        ----------
        indices : sequence of int
            At least one.
        quantise : bool
            Round blurred values to 8 bits, as files have them; otherwise they are only clipped.

        Returns
        -------
        Batch
        """
        plans = [self.pairs.plan(index) for index in indices]
        if not plans:
            raise InputError("indices", expected="at least one", found="none", do="give the indices of a batch")
        spec, (height, width) = self.pairs.spec, self.pairs.source.size
        radius = spec.radius
        window = self._crops.windows(plans, radius)
        values = window.to(torch.float32).div_(255)
        side = 2 * radius + 1
        stack = np.zeros((len(plans), side, side), np.float32)
        for kernel, plan in zip(stack, plans, strict=True):
            cut = (side - plan.size) // 2
            kernel[cut : side - cut, cut : side - cut] = self.pairs.kernel(plan.size, plan.kernel)
        blurred = convolve(values, torch.from_numpy(stack).to(self.device), self.way)
        if spec.sigma > 0:
            numbers = [plan.number for plan in plans]
            noise = normals_on(self.pairs.seed, numbers, height * width * 3, device=self.device)
            blurred += spec.sigma * noise.reshape(-1, height, width, 3).permute(0, 3, 1, 2)
        blurred = blurred.clamp_(0, 1)
        if quantise:
            blurred = torch.floor(blurred * 255 + ROUNDINGS[spec.rounding]).div_(255)
        sharp = values[:, :, radius : radius + height, radius : radius + width].contiguous()
        return Batch(torch.tensor([plan.index for plan in plans], device=self.device), sharp, blurred)


def convolve(window: torch.Tensor, kernels: torch.Tensor, way: str) -> torch.Tensor:
    """True convolution of each picture with its own kernel, the 'valid' part.

    Parameters
    ----------
    window : (B, C, H + K - 1, W + K - 1) float32
    kernels : (B, K, K) float32
    way : {'fft', 'conv'}

    Returns
    -------
    (B, C, H, W) float32
    """
    count, channels, high, wide = window.shape
    side = kernels.shape[-1]
    if way == "fft":
        spectrum = torch.fft.rfft2(window) * torch.fft.rfft2(kernels, s=(high, wide))[:, None]
        return torch.fft.irfft2(spectrum, s=(high, wide))[:, :, side - 1 :, side - 1 :].contiguous()
    weight = kernels.flip(1, 2).repeat_interleave(channels, 0)[:, None]
    # cuDNN would round the inputs to ten bits, for tensor cores.
    with torch.backends.cudnn.flags(enabled=False):
        out = torch.nn.functional.conv2d(window.reshape(1, -1, high, wide), weight, groups=count * channels)
    return out.reshape(count, channels, high - side + 1, wide - side + 1)


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


_LOW = 0xFFFFFFFF
_BLOCKS = CHUNK // 4
_SQRT_HALF = 0x3F3504F3
_LN2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966


def philox_words(
    c0: torch.Tensor, c1: torch.Tensor, c2: torch.Tensor, c3: torch.Tensor, k0: int, k1: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four random words of counters (int64 tensors of 32-bit values that broadcast) and one key.

    Returns
    -------
    four int64 tensors, each value from 0 to 2**32 - 1
    """
    for _ in range(10):
        a, b = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = ((b >> 32) & _LOW) ^ c1 ^ k0, b & _LOW, ((a >> 32) & _LOW) ^ c3 ^ k1, a & _LOW
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    return c0, c1, c2, c3


def normal_pair(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two standard normals (float32) of two words; see `facedeblur.generators.random.philox.normal_pair`."""
    import torch

    unit = (a >> 1).to(torch.int32).to(torch.float32) * 2.0**-31 + 2.0**-32
    bits = unit.view(torch.int32)
    exponent = (bits - _SQRT_HALF) >> 23
    mantissa = (bits - (exponent << 23)).view(torch.float32)
    s = (mantissa - 1) / (mantissa + 1)
    q = s * s
    tail = q * (1 / 7) + (1 / 5)
    tail = q * tail + (1 / 3)
    log = exponent.to(torch.float32) * _LN2 + (s + s) * (q * tail + 1)
    # In float64, because the float32 root of vector libraries is not always the nearest number.
    radius = torch.sqrt((log * -2).to(torch.float64)).to(torch.float32)
    part = (b & 0x3FFFFFFF).to(torch.int32)
    x = (part.to(torch.float32) * 2.0**-30 - 0.5) * _HALF_PI
    y = x * x
    sine = y * (1 / 362880) + (-1 / 5040)
    sine = y * sine + (1 / 120)
    sine = y * sine + (-1 / 6)
    sine = x * (y * sine + 1)
    cosine = y * (1 / 40320) + (-1 / 720)
    cosine = y * cosine + (1 / 24)
    cosine = y * cosine + (-0.5)
    cosine = y * cosine + 1
    quadrant = b >> 30
    odd = (quadrant & 1) != 0
    first, second = torch.where(odd, sine, cosine), torch.where(odd, cosine, sine)
    first = torch.where(((quadrant + 1) & 2) != 0, -first, first)
    second = torch.where((quadrant & 2) != 0, -second, second)
    return radius * first, radius * second


def normals_on(seed: int, numbers: Sequence[int], n: int, *, device: torch.device | str) -> torch.Tensor:
    """The first `n` standard normals of several items, as `facedeblur.generators.random.philox.normals` gives them.

    Parameters
    ----------
    seed : int
    numbers : sequence of int
        Items, each from 0 to 2**64 - 1.
    n : int
        How many of each.
    device : torch.device or str

    Returns
    -------
    (len(numbers), n) float32 tensor on `device`

    Raises
    ------
    InputError
        When a number is out of range.
    """
    import torch

    if not 0 <= n < 2**34:
        raise InputError("n", expected="from 0 to 2**34 - 1 normals", found=str(n), do="ask for fewer")
    k0, k1 = (int(half) for half in halves(seed, "seed"))
    parts = [[int(half) for half in halves(number, "pair number")] for number in numbers]
    low, high = torch.tensor(parts, dtype=torch.int64, device=device).reshape(-1, 2, 1).unbind(1)
    chunks = -(-n // CHUNK)
    block = torch.arange(chunks * _BLOCKS, dtype=torch.int64, device=device)[None]
    a, b, c, d = philox_words(block, low, high, torch.full_like(low, NOISE), k0, k1)
    rows = [part.reshape(len(parts), chunks, 1, _BLOCKS) for part in (*normal_pair(a, b), *normal_pair(c, d))]
    return torch.cat(rows, 2).reshape(len(parts), -1)[:, :n]
