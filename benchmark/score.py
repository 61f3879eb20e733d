"""Scoring: set x outputs x metrics -> one row a pair, streamed to Parquet, stopped and resumed at will."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.atomic import replacing, write_text
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.images import pixel_hash
from facedeblur.benchmark.metrics.base import Metric, metric
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.protocol import Protocol, ProtocolMetric, choose, load_protocol
from facedeblur.benchmark.scores import Column, ScoreMeta, Scores, score_schema
from facedeblur.benchmark.sets import Image, Pair, Set

if TYPE_CHECKING:
    import pandas as pd

PAIRS_A_TASK = 160


@dataclass(frozen=True)
class Task:
    """Some photographs with all their pairs, and the runs to score on them."""

    number: int
    set_root: Path
    groups: tuple[tuple[Image, tuple[Pair, ...]], ...]
    runs: tuple[tuple[Path, tuple[Status, ...]], ...]
    parts: tuple[Path, ...]
    metrics: tuple[str, ...]
    schemas: tuple[Any, ...]


def score(
    set_path: str | Path,
    outputs: str | Path | Sequence[str | Path],
    *,
    protocol: str | Path | Protocol = "shen2020",
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Scores]:
    """Score one or more runs on a set.

    The sharp image is decoded, and whatever a metric needs of it is computed, once for all runs.
    Finished parts are kept beside the table until it is whole, so a stopped scoring goes on.

    Parameters
    ----------
    set_path : path
        The set.
    outputs : path or sequence of paths
        OUTPUTS folders, or folders of PNG files named as the blurred ones.
    protocol : str, path or Protocol
        What to compute.
    metrics : sequence of str, optional
        Metric names that replace those of the protocol, e.g. ``["psnr", "ssim[skimage]"]``.
    out : path, optional
        The table, ``.parquet`` or ``.csv``; only with one run. Default ``OUTPUTS/scores.parquet``.
    jobs, backend, scheduler
        See `facedeblur.benchmark.parallel.imap`.
    progress : callable, optional
        Called with (pairs done, pairs in all).

    Returns
    -------
    list of Scores
        One a run, in the order of `outputs`.

    Raises
    ------
    InputError
        When the outputs belong to another set, or a required metric cannot be computed.
    """
    folders = [Path(outputs)] if isinstance(outputs, str | Path) else [Path(folder) for folder in outputs]
    if out is not None and len(folders) != 1:
        raise InputError("option --out", expected="one outputs folder", found=f"{len(folders)}", do="leave it out")
    the_set = Set.open(set_path)
    runs = [Outputs.open(folder, the_set) for folder in folders]
    bundle = protocol if isinstance(protocol, Protocol) else load_protocol(protocol)
    if metrics is not None:
        bundle = _only(bundle, metrics)
    chosen = choose(bundle)
    columns = tuple(
        Column(str(made.signature), made.label, made.unit, made.higher_is_better, entry.failure)
        for entry, made in chosen.metrics
    )
    files = [Path(out) if out else folder / "scores.parquet" for folder in folders]
    metas = [
        _meta(the_set, run, file, bundle, columns, chosen.unavailable) for run, file in zip(runs, files, strict=True)
    ]
    shelves = [_open_shelf(file, meta) for file, meta in zip(files, metas, strict=True)]
    names = tuple(column.signature for column in columns)
    schemas = tuple(score_schema(meta) for meta in metas)
    tasks = _tasks(the_set, runs, shelves, names, schemas)
    done = 0
    for count in imap(_run_task, tasks, jobs=jobs, backend=backend, scheduler=scheduler):
        done += count
        if progress:
            progress(done, the_set.n_pairs)
    for file, shelf, meta in zip(files, shelves, metas, strict=True):
        _bind(file, shelf, meta)
    return [
        Scores.read(file) if file.suffix != ".csv" else _read_csv(file, meta)
        for file, meta in zip(files, metas, strict=True)
    ]


def _only(bundle: Protocol, names: Sequence[str]) -> Protocol:
    """The protocol with other metrics; failures count as the metric's own worst value unless it names one."""
    known = {str(metric(entry.name).signature): entry for entry in bundle.metric if _makes(entry)}
    entries = []
    for name in names:
        made = metric(name)
        entries.append(known.get(str(made.signature), ProtocolMetric(name, made.worst)))
    return Protocol(bundle.name, bundle.title, bundle.source, tuple(entries))


def _makes(entry: ProtocolMetric) -> bool:
    try:
        metric(entry.name)
    except InputError:
        return False
    return True


