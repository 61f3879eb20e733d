"""Which pairs to show: the worst, median, best and failed ones of the leading method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.leaderboard.board import Board

GROUPS = ("chosen", "worst", "median", "best", "failed")
PER_GROUP = 3
FAILED = 2


def choose(board: Board, *, per_group: int = PER_GROUP, named: Sequence[str] = ()) -> dict[str, list[int]]:
    """Choose pairs by the headline metric of the leading method without the true kernel.

    Parameters
    ----------
    board : Board
    per_group : int
        Pairs a group. Within a group no face stands twice while there are others.
    named : sequence of str
        Ids of pairs that are wanted whatever their values.

    Returns
    -------
    dict
        Row numbers of the score tables for ``chosen`` (those named, in that order), ``worst``, ``median``
        (nearest to the middle of the ranking), ``best`` and ``failed`` (where most methods have no output
        to score; at most 2). No pair is in two groups.

    Raises
    ------
    InputError
        When the tables have no pair of a requested name.
    """
    column, leader = board.headline, board.leader
    values = leader.values(column, filled=False)
    faces = leader.scores.frame["image_id"].to_numpy()
    order = worst_first(values, column)
    failures = np.sum([~method.ok for method in board], axis=0)
    broken = np.argsort(-failures, kind="stable")
    chosen = {"chosen": _named(leader.scores.frame["pair_id"].tolist(), named)}
    taken = set(chosen["chosen"])
    chosen |= {"failed": _take(broken[failures[broken] > 0], faces, min(per_group, FAILED), taken)}
    for group, candidates in (("worst", order), ("best", order[::-1]), ("median", from_the_middle(order))):
        chosen[group] = _take(candidates, faces, per_group, taken)
    return {group: chosen[group] for group in GROUPS}


def worst_first(values: np.ndarray, column: Column) -> np.ndarray:
    """Places of the (n,) values that are no NaN, the worst by `column` first."""
    scored = np.flatnonzero(~np.isnan(values))
    return scored[np.argsort(values[scored] if column.higher_is_better else -values[scored], kind="stable")]


def from_the_middle(order: np.ndarray) -> np.ndarray:
    """A ranking from its middle outwards."""
    return order[np.argsort(np.abs(np.arange(len(order)) - (len(order) - 1) / 2), kind="stable")]


def further(board: Board, taken: Sequence[int]) -> Iterator[int]:
    """Yield all other scored pairs, in an order of which every beginning is spread evenly over the leader's ranking.

    Parameters
    ----------
    board : Board
    taken : sequence of int
        Row numbers that are not wanted again.
    """
    values = board.leader.values(board.headline, filled=False)
    free = np.setdiff1d(np.flatnonzero(~np.isnan(values)), np.asarray(list(taken), dtype=int))
    order = free[np.argsort(values[free], kind="stable")]
    bits = max(int(order.size - 1).bit_length(), 1)
    # Van der Corput: the digits of the count, backwards.
    for step in range(1 << bits):
        at = int(f"{step:0{bits}b}"[::-1], 2)
        if at < order.size:
            yield int(order[at])


def _named(known: Sequence[Any], named: Sequence[str]) -> list[int]:
    place = {str(name): at for at, name in enumerate(known)}
    return [place[one_of("pair", name, place, of="the set")] for name in dict.fromkeys(named)]


def _take(candidates: np.ndarray, faces: np.ndarray, number: int, taken: set[int]) -> list[int]:
    """The first `number` candidates, other faces before further pairs of the same ones; in the order given."""
    free = [int(at) for at in candidates if int(at) not in taken]
    seen: set[Any] = set()
    fresh = [at for at in free if not (faces[at] in seen or seen.add(faces[at]))]  # type: ignore[func-returns-value]
    picked = set(fresh[:number])
    for at in free:
        if len(picked) >= number:
            break
        picked.add(at)
    taken |= picked
    return [at for at in free if at in picked]
