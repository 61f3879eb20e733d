"""Parsing test of a set: are the parts of a restored face where they belong?

Shen et al., IJCV 2020, Table 3: a parser labels the restored images, and the F-score of its labels
against the true ones tells how well each component of the face came back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark import recognise_task, score_task
from facedeblur.benchmark.classes import GROUPS, HELEN
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser, provider
from facedeblur.benchmark.metrics.parsing import confusion
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.parsing_scores import FILE, NO_FACE, NO_LABEL, ParsingScores, row_schema
from facedeblur.benchmark.sets import Image, Pair, Set

SHARP, INPUT = "sharp images", "blurred images"


def parse(
    set_path: str | Path,
    outputs: str | Path | Sequence[str | Path | None] | None,
    *,
    parser: str = "dlib-68",
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> list[ParsingScores]:
    """Parse restored faces and compare with the label images of the set.

    A failed output, and one in which the parser finds no face (it labels everything background), miss
    all true pixels. Images without a label are left out, with a row that says so. Each result is kept
    as ``OUTPUTS/parsing.parquet``, and read from there while set, run and parser stay the same.

    Parameters
    ----------
    set_path : path
        A set with label images.
    outputs : path, None, or sequence of them
        Outputs folders; None is the set's blurred images themselves, whose result is not kept.
    parser : str
        Name of a parser with its options.
    jobs : int
        Number of workers; -1 uses every processor.
    progress : callable, optional
        Called with (images parsed, images in all).

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
    folders = [outputs] if outputs is None or isinstance(outputs, str | Path) else list(outputs)
    the_set = Set.open(set_path)
    n_sharp = sum(image.blurred for image in the_set.images.values())
    if not the_set.n_pairs or not any(image.label for image in the_set.images.values() if image.blurred):
        raise InputError(
            f"set '{the_set.name}'", expected="pairs, and label images of them",
            found=f"{the_set.n_pairs:,} pairs and no label" if the_set.n_pairs else "no pairs",
            do="build it of a collection with labels",
        )  # fmt: skip
    made = _made(parser)
    definition = ",".join(made.definition)
    runs = [None if folder is None else Outputs.open(folder, the_set) for folder in folders]
    kept = [None if run is None else _kept(run, the_set, definition) for run in runs]
    total, done = n_sharp + the_set.n_pairs * kept.count(None), 0

    def test(name: str, run: Outputs | None, tasks: Iterator[Task]) -> ParsingScores:
        nonlocal done
        rows: list[dict[str, Any]] = []
        for part in imap(_run, tasks, jobs=jobs):
            rows += part
            done += len(part)
            if progress:
                progress(done, total)
        oracle = run is not None and bool(run.info.get("oracle", False))
        run_hash = "" if run is None else run.run_hash
        return ParsingScores(
            name, oracle, the_set.name, the_set.content_hash, run_hash, definition, made.classes, _frame(rows)
        )

    results = [test(SHARP, None, _sharp_tasks(the_set, parser))]
    for run, result in zip(runs, kept, strict=True):
        if result is None:
            result = test(INPUT if run is None else run.method, run, _tasks(the_set, run, parser))
            if run is not None:
                result.write(run.root / FILE)
        results.append(result)
    return results


def _frame(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(rows, columns=row_schema().names)


def _kept(run: Outputs, the_set: Set, definition: str) -> ParsingScores | None:
    """The finished result of just this run, where it is there and whole."""
    try:
        found = ParsingScores.read(run.root)
    except InputError:
        return None
    key = (found.set_hash, found.run_hash, found.parser)
    return found if key == (the_set.content_hash, run.run_hash, definition) else None


@dataclass(frozen=True)
class Task:
    """All pairs of one photograph in a run (None: the blurred ones); without pairs the sharp image itself."""

    set_root: Path
    set_hash: str
    parser: str
    image: Image
    pairs: tuple[Pair, ...] = ()
    run_root: Path | None = None
    statuses: tuple[Status, ...] = ()


def _sharp_tasks(the_set: Set, parser: str) -> Iterator[Task]:
    for image in the_set.images.values():
        if image.blurred:
            yield Task(the_set.root, the_set.content_hash, parser, image)


def _tasks(the_set: Set, run: Outputs | None, parser: str) -> Iterator[Task]:
    statuses = iter(()) if run is None else run.statuses()
    for image, pairs in the_set.by_image():
        told, root = tuple(islice(statuses, len(pairs))), None if run is None else run.root
        yield Task(the_set.root, the_set.content_hash, parser, image, tuple(pairs), root, told)


@lru_cache(maxsize=2)
def _made(parser: str) -> Parser:
    """One parser a process, checked."""
    made = provider(PARSERS, parser)
    unknown = [name for name in made.classes if name not in HELEN]
    if unknown:
        raise InputError(f"parser '{parser}'", expected="classes of Helen", found=f"class '{unknown[0]}'")
    return made


def _run(task: Task) -> list[dict[str, Any]]:
    """Rows of one photograph."""
    the_set, image = score_task.open_set(task.set_root, task.set_hash), task.image
    pictures: list[tuple[str, np.ndarray | None]]
    if not image.label:
        pictures = [(NO_LABEL, None)] * (len(task.pairs) or 1)
    elif not task.pairs:
        pictures = [("ok", the_set.sharp(image))]
    elif task.run_root is None:
        pictures = [("ok", the_set.blurred(pair)) for pair in task.pairs]
    else:
        opened = Outputs.open(task.run_root, the_set, check=False)
        both = zip(task.pairs, task.statuses, strict=True)
        pictures = [recognise_task.restored_of(opened, pair, status, image) for pair, status in both]
    truth = the_set.label(image) if image.label else None
    stack = [pixels for _, pixels in pictures if pixels is not None]
    found = iter(_labels(_made(task.parser), np.stack(stack)) if stack else ())
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
    return rows


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
