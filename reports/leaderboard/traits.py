"""The headline metric by traits of the faces: CelebA's attributes, the pose of the head, or columns of the user's own.

A trait is given by its name, with the edges of bins after a colon where its numbers are to be divided otherwise
than usual: ``Smiling``, ``yaw``, ``yaw:20,45``, ``age:18,40``. Faces of which the trait is not known are a stratum of
their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.sets.traits import KEY, POSE
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.series import bounds
from facedeblur.reports.leaderboard.strata import Strata, stratum

if TYPE_CHECKING:
    import pandas as pd

EDGES = (15.0, 30.0)
"""Usual bins of an angle, by its size in degrees: the cameras of Multi-PIE are 15 degrees apart.

References
----------
Gross, Matthews, Cohn, Kanade and Baker, *Multi-PIE*, Image and Vision Computing 28, 2010, section 3.
"""

MOST = 24
"""Values of a trait that become strata of their own."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Wanted:
    """A trait that strata are made by.

    Attributes
    ----------
    name : str
    edges : tuple of float
        Between the bins, ascending; empty if each value is a stratum.
    """

    name: str
    edges: tuple[float, ...] = ()


def by_traits(boards: Sequence[Board], wanted: Sequence[str]) -> list[list[Strata]]:
    """Summarise the headline metric of each set by traits of its faces.

    Parameters
    ----------
    boards : sequence of Board
        One per set; the sets are opened.
    wanted : sequence of str
        Names of traits, each with the edges of bins after a colon if it is divided into bins. A value on an edge is in
        the bin above it. Angles are divided by their size, by `EDGES` if nothing is said.

    Returns
    -------
    list of list of Strata
        For each board one table per trait: values in order, then ``unknown``. A set without that trait has
        ``unknown`` alone; in others a bin without faces is listed, too.

    Raises
    ------
    InputError
        When a set is missing, no set has a trait of that name, the edges are no ascending numbers, or a trait without
        edges has more than `MOST` values.
    """
    if not wanted:
        return [[] for _ in boards]
    tables = [board.open_set().traits for board in boards]
    asked = [_parse(text, [table for table in tables if table is not None]) for text in dict.fromkeys(wanted)]
    columns = [_Column.of(one, tables) for one in asked]
    return [[column.strata(board, table) for column in columns] for board, table in zip(boards, tables, strict=True)]


def _parse(text: str, tables: Sequence[pd.DataFrame]) -> Wanted:
    known = list(dict.fromkeys(str(name) for table in tables for name in table.columns if name != KEY))
    if not known:
        raise InputError(
            f"trait '{text}'", "the faces of these sets have no traits",
            do="put a traits.csv next to the photographs and build the set again",
        )  # fmt: skip
    name, colon, edges = text.rpartition(":")
    if text in known:
        return Wanted(text, EDGES if text in POSE else ())
    if not colon or name not in known:
        near = suggest(name or text, known)
        listed = near if near.startswith("known") else f"{near} There are: {', '.join(sorted(known))}"
        raise InputError(f"trait '{name or text}'", "no set has this trait", do=listed)
    try:
        numbers = tuple(float(edge) for edge in edges.split(","))
    except ValueError:
        numbers = ()
    ascending = all(one < other for one, other in pairwise(numbers))
    if not numbers or not ascending or not all(map(math.isfinite, numbers)) or (name in POSE and numbers[0] <= 0):
        what = "ascending angles above 0" if name in POSE else "ascending numbers"
        raise InputError(f"bins of trait '{name}'", expected=f"{what}, such as {name}:15,30", found=f"'{edges}'")
    return Wanted(name, numbers)


