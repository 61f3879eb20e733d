"""Coarse-to-fine blind deconvolution: the part that all priors share.

The grey image is halved in area from scale to scale until the kernel is a few pixels wide. At each scale the prior
turns the blurred image and the current kernel into gradients of a latent image, and the kernel step fits a kernel to
them, alternately; the kernel is then enlarged for the next scale (Fergus et al. 2006; Cho & Lee 2009).
If the kernel vanishes, everything is repeated once with a kernel 1.5 times as wide.

Everything up to the kernel is computed in float64. Thresholds turn a rounding error into a gradient more or less, and
the iteration amplifies that: in float32 two processors differ by up to 1 dB a picture. Where equal values are
likely, as between grey levels, comparisons have a margin of `scales.MARGIN`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import spec_of
from facedeblur.methods.classical.blind.kernel_step import (
    NoKernel,
    NormalEquations,
    Spectra,
    cut_islands,
    cut_weak,
    least_squares,
    moved,
    normalised,
    offset,
)
from facedeblur.methods.classical.blind.scales import enlarged, shrunk, start
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import hyper_laplacian

if TYPE_CHECKING:
    from facedeblur.benchmark.sets.set import Set

GREY = np.array([0.299, 0.587, 0.114])
"""Weights of R, G and B in the grey image (ITU-R BT.601)."""
WEAK, ISLAND = 0.05, 0.1
"""Taps under this share of the largest and components under this mass do not belong to a kernel."""
FLAT = 1 / 255
"""Range of grey values under which there is nothing to fit a kernel to."""


@dataclass(frozen=True)
class Schedule:
    """How a method goes through the scales.

    Attributes
    ----------
    turns : int
        Alternations between latent image and kernel at each scale.
    coarsest : int
        Approximate side of the coarsest kernel in pixels.
    ratio : float
        Ratio from one scale to the next coarser one.
    """

    turns: int = 5
    coarsest: int = 5
    ratio: float = math.sqrt(0.5)

    def scales(self, size: int) -> list[tuple[float, int]]:
        """(scale of the image, odd side of the kernel), the coarsest first."""
        count = max(0, math.floor(math.log(self.coarsest / size) / math.log(self.ratio) + 1e-9))
        powers = [self.ratio**step for step in range(count, -1, -1)]
        return [(power, math.ceil(size * power - 1e-9) // 2 * 2 + 1) for power in powers]


class Latent(Protocol):
    """Latent image of one scale, under the prior of a method.

    Attributes
    ----------
    blurred : (C, h, w) float64
        Gradients of the blurred image that the kernel step compares with.
    """

    blurred: np.ndarray

    def gradients(self, kernel: np.ndarray) -> np.ndarray:
        """Gradients (C, h, w) float64 of the latent image under `kernel`."""
        ...

    def move(self, down: int, right: int) -> None:
        """Follow the kernel, which has been moved by this many pixels in the opposite direction."""
        ...


class Blind(ABC):
    """Base of the methods: a subclass implements `latent` and `deconvolve`, and may override `fit`.

    Parameters
    ----------
    size : int
        Side of the kernel to estimate, odd. The default fits all kernels of Shen et al. (13 to 27); ``auto`` on the
        command line takes the side of the set's largest kernel. A wider blur gives a wrong kernel without an error:
        good estimates have mass at the border, too, so the two cannot be told apart.

    Attributes
    ----------
    estimated_kernels : list of (k, k) float64
        Kernels of the last call of `restore`, one per image, each of sum 1; k is `size`, or
        1.5 times as much if the search had to be widened.
    """

    schedule: ClassVar[Schedule] = Schedule()
    ridge: ClassVar[float] = 20.0
    parameters = 0

    def __init__(self, *, size: int = 27):
        if size < 3 or size % 2 == 0:
            raise InputError(
                f"method '{spec_of(type(self)).name}', option 'size'",
                expected="an odd number, at least 3",
                found=f"{size}",
            )
        self.size = size
        self.estimated_kernels: list[np.ndarray] = []

    @classmethod
    def fit_options(cls, options: Mapping[str, Any], the_set: Set) -> dict[str, Any]:
        """Return the options; ``size=auto`` becomes the side of the largest kernel in the manifest of `the_set`.

        Raises
        ------
        InputError
            If the manifest states no kernel sizes.
        """
        if options.get("size") != "auto":
            return dict(options)
        largest = max((pair.kernel_size for pair in the_set.pairs()), default=0)
        if largest < 3:
            raise InputError(
                f"method '{spec_of(cls).name}', size=auto: set '{the_set.name}' states no kernel sizes",
                do="give a number with --set size=...",
            )  # fmt: skip
        return {**options, "size": largest // 2 * 2 + 1}

    @abstractmethod
    def latent(self, blurred: np.ndarray, size: int, before: Any) -> Latent:
        """The latent image of a scale, from the blurred grey (H, W) float64 and that of the scale before, or None."""

    @abstractmethod
    def deconvolve(self, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Restore (H, W, 3) float32 RGB in [0, 1] with the estimated kernel."""

    def margin(self, scale: float) -> int:
        """Pixels on every side by which the equations that `fit` is given are wider than the kernel."""
        return 0

    def fit(self, equations: NormalEquations, kernel: np.ndarray) -> np.ndarray:
        """Return the next kernel, of sum 1: ridge regression by conjugate gradients, then thresholds."""
        flat = np.full(kernel.shape, 1 / kernel.size)
        return cut_islands(cut_weak(least_squares(equations, ridge=self.ridge, start=flat), WEAK), ISLAND)

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1].

        Raises
        ------
        InputError
            If an image is constant or smaller than the kernel, or no kernel is left after the thresholds.
        """
        self.estimated_kernels = []
        restored = np.empty_like(blurred)
        for at, image in enumerate(blurred):
            kernel = self.estimate(image)
            self.estimated_kernels.append(kernel)
            restored[at] = self.deconvolve(image, kernel)
        return restored

    def estimate(self, blurred: np.ndarray) -> np.ndarray:
        """Return the (k, k) float64 kernel of one (H, W, 3) image; raises like `restore`."""
        grey = blurred.astype(np.float64) @ GREY
        side = min(grey.shape)
        if side < self.size:
            raise InputError(
                f"image of {grey.shape[1]}x{grey.shape[0]} pixels", expected=f"at least {self.size}x{self.size}",
                do="give a smaller kernel with --set size=...",
            )  # fmt: skip
        if not float(np.ptp(grey)) > FLAT:
            raise InputError("the blurred image has one grey value, so no kernel can be estimated from it")
        wider = round(1.5 * self.size) // 2 * 2 + 1
        why = ""
        for size in (self.size, wider) if wider <= side else (self.size,):
            try:
                return self._through_scales(grey, size)
            except NoKernel as error:
                why = str(error)
        raise InputError(f"no kernel could be estimated: {why}", do="try another --set size=...")

    def _through_scales(self, grey: np.ndarray, size: int) -> np.ndarray:
        scales = self.schedule.scales(size)
        kernel, latent = start(scales[0][1]), None
        for number, (scale, side) in enumerate(scales):
            if number:
                kernel = enlarged(kernel, side, 1 / self.schedule.ratio)
            latent = self.latent(shrunk(grey, scale), side, latent)
            room = side + 2 * self.margin(scale)
            seen = Spectra(latent.blurred, room)
            for _ in range(self.schedule.turns):
                kernel = self.fit(NormalEquations(latent.gradients(kernel), seen, room), kernel)
            down, right = offset(kernel)
            kernel = normalised(moved(kernel, -down, -right))
            latent.move(down, right)
        return cut_weak(kernel, WEAK)


class HyperLaplacianBlind(Blind):
    """Base of methods that restore by `hyper_laplacian` once the kernel is estimated.

    Parameters
    ----------
    size : int
        See `Blind`.
    weight : float
        Data weight of that deconvolution.
    """

    alpha: ClassVar[float] = 2 / 3

    def __init__(self, *, size: int = 27, weight: float = 500.0):
        super().__init__(size=size)
        self.weight = weight

    def deconvolve(self, blurred: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Restore (H, W, 3) float32 RGB in [0, 1] with the estimated kernel."""
        return hyper_laplacian(blurred, kernel, alpha=self.alpha, weight=self.weight)
