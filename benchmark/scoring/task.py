"""One task of a scoring: some photographs with all their pairs, for every run that waits for them.

The part of one run that a task computes: as it is found, what it lacks, and how new columns join it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.scoring.table import read_whole, row_schema
from facedeblur.benchmark.sets.set import Image, Pair, Set, open_set

PAIRS_A_TASK = 160


@dataclass(frozen=True)
class Wanted:
    """What is to be computed of one run, and the folder for its parts."""

    run: Outputs
    metrics: tuple[str, ...]
    shelf: Path


@dataclass(frozen=True)
class Task:
    """Some photographs with all their pairs, and the runs to score on them."""

    set_root: Path
    set_hash: str
    groups: tuple[tuple[Image, tuple[Pair, ...]], ...]
    shares: tuple[Share, ...]


def cut(the_set: Set, wanted: Sequence[Wanted]) -> Iterator[Task]:
    """Cut the set into tasks of whole photographs."""
    statuses = [one.run.statuses(the_set) for one in wanted]
    groups: list[tuple[Image, tuple[Pair, ...]]] = []
    number = count = 0

    def task() -> Task:
        shares = tuple(
            Share(one.run.root, tuple(islice(said, count)), one.metrics, one.shelf / f"{number:06d}.parquet")
            for one, said in zip(wanted, statuses, strict=True)
        )
        return Task(the_set.root, the_set.content_hash, tuple(groups), shares)

    for image, pairs in the_set.by_image():
        groups.append((image, tuple(pairs)))
        count += len(pairs)
        if count >= PAIRS_A_TASK:
            yield task()
            number, groups, count = number + 1, [], 0
    if groups:
        yield task()


@lru_cache(maxsize=32)
def _metric(name: str) -> Metric:
    """One metric a process: networks are loaded once a worker."""
    return metric(name)


def run(task: Task) -> tuple[int, tuple[str, ...]]:
    """Score one task's photographs: in every run the metrics that its part does not hold yet.

    Returns
    -------
    int
        Number of pairs.
    tuple of str
        A line for every part that was damaged, and so computed again.
    """
    parts = [Part.of(share) for share in task.shares]
    notes = tuple(part.note for part in parts if part.note)
    count, waiting = sum(len(pairs) for _, pairs in task.groups), [part for part in parts if part.missing]
    if not waiting:
        return count, notes
    the_set = open_set(task.set_root, task.set_hash)
    names = dict.fromkeys(name for part in waiting for name in part.missing)
    measures = {name: _metric(name) for name in names}
    opened = [Outputs.open(part.share.root, the_set, check=False) for part in waiting]
    start = 0
    for image, pairs in task.groups:
        sharp = _sharp(the_set, image) if the_set.has_sharp else None
        label = the_set.label(image) if image.label and any(made.needs.label for made in measures.values()) else None
        prepared = {name: None if sharp is None else made.prepare(sharp, label) for name, made in measures.items()}
        for part, outputs in zip(waiting, opened, strict=True):
            statuses = part.share.statuses[start : start + len(pairs)]
            made, ready = [measures[name] for name in part.missing], [prepared[name] for name in part.missing]
            rows = score_image(outputs, image, pairs, statuses, sharp, made, ready)
            if sharp is not None:
                part.undefined.update(_undefined(rows, sharp, made, ready))
            part.rows += rows
        start += len(pairs)
    for part in waiting:
        part.write()
    return count, notes


def _undefined(
    rows: Sequence[dict[str, Any]], sharp: np.ndarray, measures: Sequence[Metric], prepared: Sequence[Any]
) -> dict[str, int]:
    """Count the pairs of one photograph whose lack of a value is the sharp image's: it has none with itself."""
    found: dict[str, int] = {}
    scored = [row for row in rows if row["status"] == "ok"]
    for made, ready in zip(measures, prepared, strict=True):
        name = str(made.signature)
        # A class or kernel may be absent; such a column is partial, and has no failures to explain.
        if made.partial or not any(np.isnan(row[name]) for row in scored):
            continue
        if np.isnan(made.measure(sharp[None], sharp, ready)).all():
            found[name] = len(scored)
    return found


