"""Protocols: which metrics a paper reports, and what a failure counts as. Data, one TOML file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.config import read_named, shipped, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, metric

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
class Chosen:
    """The metrics of a protocol that can be computed here, and those that cannot, with the reason."""

    metrics: tuple[tuple[ProtocolMetric, Metric], ...]
    unavailable: tuple[tuple[str, str], ...]


def protocols() -> list[str]:
    """Names of the protocols that ship with the package."""
    return shipped(PACKAGE)


def load_protocol(name: str | Path) -> Protocol:
    """Load a protocol by its name, or from the user's own TOML file.

    Raises
    ------
    InputError
        When there is none of that name, or the file is not a protocol.
    """
    values, _, where = read_named(name, PACKAGE, "protocol")
    return strict(Protocol, values, where)


def choose(protocol: Protocol) -> Chosen:
    """Make the metrics of a protocol; an optional one that cannot be made is kept with its reason.

    Raises
    ------
    InputError
        When a metric that is not optional cannot be made.
    """
    made, unavailable = [], []
    for entry in protocol.metric:
        try:
            made.append((entry, metric(entry.name)))
        except InputError as error:
            if not entry.optional:
                raise
            unavailable.append((entry.name, str(error)))
    return Chosen(tuple(made), tuple(unavailable))
