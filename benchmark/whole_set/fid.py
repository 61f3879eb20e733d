"""Frechet distance of a set: how differently the restored images are distributed from the sharp ones.

Heusel et al. 2017 with InceptionV3 (`inception`), or with the vectors of a face embedder, which see people where
Inception sees objects. The sharp images of the set's pairs, each once, against all restored ones.

The result is ``fid-FEATURES.parquet`` with a ``.json`` next to it, a copy of the table's metadata for people and
scripts. The table has one row per output. Its ``status`` is ``ok``, ``no face`` or ``failed: why``; only those with
``ok`` took part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.metrics.perceptual.frechet import Moments, frechet_distance, moments
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.outputs import OutputsLike, one_or_many
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.set import Set, SetLike
from facedeblur.benchmark.whole_set.record import PAIR_COLUMNS, SCHEMA, Record
from facedeblur.benchmark.whole_set.run import NO_FACE, Candidate, LookTask, WholeSetTest, embed, run_test

INCEPTION = "inception"


@one_or_many
def fid(
    the_set: SetLike,
    outputs: Sequence[OutputsLike | None],
    *,
    by: str = INCEPTION,
    force: bool = False,
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> list[Fid]:
    """Compute the Frechet distance of runs from the sharp images of their set.

    Workers describe the images, and only sums of the vectors are kept, so any number of outputs fits. The sharp images
    are described once for all runs. Each result is kept as ``OUTPUTS/fid-FEATURES.parquet`` and ``.json``, and read
    from there while set, run and features stay the same. Call it again to resume an interrupted test.

    Parameters
    ----------
    the_set : Set or path
        A set with sharp images, two or more.
    outputs : Outputs, path or None, or sequence of them
        None is the set's blurred images themselves, whose result is not kept.
    by : str
        ``inception``, or an embedder (``dlib-resnet``, ``facenet-vggface2``) with its options.
    force : bool
        Compute again even where the result is there.
    plugin : path, optional
        Python file that enters an embedder.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress, and what an earlier run left that cannot be used.

    Returns
    -------
    Fid or list of Fid
        The result of one run, or a list of one per run in the order of `outputs`.

    Raises
    ------
    InputError
        When the set has no sharp images, outputs belong to another set, weights are missing, or fewer than two images
        can be described on one of the two sides.
    """
    return run_test(
        partial(FidTest, by=by), the_set, outputs, force=force, plugin=plugin, workers=workers, progress=progress
    )


@dataclass(frozen=True, repr=False)
class Fid(Record):
    """Frechet distance between the restored and the sharp images of a set.

    Attributes
    ----------
    signature : str
        ``fid[FEATURES@HASH]``: what images are described by.
    value : float
        The distance, from 0 up; smaller is better.
    dimensions : int
        Length of a feature vector.
    n_sharp, n_restored : int
        Images that took part on either side.
    left_out : int
        Outputs that did not: failed ones, and those without a face. The value takes no account of them, so two runs
        can be compared only where this number is small and similar.
    """

    kind = "fid"
    verb = "compute the distance"
    columns = PAIR_COLUMNS

    signature: str
    value: float
    dimensions: int
    n_sharp: int
    n_restored: int
    left_out: int

    def headline(self) -> dict[str, str]:
        return {self.signature: f"{self.value:.4f}", "images": f"{self.n_restored:,}", "left out": f"{self.left_out:,}"}

    @property
    def note(self) -> str:
        """A warning that belongs to the value; empty where the covariances are of full rank.

        The estimate is too large by an amount that shrinks with the number of images and depends on what is compared
        (Chong and Forsyth, CVPR 2020), so small sets compare only with themselves.
        """
        fewest = min(self.n_sharp, self.n_restored)
        if fewest > self.dimensions:
            return ""
        return (
            f"{fewest:,} images in {self.dimensions:,} dimensions: covariances are singular and the distance too large;"
            " compare runs on this set only, not with numbers from elsewhere"
        )

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``) and its facts next to it (``.json``), each atomically."""
        super().write(path)
        write_json(Path(path).with_suffix(".json"), {"schema": SCHEMA, **self.facts(), "note": self.note})


@lru_cache(maxsize=2)
def features(spec: str) -> Embedder:
    """Return what describes images, once per process.

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
        from facedeblur.benchmark.metrics.perceptual.inception import InceptionFeatures

        return InceptionFeatures.of(*([f"@{sha}"] if at else []), *options)
    one_of("features", head, [INCEPTION, *EMBEDDERS])
    return provider(EMBEDDERS, spec)


class FidTest(WholeSetTest[Fid]):
    """How far the images of a run are from the sharp ones in the features `by`."""

    record = Fid
    stage = "describing"

    def __init__(self, the_set: Set, by: str):
        signature = str(Signature("fid", tuple(features(by).definition)))
        if not the_set.has_sharp:
            raise InputError(f"set '{the_set.name}' has no sharp images", do="use a set that has them")
        blurred = [image for image in the_set.images.values() if image.blurred]
        super().__init__(the_set, by, {"signature": signature}, signature, blurred)

    @staticmethod
    def look(task: LookTask) -> Arrays:
        """Return the ``status`` of each image of a task, and the ``vector`` of each that is ``ok``.

        Returns
        -------
        status : np.ndarray, shape (N,), str
            ``ok``, ``no face``, or ``failed: why``; one per image.
        vector : np.ndarray, shape (K, D), float32
            Vectors of those that are ``ok``, in any order; (0, 0) where none is.
        """
        said, vectors = embed(task, features(task.provider))
        there = np.isfinite(vectors).all(axis=1) & (np.array(said) == "ok")
        said = [NO_FACE if word == "ok" and not seen else word for word, seen in zip(said, there, strict=True)]
        return {"status": np.array(said), "vector": vectors[there]}

    def file(self, folder: Path) -> Path:
        return file_of(folder, self.facts["signature"])

    def reference(self, parts: Iterator[Arrays]) -> Moments:
        return moments(part["vector"] for part in parts)

    def result(self, candidate: Candidate, parts: Iterator[Arrays], reference: Moments) -> Fid:
        """Sum up the vectors of one run, so that any number of outputs fits, and compare them with the sharp ones."""
        import pandas as pd

        said: list[str] = []

        def vectors() -> Iterator[np.ndarray]:
            for part in parts:
                said.extend(part["status"].tolist())
                yield part["vector"]

        restored = moments(vectors())
        rows = [
            (pair.index, pair.pair_id, pair.image_id, pair.kernel_id, pair.kernel_size, status)
            for pair, status in zip(self.the_set.pairs(), said, strict=True)
        ]
        return Fid(
            **candidate.origin,
            **self.facts,
            value=frechet_distance(reference, restored),
            dimensions=len(reference.mean),
            n_sharp=reference.count,
            n_restored=restored.count,
            left_out=len(said) - restored.count,
            rows=pd.DataFrame(rows, columns=list(Fid.columns)),
        )


def file_of(folder: Path, signature: str) -> Path:
    """Return where an outputs folder keeps the result of a `signature`: ``fid-dlib-resnet.parquet``.

    The hash of the weights is not part of the name: a result with other weights is replaced.
    """
    parts = [part.partition("@")[0] for part in Signature.parse(signature).options]
    return folder / f"fid-{'-'.join(parts)}.parquet"