def _sharp(the_set: Set, image: Image) -> np.ndarray:
    """The sharp image, made sure to be the one that the set's hash is of."""
    sharp = the_set.sharp(image)
    if image.sha256 and pixel_hash(sharp) != image.sha256:
        raise InputError(
            f"{the_set.root}: sharp image of '{image.image_id}'", expected="the pixels that the set was built with",
            found="others", do="run facedeblur check, and build the set again",
        )  # fmt: skip
    return sharp


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
        output = run.read(pair, status, (image.height, image.width))
        if output.pixels is not None:
            good.append(len(rows))
            stack.append(output.pixels)
        rows.append(
            {
                "index": pair.index,
                "pair_id": pair.pair_id,
                "image_id": pair.image_id,
                "identity": image.identity,
                "role": image.role,
                "kernel_id": pair.kernel_id,
                "kernel_size": pair.kernel_size,
                "status": output.status,
                "seconds": status.seconds,
                "sha256": output.sha256,
            }
        )
    if stack:
        restored = np.stack(stack)
        for made, ready in zip(measures, prepared, strict=True):
            if made.needs.kernel:
                values = made.measure_kernels(list(run.kernel_pairs(pairs[at] for at in good)))
            else:
                values = made.measure(restored, cast(np.ndarray, sharp), ready)
            for at, value in zip(good, values, strict=True):
                rows[at][str(made.signature)] = float(value)
    return rows


UNDEFINED = b"undefined"


@dataclass(frozen=True)
class Share:
    """One run's part of a task."""

    root: Path
    statuses: tuple[Status, ...]
    metrics: tuple[str, ...]
    part: Path


@dataclass
class Part:
    """A run's part as it is found, and the rows of the metrics that it lacks.

    Attributes
    ----------
    share : Share
    table : pyarrow.Table or None
        What is there.
    missing : tuple of str
        The metrics that are not.
    note : str
        One line where it was damaged.
    rows : list of dict
        Of the missing metrics.
    undefined : Counter
        Pairs without a value because the sharp image has none, by signature.
    """

    share: Share
    table: Any
    missing: tuple[str, ...]
    note: str
    rows: list[dict[str, Any]]
    undefined: Counter[str]

    @classmethod
    def of(cls, share: Share) -> Part:
        """Read what is there of a share."""
        table, note = None, ""
        if share.part.is_file():
            try:
                table = read_whole(share.part)
                # Of the same outputs, or it would lie on another shelf; a metric more or less makes no difference.
                if table.num_rows != len(share.statuses):
                    raise InputError(str(share.part), expected=f"{len(share.statuses)} rows", found=f"{table.num_rows}")
            except InputError as error:
                table, note = None, f"{share.part}: damaged (expected {error.expected}), computed again"
        there, before = ((), {}) if table is None else (table.column_names, undefined_in(table.schema))
        missing = tuple(name for name in share.metrics if name not in there)
        return cls(share, table, missing, note, [], Counter(before))

    def write(self) -> None:
        """Write what was there with the new rows' columns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        whole = pa.Table.from_pylist(self.rows, schema=row_schema(self.missing))
        if self.table is not None:
            whole = join(self.table, whole, self.share.root)
        whole = whole.replace_schema_metadata({UNDEFINED: json.dumps(self.undefined)})
        with replacing(self.share.part) as temporary:
            pq.write_table(whole, temporary, write_page_checksum=True)


def undefined_in(schema: Any) -> dict[str, int]:
    """How many pairs of a part have no value of a metric because the sharp image has none, by signature."""
    return dict(json.loads((schema.metadata or {}).get(UNDEFINED, b"{}")))


def join(old: Any, new: Any, where: Path) -> Any:
    """Put the metrics of two tables of the same rows side by side.

    Parameters
    ----------
    old, new : pyarrow.Table
        Where both have a metric, the new one counts.
    where : Path
        The outputs that they are of, for the message.

    Raises
    ------
    InputError
        When the rows are not of the same pixels.
    """
    for key in ("pair_id", "status", "sha256"):
        if not old[key].equals(new[key]):
            raise InputError(
                str(where), expected="outputs that stay the same while they are scored", found="others",
                do="score again when nothing writes there any more",
            )  # fmt: skip
    for name in old.column_names:
        if name not in new.column_names:
            new = new.append_column(old.schema.field(name), old[name])
    return new
