"""Scoring: set x outputs x metrics -> one row a pair, streamed to Parquet, stopped and resumed at will."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.outputs import Outputs, OutputsLike, one_or_many
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.scoring import cache as score_cache
from facedeblur.benchmark.scoring import task as score_task
from facedeblur.benchmark.scoring.cache import Earlier
from facedeblur.benchmark.scoring.protocol import Chosen, Protocol, ProtocolMetric, choose, load_protocol
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.benchmark.scoring.task import Wanted
from facedeblur.benchmark.sets.set import Set, SetLike


@one_or_many
def score(
    the_set: SetLike,
    outputs: Sequence[OutputsLike],
    *,
    protocol: str | Path | Protocol = "shen2020",
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> list[Scores]:
    """Score one or more runs on a set.

    The sharp image is decoded, and whatever a metric needs of it is computed, once for all runs. Finished parts are
    kept beside the table until it is whole, so a stopped scoring goes on. Metrics that a table of the same set and
    outputs holds already are not computed again, whatever was asked for when it was made, and stay in it.

    Parameters
    ----------
    the_set : Set or path
    outputs : Outputs or path, or sequence of them
        OUTPUTS folders, or folders of PNG files named as the blurred ones.
    protocol : str, path or Protocol
        What to compute.
    metrics : sequence of str, optional
        Metric names that replace those of the protocol, e.g. ``["psnr", "ssim[skimage]"]``. Where there is a table
        they are added to it.
    out : path, optional
        The table, ``.parquet`` or ``.csv``; only with one run. Default ``OUTPUTS/scores.parquet``, from where other
        tables take what is there.
    force : bool
        Compute what is asked for even where it is there.
    plugin : path, optional
        Python file that enters metrics or face providers.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` is told the
        progress, and what an earlier run left that cannot be used.

    Returns
    -------
    Scores or list of Scores
        The scores of one run, or a list of one per run in the order of `outputs`.

    Raises
    ------
    InputError
        When the outputs belong to another set, or a required metric cannot be computed.
    """
    folders = [Path(folder) for folder in outputs]
    if out is not None and len(folders) != 1:
        raise InputError("option --out", expected="one outputs folder", found=f"{len(folders)}", do="leave it out")
    if len({folder.resolve() for folder in folders}) != len(folders):
        raise InputError("outputs", expected="each folder once", found="one of them twice", do="give it once")
    workers, the_set = Workers.of(workers).loading(plugin), Set.open(the_set)
    runs = [Outputs.open(folder, the_set) for folder in folders]
    bundle = protocol if isinstance(protocol, Protocol) else load_protocol(protocol)
    if metrics is not None:
        bundle = _only(bundle, metrics)
    chosen = _possible(choose(bundle), the_set)
    with reporting(progress) as reporter:
        plans = []
        for run in runs:
            file = Path(out) if out else run.root / "scores.parquet"
            meta = _meta(the_set, run, file, bundle, _of_run(chosen, run))
            plans.append(_plan(run, file, meta, the_set, add=metrics, force=force, reporter=reporter))
        work = [plan for plan in plans if plan.missing]
        if work:
            wanted = []
            for plan in work:
                plan.parts = score_cache.parts_of(plan.file, plan.meta, fresh=force)
                wanted.append(Wanted(plan.run, plan.missing, plan.parts))
            done = 0
            for count, notes in imap(score_task.run, score_task.cut(the_set, wanted), workers):
                for note in notes:
                    reporter.say(note)
                done += count
                reporter.progress("scoring", done, the_set.n_pairs)
    for plan in plans:
        if plan.missing or plan.earlier is None or (plan.earlier.file, plan.earlier.meta) != (plan.file, plan.meta):
            plan.meta = score_cache.bind(plan.file, plan.meta, plan.earlier, plan.parts, plan.run.root)
    return [
        Scores.read(plan.file) if plan.file.suffix != ".csv" else Scores(None, plan.meta, file=plan.file)
        for plan in plans
    ]


@dataclass
class _Plan:
    """What a run's table will be, what there is of it, and what has to be computed."""

    run: Outputs
    file: Path
    meta: ScoreMeta
    earlier: Earlier | None
    missing: tuple[str, ...]
    parts: Path | None = None


def _plan(
    run: Outputs,
    file: Path,
    meta: ScoreMeta,
    the_set: Set,
    *,
    add: Sequence[str] | None,
    force: bool,
    reporter: Reporter,
) -> _Plan:
    """Find what an earlier scoring left, and merge its columns with those that are asked for."""
    earlier = None
    for place in dict.fromkeys((file, run.root / "scores.parquet")):
        if earlier is None and place.suffix != ".csv":
            earlier = score_cache.find(place, meta, the_set, reporter)
    there = earlier.signatures if earlier else frozenset()
    asked = tuple(column.signature for column in meta.columns)
    missing = asked if force else tuple(name for name in asked if name not in there)
    if earlier and earlier.file == file:
        meta = _merged(earlier.meta, meta, add)
    return _Plan(run, file, meta, earlier, missing)


def _merged(old: ScoreMeta, new: ScoreMeta, add: Sequence[str] | None) -> ScoreMeta:
    """The metadata of a table with the columns of both.

    A protocol's own columns come first, in its order, for the first one ranks; metrics that are added come last.
    """
    first, second = (new, old) if add is None else (old, new)
    columns = {column.signature: column for column in (*first.columns, *second.columns)}
    columns |= {column.signature: column for column in first.columns}
    new = replace(new, undefined=old.undefined)
    if add is None:
        return replace(new, columns=tuple(columns.values()))
    left = dict(new.unavailable) | {name: why for name, why in old.unavailable if name not in add}
    return replace(new, columns=tuple(columns.values()), protocol=old.protocol, unavailable=tuple(left.items()))


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
        if made.needs.sharp and not the_set.has_sharp:
            left.append((str(made.signature), f"set '{the_set.name}' has no sharp images"))
        elif made.needs.label and not labelled:
            left.append((str(made.signature), f"set '{the_set.name}' has no label images"))
        elif made.needs.kernel and not the_set.has_kernels:
            left.append((str(made.signature), f"set '{the_set.name}' has no kernels"))
        else:
            kept.append((entry, made))
    return Chosen(tuple(kept), (*chosen.unavailable, *left))


def _of_run(chosen: Chosen, run: Outputs) -> Chosen:
    """The metrics that this run has what it takes for."""
    if run.has_kernels:
        return chosen
    kept = tuple(one for one in chosen.metrics if not one[1].needs.kernel)
    why = f"'{run.method}' has left no estimated kernels"
    lost = tuple((str(made.signature), why) for _, made in chosen.metrics if made.needs.kernel)
    return Chosen(kept, (*chosen.unavailable, *lost))


def _makes(entry: ProtocolMetric) -> bool:
    try:
        metric(entry.name)
    except InputError:
        return False
    return True


def _meta(the_set: Set, run: Outputs, file: Path, bundle: Protocol, chosen: Chosen) -> ScoreMeta:
    info = the_set.info
    described = {key: info.get(key) for key in ("name", "seed", "recipe", "counts", "store", "sources", "packages")}
    return ScoreMeta(
        set={**described, "hash": the_set.content_hash, "path": _relative(the_set.root, file)},
        run={**run.info, "hash": run.run_hash, "files": run.files_hash, "path": _relative(run.root, file)},
        protocol=bundle.name,
        columns=tuple(
            Column(
                str(made.signature),
                made.label,
                made.unit,
                made.higher_is_better,
                entry.failure,
                made.partial,
                *map(float, made.limits),
            )
            for entry, made in chosen.metrics
        ),
        unavailable=chosen.unavailable,
        extra=tuple(run.extra(the_set)),
        versions={name: version(name) for name in ("facedeblur", "numpy", "numba", "opencv-python")},
    )


def _relative(path: Path, file: Path) -> str:
    """`path` seen from the table's folder, so that the three can move together."""
    try:
        return Path(os.path.relpath(path.resolve(), file.resolve().parent)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
