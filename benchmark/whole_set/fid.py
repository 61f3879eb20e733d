"""Frechet distance of a set: how differently the restored images are distributed from the sharp ones.

Heusel et al. 2017 with InceptionV3 (`inception`), or with the vectors of a face embedder, which see people where
Inception sees objects. The sharp images of the set's pairs, each once, against all restored ones.

Record of a Frechet distance, and its file ``fid-FEATURES.parquet`` with a ``.json`` beside it.

The table has one row an output: ``index, pair_id, image_id, kernel_id, kernel_size, status``. ``status`` is ``ok``,
``no face`` or ``failed: why``; only those with ``ok`` took part. The JSON file is a copy of the table's metadata for
people and scripts; only the table is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.metrics.perceptual.frechet import Moments, frechet_distance, moments
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.whole_set.record import Record, facts_of, finished, origin, read_record, write_record
from facedeblur.benchmark.whole_set.run import Task, Work, embedded, open_runs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

INCEPTION = "inception"


@lru_cache(maxsize=2)
def features(spec: str) -> Embedder:
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
        from facedeblur.benchmark.metrics.perceptual.inception import inception_features

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
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
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
    plugin : path, optional
        Python file that enters an embedder.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Is told the progress, and what an earlier run left that cannot be used.

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
    workers = Workers.of(workers).loading(plugin)
    the_set, made = Set.open(set_path), features(by)
    if not the_set.has_sharp:
        raise InputError(f"set '{the_set.name}'", expected="sharp images", found="none", do="use a set that has them")
    signature = str(Signature("fid", tuple(made.definition)))
    runs = open_runs(outputs, the_set)
    files = [None if run is None else file_of(run.root, signature) for run in runs]
    own = {"signature": signature}
    results = [
        finished(file, Fid.read, the_set, run, own, force=force, doing="computing", reporter=reporter)
        for run, file in zip(runs, files, strict=True)
    ]
    waiting = [at for at, result in enumerate(results) if result is None]
    if waiting:
        images = tuple(image for image in the_set.images.values() if image.ok and image.blurred)
        work = Work(
            the_set, run_task, by, signature, "describing", len(images) + the_set.n_pairs * len(waiting), force,
            workers, reporter,
        )  # fmt: skip
        first = next((file for file in files if file is not None), None)
        sharp = moments(part["vector"] for part in work.clear(images, first))
        for at in waiting:
            run, file = runs[at], files[at]
            results[at] = found = _compare(the_set, run, signature, sharp, work.probes(run, file))
            if file is not None:
                found.write(file)
    for file in files:
        if file is not None:
            resume.clear(file)
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
    said, vectors = embedded(task, features(task.provider))
    there = np.isfinite(vectors).all(axis=1) & (np.array(said) == "ok")
    said = [NO_FACE if word == "ok" and not seen else word for word, seen in zip(said, there, strict=True)]
    return {"status": np.array(said), "vector": vectors[there]}


def _compare(
    the_set: Set, run: Outputs | None, signature: str, sharp: Moments, parts: Iterator[dict[str, np.ndarray]]
) -> Fid:
    """Gather the vectors of one run, of which only sums are kept, and compare them with those of the sharp images."""
    import pandas as pd

    said: list[str] = []

    def vectors() -> Iterator[np.ndarray]:
        for part in parts:
            said.extend(part["status"].tolist())
            yield part["vector"]

    restored = moments(vectors())
    rows = [
        (pair.index, pair.pair_id, pair.image_id, pair.kernel_id, pair.kernel_size, status)
        for pair, status in zip(the_set.pairs(), said, strict=True)
    ]
    return Fid(
        **origin(the_set, run),
        signature=signature,
        value=frechet_distance(sharp, restored),
        dimensions=len(sharp.mean),
        n_sharp=sharp.count,
        n_restored=restored.count,
        left_out=len(said) - restored.count,
        rows=pd.DataFrame(rows, columns=fid_schema().names),
    )


SCHEMA = 1
NO_FACE = "no face"


@dataclass(frozen=True)
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
        Outputs that did not: failed ones, and those without a face. Nothing stands for them in the value, so two runs
        compare only where this number is small and alike.
    rows : pandas.DataFrame
        One row an output.
    """

    signature: str
    value: float
    dimensions: int
    n_sharp: int
    n_restored: int
    left_out: int
    rows: pd.DataFrame = field(compare=False, repr=False)

    @property
    def note(self) -> str:
        """What has to be said beside the value; empty where the covariances are of full rank.

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

    def summary(self) -> dict[str, Any]:
        """Everything but the rows, ready for JSON."""
        return facts_of(self)

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``) and the summary beside it (``.json``), each atomically."""
        path, text = Path(path), {"schema": SCHEMA, **self.summary()}
        write_record(path, "fid", text, self.rows, fid_schema())
        write_json(path.with_suffix(".json"), {**text, "note": self.note})

    @classmethod
    def read(cls, file: str | Path) -> Fid:
        """Read the table.

        Raises
        ------
        InputError
            When there is none, or it is damaged, or another kind of table.
        """

        def make(known: dict[str, Any], rows: pd.DataFrame) -> Fid:
            return cls(**known, rows=rows)

        return read_record(Path(file), "fid", make, version=SCHEMA, schema=fid_schema(), verb="compute the distance")


def file_of(folder: Path, signature: str) -> Path:
    """Where the result with features of `signature` lies in an outputs folder: ``fid-dlib-resnet.parquet``.

    The hash is not part of the name: what other weights have given is replaced.
    """
    parts = [part.partition("@")[0] for part in Signature.parse(signature).args]
    return folder / f"fid-{'-'.join(parts)}.parquet"


def fid_schema() -> pa.Schema:
    """Arrow schema of the rows."""
    import pyarrow as pa

    kinds = {"index": pa.int64(), "kernel_size": pa.int32()}
    names = ("index", "pair_id", "image_id", "kernel_id", "kernel_size", "status")
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])
