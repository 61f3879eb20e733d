"""What metrics of an image alone say of the sharp images of a set: Shen et al., IJCV 2020, Table 11, "clear images".

A metric that compares with the sharp image has nothing to say there; one that does not (whether a face is found) shows
what any method can reach. The table is ``scores.sharp.parquet`` next to the first run's scores: a score table with one
row per sharp image that has blurred versions, in the order of the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.files.parquet import read_head, read_table, write_table
from facedeblur.benchmark.parallel import Workers, imap
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.scoring.protocol import ChosenMetrics
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, read_meta, row_schema, score_schema
from facedeblur.benchmark.scoring.task import metric_named
from facedeblur.benchmark.sets.set import Image, Set, open_set
from facedeblur.benchmark.whole_set.run import SHARP

IMAGES_A_TASK = 20


def sharp_file(table: str | Path) -> Path:
    """Return where the values of the sharp images are: ``scores.sharp.parquet`` for ``scores.parquet``."""
    table = Path(table)
    return table.with_name(f"{table.stem}.sharp.parquet")


def of_sharp(chosen: ChosenMetrics) -> tuple[str, ...]:
    """Return the signatures of the metrics that look at one image alone."""
    return tuple(
        str(made.signature) for _, made in chosen.metrics
        if not (made.needs.sharp or made.needs.label or made.needs.kernel)
    )  # fmt: skip


@dataclass(frozen=True)
class _Task:
    set_root: Path
    set_hash: str
    images: tuple[Image, ...]
    metrics: tuple[str, ...]
    device: str


def _measure(task: _Task) -> np.ndarray:
    """Values of some sharp images, (images, metrics) float64."""
    the_set = open_set(task.set_root, task.set_hash)
    made = [metric_named(name, task.device) for name in task.metrics]
    values = np.full((len(task.images), len(made)), nan)
    for at, image in enumerate(task.images):
        sharp = the_set.sharp(image)
        values[at] = [float(one.measure(sharp[None], sharp, one.prepare(sharp))[0]) for one in made]
    return values


def score_sharp(
    the_set: Set,
    wanted: ScoreMeta,
    signatures: Sequence[str],
    file: Path,
    *,
    device: str,
    force: bool,
    workers: Workers,
    reporter: Reporter,
) -> None:
    """Measure the sharp images by metrics of an image alone, and add the values to the table `file`.

    Parameters
    ----------
    the_set : Set
        With sharp images.
    wanted : ScoreMeta
        Of the scores of a run: set, protocol, columns and packages are taken from it.
    signatures : sequence of str
        The metrics, see `of_sharp`.
    file : Path
        As `sharp_file` has it.
    device : str
        Where the metrics are computed.
    force : bool
        Measure again what the table holds.
    workers : Workers
    reporter : Reporter
        Gets the progress, and a line about a table that cannot be used.
    """
    import pyarrow as pa

    images = tuple(image for image in the_set.images.values() if image.blurred)
    if not images or not signatures:
        return
    meta = _meta(wanted, signatures)
    earlier = _earlier(file, meta, images, reporter)
    there = [] if earlier is None else [column.signature for column in earlier[0].columns]
    missing = tuple(name for name in signatures if force or name not in there)
    if not missing:
        return
    found: list[np.ndarray] = []
    for values in imap(_measure, _tasks(the_set, images, missing, device), workers):
        found.append(values)
        reporter.progress("scoring sharp images", sum(map(len, found)), len(images))
    arrays = {name: pa.array(values) for name, values in zip(missing, np.concatenate(found).T, strict=True)}
    columns = {column.signature: column for column in meta.columns}
    if earlier is not None:
        arrays = {**{name: earlier[1].column(name) for name in there}, **arrays}
        columns = {column.signature: column for column in earlier[0].columns} | columns
    meta = replace(meta, columns=tuple(columns.values()))
    keys = pa.Table.from_pylist([_key(at, image) for at, image in enumerate(images)], schema=row_schema(()))
    for name in columns:
        keys = keys.append_column(name, arrays[name])
    write_table(file, pa.table(keys.columns, schema=score_schema(meta)))


def _meta(wanted: ScoreMeta, signatures: Sequence[str]) -> ScoreMeta:
    # Counts are those of pairs, of which this table has none.
    of = {key: value for key, value in wanted.set.items() if key != "counts"}
    columns: tuple[Column, ...] = tuple(column for column in wanted.columns if column.signature in signatures)
    return ScoreMeta(set=of, run={"method": SHARP, "hash": "", "files": ""}, protocol=wanted.protocol, columns=columns,
                     unavailable=(), extra=(), versions=wanted.versions)  # fmt: skip


def _key(at: int, image: Image) -> dict[str, Any]:
    return {
        "index": at, "pair_id": image.image_id, "image_id": image.image_id, "identity": image.identity,
        "role": image.role, "kernel_id": "", "kernel_size": 0, "status": "ok", "seconds": None,
        "sha256": image.sha256,
    }  # fmt: skip


def _tasks(the_set: Set, images: Sequence[Image], metrics: tuple[str, ...], device: str) -> Iterator[_Task]:
    for start in range(0, len(images), IMAGES_A_TASK):
        some = tuple(images[start : start + IMAGES_A_TASK])
        yield _Task(the_set.root, the_set.content_hash, some, metrics, device)


def _earlier(
    file: Path, wanted: ScoreMeta, images: Sequence[Image], reporter: Reporter
) -> tuple[ScoreMeta, Any] | None:  # fmt: skip
    """The table of the same sharp images, measured with the same packages; None if absent."""
    if not file.is_file():
        return None
    try:
        meta, table = read_meta(read_head(file)[0], file), read_table(file)
    except InputError as error:
        reporter.say(f"{file} cannot be used ({shorten(error.reason, 200)}), scoring the sharp images from the start")
        return None
    same = (meta.set.get("hash"), meta.versions) == (wanted.set.get("hash"), wanted.versions)
    rows = table.column("image_id").to_pylist() == [image.image_id for image in images]
    sound = rows and table.schema.equals(score_schema(meta))
    if same and sound:
        return meta, table
    why = "it is damaged" if same else "it is of another set or was made with other packages"
    held = ", ".join(column.signature for column in meta.columns)
    reporter.say(f"{file} cannot be used ({why}), scoring the sharp images from the start; it held {held}")
    return None
