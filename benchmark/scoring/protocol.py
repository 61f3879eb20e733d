"""Protocols: which metrics a paper reports, and what a failure counts as. Data, one TOML file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.sets.set import Set

PACKAGE = "facedeblur.benchmark.scoring.protocols"


@dataclass(frozen=True)
class ProtocolMetric:
    """A column of a protocol.

    Attributes
    ----------
    name : str
        The metric, e.g. ``ssim[matlab3d]``.
    failure : float
        What a failed pair counts as.
    optional : bool
        True where a missing package or weights file leaves the column out, with the reason on record.
    tables : str
        The published tables it corresponds to.
    """

    name: str
    failure: float
    optional: bool = False
    tables: str = ""


@dataclass(frozen=True)
class Protocol:
    """A named bundle of metrics, the first of which ranks the methods."""

    name: str
    title: str
    source: str
    metric: tuple[ProtocolMetric, ...]


@dataclass(frozen=True)
class ChosenMetrics:
    """The metrics of a protocol that can be computed, and those that cannot, with the reason."""

    metrics: tuple[tuple[ProtocolMetric, Metric], ...]
    unavailable: tuple[tuple[str, str], ...]

    def for_set(self, the_set: Set) -> ChosenMetrics:
        """Return those for which the set has everything that they need."""
        labelled = any(image.label for image in the_set.images.values())

        def lacks(made: Metric) -> str:
            if made.needs.sharp and not the_set.has_sharp:
                return f"set '{the_set.name}' has no sharp images"
            if made.needs.truths and not the_set.truths:
                return f"set '{the_set.name}' has one sharp image for each photograph"
            if made.needs.label and not labelled:
                return f"set '{the_set.name}' has no label images"
            if made.needs.kernel and not the_set.has_kernels:
                return f"set '{the_set.name}' has no kernels"
            return ""

        return self._without(lacks)

    def for_run(self, run: Outputs) -> ChosenMetrics:
        """Return those for which the outputs have everything that they need."""
        why = "" if run.has_kernels else f"'{run.method}' has left no estimated kernels"
        return self._without(lambda made: why if made.needs.kernel else "")

    def _without(self, lacks: Callable[[Metric], str]) -> ChosenMetrics:
        reasons = [lacks(made) for _, made in self.metrics]
        kept = tuple(one for one, why in zip(self.metrics, reasons, strict=True) if not why)
        left = [(str(made.signature), why) for (_, made), why in zip(self.metrics, reasons, strict=True) if why]
        return ChosenMetrics(kept, (*self.unavailable, *left))


def protocols() -> list[str]:
    """Names of the protocols that ship with the package."""
    return shipped(PACKAGE)


def load_protocol(name: str | Path) -> Protocol:
    """Load a protocol by its name, or from the user's own TOML file.

    Raises
    ------
    InputError
        When the name is unknown, or the file is not a protocol.
    """
    values, _, where = read_named(name, PACKAGE, "protocol")
    return strict(Protocol, values, where)


def choose(protocol: Protocol) -> ChosenMetrics:
    """Make the metrics of a protocol; an optional one that cannot be made is kept with its reason.

    Raises
    ------
    InputError
        When a metric that is not optional cannot be made.
    """
    made: list[tuple[ProtocolMetric, Metric]] = []
    unavailable, seen = [], set[str]()
    for entry in protocol.metric:
        try:
            one = metric(entry.name)
            if str(one.signature) in seen:
                raise InputError(f"protocol '{protocol.name}'", f"{one.signature} is in it twice", do="remove one")
            seen.add(str(one.signature))
            made.append((entry, one))
        except InputError as error:
            if not entry.optional:
                raise
            unavailable.append((entry.name, str(error)))
    return ChosenMetrics(tuple(made), tuple(unavailable))


def with_metrics(protocol: Protocol, names: Sequence[str]) -> Protocol:
    """Return the protocol with other metrics; failures count as in the protocol, or else as a metric's worst value.

    Raises
    ------
    InputError
        When a metric cannot be made.
    """
    known: dict[str, ProtocolMetric] = {}
    for entry in protocol.metric:
        with suppress(InputError):
            known[str(metric(entry.name).signature)] = entry
    entries: dict[str, ProtocolMetric] = {}
    for name in names:
        one = metric(name)
        signature = str(one.signature)
        entries.setdefault(signature, known.get(signature, ProtocolMetric(name, one.worst)))
    return replace(protocol, metric=tuple(entries.values()))
