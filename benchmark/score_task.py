"""One task of a scoring: some photographs with all their pairs, for every run that waits for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.images import pixel_hash
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets import Image, Pair, Set

PAIRS_A_TASK = 160


@dataclass(frozen=True)
class Task:
    """Some photographs with all their pairs, and the runs to score on them."""

    number: int
    set_root: Path
    set_hash: str
    groups: tuple[tuple[Image, tuple[Pair, ...]], ...]
    runs: tuple[tuple[Path, tuple[Status, ...]], ...]
    parts: tuple[Path, ...]
    metrics: tuple[str, ...]
    schemas: tuple[Any, ...]


def cut(
    the_set: Set, runs: Sequence[Outputs], shelves: Sequence[Path], names: tuple[str, ...], schemas: tuple[Any, ...]
) -> Iterator[Task]:
    """Cut the set into tasks of whole photographs."""
    statuses = [run.statuses(the_set) for run in runs]
    number, groups, count = 0, [], 0
    for image, pairs in the_set.by_image():
        groups.append((image, tuple(pairs)))
        count += len(pairs)
        if count >= PAIRS_A_TASK:
            yield _task(number, the_set, groups, runs, statuses, count, shelves, names, schemas)
            number, groups, count = number + 1, [], 0
    if groups:
        yield _task(number, the_set, groups, runs, statuses, count, shelves, names, schemas)


def _task(
    number: int,
    the_set: Set,
    groups: list[tuple[Image, tuple[Pair, ...]]],
    runs: Sequence[Outputs],
    statuses: Sequence[Iterator[Status]],
    count: int,
    shelves: Sequence[Path],
    names: tuple[str, ...],
    schemas: tuple[Any, ...],
) -> Task:
    taken = tuple((run.root, tuple(islice(status, count))) for run, status in zip(runs, statuses, strict=True))
    parts = tuple(shelf / f"{number:06d}.parquet" for shelf in shelves)
    return Task(number, the_set.root, the_set.content_hash, tuple(groups), taken, parts, names, schemas)


@lru_cache(maxsize=2)
def open_set(root: Path, content_hash: str) -> Set:
    """One set a process: its image table is read once."""
    return Set.open(root)


@lru_cache(maxsize=32)
def _metric(name: str) -> Metric:
    """One metric a process: networks are loaded once a worker."""
    return metric(name)


def run(task: Task) -> int:
    """Score one task's photographs for every run whose part is not there yet; return the number of pairs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = sum(len(pairs) for _, pairs in task.groups)
    waiting = [at for at, part in enumerate(task.parts) if not part.is_file()]
    if not waiting:
        return count
    the_set = open_set(task.set_root, task.set_hash)
    measures = [_metric(name) for name in task.metrics]
    opened = {at: Outputs.open(task.runs[at][0], the_set, check=False) for at in waiting}
    rows: dict[int, list[dict[str, Any]]] = {at: [] for at in waiting}
    start = 0
    for image, pairs in task.groups:
        sharp = the_set.sharp(image) if the_set.has_sharp else None
        label = the_set.label(image) if image.label and any(map(needs_label, measures)) else None
        prepared = [None if sharp is None else _prepare(made, sharp, label) for made in measures]
        for at in waiting:
            statuses = task.runs[at][1][start : start + len(pairs)]
            rows[at] += score_image(opened[at], image, pairs, statuses, sharp, measures, prepared)
        start += len(pairs)
    for at in waiting:
        with replacing(task.parts[at]) as temporary:
            pq.write_table(pa.Table.from_pylist(rows[at], schema=task.schemas[at]), temporary)
    return count


def needs_label(made: Metric) -> bool:
    """Whether a metric looks at semantic classes; see `Metric`."""
    return bool(getattr(made, "needs_label", False))


def _prepare(made: Any, sharp: np.ndarray, label: np.ndarray | None) -> Any:
    return made.prepare(sharp, label) if needs_label(made) else made.prepare(sharp)


def score_image(
    run: Outputs,
    image: Image,
    pairs: Sequence[Pair],
    statuses: Sequence[Status],
    sharp: np.ndarray | None,
    measures: Sequence[Metric],
    prepared: Sequence[Any],
) -> list[dict[str, Any]]:
    """Rows of one photograph in one run."""
    rows: list[dict[str, Any]] = []
    good, stack = [], []
    for pair, status in zip(pairs, statuses, strict=True):
        if status.pair_id != pair.pair_id:
            raise InputError(
                str(run.root), expected=f"a status for {pair.pair_id}", found=status.pair_id, do="run again"
            )
        said, sha = status.status, ""
        if said == "ok":
            try:
                pixels = run.restored(pair, (image.height, image.width))
                sha = pixel_hash(pixels)
                if status.sha256 and sha != status.sha256:
                    said = "failed: altered since the run"
                else:
                    good.append(len(rows))
                    stack.append(pixels)
            except InputError as error:
                said = f"failed: {_why(error)}"
        rows.append(
            {
                "index": pair.index,
                "pair_id": pair.pair_id,
                "image_id": pair.image_id,
                "identity": image.identity,
                "role": image.role,
                "kernel_id": pair.kernel_id,
                "kernel_size": pair.kernel_size,
                "status": said,
                "seconds": status.seconds,
                "sha256": sha,
            }
        )
    if stack:
        restored = np.stack(stack)
        for made, ready in zip(measures, prepared, strict=True):
            for at, value in zip(good, made.measure(restored, cast(np.ndarray, sharp), ready), strict=True):
                rows[at][str(made.signature)] = float(value)
    return rows


def _why(error: InputError) -> str:
    """The reason without the path, which the row already tells."""
    if error.found == "nothing there":
        return "output missing"
    return f"expected {error.expected}, found {error.found}"
