"""The law that spline kernels are drawn from, as data: Chakrabarti, ECCV 2016; see `spline`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from facedeblur.generators.kernel_model import MAX_SIZE, check_fields

MAX_POINTS = 2048
"""Most control points: their random numbers come before those of the weights."""


@dataclass(frozen=True)
class SplineModel:
    """What a spline kernel is drawn from, beside its seed, size and index.

    Attributes
    ----------
    grid : int, optional
        Side p of the grid of control points, in pixels. By default 24/41 of the size to the nearest pixel: the paper's
        p = 24 in kernels of 41, and so 16 in 27 and 8 in 13.
    points : int
        Control points.
    samples : int
        Places on the spline.
    weight, spread : float
        Mean and standard deviation of the weights before those under 0 become 0.
    attempts : int
        Draws before a kernel is given up.
    """

    grid: int | None = None
    points: int = 6
    samples: int = 30_000
    weight: float = 1.0
    spread: float = 0.5
    attempts: int = 1000

    def __post_init__(self) -> None:
        checks = {
            "grid": (self.grid is None or 2 <= self.grid <= MAX_SIZE, f"from 2 to {MAX_SIZE}, or None"),
            "points": (4 <= self.points <= MAX_POINTS, f"from 4, as not-a-knot needs, to {MAX_POINTS}"),
            "samples": (2 <= self.samples <= 1_000_000, "from 2 to 1000000"),
            "weight": (-math.inf < self.weight < math.inf, "a number"),
            "spread": (0 <= self.spread < math.inf and max(self.weight, self.spread) > 0, "at least 0"),
            "attempts": (1 <= self.attempts <= 4096, "from 1 to 4096"),
        }
        check_fields(self, "spline model", checks)

    def side(self, size: int) -> int:
        """Side of the grid in pixels for kernels of `size`."""
        return max(2, math.floor(24 * size / 41 + 0.5)) if self.grid is None else self.grid

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them; ``SplineModel(**fields)`` gives the model back."""
        return asdict(self)


STANDARD = SplineModel()
"""The paper's numbers, the grid in proportion to the size."""

PAPER_SIZE = 41
PAPER_BANKS = (SplineModel(grid=24), SplineModel(grid=16), SplineModel(grid=8))
"""The paper's three banks, 33,333 kernels each, all of size 41."""
