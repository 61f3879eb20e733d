"""What ``run.json`` says of a run: its method, its machine, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from facedeblur.benchmark.files.schema import Count, Text, read_description

SCHEMA = 1


class Timings(msgspec.Struct):
    """Run time of a method, in seconds per image."""

    images: Count
    mean_s: float
    median_s: float
    std_s: float
    device: str
    width: int | None = None
    height: int | None = None


class Memory(msgspec.Struct):
    """Memory that a method needs, in bytes."""

    rule: str = ""
    peak_bytes: Count | None = None
    growth_bytes: int | None = None


class GivenKernels(msgspec.Struct):
    """The run whose estimated kernels a method was given."""

    run: str


class PairCounts(msgspec.Struct):
    """What became of the pairs of a run."""

    pairs: Count
    ok: Count
    failed: Count
    not_run: Count


class Sample(msgspec.Struct):
    """The part of its set that a run is on: how many pairs, of how many."""

    pairs: Count
    of: Count


class OfSet(msgspec.Struct):
    """The set that a run was made of."""

    hash: Text
    name: str = "?"


class RunFacts(msgspec.Struct):
    """What a run says of its method and its machine, alike in ``run.json`` and in score tables."""

    method: Text
    version: str = ""
    name: str = ""
    described: str = ""
    options: dict[str, Any] = {}
    weights: dict[str, Any] = {}
    code: dict[str, Any] = {}
    trained_on: list[str] = []
    licence: str = ""
    told_by: str = ""
    oracle: bool = False
    foreign: bool = False
    given_kernels: GivenKernels | None = None
    store: Literal["png", "npy"] = "png"
    keep: list[str] = []
    kept: dict[str, str] | None = None
    precision: str = ""
    requested_precision: str = ""
    batch_limits: dict[str, Count] = {}
    batch_times: dict[str, float] = {}
    compared: dict[str, Any] = {}
    device: str = ""
    device_name: str = ""
    parameters: Count | None = None
    bytes_fp32: Count | None = None
    bytes_weights: Count | None = None
    timings: Timings | None = None
    memory: Memory | None = None
    notes: list[str] = []
    stopped: str = ""
    seconds_total: float = 0.0
    counts: PairCounts | None = None
    sample: Sample | None = None


class RunInfo(RunFacts, kw_only=True):
    """Schema of ``run.json``."""

    version: str
    options: dict[str, Any]
    weights: dict[str, Any]
    set: OfSet


def read_info(path: Path) -> dict[str, Any]:
    """Read ``run.json`` (or the partial one).

    Raises
    ------
    InputError
        When it is not the description of a run, or one of another schema version.
    """
    return read_description(path, RunInfo, "a run", version=SCHEMA, do="run the method again into a new folder")


def sample_words(run: Mapping[str, Any]) -> str:
    """What follows a number of pairs of a run: ``, a sample of the set's 8,000``; empty for one on the whole set."""
    found = run.get("sample")
    return f", a sample of the set's {found['of']:,}" if found else ""
