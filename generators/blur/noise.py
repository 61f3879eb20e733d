"""The noise of blurred images: its laws by name, and the one place that draws from them.

A law gives every sample of a pair a value of unit scale. 255 sigma times that value is added to the grey level of the
blurred image, which is then clipped and rounded. What is drawn is a function of (seed, index of the pair) alone, bit
for bit, and the same for sets, for virtual pairs and on a GPU.

To add a law, subclass `NoiseLaw` and register the class in `NOISES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import check_fields
from facedeblur.benchmark.registry import Registry

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]
"""Rows, columns and channels of an image."""


class NoiseLaw(ABC):
    """Noise that does not depend on the image, at unit scale."""

    @abstractmethod
    def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
        """Draw the noise of one pair.

        Parameters
        ----------
        seed, index : int
            From 0 to 2**64 - 1. The noise depends on them and the shape alone.
        shape : (rows, columns, channels)

        Returns
        -------
        array of `shape`, float32 or float64
        """

    def draw_on(self, device: torch.device | str, seed: int, indices: Sequence[int], shape: Shape) -> torch.Tensor:
        """Draw the noise of several pairs on a device of torch: the bits of `draw`, (n, rows, columns, channels)."""
        import torch

        return torch.from_numpy(np.stack([self.draw(seed, index, shape) for index in indices])).to(device)


NOISES: Registry[type[NoiseLaw]] = Registry("noise", group="facedeblur.noises")


@NOISES.register("gaussian")
class Gaussian(NoiseLaw):
    """White noise of mean 0 and standard deviation 1."""

    def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
        """See `NoiseLaw.draw`; float32."""
        from facedeblur.generators.random.philox import normals

        rows, columns, channels = shape
        return normals(seed, index, rows * columns * channels).reshape(shape)

    def draw_on(self, device: torch.device | str, seed: int, indices: Sequence[int], shape: Shape) -> torch.Tensor:
        """See `NoiseLaw.draw_on`; made on the device itself."""
        from facedeblur.generators.random.device import normals_on

        rows, columns, channels = shape
        return normals_on(device, seed, indices, rows * columns * channels).reshape(-1, *shape)


@NOISES.register("uniform")
class Uniform(NoiseLaw):
    """Between 0 and 1, so that no sample becomes darker: the code of Lai et al. 2016 adds ``0.01 * rand``."""

    def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
        """See `NoiseLaw.draw`; float64."""
        from facedeblur.generators.random.philox import uniforms

        rows, columns, channels = shape
        return uniforms(seed, index, rows * columns * channels).reshape(shape)


@dataclass(frozen=True)
class Noise:
    """How much noise is added, and by which law.

    Attributes
    ----------
    sigma : float
        Scale of the law in units of the full range [0, 1], from 0 to 1: the standard deviation of Gaussian noise (0.01
        is 2.55 grey levels), the largest value of uniform noise.
    kind : str
        Name of the law in `NOISES`: ``gaussian``, ``uniform`` (in [0, sigma], as in Lai's code) or one of your own.
    """

    sigma: float
    kind: str = "gaussian"

    def __post_init__(self) -> None:
        check_fields(
            self,
            "noise",
            {"sigma": (0 <= self.sigma <= 1, "from 0 to 1, in [0, 1] units")},
            do="divide grey levels by 255",
        )
        NOISES.get(self.kind)

    def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
        """Draw the noise of one pair at unit scale, see `NoiseLaw.draw`; zeros where sigma is 0."""
        if self.sigma == 0:
            return np.zeros(shape, np.float32)
        drawn = NOISES.get(self.kind)().draw(seed, index, shape)
        if drawn.shape != shape:
            raise InputError(f"noise '{self.kind}'", expected=f"values of shape {shape}", found=f"{drawn.shape}")
        return drawn

    def draw_on(self, device: torch.device | str, seed: int, indices: Sequence[int], shape: Shape) -> torch.Tensor:
        """Draw the noise of several pairs on a device, see `NoiseLaw.draw_on`; zeros where sigma is 0."""
        import torch

        if self.sigma == 0:
            return torch.zeros(len(indices), *shape, device=device)
        return NOISES.get(self.kind)().draw_on(device, seed, indices, shape)
