"""The random numbers of `philox` on the device that torch computes on, with the same bits as on the CPU.

Words are kept in the lower half of 64-bit integers, products wrap as they do in C, and every float32 operation of
`philox.normal_pair` is repeated here, in the same order and separately, so that no operations can be fused. The
generators of torch itself give other numbers on a GPU than on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.philox import CHUNK, NOISE, halves

_LOW = 0xFFFFFFFF
_BLOCKS = CHUNK // 4
_SQRT_HALF = 0x3F3504F3
_LN2 = 0.6931471805599453
_HALF_PI = 1.5707963267948966


def _philox(
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


def _normal_pair(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two standard normals (float32) of two words; see `facedeblur.generators.random.philox.normal_pair`."""
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


def normals_on(device: torch.device | str, seed: int, numbers: Sequence[int], n: int) -> torch.Tensor:
    """The first `n` standard normals of several items, as `facedeblur.generators.random.philox.normals` gives them.

    Parameters
    ----------
    device : torch.device or str
    seed : int
    numbers : sequence of int
        Items, each from 0 to 2**64 - 1.
    n : int
        How many of each.

    Returns
    -------
    (len(numbers), n) float32 tensor on `device`

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if not 0 <= n < 2**34:
        raise InputError("n", expected="from 0 to 2**34 - 1 normals", found=str(n), do="draw fewer")
    k0, k1 = (int(half) for half in halves(seed, "seed"))
    parts = [[int(half) for half in halves(number, "pair number")] for number in numbers]
    low, high = torch.tensor(parts, dtype=torch.int64, device=device).reshape(-1, 2, 1).unbind(1)
    chunks = -(-n // CHUNK)
    block = torch.arange(chunks * _BLOCKS, dtype=torch.int64, device=device)[None]
    a, b, c, d = _philox(block, low, high, torch.full_like(low, NOISE), k0, k1)
    rows = [part.reshape(len(parts), chunks, 1, _BLOCKS) for part in (*_normal_pair(a, b), *_normal_pair(c, d))]
    return torch.cat(rows, 2).reshape(len(parts), -1)[:, :n]