def _meta(
    the_set: Set,
    run: Outputs,
    file: Path,
    bundle: Protocol,
    columns: tuple[Column, ...],
    unavailable: tuple[tuple[str, str], ...],
) -> ScoreMeta:
    info = the_set.info
    described = {key: info.get(key) for key in ("name", "seed", "recipe", "counts", "store", "sources", "packages")}
    return ScoreMeta(
        set={**described, "hash": the_set.content_hash, "path": _relative(the_set.root, file)},
        run={**run.info, "hash": run.run_hash, "path": _relative(run.root, file)},
        protocol=bundle.name,
        columns=columns,
        unavailable=unavailable,
        extra=tuple(run.extra(the_set)),
        versions={name: version(name) for name in ("facedeblur", "numpy", "numba", "opencv-python")},
    )


def _relative(path: Path, file: Path) -> str:
    """`path` seen from the table's folder, so that the three can move together."""
    try:
        return Path(os.path.relpath(path.resolve(), file.resolve().parent)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _open_shelf(file: Path, meta: ScoreMeta) -> Path:
    """The folder of finished parts; parts of another set, run or protocol are thrown away."""
    shelf = file.with_name(f".{file.name}.parts")
    label = shelf / "meta.json"
    if shelf.is_dir() and (not label.is_file() or label.read_text(encoding="utf-8") != meta.to_json()):
        shutil.rmtree(shelf)
    if not shelf.is_dir():
        shelf.mkdir(parents=True)
        write_text(label, meta.to_json())
    return shelf


def _tasks(
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
    return Task(number, the_set.root, tuple(groups), taken, parts, names, schemas)


@lru_cache(maxsize=32)
def _metric(name: str) -> Metric:
    """One metric a process: networks are loaded once a worker."""
    return metric(name)


def _run_task(task: Task) -> int:
    """Score one task's photographs for every run whose part is not there yet; return the number of pairs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = sum(len(pairs) for _, pairs in task.groups)
    waiting = [at for at, part in enumerate(task.parts) if not part.is_file()]
    if not waiting:
        return count
    the_set = Set.open(task.set_root)
    measures = [_metric(name) for name in task.metrics]
    opened = {at: Outputs.open(task.runs[at][0], the_set, check=False) for at in waiting}
    rows: dict[int, list[dict[str, Any]]] = {at: [] for at in waiting}
    start = 0
    for image, pairs in task.groups:
        sharp = the_set.sharp(image)
        prepared = [made.prepare(sharp) for made in measures]
        for at in waiting:
            statuses = task.runs[at][1][start : start + len(pairs)]
            rows[at] += _score_image(opened[at], image, pairs, statuses, sharp, measures, prepared)
        start += len(pairs)
    for at in waiting:
        with replacing(task.parts[at]) as temporary:
            pq.write_table(pa.Table.from_pylist(rows[at], schema=task.schemas[at]), temporary)
    return count


def _score_image(
    run: Outputs,
    image: Image,
    pairs: Sequence[Pair],
    statuses: Sequence[Status],
    sharp: np.ndarray,
    measures: Sequence[Metric],
    prepared: Sequence[Any],
) -> list[dict[str, Any]]:
    """Rows of one photograph in one run."""
    rows, good, stack = [], [], []
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
            for at, value in zip(good, made.measure(restored, sharp, ready), strict=True):
                rows[at][str(made.signature)] = float(value)
    return rows


def _why(error: InputError) -> str:
    """The reason without the path, which the row already tells."""
    if error.found == "nothing there":
        return "output missing"
    return f"expected {error.expected}, found {error.found}"


def _bind(file: Path, shelf: Path, meta: ScoreMeta) -> None:
    """Join the parts into the table, part by part, and clear them away."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    schema = score_schema(meta)
    parts = sorted(shelf.glob("*.parquet"))
    with replacing(file) as temporary:
        writer = pc.CSVWriter if file.suffix == ".csv" else pq.ParquetWriter
        with writer(temporary, schema) as stream:
            for part in parts:
                stream.write_table(pq.read_table(part, schema=schema))
    if file.suffix == ".csv":
        write_text(file.with_suffix(".json"), meta.to_json())
    shutil.rmtree(shelf)


def _read_csv(file: Path, meta: ScoreMeta) -> Scores:
    import pandas as pd

    frame: pd.DataFrame = pd.read_csv(file, keep_default_na=False, na_values=[""])
    return Scores(frame, meta)
