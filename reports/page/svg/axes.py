"""Where things lie in a drawing: scales, ticks, names at line ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.leaderboard.series import reach
from facedeblur.reports.text import scale


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside [low, high]: at least two, some `about` of them."""
    power = 10.0 ** (math.floor(math.log10((high - low) / about)) - 1)
    found: list[float] = []
    for factor in (1, 2, 5, 10, 20, 50, 100, 200):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last < first or (found and last == first):
            break
        found = [round(n * step, 12) for n in range(first, last + 1)]
        if len(found) <= about:
            break
    return found


def log_ticks(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis inside [low, high], both above 0: decades, and 2 and 5 where there is room."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 2, 5)):
        found = [
            factor * 10.0**power
            for power in range(first, last + 1)
            for factor in factors
            if low * 0.999 <= factor * 10.0**power <= high * 1.001
        ]
        if len(found) >= 3:
            break
    return found


class Axes:
    """The frame of a drawing in user units, and its scales.

    Attributes
    ----------
    x0, x1, y0, y1 : float
        Left, right, upper and lower edge of what is drawn.
    across : dict
        Kernel size -> horizontal position.
    """

    def __init__(self, width: float, height: float, *, left: float, right: float, top: float, bottom: float):
        self.width, self.height, self.bottom = width, height, bottom
        self.x0, self.x1, self.y0, self.y1 = left, width - right, top, height - bottom
        self.across: dict[int, float] = {}
        self.low, self.high, self.factor = 0.0, 1.0, 1.0

    def fit(self, numbers: Sequence[float], column: Column, *, about: int = 6) -> list[dict[str, Any]]:
        """Fit the vertical scale to the finite `numbers`; return its ticks, none where no mean of `column` can be."""
        self.factor = scale(column)
        self.low, self.high = reach([number * self.factor for number in numbers], margin=0.05)
        marks = levels(self.low, self.high, column, about=about)
        return [{"at": self.up(level), "text": text} for level, text in marks]

    def up(self, number: float) -> float:
        """Vertical position of a value of the metric."""
        at = (number * self.factor - self.low) / (self.high - self.low)
        return float(self.y1 - at * (self.y1 - self.y0))


def levels(low: float, high: float, column: Column, *, about: int) -> list[tuple[float, str]]:
    """Ticks of an axis of means, as printed from `low` to `high`: values that a mean can have, and their labels."""
    marks, factor = ticks(low, high, about=about), scale(column)
    least, most = (end * factor for end in column.mean_limits)
    return [(level / factor, tick(level, marks)) for level in marks if least <= level <= most]


def spread_labels(series: list[dict[str, Any]], box: Axes, *, gap: float = 15.0) -> None:
    """Set ``label_y`` of every line, so that no name covers another and each is as near to its line as can be.

    Names that would touch are joined to a block, which lies where the mean distance to its lines is least.
    """
    order = sorted(series, key=lambda one: one["end"]["y"])
    places: list[list[float]] = []  # blocks of names that touch: [sum of wanted tops, names, top]
    for one in order:
        places.append([one["end"]["y"], 1, one["end"]["y"]])
        while len(places) > 1 and places[-2][2] + gap * places[-2][1] > places[-1][2]:
            wanted, names, _ = places.pop()
            above = places[-1]
            # Names lower in a block want to be higher by the gaps above them.
            above[0] += wanted - gap * names * above[1]
            above[1] += names
            above[2] = above[0] / above[1]
    tops = [block[2] + gap * n for block in places for n in range(int(block[1]))]
    last = len(order) - 1
    for at, (one, top) in enumerate(zip(order, tops, strict=True)):
        one["label_y"] = max(min(top, box.y1 + 6 - gap * (last - at)), box.y0 + gap * at)


def positions(sizes: Sequence[int], low: float, high: float) -> dict[int, float]:
    """Place kernel sizes to scale between `low` and `high`; a single one in the middle."""
    if len(sizes) == 1:
        return {sizes[0]: (low + high) / 2}
    return {size: low + (size - sizes[0]) / (sizes[-1] - sizes[0]) * (high - low) for size in sizes}


def dodge(number: int, box: Axes) -> list[float]:
    """Shifts in user units by which `number` marks stand side by side about one position of `box`."""
    places = sorted(box.across.values())
    gap = min((b - a for a, b in pairwise(places)), default=60.0)
    step = min(4.0, 0.5 * gap / max(number - 1, 1))
    return [(place - (number - 1) / 2) * step for place in range(number)]


def whisker(row: Mapping[Any, Any], box: Axes) -> dict[str, Any]:
    """Upper and lower end of an interval, None if absent."""
    known = math.isfinite(row["low"]) and math.isfinite(row["high"])
    return {"foot": box.up(row["low"]) if known else None, "top": box.up(row["high"]) if known else None}


def thin(sizes: Sequence[int], box: Axes) -> list[tuple[int, float]]:
    """Tick marks that do not touch: every size where there is room."""
    shown: list[tuple[int, float]] = []
    for size in sizes:
        if not shown or box.across[size] - shown[-1][1] >= 26:
            shown.append((size, box.across[size]))
    return shown


def path(points: Sequence[tuple[float, float]]) -> str:
    """Straight lines through `points`, as an SVG path."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""


def tick(level: float, levels: Sequence[float]) -> str:
    """A tick's label, with the decimals that the step between `levels` needs."""
    step = levels[1] - levels[0]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{level:.{digits}f}".replace("-", "−")
