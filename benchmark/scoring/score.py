"""Scoring: set x outputs x metrics -> one row per pair, streamed to Parquet, stopped and resumed at will."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.outputs import Outputs, OutputsLike, one_or_many
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.scoring.cache import DEVICE, TablePlan, plan
from facedeblur.benchmark.scoring.protocol import ChosenMetrics, Protocol, choose, load_protocol, with_metrics
from facedeblur.benchmark.scoring.sharp import of_sharp, score_sharp, sharp_file
from facedeblur.benchmark.scoring.table import FILE, Column, ScoreMeta, Scores
from facedeblur.benchmark.scoring.task import score_photographs, tasks_of
from facedeblur.benchmark.sets.set import Set, SetLike
from facedeblur.benchmark.tensors import device_label, torch_device


@one_or_many
@checked
def score(
    the_set: SetLike,
    outputs: Sequence[OutputsLike],
    *,
    protocol: str | Path | Protocol = "shen2020",
    metrics: Sequence[str] | str | None = None,
    out: str | Path | None = None,
    force: bool = False,
    device: str = "cpu",
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> list[Scores]:
    """Score one or more runs on a set.

    The sharp image is decoded, and whatever a metric needs of it is computed, once for all runs. Call it again to
    resume an interrupted scoring. Metrics that a table of the same set and outputs already holds are not computed
    again, whichever metrics were requested before, and stay in it.

    Metrics of an image alone, such as whether a face is found, are computed of the sharp images as well; these values
    are in ``scores.sharp.parquet`` next to the first table.

    Parameters
    ----------
    the_set : Set or path
    outputs : Outputs or path, or sequence of them
        OUTPUTS folders, or folders of PNG files named as the blurred ones.
    protocol : str, path or Protocol
        What to compute.
    metrics : str or sequence of str, optional
        Metric names that replace those of the protocol, e.g. ``["psnr", "ssim[skimage]"]``. Where there is a table
        they are added to it.
    out : path, optional
        The table, ``.parquet`` or ``.csv``; only with one run. Default ``OUTPUTS/scores.parquet``, from where other
        tables take what is there.
    force : bool
        Compute the requested metrics even if the table has them.
    device : str
        Where PSNR, SSIM and the metrics with networks are computed: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``. Values
        may differ from the processor's by `Metric.device_bound`, so another device is recorded and scores from the
        start.
    plugin : path, optional
        Python file that enters metrics or face providers.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress, and what an earlier run left that cannot be used.

    Returns
    -------
    Scores or list of Scores
        The scores of one run, or a list of one per run in the order of `outputs`.

    Raises
    ------
    InputError
        When the outputs belong to another set or are label images, or a required metric cannot be computed.

    Examples
    --------
    >>> import facedeblur as fd
    >>> scores = fd.score("set/", "outputs/unsharp", metrics=["psnr", "ssim"])
    >>> scores
    <Scores of unsharp on shen2020: 2 metrics, in outputs/unsharp/scores.parquet>
    >>> scores.frame.groupby("kernel_size")["psnr[rgb,255]"].mean().round(2).head(3)
    kernel_size
    13    23.61
    15    23.48
    17    23.42
    Name: psnr[rgb,255], dtype: float64
    """
    metrics = [metrics] if isinstance(metrics, str) else metrics
    folders = _folders(outputs, out)
    workers, the_set = Workers.of(workers).loading(plugin), Set.open(the_set)
    device = "cpu" if device == "cpu" else torch_device(device, float64=True)
    runs = [Outputs.open(folder, the_set) for folder in folders]
    for run in runs:
        run.need_images()
    bundle = protocol if isinstance(protocol, Protocol) else load_protocol(protocol)
    chosen = choose(bundle if metrics is None else with_metrics(bundle, metrics)).for_set(the_set)
    if not chosen.metrics:
        why = "; ".join(dict.fromkeys(reason for _, reason in chosen.unavailable))
        raise InputError(f"no metric of protocol '{bundle.name}' can be computed ({why})", do="choose other metrics")
    files = [Path(out) if out else run.root / FILE for run in runs]
    alone, sharp = of_sharp(chosen) if the_set.has_sharp else (), sharp_file(files[0])
    with only_writer(*files, *[sharp] * bool(alone)), reporting(progress) as reporter:
        plans = []
        for run, file in zip(runs, files, strict=True):
            wanted = _describe(the_set, run, file, bundle.name, chosen.for_run(run), device)
            plans.append(plan(run, file, wanted, add=metrics, force=force, reporter=reporter))
        _compute(the_set, [one for one in plans if one.missing], device, force, workers, reporter)
        wanted = _describe(the_set, runs[0], files[0], bundle.name, chosen, device)
        score_sharp(the_set, wanted, alone, sharp, device=device, force=force, workers=workers, reporter=reporter)
        return [one.finish() for one in plans]


def _folders(outputs: Sequence[OutputsLike], out: str | Path | None) -> list[Path]:
    folders = [Path(folder) for folder in outputs]
    if out is not None and len(folders) != 1:
        raise InputError(
            "option --out", expected="one folder of outputs", found=str(len(folders)), do="leave out --out"
        )
    if len({folder.resolve() for folder in folders}) != len(folders):
        raise InputError("a folder of outputs is given twice", do="give each folder once")
    return folders


def _compute(
    the_set: Set, plans: Sequence[TablePlan], device: str, force: bool, workers: Workers, reporter: Reporter
) -> None:
    """Compute the parts of all plans: each sharp image is read once for all runs."""
    if not plans:
        return
    for one in plans:
        one.make_parts(fresh=force)
    done = 0
    for count, notes in imap(score_photographs, tasks_of(the_set, plans, device), workers):
        for note in notes:
            reporter.say(note)
        done += count
        reporter.progress("scoring", done, the_set.n_pairs)


def _describe(the_set: Set, run: Outputs, file: Path, protocol: str, chosen: ChosenMetrics, device: str) -> ScoreMeta:
    """The metadata of a table of just these metrics."""
    info = the_set.info
    files = run.files_hash  # first: it finds the hash of the run as well
    described = {key: info.get(key) for key in ("name", "seed", "recipe", "counts", "store", "sources", "packages")}
    return ScoreMeta(
        set={**described, "hash": the_set.content_hash, "path": _relative(the_set.root, file)},
        run={**run.info, "hash": run.run_hash, "files": files, "path": _relative(run.root, file)},
        protocol=protocol,
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
        extra=run.extra,
        versions=_versions(device),
    )


def _versions(device: str) -> dict[str, str]:
    """What computes the scores; of a device its name too, since its kind decides how it rounds."""
    packages = ("facedeblur", "numpy", "numba", "opencv-python", *(["torch"] if device != "cpu" else []))
    found = {name: version(name) for name in packages}
    return found if device == "cpu" else found | {DEVICE: device_label(device)}


def _relative(path: Path, file: Path) -> str:
    """`path` seen from the table's folder, so that the three can move together."""
    try:
        return Path(os.path.relpath(path.resolve(), file.resolve().parent)).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
