"""Timing of interleaved rounds, and the ratio that a target asks for."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self


class PeerMissing(Exception):
    """A peer that is not installed; a bench file that raises it is named in the table and skipped."""


class Seconds(float):
    """The median of a job's times over the rounds, which it keeps.

    Attributes
    ----------
    rounds : tuple of float
        Seconds of each round. Multiplying or dividing scales them all.
    """

    rounds: tuple[float, ...]

    def __new__(cls, rounds: Iterable[float]) -> Self:
        kept = tuple(rounds)
        self = super().__new__(cls, statistics.median(kept))
        self.rounds = kept
        return self

    def __mul__(self, by: float) -> Seconds:
        return Seconds(one * by for one in self.rounds)

    def __truediv__(self, by: float) -> Seconds:
        return Seconds(one / by for one in self.rounds)


@dataclass(frozen=True)
class Ratio:
    """One row of the benchmark table: how many times faster than a peer, in the same run.

    Attributes
    ----------
    target : str
        The target that asks for it.
    what : str
        What is measured.
    ours_s, peer_s : Seconds or float
        `interleave` gives `Seconds`, from whose rounds the ratio and its spread are taken.
    at_least : float
        The ratio that the target asks for; 0 for none.
    peer : str
        What it is compared with. Names of packages in braces, as in ``filter2D of {opencv-python}``, get their version
        in the table.
    unit : str
        Of both figures, where they are no times.
    """

    target: str
    what: str
    ours_s: float
    peer_s: float
    at_least: float
    peer: str = ""
    unit: str = "s"

    @property
    def rounds(self) -> list[float]:
        """The ratio of every round; a single one where the times are plain numbers."""
        ours, peer = (times.rounds if isinstance(times, Seconds) else (times,) for times in (self.ours_s, self.peer_s))
        if len(ours) == 1 or len(peer) == 1:
            return [theirs / mine for mine in ours for theirs in peer]
        return [theirs / mine for mine, theirs in zip(ours, peer, strict=True)]

    @property
    def value(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float] | None:
        """Lowest and highest ratio of a round; None where nothing was repeated."""
        found = self.rounds
        return (min(found), max(found)) if len(found) > 1 else None

    @property
    def met(self) -> bool:
        return self.value >= self.at_least


@dataclass(frozen=True)
class NotMeasured:
    """A row of the table without numbers: a peer that is not installed, a device that is not there."""

    target: str
    what: str
    reason: str


Row = Ratio | NotMeasured


def deepinv() -> Any:
    """Import deepinv.

    Raises
    ------
    PeerMissing
        Where it is not installed, or cannot be imported.
    """
    try:
        from facedeblur.benchmark.torchvision_shim import prepare

        prepare()
        return importlib.import_module("deepinv")
    except (ImportError, RuntimeError) as error:
        raise PeerMissing("deepinv") from error


def interleave(jobs: Mapping[str, Callable[[], object]], *, rounds: int = 5) -> dict[str, Seconds]:
    """Run every job once to warm it, then in turn `rounds` times; return the seconds of each."""
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - start)
    return {name: Seconds(times) for name, times in seconds.items()}
