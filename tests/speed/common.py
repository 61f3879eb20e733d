"""Timing of interleaved rounds, and the ratio that a target asks for."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class PeerMissing(Exception):
    """A peer that is not installed: its row is named and skipped."""


@dataclass(frozen=True)
class Ratio:
    """One line of the benchmark table: how many times faster than a peer, in the same run."""

    target: str
    what: str
    ours_s: float
    peer_s: float
    at_least: float

    @property
    def value(self) -> float:
        return self.peer_s / self.ours_s

    @property
    def met(self) -> bool:
        return self.value >= self.at_least


def interleave(jobs: Mapping[str, Callable[[], object]], *, rounds: int = 5) -> dict[str, float]:
    """Run every job once to warm it, then in turn `rounds` times; return the median seconds of each."""
    for job in jobs.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}