@dataclass(frozen=True)
class _Column:
    """A trait in all sets: the names of its strata, in order."""

    wanted: Wanted
    numeric: bool
    names: tuple[str, ...]

    @classmethod
    def of(cls, wanted: Wanted, tables: Sequence[pd.DataFrame | None]) -> _Column:
        name = wanted.name
        found = [table[name] for table in tables if table is not None and name in table]
        numeric = all(column.dtype.kind == "f" for column in found)
        if wanted.edges:
            if not numeric:
                raise InputError(f"trait '{name}'", "has words, which have no bins", do=f"ask for {name} alone")
            return cls(wanted, numeric, tuple(_bins(wanted)))
        values = sorted({value for column in found for value in column.dropna()}, key=None if numeric else str)
        if len(values) > MOST:
            do = f"divide them into bins, for example {name}:{_quarters(values)}" if numeric else "choose another trait"
            raise InputError(f"trait '{name}'", f"has {len(values):,} values, and at most {MOST} are shown", do=do)
        return cls(wanted, numeric, tuple(dict.fromkeys(map(_shown, values))))

    def strata(self, board: Board, table: pd.DataFrame | None) -> Strata:
        """The table of one set."""
        frame = board.leader.scores.frame
        images = frame["image_id"].astype(str)
        known = {} if table is None or self.wanted.name not in table else dict(
            zip(table[KEY].astype(str), map(self._name, table[self.wanted.name]), strict=True)
        )  # fmt: skip
        here = np.asarray([known.get(image, UNKNOWN) for image in images], dtype=object)
        labels = [method.label for method in board]
        rows = []
        for name in dict.fromkeys((*self.names, UNKNOWN)):
            pairs = here == name
            if pairs.any() or (known and self.wanted.edges and name != UNKNOWN):
                rows.append(stratum(board, name, labels, pairs, spreads=True))
        title = self.wanted.name
        return Strata("trait", title, tuple(rows), len(rows), ordered=False)

    def _name(self, value: float | str | None) -> str:
        """The stratum of a value."""
        if value is None or value != value:
            return UNKNOWN
        if not self.wanted.edges:
            return _shown(value)
        number = abs(float(value)) if self.wanted.name in POSE else float(value)
        return self.names[int(np.searchsorted(self.wanted.edges, number, side="right"))]


def _quarters(values: Sequence[float]) -> str:
    """Edges that divide values into quarters, to three digits."""
    edges = dict.fromkeys(f"{edge:.3g}" for edge in np.quantile(values, (0.25, 0.5, 0.75)))
    return ",".join(edges)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def _bins(wanted: Wanted) -> list[str]:
    """Names of the bins: ``|yaw| < 15°``, ``15° ≤ |yaw| < 30°``, ``|yaw| ≥ 30°``."""
    angle = wanted.name in POSE
    what = f"|{wanted.name}|" if angle else wanted.name
    ends = [f"{edge:.10g}{'°' * angle}" for edge in wanted.edges]
    between = [f"{low} ≤ {what} < {high}" for low, high in pairwise(ends)]
    return [f"{what} < {ends[0]}", *between, f"{what} ≥ {ends[-1]}"]


def traits_frame(boards: Sequence[Board], found: Sequence[Sequence[Strata]]) -> pd.DataFrame:
    """The strata of `by_traits` as one table.

    Returns
    -------
    pandas.DataFrame
        One row per set, trait, stratum and method: ``set``, ``set_hash``, ``trait``, ``stratum``, ``faces``, ``pairs``,
        ``method``, ``run_hash``, ``oracle``, ``metric`` (its full name), ``mean`` and ``std`` in the metric's unit,
        failures counted as the metric says; ``low`` and ``high``, the 95 % interval of the mean for unseen faces and
        kernels, NaN if absent; what it rests on in ``basis``, and why it is missing in ``absent``.
    """
    import pandas as pd

    rows = []
    for board, tables in zip(boards, found, strict=True):
        for table in tables:
            for one in table.rows:
                for method, cell, spread in zip(board, one.cells, one.spreads, strict=True):
                    rows.append(
                        {
                            "set": str(board.set.get("name", "")),
                            "set_hash": str(board.set.get("hash", "")),
                            "trait": table.title,
                            "stratum": one.name,
                            "faces": one.faces,
                            "pairs": one.pairs,
                            "method": method.label,
                            "run_hash": str(method.meta.run.get("hash", "")),
                            "oracle": method.oracle,
                            "metric": one.column.signature,
                            "mean": cell[0] if cell else math.nan,
                            "std": cell[1] if cell else math.nan,
                            **bounds(spread),
                        }
                    )
    names = ("set", "set_hash", "trait", "stratum", "faces", "pairs", "method", "run_hash", "oracle", "metric")
    return pd.DataFrame(rows, columns=[*names, "mean", "std", "low", "high", "basis", "absent"])
