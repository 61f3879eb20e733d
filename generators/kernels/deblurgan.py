"""Kernels like those of DeblurGAN's public code, including its errors, for comparison with methods trained on them.

Kupyn et al., *DeblurGAN*, CVPR 2018. The code is a port of Boracchi and Foi's and differs in this:

- coordinates that count from 1 address an array that counts from 0: all is one pixel further right and down;
- sample t counts as the time from t - 1 to t, so the first is never seen and T = 1 sums to (M - 1) / M;
- several exposures are kept, and one of the last three is used;
- the kernel may be off centre: its trajectory's box is only near the middle of the canvas, whose side is even.

Where a trajectory touches the far edge that code stops with an IndexError; here the trajectory is drawn again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import check_fields
from facedeblur.generators.kernels.boracchi_foi import expose, place
from facedeblur.generators.kernels.law import MAX_SIZE, KernelLaw, check_numbers
from facedeblur.generators.kernels.walk import DEBLURGAN_ANXIETY, walk
from facedeblur.generators.random.philox import halves, philox, uniform

_STREAM = 1 << 31  # Bit of the last counter word that keeps these trajectories apart from those of `boracchi_foi`.
_PART = 0xFFFFFFFF  # Block of the word that picks the exposure; the walk counts up from 0.


class Original(NamedTuple):
    """A kernel as DeblurGAN's code makes it, and where it comes from.

    Attributes
    ----------
    kernel : (canvas, canvas) float64
        At least 0; its sum is the exposure, not 1, and its side even.
    trajectory : (samples, 2) float64
        Column and row in the array, (0, 0) being the middle of its first pixel.
    exposure : float
        T.
    """

    kernel: np.ndarray
    trajectory: np.ndarray
    exposure: float


@dataclass(frozen=True)
class DeblurganModel(KernelLaw):
    """What DeblurGAN's code draws a kernel from, besides its seed and number.

    Attributes
    ----------
    canvas : int
        Side of the kernel in pixels, even in that code.
    length : float
        Trajectory length in pixels.
    samples : int
        Points of the trajectory, M.
    anxiety : tuple of float
        One of these is drawn for each trajectory.
    exposures : tuple of float
        T, increasing, in (0, 1].
    parts : tuple of int
        Places in `exposures`, one of which is drawn.
    attempts : int
        Draws before a kernel is given up.
    """

    standard_sizes: ClassVar[str] = "65"

    canvas: int = 64
    length: float = 60.0
    samples: int = 2000
    anxiety: tuple[float, ...] = DEBLURGAN_ANXIETY
    exposures: tuple[float, ...] = (1 / 100, 1 / 10, 1 / 2, 1.0)
    parts: tuple[int, ...] = (1, 2, 3)
    attempts: int = 1000

    def __post_init__(self) -> None:
        for name in ("anxiety", "exposures", "parts"):
            object.__setattr__(self, name, tuple(np.atleast_1d(getattr(self, name)).tolist()))
        times = (0.0, *self.exposures)
        checks = {
            "canvas": (4 <= self.canvas < MAX_SIZE and self.canvas % 2 == 0, f"an even number from 4 to {MAX_SIZE}"),
            "length": (0 < self.length < math.inf, "a positive number of pixels"),
            "samples": (2 <= self.samples <= 1_000_000, "from 2 to 1000000"),
            "anxiety": (len(self.anxiety) > 0 and all(0 <= a <= 1 for a in self.anxiety), "numbers from 0 to 1"),
            "exposures": (
                len(times) > 1 and all(a < b for a, b in pairwise(times)) and times[-1] <= 1,
                "numbers that increase, over 0 and at most 1",
            ),
            "parts": (
                len(self.parts) > 0 and all(p in range(len(self.exposures)) for p in self.parts),
                f"whole numbers from 0 to {len(self.exposures) - 1}",
            ),
            "attempts": (1 <= self.attempts < 2**16, "from 1 to 65535"),
        }
        check_fields(self, "DeblurGAN model", checks)

    def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
        """See `KernelLaw.draw`; the size is ``canvas + 1``.

        A row and a column of zeros come before the first, so that a convolution centred on the middle pixel shifts the
        image as that code does: its 'same' takes the pixel before the middle.
        """
        if size != self.canvas + 1:
            raise InputError(
                f"DeblurGAN kernels of size {size}",
                expected=f"{self.canvas + 1}: the canvas of {self.canvas} and one pixel, so that there is a centre",
                do="give that size, or another canvas",
            )
        check_numbers(size, n, start)
        out = np.zeros((n, size, size))
        for i in range(n):
            out[i, 1:, 1:] = self.original(seed, start + i).kernel
            out[i] /= out[i].sum()
        return out

    def original(self, seed: int, index: int) -> Original:
        """Kernel number `index` before it is made odd and of sum 1.

        Raises
        ------
        InputError
            As in `draw`.
        """
        (lo, hi), times = halves(index, "index"), np.array([0.0, *self.exposures]) * self.samples
        x, y = np.zeros((self.samples, 1)), np.zeros((self.samples, 1))
        kernel = np.zeros((self.canvas, self.canvas))
        part = _draw(
            *halves(seed, "seed"), np.array([lo]), np.array([hi]), np.array(self.anxiety), float(self.length), times,
            np.array(self.parts), self.attempts, x, y, kernel,
        )  # fmt: skip
        if part < 0:
            raise InputError(
                f"DeblurGAN kernel {index}",
                expected=f"a trajectory of {self.length:g} px that fits {self.canvas} within {self.attempts} attempts",
                found="none",
                do="use a shorter length or a larger canvas",
            )
        return Original(kernel, np.hstack([x, y]), self.exposures[int(part)])


@njit(cache=True, error_model="numpy")
def _draw(
    k0: Any, k1: Any, lo: Any, hi: Any, anxieties: Any, length: Any, times: Any, parts: Any, limit: Any, x: Any, y: Any,
    kernel: Any,
) -> Any:  # fmt: skip
    """Draw one trajectory, shifted to its place in the array, and its kernel; return the exposure's place, or -1."""
    samples, canvas = len(x), len(kernel)
    box, stream = np.zeros((4, 1)), np.zeros(1, np.uint32)
    for attempt in range(limit):
        stream[0] = np.uint32(_STREAM | (canvas << 16) | attempt)
        walk(k0, k1, lo, hi, stream, anxieties, length, samples, x, y, box)
        dx, dy = place(x[:, 0], y[:, 0], box[:, 0], 0, samples, canvas, 2)
        dx, dy = dx + 1.0, dy + 1.0  # 1-based
        if max(box[1, 0] + dx, box[3, 0] + dy) >= canvas - 1:
            continue
        which, _, _, _ = philox(np.uint32(_PART), lo[0], hi[0], stream[0], k0, k1)
        part = parts[int(uniform(which) * len(parts))]
        for j in range(part + 1):
            expose(x[1:, 0], y[1:, 0], dx, dy, times[j], times[j + 1], kernel)
        # That code clamps to the pixel after the first, so the first one always stays zero.
        kernel[0] = 0.0
        kernel[:, 0] = 0.0
        for row in range(canvas):
            for column in range(canvas):
                kernel[row, column] /= samples
        for t in range(samples):
            x[t, 0] += dx
            y[t, 0] += dy
        return part
    return -1
