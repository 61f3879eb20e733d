"""Blur as DeblurGAN's public code makes it, slips included: to match what was trained on it, never a default.

Kupyn et al., *DeblurGAN*, CVPR 2018. The kernels are a port of Boracchi and Foi's, the differences are these:

- coordinates that count from 1 address an array that counts from 0: all is one pixel further right and down;
- sample t counts as the time from t - 1 to t, so the first is never seen and T = 1 sums to (M - 1) / M;
- several exposures are kept, and one of the last three is used;
- the kernel may be off centre: its trajectory's box is only near the middle of the canvas, whose side is even;
- image and kernel are stretched to [0, 1], zeros surround the image, and the blurred image is stretched to [0, 1]
  again, so that contrast and brightness change.

Where a trajectory touches the far edge that code stops with an IndexError; here the trajectory is drawn again.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.convolve import blur
from facedeblur.generators.kernels.boracchi_foi import expose, place
from facedeblur.generators.kernels.law import DEBLURGAN_ANXIETY, MAX_SIZE, check_fields, check_numbers
from facedeblur.generators.kernels.walk import walk
from facedeblur.generators.random.philox import halves, philox, uniform

_STREAM = 1 << 31  # Bit of the last counter word that keeps these trajectories apart from those of `kernels`.
_PART = 0xFFFFFFFF  # Block of the word that picks the exposure; the walk counts up from 0.


@dataclass(frozen=True)
class DeblurganModel:
    """What DeblurGAN's code draws a kernel from.

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

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them; ``DeblurganModel(**fields)`` gives the model back."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


STANDARD = DeblurganModel()
"""The numbers of the public code."""


@njit(cache=True, error_model="numpy")
def _draw(
    k0: Any, k1: Any, lo: Any, hi: Any, anxieties: Any, length: Any, times: Any, parts: Any, limit: Any, x: Any, y: Any,
    kernel: Any,
) -> Any:  # fmt: skip
    """Draw one trajectory, shifted as it lies in the array, and its kernel; return the exposure's place, or -1."""
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
        # That code clamps to the pixel after the first, which never gets anything itself.
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


def _one(seed: int, index: int, model: DeblurganModel) -> tuple[np.ndarray, np.ndarray, int]:
    """Kernel, trajectory (samples, 2) in the array, and the exposure's place."""
    (lo, hi), times = halves(index, "index"), np.array([0.0, *model.exposures]) * model.samples
    x, y = np.zeros((model.samples, 1)), np.zeros((model.samples, 1))
    kernel = np.zeros((model.canvas, model.canvas))
    part = _draw(
        *halves(seed, "seed"), np.array([lo]), np.array([hi]), np.array(model.anxiety), float(model.length), times,
        np.array(model.parts), model.attempts, x, y, kernel,
    )  # fmt: skip
    if part < 0:
        raise InputError(
            f"DeblurGAN kernel {index}",
            expected=f"a trajectory of {model.length:g} px that fits {model.canvas} within {model.attempts} attempts",
            found="none",
            do="use a shorter length or a larger canvas",
        )
    return kernel, np.hstack([x, y]), int(part)


def deblurgan_kernel(seed: int, index: int, *, model: DeblurganModel = STANDARD) -> np.ndarray:
    """One kernel as DeblurGAN's code makes it.

    Parameters
    ----------
    seed, index : int
        From 0 to 2**64 - 1; the kernel depends on them and the model alone.
    model : DeblurganModel

    Returns
    -------
    (canvas, canvas) float64
        At least 0; its sum is the exposure, not 1, and its side even.

    Raises
    ------
    InputError
        When a number is out of range or no trajectory fits.
    """
    return _one(seed, index, model)[0]


def deblurgan_trajectory(seed: int, index: int, *, model: DeblurganModel = STANDARD) -> tuple[np.ndarray, float]:
    """The trajectory behind `deblurgan_kernel`, and its exposure.

    Returns
    -------
    (samples, 2) float64
        Column and row in the array, (0, 0) being the middle of its first pixel.
    float
        T.
    """
    _, path, part = _one(seed, index, model)
    return path, model.exposures[part]


def deblurgan_kernels(seed: int, n: int, *, start: int = 0, model: DeblurganModel = STANDARD) -> np.ndarray:
    """Kernels number `start` to ``start + n - 1`` as point spread functions of odd side, for a bank.

    Returns
    -------
    (n, canvas + 1, canvas + 1) float64
        Each of sum 1, with a row and a column of zeros before the first so that a convolution centred on the middle
        pixel shifts the image as that code does.

    Raises
    ------
    InputError
        As in `deblurgan_kernel`.
    """
    side = model.canvas + 1
    check_numbers(side, n, start)
    out = np.zeros((n, side, side))
    for i in range(n):
        out[i] = odd_kernel(deblurgan_kernel(seed, start + i, model=model))
    return out


def odd_kernel(kernel: np.ndarray) -> np.ndarray:
    """A kernel of even side as one of odd side and sum 1 that blurs alike: 'same' takes the pixel before the middle."""
    padded = np.pad(np.asarray(kernel, np.float64), ((1, 0), (1, 0)))
    total = padded.sum()
    if not total > 0:
        raise InputError("kernel", expected="a positive sum", found=f"{total:g}", do="draw another")
    return padded / total


def deblurgan_blur(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Blur as DeblurGAN's code does: stretched to [0, 1], convolved with zeros around, stretched again.

    Parameters
    ----------
    image : (H, W, 3) uint8 or float
        RGB in any range; square in that code, at least ``canvas + 1`` high and wide here.
    kernel : (canvas, canvas) float64
        Of `deblurgan_kernel`.

    Returns
    -------
    (H, W, 3) float64
        Least value 0, largest 1 over all channels. The kernel's own stretch is a factor that the last one undoes.

    Raises
    ------
    InputError
        When the image has one value only, or is smaller than the kernel.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError("image to blur", expected="(H, W, 3)", found=str(image.shape), do="give an RGB image")
    return _stretch(blur(_stretch(np.asarray(image, np.float64)), odd_kernel(kernel), border="zero"))


def _stretch(image: np.ndarray) -> np.ndarray:
    low, high = image.min(), image.max()
    if not high > low:
        raise InputError(
            "image to stretch", expected="more than one grey level", found=f"{low:g} throughout", do="leave it out"
        )
    return np.asarray((image - low) / (high - low))
