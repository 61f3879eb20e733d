"""Parsing test of a set: are the parts of a restored face where they belong?

Shen et al., IJCV 2020, Table 3: a parser labels the restored images, and the F-score of its labels
against the true ones tells how well each component of the face came back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark import shelf
from facedeblur.benchmark.classes import GROUPS, HELEN
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser, provider
from facedeblur.benchmark.metrics.parsing import confusion
from facedeblur.benchmark.parsing_scores import FILE, NO_FACE, NO_LABEL, ParsingScores, row_schema
from facedeblur.benchmark.plugin import optional_plugin
from facedeblur.benchmark.recognise_task import Task, pictures_of
from facedeblur.benchmark.record_table import INPUT, finished, origin
from facedeblur.benchmark.sets import Set, open_set
from facedeblur.benchmark.whole_set import Work, open_runs

SHARP = "sharp images"
SHARP_FILE = "parsing.sharp.parquet"


def parse(
    set_path: str | Path,
    outputs: str | Path | Sequence[str | Path | None] | None,
    *,
    parser: str = "facedeblur",
    force: bool = False,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    plugin: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[ParsingScores]:
    """Parse restored faces and compare with the label images of the set.

    A failed output, and one in which the parser finds no face (it labels everything background), miss
    all true pixels. Images without a label are left out, with a row that says so. Each result is kept
    as ``OUTPUTS/parsing.parquet``, and read from there while set, run and parser stay the same; that of the sharp
    images as ``parsing.sharp.parquet`` beside the first one. Until then finished parts are kept there, so a stopped
    test goes on.

    Parameters
    ----------
    set_path : path
        A set with label images.
    outputs : path, None, or sequence of them
        Outputs folders; None is the set's blurred images themselves, whose result is not kept.
    parser : str
        Name of a parser with its options.
    force : bool
        Parse again even where the result is there.
    jobs, backend, scheduler
        See `facedeblur.benchmark.parallel.imap`.
    plugin : path, optional
        Python file that enters a parser.
    progress : callable, optional
        Called with (images parsed, images in all).
    say : callable, optional
        Called with a line about a result that is there and cannot be used.

    Returns
    -------
    list of ParsingScores
        First the sharp images themselves, each once: what the parser can reach. Then one a run, in the order of
        `outputs`.

    Raises
    ------
    InputError
        When the set has no pairs or no label images, outputs belong to another set, or the parser
        is not known or has classes that are not Helen's.
    """
    plugin, the_set = optional_plugin(plugin), Set.open(set_path)
    blurred = [image for image in the_set.images.values() if image.blurred]
    if not the_set.n_pairs or not any(image.label for image in blurred):
        raise InputError(
            f"set '{the_set.name}'", expected="pairs, and label images of them",
            found=f"{the_set.n_pairs:,} pairs and no label" if the_set.n_pairs else "no pairs",
            do="build it of a collection with labels",
        )  # fmt: skip
    made = _made(parser)
    definition = ",".join(made.definition)
    runs, tell = open_runs(outputs, the_set), say or (lambda line: None)
    # The sharp images first, as if they were a run; their result lies with the first one that has a folder.
    home = next((run.root for run in runs if run is not None), None)
    files = [
        None if home is None else home / SHARP_FILE,
        *(None if run is None else run.root / FILE for run in runs),
    ]
    own = {"parser": definition}
    results = [
        finished(file, ParsingScores.read, the_set, run, own, force=force, doing="parsing", tell=tell)
        for file, run in zip(files, [None, *runs], strict=True)
    ]
    sizes = [len(blurred), *(the_set.n_pairs for _ in runs)]
    total = sum(size for size, result in zip(sizes, results, strict=True) if result is None)
    work = Work(
        the_set, _run, parser, definition, total, progress, tell, force, jobs=jobs, backend=backend,
        scheduler=scheduler, plugin=plugin,
    )  # fmt: skip
    for at, (run, file) in enumerate(zip([None, *runs], files, strict=True)):
        if results[at] is None:
            # One sharp image a task: each has its own label.
            parts = work.probes(run, file) if at else work.clear(blurred, file, size=1)
            facts = origin(the_set, run, INPUT if at else SHARP)
            results[at] = found = ParsingScores(
                **facts, parser=definition, classes=made.classes, rows=_frame(list(parts))
            )
            if file is not None:
                found.write(file)
        if file is not None:
            shelf.clear(file)
    return [result for result in results if result is not None]


def _frame(parts: Sequence[dict[str, np.ndarray]]) -> Any:
    import pandas as pd

    columns = {name: np.concatenate([part[name] for part in parts]) for name in row_schema().names}
    return pd.DataFrame({name: list(values) if values.ndim > 1 else values for name, values in columns.items()})


@lru_cache(maxsize=2)
def _made(parser: str) -> Parser:
    """One parser a process, checked."""
    made = provider(PARSERS, parser)
    unknown = [name for name in made.classes if name not in HELEN]
    if unknown:
        raise InputError(f"parser '{parser}'", expected="classes of Helen", found=f"class '{unknown[0]}'")
    return made


def _run(task: Task) -> dict[str, np.ndarray]:
    """Rows of one photograph, one array a column."""
    the_set, (image,) = open_set(task.set_root, task.set_hash), task.images
    pictures = pictures_of(task) if image.label else [(NO_LABEL, None)] * (len(task.pairs) or 1)
    truth = the_set.label(image) if image.label else None
    stack = [pixels for _, pixels in pictures if pixels is not None]
    found = iter(_labels(_made(task.provider), np.stack(stack)) if stack else ())
    rows = []
    for at, (status, pixels) in enumerate(pictures):
        labels = None if pixels is None else next(found)
        if labels is not None and not labels.any():
            status, labels = NO_FACE, None
        pair = task.pairs[at] if task.pairs else None
        rows.append({
            "index": pair.index if pair else -1,
            "pair_id": pair.pair_id if pair else "",
            "image_id": image.image_id,
            "kernel_id": pair.kernel_id if pair else "",
            "kernel_size": pair.kernel_size if pair else 0,
            "status": status,
            **{name: counts_of(labels, truth, partition=name).ravel() for name in GROUPS},
        })  # fmt: skip
    return {name: np.array([row[name] for row in rows]) for name in row_schema().names}


def _labels(made: Parser, faces: np.ndarray) -> np.ndarray:
    """What the parser says, in places of `HELEN`."""
    return np.array([HELEN.index(name) for name in made.classes], np.uint8)[made.parse(faces)]


def counts_of(labels: np.ndarray | None, truth: np.ndarray | None, *, partition: str) -> np.ndarray:
    """TP, FP, FN of one image.

    Parameters
    ----------
    labels : np.ndarray, shape (H, W), uint8, or None
        None misses all true pixels, the background's too.
    truth : np.ndarray, shape (H, W), uint8, or None
        None counts nothing.
    partition : str
        A key of `facedeblur.benchmark.classes.GROUPS`.

    Returns
    -------
    np.ndarray, shape (K, 3), int64
    """
    if truth is None:
        return np.zeros((len(GROUPS[partition]), 3), np.int64)
    if labels is not None:
        return confusion(labels, truth, partition=partition)
    missed = confusion(truth, truth, partition=partition)
    return missed[:, [1, 2, 0]]
