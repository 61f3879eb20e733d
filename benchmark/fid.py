"""Frechet distance of a set: how differently the restored images are distributed from the sharp ones.

Heusel et al. 2017 with InceptionV3 (`inception`), or with the vectors of a face embedder, which see people where
Inception sees objects. The sharp images of the set's pairs, each once, against all restored ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from facedeblur.benchmark import shelf
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.faces.base import EMBEDDERS, provider
from facedeblur.benchmark.fid_record import NO_FACE, Fid, fid_schema, file_of
from facedeblur.benchmark.metrics.frechet import Moments, frechet_distance, moments
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.plugin import optional_plugin
from facedeblur.benchmark.recognise_task import Task, by_size, clear_tasks, pictures_of, probe_tasks, weigh
from facedeblur.benchmark.record_table import finished, origin
from facedeblur.benchmark.sets import Set

INCEPTION = "inception"
INPUT = "blurred images"


class Features(Protocol):
    """Describes images by vectors: an embedder, or InceptionV3."""

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, D) float32; a row of NaN where an image cannot be described."""


@lru_cache(maxsize=2)
def features(spec: str) -> Features:
    """Return what describes images, once a process.

    Parameters
    ----------
    spec : str
        ``inception``, or an embedder with its options: ``dlib-resnet,detect``.

    Raises
    ------
    InputError
        When the name or an option is not known, or its package or weights are missing.
    """
    name, *options = [part.strip() for part in spec.split(",")]
    head, at, sha = name.partition("@")
    if head == INCEPTION:
        from facedeblur.benchmark.metrics.inception import inception_features

        return inception_features(*([f"@{sha}"] if at else []), *options)
    if head not in EMBEDDERS:
        known = [INCEPTION, *EMBEDDERS]
        raise InputError(f"features '{head}'", expected="inception or an embedder", do=suggest(head, known))
    return provider(EMBEDDERS, spec)


def fid(
    set_path: str | Path,
    outputs: str | Path | Sequence[str | Path | None] | None,
    *,
    by: str = INCEPTION,
    force: bool = False,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    plugin: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Fid]:
    """Compute the Frechet distance of runs from the sharp images of their set.

    Images are described in the workers, and only sums are kept of the vectors, so that any number of outputs fits. The
    sharp images are described once for all runs. Each result is kept as ``OUTPUTS/fid-FEATURES.parquet`` and ``.json``,
    and read from there while set, run and features stay the same. Until then vectors are kept beside it, those of the
    sharp images in the first folder, so that what is stopped goes on.

    Parameters
    ----------
    set_path : path
        A set with sharp images, two or more.
    outputs : path, None, or sequence of them
        Outputs folders; None is the set's blurred images themselves, whose result is not kept.
    by : str
        ``inception``, or an embedder (``dlib-resnet``, ``facenet-vggface2``) with its options.
    force : bool
        Compute again even where the result is there.
    jobs, backend, scheduler
        See `facedeblur.benchmark.parallel.imap`.
    plugin : path, optional
        Python file that enters an embedder.
    progress : callable, optional
        Called with (images described, images in all).
    say : callable, optional
        Called with a line about a result that is there and cannot be used.

    Returns
    -------
    list of Fid
        One a run, in the order of `outputs`.

    Raises
    ------
    InputError
        When the set has no sharp images, outputs belong to another set, weights are missing, or fewer than two images
        can be described on one of the two sides.
    """
    folders = [outputs] if outputs is None or isinstance(outputs, str | Path) else list(outputs)
    plugin = optional_plugin(plugin)
    the_set, made, tell = Set.open(set_path), features(by), say or (lambda line: None)
    if not the_set.has_sharp:
        raise InputError(f"set '{the_set.name}'", expected="sharp images", found="none", do="use a set that has them")
    signature = str(Signature("fid", tuple(made.definition)))
    runs = [None if folder is None else Outputs.open(folder, the_set) for folder in folders]
    files = [None if run is None else file_of(run.root, signature) for run in runs]
    results = [
        None
        if file is None or force
        else finished(file, Fid.read, the_set, run, {"signature": signature}, doing="computing", tell=tell)
        for run, file in zip(runs, files, strict=True)
    ]
    waiting = [at for at, result in enumerate(results) if result is None]
    if waiting:
        images = tuple(image for image in the_set.images.values() if image.ok and image.blurred)
        total, done, key = len(images) + the_set.n_pairs * len(waiting), 0, [the_set.content_hash, signature]
        work = partial(
            shelf.compute, run_task, weigh=weigh, say=tell, jobs=jobs, backend=backend, scheduler=scheduler,
            plugin=plugin,
        )  # fmt: skip

        def described(tasks: Iterator[Task], folder: Path | None, said: list[str]) -> Iterator[np.ndarray]:
            nonlocal done
            for part in work(tasks, folder):
                said += part["status"].tolist()
                done += len(part["status"])
                if progress:
                    progress(done, total)
                yield part["vector"]

        first = next((file for file in files if file is not None), None)
        place = None if first is None else shelf.shelf(first, "clear", key, fresh=force)
        sharp = moments(described(clear_tasks(the_set, images, by), place, []))
        for at in waiting:
            run, file, place = runs[at], files[at], None
            if run is not None and file is not None:
                place = shelf.shelf(file, "restored", [*key, run.run_hash, run.files_hash], fresh=force)
            said: list[str] = []
            restored = moments(described(probe_tasks(the_set, run, by), place, said))
            results[at] = found = _result(the_set, run, signature, sharp, restored, said)
            if file is not None:
                found.write(file)
    for file in files:
        if file is not None:
            shelf.clear(file)
    return [result for result in results if result is not None]


def run_task(task: Task) -> dict[str, np.ndarray]:
    """Read and describe the images of one task.

    Returns
    -------
    status : np.ndarray, shape (N,), str
        ``ok``, ``no face``, or ``failed: why``; one an image.
    vector : np.ndarray, shape (K, D), float32
        Vectors of those that are ``ok``, in any order; (0, 0) where none is.
    """
    pictures = pictures_of(task)
    said, kept = [status for status, _ in pictures], []
    for places, stack in by_size(pictures):
        vectors = features(task.provider).embed(stack)
        good = np.isfinite(vectors).all(axis=1)
        kept.append(vectors[good])
        for at, there in zip(places, good, strict=True):
            said[at] = "ok" if there else NO_FACE
    return {"status": np.array(said), "vector": np.concatenate(kept) if kept else np.zeros((0, 0), np.float32)}


def _result(
    the_set: Set, run: Outputs | None, signature: str, sharp: Moments, restored: Moments, said: list[str]
) -> Fid:
    import pandas as pd

    rows = [
        (pair.index, pair.pair_id, pair.image_id, pair.kernel_id, pair.kernel_size, status)
        for pair, status in zip(the_set.pairs(), said, strict=True)
    ]
    return Fid(
        **origin(the_set, run, INPUT),
        signature=signature,
        value=frechet_distance(sharp, restored),
        dimensions=len(sharp.mean),
        n_sharp=sharp.count,
        n_restored=restored.count,
        left_out=len(said) - restored.count,
        rows=pd.DataFrame(rows, columns=fid_schema().names),
    )
