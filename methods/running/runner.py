"""Run a method on a set: the entry point, which puts journal, session and workers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.stores import STORES
from facedeblur.benchmark.files.tables import printable
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.outputs import Outputs, OutputsLike
from facedeblur.benchmark.parallel import Workers, cores
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.run_info import SCHEMA
from facedeblur.benchmark.sets.sample import sample as choose
from facedeblur.benchmark.sets.set import Set, SetLike
from facedeblur.methods.base import METHODS
from facedeblur.methods.find import find_method
from facedeblur.methods.runnable import Runnable, read_given
from facedeblur.methods.running.execution import AUTO, Execution
from facedeblur.methods.running.journal import NOT_RUN, RunJournal
from facedeblur.methods.running.session import Session
from facedeblur.methods.weight_cards.facts import facts_of

FOLDER_BATCH = 256


@checked
def run(
    method: str | Path | type[Any],
    the_set: SetLike,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    kernels: OutputsLike | None = None,
    plugin: str | Path | None = None,
    weights: str | Path | None = None,
    name: str = "",
    execution: Execution = AUTO,
    store: str = "png",
    keep: Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    workers: Workers | int | None = None,
    progress: Reporter | bool | None = None,
) -> Outputs:
    """Restore every blurred image of a set.

    The method runs in processes of its own. A batch in which it raises, hangs, dies or returns something wrong is tried
    again image by image, and an image that fails alone is recorded as ``failed: why``. Calling `run` again resumes:
    only images that failed or are missing are restored. The first ten images are run one at a time and timed by the
    papers' rule.

    Parameters
    ----------
    method : str, path or class
        Registered name, TOML block, TorchScript file, or a class decorated by `facedeblur.methods.base.method`.
    the_set : Set or path
    out : path
        Folder of the outputs.
    options : mapping, optional
        Options of the method; text is read as their type.
    kernels : Outputs or path, optional
        Outputs of a run on the same set that estimated kernels. A method that takes the true kernels is given these
        kernels instead; such a run is not an oracle, and ``run.json`` says whose kernels it used.
    plugin : path, optional
        Python file that registers the method.
    weights : path, optional
        Folder of weight files, or the file of a network.
    name : str
        What tables and reports call this run; by default the method with its options.
    execution : Execution
        Device, precision, batch and time limit.
    store : {'png', 'npy'}
    keep : sequence of str
        Intermediate results of the method to store next to the restored images, each in a folder of its own inside
        `out` that can be opened as outputs; a kernel enters ``kernels.npz``.
    limit : int, optional
        Run only the first `limit` pairs of the set; the others are recorded as not run.
    sample : int, optional
        Run only this number of pairs, spread evenly over faces, kernel sizes and kernels
        (`facedeblur.benchmark.sets.sample.sample`); only these are scored. Call `run` again with a larger sample, or
        without one, to add pairs.
    workers : Workers or int, optional
        Processes on this machine, -1 for every processor; by default 1 for networks and commands, else all.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress, and messages about unusual events.

    Returns
    -------
    Outputs

    Raises
    ------
    InputError
        If the method, an option, a weight file or the set cannot be used, or `out` holds something else.
    OSError
        If a result cannot be written; finished results are kept.

    Examples
    --------
    >>> import facedeblur as fd
    >>> fd.run("unsharp", "set/", "outputs/unsharp")
    <Outputs of unsharp on shen2020, in outputs/unsharp>

    The first four pairs only, with an option of the method:

    >>> out = fd.run("unsharp", "set/", "outputs/weak", options={"amount": 0.3}, limit=4)
    >>> out.info["method"]
    'unsharp[amount=0.3]'
    """
    the_set = Set.open(the_set)
    found = find_method(method, options=options, plugin=plugin, weights=weights, the_set=the_set)
    if kernels is not None:
        found = found.with_kernels(read_given(kernels, the_set))
    described = found.shown
    if name:
        found = replace(found, shown=_checked_name(name, found))
    if found.labels and not any(image.label for image in the_set.images.values()):
        raise InputError(
            f"these weights of '{found.shown}' read the true labels, and set '{the_set.name}' has none",
            do="give a set of faces with labels",
        )  # fmt: skip
    if keep:
        found = found.keeping(keep)
    one_of("store", store, STORES)
    if limit is not None and limit <= 0:
        raise InputError("option 'limit'", expected="a number above 0", found=f"{limit}")
    if limit is not None and sample is not None:
        raise InputError("options 'limit' and 'sample' exclude each other", do="leave one of them out")
    sampled = None if sample is None or sample == the_set.n_pairs else choose(the_set, sample)
    chosen = range(the_set.n_pairs)[:limit] if sampled is None else sampled
    rest = NOT_RUN + (f" (limit {limit})" if limit is not None else "")
    execution = _decided(found, execution)
    if workers is None:
        workers = 1 if found.loads or found.folder else cores()
    with only_writer(out), reporting(progress) as reporter:
        identity = _identity(found, the_set, execution.precision, store)
        identity["described"] = described
        identity |= facts_of(found.spec, found.weights, found.hashes).record
        identity["sample"] = None if sampled is None else {"pairs": len(sampled), "of": the_set.n_pairs}
        journal = RunJournal(out, the_set, identity, kept=found.kept_folders)
        jobs = Workers.of(workers).count
        session = Session(found, the_set, journal, execution, jobs=jobs, chosen=chosen, rest=rest, reporter=reporter)
        return session.carry_out()


def _decided(found: Runnable, execution: Execution) -> Execution:
    """Return the execution, with the values of the method where the caller left them open."""
    batch = execution.batch or found.batch or (FOLDER_BATCH if found.folder else None)
    return replace(execution, batch=batch, timeout=execution.timeout or found.timeout)


MOST_NAME = 80
"""Longest name of a run, in characters."""


def _checked_name(name: str, found: Runnable) -> str:
    """Return the name of a run; refuse one that cannot be read in a table, or that is another method's."""
    if printable(name) != name or name != name.strip() or len(name) > MOST_NAME:
        raise InputError(
            "name of the run",
            expected=f"at most {MOST_NAME} printable characters without blanks at either end",
            found=repr(name),
        )
    if name in METHODS and name != found.spec.name:
        raise InputError(f"name of the run: '{name}' is the name of another method", do="choose another name")
    return name


def _identity(found: Runnable, the_set: Set, precision: str, store: str) -> dict[str, Any]:
    """What must be the same for a stopped run to resume; the head of ``run.json``."""
    return {
        "schema": SCHEMA,
        "method": found.shown,
        "name": found.spec.name,
        "version": found.spec.version,
        "summary": found.spec.summary,
        "oracle": found.oracle,
        "given_kernels": found.given.record if found.given else None,
        "foreign": False,
        "options": found.options,
        "weights": found.hashes,
        "code": found.code,
        "requested_precision": precision,
        "precision": precision,
        "store": store,
        "keep": list(found.keep),
        "set": {"name": the_set.name, "hash": the_set.content_hash},
    }
