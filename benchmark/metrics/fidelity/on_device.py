"""PSNR and SSIM of many images at once by torch, on a GPU for instance.

The definitions are those of `facedeblur.benchmark.metrics.fidelity.psnr_ssim`. Errors are summed in integers, so PSNR
is the same value bit for bit. SSIM is computed in float64 by the same formula, but sums are added in another order: it
differs from the compiled loops by at most `Ssim.device_bound`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.metrics.fidelity.luma import LUMA
from facedeblur.benchmark.metrics.fidelity.window import C1, C2, GAUSSIAN, SHIFT, VOLUME

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 2**23
"""Samples that are compared at once; SSIM needs about 100 bytes for each."""
_UNIFORM = 7


def psnr_on(device: str, restored: np.ndarray, sharp: np.ndarray, *, space: str, cap: float) -> np.ndarray:
    """Peak signal-to-noise ratio of each image, as `psnr` defines it.

    Parameters
    ----------
    device : str
        As torch names it.
    restored : ndarray, (N, H, W, 3) uint8 RGB
    sharp : ndarray, (H, W, 3) uint8 RGB
    space : {"rgb", "y-limited", "y-full"}
    cap : float
        Largest value in dB; infinity for none.

    Returns
    -------
    ndarray, (N,) float64
        In dB.
    """
    values = []
    for x, y in _parts(device, restored, sharp):
        difference = x.long() - y.long()
        if space == "rgb":
            errors = [int(total) / sharp.size for total in difference.square().sum((1, 2, 3)).tolist()]
        else:
            red, green, blue, divisor, _ = LUMA[space]
            r, g, b = difference.unbind(-1)
            rows = (red * r + green * g + blue * b).square().sum(2).cpu().numpy()
            # Row by row, as the compiled loop adds them.
            totals = np.cumsum(rows.astype(np.float64), axis=1)[:, -1]
            errors = [float(total) / divisor**2 / (sharp.size // 3) for total in totals]
        values += [cap if error == 0 else min(cap, 10 * math.log10(255**2 / error)) for error in errors]
    return np.array(values, dtype=np.float64)


def ssim_on(device: str, restored: np.ndarray, sharp: np.ndarray, *, definition: str) -> np.ndarray:
    """Mean structural similarity of each image, as `ssim` defines it.

    Parameters
    ----------
    device : str
        As torch names it; it must have float64.
    restored : ndarray, (N, H, W, 3) uint8 RGB
    sharp : ndarray, (H, W, 3) uint8 RGB
        Not smaller than the window.
    definition : str
        A key of `DEFINITIONS`.

    Returns
    -------
    ndarray, (N,) float64
    """
    values = []
    for x, y in _parts(device, restored, sharp):
        if definition == "skimage":
            values.append(_uniform(_planes(x), _planes(y)))
        else:
            range_ = definition.removesuffix("-replicate")
            x, y = (_luma(one, range_) if range_ in LUMA else _planes(one) for one in (x, y))
            volume = definition == "matlab3d"
            values.append(_gaussian(x, y, volume=volume, pad=5 if volume or definition.endswith("-replicate") else 0))
    return np.concatenate(values)


def _parts(device: str, restored: np.ndarray, sharp: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Some images at a time, (n, H, W, 3), and the sharp one, (1, H, W, 3); uint8."""
    import torch

    y = torch.from_numpy(np.require(sharp[None], requirements=["C", "W"])).to(device)
    size = max(1, _AT_ONCE // sharp.size)
    for start in range(0, len(restored), size):
        part = np.require(restored[start : start + size], requirements=["C", "W"])
        yield torch.from_numpy(part).to(device), y


def _planes(images: Tensor) -> Tensor:
    """(n, H, W, 3) uint8 to (n, 3, H, W) float64."""
    return images.permute(0, 3, 1, 2).double()


def _luma(images: Tensor, range_: str) -> Tensor:
    """(n, H, W, 3) uint8 to (n, 1, H, W) float64, as `luma` does."""
    import torch

    red, green, blue, divisor, black = LUMA[range_]
    r, g, b = images.long().unbind(-1)
    weighted = (red * r + green * g + blue * b).double()
    # By a tensor: by a number, a GPU would multiply with its rounded inverse.
    return (black + weighted / torch.full_like(weighted, divisor)).unsqueeze(1)


def _filtered(maps: Tensor, taps: np.ndarray) -> Tensor:
    """Filter (..., H, W) by the same window down and across, where it lies inside."""
    import torch

    window = torch.from_numpy(taps).to(maps.device)
    shape = maps.shape
    maps = maps.reshape(-1, 1, *shape[-2:])
    for side in ((1, 1, -1, 1), (1, 1, 1, -1)):
        maps = torch.nn.functional.conv2d(maps, window.reshape(side))
    return maps.reshape(*shape[:-2], *maps.shape[-2:])


def _gaussian(x: Tensor, y: Tensor, *, volume: bool, pad: int) -> np.ndarray:
    """Mean index of (n, C, H, W) and (1, C, H, W) float64 through the Gaussian window; (n,)."""
    import torch

    s, d = x + y - SHIFT, x - y
    maps = torch.stack([s, d, s * s, d * d], 1)
    if volume:
        maps = torch.einsum("ck,nmkhw->nmchw", torch.from_numpy(VOLUME).to(maps.device), maps)
    if pad:
        flat = torch.nn.functional.pad(maps.flatten(1, 2), (pad,) * 4, mode="replicate")
        maps = flat.reshape(*maps.shape[:3], *flat.shape[-2:])
    s, d, s2, d2 = _filtered(maps, GAUSSIAN).unbind(1)
    a, b = (s + SHIFT).square(), d * d
    p, q = s2 - s * s, d2 - b
    index = ((a - b + C1) * (p - q + C2)) / ((a + b + C1) * (p + q + C2))
    return np.asarray(index.mean((1, 2, 3)).cpu().numpy())


def _uniform(x: Tensor, y: Tensor) -> np.ndarray:
    """Mean index of (n, 3, H, W) and (1, 3, H, W) float64 through the uniform window, sample covariance; (n,)."""
    import torch

    s, d = x + y, x - y
    # Sums of integers below 2^53 are exact in any order.
    s, d, s2, d2 = _filtered(torch.stack([s, d, s * s, d * d], 1), np.ones(_UNIFORM)).unbind(1)
    count = _UNIFORM**2
    c1, c2 = count * count * C1, count * (count - 1) * C2
    a, b = s * s, d * d
    p, q = count * s2 - a, count * d2 - b
    index = ((a - b + c1) * (p - q + c2)) / ((a + b + c1) * (p + q + c2))
    return np.asarray(index.mean((1, 2, 3)).cpu().numpy())
