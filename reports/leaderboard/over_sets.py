"""Methods over several sets: each on every set by its headline metric, and the mean of its mean ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.table import leaderboard

RULE = (
    "On each set a method's mean rank is the mean of its places in the first metric of every family that all methods "
    "and pairs of the set have; 1 is best, and means that are printed alike share a place. Over the sets it is the "
    "mean of these, each set counting once, for methods that are on every set."
)


@dataclass(frozen=True)
class SetRank:
    """One method on one set.

    Attributes
    ----------
    method : MethodScores
    rank : int or None
        By the set's headline metric; None with the true kernel.
    mean_rank : float
        Over the set's metrics; NaN if absent.
    letters : str
        Methods of the set that share one do not differ.
    """

    method: MethodScores
    rank: int | None
    mean_rank: float
    letters: str


@dataclass(frozen=True)
class Standing:
    """One method over all sets.

    Attributes
    ----------
    label : str
    oracle : bool
    mean_rank : float
        Mean of the mean ranks of all sets; NaN with the true kernel, and where it is not on all of them.
    ranks : tuple of SetRank or None
        One per set, in their order; None where it is not on the set.
    """

    label: str
    oracle: bool
    mean_rank: float
    ranks: tuple[SetRank | None, ...]

    @property
    def is_input(self) -> bool:
        """True for the blurred images themselves."""
        return all(rank.method.is_input for rank in self.ranks if rank is not None)


@dataclass(frozen=True)
class Overview:
    """Several sets together.

    Attributes
    ----------
    boards : tuple of Board
        One per set; all have the one palette, so that a method has one colour on the whole page.
    standings : tuple of Standing
        By mean rank; then those that are not on every set, then those with the true kernel.
    palette : tuple of str
        The labels, by which colours and markers are given out.
    ranked_in : tuple of tuple of str
        Signatures of the metrics that enter the mean rank of each set.
    """

    boards: tuple[Board, ...]
    standings: tuple[Standing, ...]
    palette: tuple[str, ...]
    ranked_in: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the sets."""
        return tuple(str(board.set.get("name") or "a set") for board in self.boards)

    @property
    def leading(self) -> Standing:
        """The best that restores without the true kernel, or else the first that restores."""
        return next((one for one in self.standings if not one.is_input), self.standings[0])

    @property
    def one_metric(self) -> bool:
        """Whether every set has the same headline metric."""
        return len({board.headline.signature for board in self.boards}) == 1


def overview(boards: Sequence[Board]) -> Overview:
    """Put the boards of several sets together; methods are identified by their labels.

    Parameters
    ----------
    boards : sequence of Board
        One per set.
    """
    rows = {(str(row["set_hash"]), str(row["method"])): row for row in leaderboard(boards).to_dict("records")}
    found: dict[tuple[str, bool], list[SetRank | None]] = {}
    over: dict[tuple[str, bool], float] = {}
    ranked_in = []
    for at, board in enumerate(boards):
        entered: dict[str, None] = {}
        for method in board:
            row = rows[str(method.meta.set.get("hash", "")), method.label]
            entered |= dict.fromkeys(str(row["mean_rank_of"]).split())
            who = method.label, method.oracle
            over[who] = float(row["mean_rank_sets"])
            rank = None if method.oracle else int(row["rank"])
            found.setdefault(who, [None] * len(boards))[at] = SetRank(
                method, rank, float(row["mean_rank"]), str(row["group"])
            )
        ranked_in.append(tuple(entered))
    known = [Standing(*who, over[who], tuple(ranks)) for who, ranks in found.items()]
    standings = tuple(sorted(known, key=_order))
    palette = tuple(dict.fromkeys(one.label for one in standings))
    coloured = tuple(replace(board, palette=palette) for board in boards)
    return Overview(coloured, standings, palette, tuple(ranked_in))


def _order(one: Standing) -> tuple[bool, bool, float, int, float, str]:
    known = [rank for rank in one.ranks if rank is not None]
    ranks = [rank.mean_rank for rank in known if not math.isnan(rank.mean_rank)]
    behind = sum(ranks) / len(ranks) if ranks else math.inf
    absent = math.isnan(one.mean_rank)
    return one.oracle, absent, math.inf if absent else one.mean_rank, -len(known), behind, one.label
