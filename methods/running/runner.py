"""Running a method on a set: SET -> OUTPUTS, stopped and resumed at will, whatever the method does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.stores import STORES
from facedeblur.benchmark.outputs import SCHEMA, Outputs
from facedeblur.benchmark.parallel import Workers, cores
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Set
from facedeblur.methods.entry import Entry
from facedeblur.methods.find import find_entry
from facedeblur.methods.running.environment import PRECISIONS
from facedeblur.methods.running.given_kernels import read_given
from facedeblur.methods.running.journal import NOT_RUN, Journal
from facedeblur.methods.running.session import Session, Settings, one_size

TIMEOUT_S = 300.0
FOLDER_BATCH = 256


def run(
    method: str | Path | type[Any],
    set_path: str | Path,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    kernels: str | Path | None = None,
    plugin: str | Path | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
    precision: str = "fp32",
    batch: int | None = None,
    workers: Workers | int | None = None,
    timeout: float | None = None,
    store: str = "png",
    limit: int | None = None,
    reporter: Reporter = SILENT,
) -> Outputs:
    """Restore every blurred image of a set.

    The method runs in processes of its own. A batch in which it raises, hangs, dies or returns
    something wrong is tried again image by image, and what fails alone is recorded as
    ``failed: why``; the same command later goes on with what is missing or failed. The first ten
    images are run one by one and timed by the papers' rule.

    Parameters
    ----------
    method : str, path or class
        Registered name, TOML block, TorchScript file, or a class made by `facedeblur.methods.method`.
    set_path : path
    out : path
        Folder of the outputs.
    options : mapping, optional
        Options of the method; text is read as their type.
    kernels : path, optional
        Outputs of a run on the same set that estimated kernels, which a method that takes the true kernels is
        given instead. Such a run is no oracle; ``run.json`` says whose kernels it used.
    plugin : path, optional
        Python file that enters the method.
    weights : path, optional
        Folder of weight files.
    device : str
        ``auto`` is the GPU for networks where there is one.
    precision : {'fp32', 'bf16', 'fp16'}
        Autocast for networks. With fp32, TF32 is off.
    batch : int, optional
        Images at once; chosen by their size where it is not given, and halved when memory runs out.
    workers : Workers or int, optional
        Processes on this machine, -1 for every processor; by default 1 for networks and commands, else all.
    timeout : float, optional
        Seconds that a batch, or loading, may take; 300 where not given.
    store : {'png', 'npy'}
    limit : int, optional
        Only the first so many pairs of the set; the others are recorded as not run.
    reporter : Reporter
        Is told the progress, and what is out of the ordinary.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        When the method, an option, a weight file or the set is not usable, or `out` holds something else.
    OSError
        When a result cannot be written; what was done is kept.
    """
    the_set = Set.open(set_path)
    entry = find_entry(method, options=options, plugin=plugin, weights=weights, the_set=the_set)
    if kernels is not None:
        entry = entry.with_kernels(read_given(kernels, the_set))
    settings = _settings(entry, device, precision, batch, workers, timeout, limit)
    if store not in STORES:
        raise InputError(f"store '{store}'", expected=" or ".join(STORES), do="choose one")
    journal = Journal(out, the_set, _identity(entry, the_set, precision, store))
    rest = NOT_RUN + (f" (limit {limit})" if limit is not None else "")
    waiting = sum(1 for _ in journal.pending(limit))
    if not waiting and journal.finished:
        reporter.say(
            f"{out}: all {the_set.n_pairs if limit is None else limit} pairs are restored already, nothing to do"
        )
        return Outputs.open(out, the_set)
    if not waiting:
        journal.start(size=one_size(the_set))
        return journal.finish({"stopped": ""}, rest=rest)
    session = Session(entry, the_set, journal, settings, waiting, reporter)
    return session.carry_out(rest)


def _settings(
    entry: Entry, device: str, precision: str, batch: int | None, workers: Workers | int | None,
    timeout: float | None,
    limit: int | None,
) -> Settings:  # fmt: skip
    if precision not in PRECISIONS:
        raise InputError(f"precision '{precision}'", expected=", ".join(PRECISIONS), do="choose one")
    batch = batch if batch is not None else entry.batch
    timeout = timeout if timeout is not None else entry.timeout
    for name, value in (("batch", batch), ("timeout", timeout), ("limit", limit)):
        if value is not None and value <= 0:
            raise InputError(f"option '{name}'", expected="a number over 0", found=f"{value}")
    if workers is None:
        workers = 1 if entry.loads or entry.folder else cores()
    batch = batch or (FOLDER_BATCH if entry.folder else None)
    return Settings(device, precision, batch, Workers.of(workers).count, timeout or TIMEOUT_S, limit)


def _identity(entry: Entry, the_set: Set, precision: str, store: str) -> dict[str, Any]:
    """What must be the same for a stopped run to go on; the head of ``run.json``."""
    return {
        "schema": SCHEMA,
        "method": entry.shown,
        "name": entry.spec.name,
        "version": entry.spec.version,
        "summary": entry.spec.summary,
        "oracle": entry.oracle,
        "given_kernels": entry.given.record if entry.given else None,
        "foreign": False,
        "options": entry.options,
        "weights": entry.hashes,
        "code": entry.code,
        "precision": precision,
        "store": store,
        "set": {"name": the_set.name, "hash": the_set.content_hash},
    }
