"""The law that kernels are drawn from, as data: it is stored beside the seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.philox import halves

DEBLURGAN_ANXIETY = (0.01, 0.009, 0.008, 0.007, 0.005, 0.003)
"""The anxieties that DeblurGAN's code picks from."""

MAX_SIZE = 1023
"""Largest side of a kernel, pixels."""

CENTRES = ("bbox", "barycentre", "original")


def check_fields(
    record: object, what: str, checks: Mapping[str, tuple[bool, str]], *, do: str = "choose another value"
) -> None:
    """Raise InputError for the first field of `record` that is not fine.

    Parameters
    ----------
    record : object
    what : str
        What it is, for the error line.
    checks : mapping
        Name of a field -> whether it is fine, and what is expected of it.
    do : str
        The advice in the line.
    """
    for name, (fine, expected) in checks.items():
        if not fine:
            raise InputError(f"{what}, {name}", expected=expected, found=str(getattr(record, name)), do=do)


@dataclass(frozen=True)
class KernelModel:
    """What a kernel is drawn from, beside its seed, size N and index.

    Attributes
    ----------
    length_per_size : float
        Trajectory length in units of N (1.85 fits Shen's released kernel).
    length : float, optional
        Trajectory length in pixels, instead.
    samples : int
        Points of the trajectory, M.
    anxiety : tuple of float
        One of these, in [0, 1], is drawn for each trajectory; 0 gives a straight line.
    exposure : float
        Part of the trajectory that is seen, T in (0, 1].
    begin : float
        Part of the trajectory that passes before anything is seen, in [0, exposure): the shutter is open from `begin`
        to `exposure`.
    centre : {'bbox', 'barycentre', 'original'}
        What lies on the central pixel. 'bbox': the middle of the exposed trajectory's bounding box, to 1e-12 px.
        'barycentre': the mean of its points. 'original': the authors' rule, start on the pixel grid and the whole
        trajectory's box near the middle, up to a pixel off.
    margin : float, optional
        Draw again unless the box is at most N - margin wide and high and lies inside the kernel. None accepts
        everything: what falls outside is lost, as in the authors' code.
    fill : float, optional
        Draw again unless the box is over N - fill wide or high, so that the size says something.
    normalise : bool
        Sum 1; otherwise the sum is ``exposure - begin``, less what is lost.
    attempts : int
        Draws before a kernel is given up.
    """

    length_per_size: float = 1.85
    length: float | None = None
    samples: int = 2000
    anxiety: tuple[float, ...] = DEBLURGAN_ANXIETY
    exposure: float = 1.0
    centre: str = "bbox"
    margin: float | None = 2.0
    fill: float | None = None
    normalise: bool = True
    attempts: int = 1000
    begin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "anxiety", tuple(float(a) for a in np.atleast_1d(self.anxiety)))
        checks = {
            "length_per_size": (0 < self.length_per_size < math.inf, "a positive number"),
            "length": (self.length is None or 0 < self.length < math.inf, "a positive number of pixels"),
            "samples": (2 <= self.samples <= 1_000_000, "from 2 to 1000000"),
            "anxiety": (len(self.anxiety) > 0 and all(0 <= a <= 1 for a in self.anxiety), "numbers from 0 to 1"),
            "exposure": (0 < self.exposure <= 1, "over 0 and at most 1"),
            "begin": (0 <= self.begin < self.exposure, "at least 0 and less than the exposure"),
            "centre": (self.centre in CENTRES, f"one of {', '.join(CENTRES)}"),
            "margin": (self.margin is None or self.margin >= 0, "at least 0, or None"),
            "fill": (self.fill is None or self.fill > (self.margin or 0), "more than margin, or None"),
            "attempts": (1 <= self.attempts < 2**16, "from 1 to 65535"),
        }
        check_fields(self, "kernel model", checks)

    @classmethod
    def given(cls, **options: Any) -> KernelModel:
        """A model of the options that are not None, the rest as recommended."""
        return cls(**{name: value for name, value in options.items() if value is not None})

    def path_length(self, size: int) -> float:
        """Length of a trajectory in pixels for kernels of `size`."""
        return self.length_per_size * size if self.length is None else self.length

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them; ``KernelModel(**fields)`` gives the model back."""
        return asdict(self) | {"anxiety": list(self.anxiety)}


STANDARD = KernelModel()
"""The recommended model."""


def parse_anxiety(text: str) -> tuple[float, ...]:
    """Anxieties of a list with commas, such as ``0.001,0.005``.

    Raises
    ------
    InputError
        When a part is not a number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"anxiety '{text}'", expected="numbers such as 0.005 or 0.001,0.005", do="write it that way"
        ) from None


def check_numbers(size: int, n: int, start: int) -> None:
    """Raise InputError unless `n` kernels of a size, number `start` and following, can be asked for."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size % 2 == 0 or not 5 <= size <= MAX_SIZE:
        raise InputError(
            "kernel size", expected=f"an odd number from 5 to {MAX_SIZE}", found=str(size), do="choose another size"
        )
    if not isinstance(n, int | np.integer) or n < 0:
        raise InputError(
            "number of kernels", expected="an integer of at least 0", found=str(n), do="choose another one"
        )
    halves(start, "start")
    halves(int(start) + max(int(n), 1) - 1, "number of the last kernel")
