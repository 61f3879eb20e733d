"""Scoring: set x outputs x metrics -> one row a pair, streamed to Parquet, stopped and resumed at will."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from facedeblur.benchmark import score_task
from facedeblur.benchmark.atomic import replacing, write_text
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.protocol import Chosen, Protocol, ProtocolMetric, choose, load_protocol
from facedeblur.benchmark.score_task import needs_label
from facedeblur.benchmark.scores import Column, ScoreMeta, Scores, read_meta, score_schema
from facedeblur.benchmark.sets import Set


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
    chosen = _possible(choose(bundle), the_set)
    columns = tuple(
        Column(str(made.signature), made.label, made.unit, made.higher_is_better, entry.failure, needs_label(made))
        for entry, made in chosen.metrics
    )
    files = [Path(out) if out else folder / "scores.parquet" for folder in folders]
    metas = [
        _meta(the_set, run, file, bundle, columns, chosen.unavailable) for run, file in zip(runs, files, strict=True)
    ]
    open_ones = [at for at, (file, meta) in enumerate(zip(files, metas, strict=True)) if not _finished(file, meta)]
    if open_ones:
        shelves = [_open_shelf(files[at], metas[at]) for at in open_ones]
        names = tuple(column.signature for column in columns)
        schemas = tuple(score_schema(metas[at]) for at in open_ones)
        tasks = score_task.cut(the_set, [runs[at] for at in open_ones], shelves, names, schemas)
        done = 0
        for count in imap(score_task.run, tasks, jobs=jobs, backend=backend, scheduler=scheduler):
            done += count
            if progress:
                progress(done, the_set.n_pairs)
        for at, shelf in zip(open_ones, shelves, strict=True):
            _bind(files[at], shelf, metas[at])
    return [
        Scores.read(file) if file.suffix != ".csv" else Scores(None, meta, file=file)
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


def _possible(chosen: Chosen, the_set: Set) -> Chosen:
    """The metrics that this set has what it takes for; the others are on record as unavailable."""
    labelled = any(image.label for image in the_set.images.values())
    kept, left = [], []
    for entry, made in chosen.metrics:
        if made.needs_sharp and not the_set.has_sharp:
            left.append((str(made.signature), f"set '{the_set.name}' has no sharp images"))
        elif needs_label(made) and not labelled:
            left.append((str(made.signature), f"set '{the_set.name}' has no label images"))
        else:
            kept.append((entry, made))
    return Chosen(tuple(kept), (*chosen.unavailable, *left))


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


def _finished(file: Path, meta: ScoreMeta) -> bool:
    """Tell whether `file` holds the scores of just this set, run and protocol."""
    import pyarrow.parquet as pq

    if file.suffix == ".csv" or not file.is_file():
        return False
    try:
        return read_meta(pq.read_schema(file), file) == meta
    except (InputError, OSError, ValueError):
        return False


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
