"""Virtual pairs for torch: a map-style dataset for loaders, and whole batches made on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.crops_torch import DeviceCrops
from facedeblur.generators.degrade import ROUNDINGS
from facedeblur.generators.pairs import VirtualPair, VirtualPairs
from facedeblur.generators.philox_torch import normals_on

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
