"""Recognition test of a set with a gallery: whom do restored probes look like?

Shen et al., IJCV 2020, section 5.2: 100 people, one photograph of each blurred by 80 point spread
functions, restored, and compared with the 900 clear photographs of the gallery.

Records of a recognition test, and their file ``recognition.parquet`` with ``recognition.json`` beside it.

The table has one row a probe: ``index, pair_id, image_id, identity, kernel_id, kernel_size, status,
rank, same_distance, other_distance``. ``status`` is ``ok``, ``no face``, ``not in the gallery`` or
``failed: why``; all but ``ok`` have rank 0. The two distances are squared Euclidean, to one image of
the person and one of the next person in the gallery; NaN where there is none. The JSON file is a
copy of the table's metadata for people and scripts; only the table is read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.metrics.faces.recognition import DISTANCES, MISS, cmc, leave_one_out, rank_of
from facedeblur.benchmark.metrics.faces.verification import Verification, verification
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image, Set
from facedeblur.benchmark.whole_set import run as recognise_task
from facedeblur.benchmark.whole_set.record import Record, facts_of, finished, origin, read_record, write_record
from facedeblur.benchmark.whole_set.run import Work, open_runs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MODES = ("aligned", "detect")
FOLDS = 10


def recognise(
    set_path: str | Path,
    outputs: str | Path | Sequence[str | Path | None] | None,
    *,
    embedder: str = "dlib-resnet",
    mode: str = "aligned",
    distance: str = "l2",
    force: bool = False,
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> list[Recognition]:
    """Look for the people of the probes in the gallery of the set.

    The gallery is embedded once for all runs. Each result is kept as ``OUTPUTS/recognition.parquet``
    and ``.json``, and read from there while set, run, embedder and distance stay the same. Until then
    embeddings are kept beside it, those of the gallery in the first folder, so a stopped test goes on.

    Parameters
    ----------
    set_path : path
        A set with gallery images, made with the recipe ``shen2020-recognition`` for instance.
    outputs : path, None, or sequence of them
        Outputs folders; None is the set's blurred images themselves, whose result is not kept.
    embedder : str
        Name of an embedder: ``dlib-resnet``, ``facenet-vggface2``, ...
    mode : {'aligned', 'detect'}
        Embed the images as they are, or find the face in each again; where there is none it is a miss.
    distance : {'l2', 'cosine'}
        Orders the gallery; verification always takes squared Euclidean distances.
    force : bool
        Test again even where the result is there.
    plugin : path, optional
        Python file that enters an embedder or detector.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Is told the progress, and what an earlier run left that cannot be used.

    Returns
    -------
    list of Recognition
        One a run, in the order of `outputs`.

    Raises
    ------
    InputError
        When the set has no pairs or no gallery of two people or more, outputs belong to another
        set, or an option is not known.
    """
    for word, known in ((mode, MODES), (distance, DISTANCES)):
        if word not in known:
            raise InputError(f"option '{word}'", expected=" or ".join(known), do=suggest(word, known))
    workers, the_set = Workers.of(workers).loading(plugin), Set.open(set_path)
    _check(the_set)
    name = embedder if mode == "aligned" else f"{embedder},detect"
    definition = ",".join(recognise_task.made(name).definition)
    runs = open_runs(outputs, the_set)
    files = [None if run is None else run.root / FILE for run in runs]
    own = {"embedder": definition, "distance": distance}
    results = [
        finished(file, Recognition.read, the_set, run, own, force=force, doing="testing", reporter=reporter)
        for run, file in zip(runs, files, strict=True)
    ]
    waiting = [at for at, result in enumerate(results) if result is None]
    if waiting:
        images = tuple(image for image in the_set.images.values() if image.ok)
        work = Work(
            the_set, recognise_task.look, name, definition, "recognising",
            len(images) + the_set.n_pairs * len(waiting), force, workers, reporter,
        )  # fmt: skip
        first = next((file for file in files if file is not None), None)
        vectors = np.concatenate([part["vector"] for part in work.clear(images, first)])
        clear = _Clear.of(the_set, images, vectors, distance)
        for at in waiting:
            run, file = runs[at], files[at]
            results[at] = made = _test(clear, run, definition, work.probes(run, file))
            if file is not None:
                made.write(file)
    for file in files:
        if file is not None:
            resume.clear(file)
    return [result for result in results if result is not None]


def _check(the_set: Set) -> None:
    shown = {image.identity for image in the_set.images.values() if image.ok and not image.blurred}
    if len(shown) < 2 or not the_set.n_pairs:
        raise InputError(
            f"set '{the_set.name}'", expected="probes, and a gallery of two people or more",
            found=f"{the_set.n_pairs:,} pairs and {len(shown)} people in the gallery",
            do="build a set with the recipe shen2020-recognition",
        )  # fmt: skip


@dataclass(frozen=True)
class _Clear:
    """The clear images of a set, embedded, and what is known of them for every run.

    ``same`` and ``other`` hold for each identity of the gallery one image of that person and one of the next:
    MSPL's verification has one right and one wrong reference an identity.
    """

    the_set: Set
    distance: str
    gallery: np.ndarray
    people: np.ndarray
    left_out: int
    same: dict[str, np.ndarray]
    other: dict[str, np.ndarray]
    probes: Curve
    leave_one_out: Curve

    @classmethod
    def of(cls, the_set: Set, images: Sequence[Image], vectors: np.ndarray, distance: str) -> _Clear:
        """Rank the clear images among themselves."""
        who = np.array([image.identity for image in images])
        probe = np.array([image.blurred for image in images])
        gallery, people = vectors[~probe], who[~probe]
        good = np.isfinite(gallery).all(axis=1)
        same: dict[str, np.ndarray] = {}
        for person, vector in zip(people[good].tolist(), gallery[good], strict=True):
            same.setdefault(person, vector)
        order = sorted(same)
        other = {person: same[order[(at + 1) % len(order)]] for at, person in enumerate(order)} if order[1:] else {}
        absent = sum(not image.ok and image.role == "gallery" for image in the_set.images.values())
        ranks = rank_of(vectors[probe], who[probe], gallery, people, distance=distance)
        everyone = leave_one_out(vectors, who, distance=distance)
        return cls(
            the_set, distance, gallery, people, absent + int((~good).sum()), same, other,
            _curve(ranks, np.isfinite(vectors[probe]).all(axis=1), len(gallery)),
            _curve(everyone, np.isfinite(vectors).all(axis=1), len(vectors)),
        )  # fmt: skip


def _curve(ranks: np.ndarray, embedded: np.ndarray, size: int) -> Curve:
    misses, outside = int((~embedded).sum()), int((embedded & (ranks == MISS)).sum())
    return Curve(len(ranks), misses, outside, tuple(cmc(ranks, size).tolist()))


def _test(clear: _Clear, run: Outputs | None, definition: str, probes: Iterator[dict[str, np.ndarray]]) -> Recognition:
    """Rank the probes of one run, photograph by photograph."""
    import pandas as pd

    the_set, gallery = clear.the_set, clear.gallery
    rows: list[tuple[Any, ...]] = []
    embedded: list[bool] = []
    nowhere = np.full(gallery.shape[1], np.nan)
    for part, (image, pairs) in zip(probes, the_set.by_image(), strict=True):
        said, found = part["status"].tolist(), part["vector"]
        vectors = found.astype(np.float64) if found.shape[1] else np.tile(nowhere, (len(pairs), 1))
        ranks = rank_of(vectors, [image.identity] * len(pairs), gallery, clear.people, distance=clear.distance)
        there = np.asarray(np.isfinite(vectors).all(axis=1))
        known = image.identity in clear.same
        apart = [np.sum((vectors - table.get(image.identity, nowhere)) ** 2, axis=1)
                 for table in (clear.same, clear.other)]  # fmt: skip
        for pair, status, found_face, rank, one, other in zip(pairs, said, there, ranks, *apart, strict=True):
            if status == "ok" and rank == MISS:
                status = NO_FACE if known or not found_face else OUTSIDE
            rows.append((pair.index, pair.pair_id, image.image_id, image.identity, pair.kernel_id, pair.kernel_size,
                         status, rank, one, other))  # fmt: skip
        embedded += there.tolist()
    frame = pd.DataFrame(rows, columns=rank_schema().names)
    return Recognition(
        **origin(the_set, run),
        embedder=definition,
        distance=clear.distance,
        n_gallery=int(np.isfinite(gallery).all(axis=1).sum()),
        gallery_left_out=clear.left_out,
        n_identities=len(clear.same),
        curve=_curve(frame["rank"].to_numpy(), np.array(embedded), len(gallery)),
        clear=clear.probes,
        leave_one_out=clear.leave_one_out,
        verification=_verify(frame["same_distance"].to_numpy(), frame["other_distance"].to_numpy()),
        ranks=frame,
    )


def _verify(same: np.ndarray, other: np.ndarray) -> Verification | None:
    """Each probe once with its own person and once with another; None where that is too few for the folds."""
    if len(same) < FOLDS:
        return None
    kinds = np.repeat([True, False], len(same))
    return verification(np.concatenate([same, other]), kinds, folds=FOLDS)


SCHEMA = 1
FILE = "recognition.parquet"
NO_FACE, OUTSIDE = "no face", "not in the gallery"


@dataclass(frozen=True)
class Curve:
    """How a group of probes was recognised.

    Attributes
    ----------
    n_probes : int
        All of them; every share is of this number.
    misses : int
        Probes without an embedding: failed outputs, no face found. They count as never recognised.
    outside : int
        Probes whose identity no gallery image shows; they count as never recognised too.
    cmc : tuple of float
        Entry ``k - 1`` is the share of probes, in [0, 1], with the right identity among the k nearest.
    """

    n_probes: int
    misses: int
    outside: int
    cmc: tuple[float, ...]

    def top(self, k: int) -> float:
        """Share of probes, in [0, 1], recognised among the `k` nearest gallery images."""
        return self.cmc[min(k, len(self.cmc)) - 1]


@dataclass(frozen=True)
class Recognition(Record):
    """The recognition test of one method.

    Attributes
    ----------
    embedder : str
        Definition with the hash of its weights, and ``detect`` where faces are found again.
    distance : str
        ``l2`` or ``cosine``.
    n_gallery, gallery_left_out, n_identities : int
        Gallery images compared with, those that could not be, and the people they show.
    curve : Curve
        The probes.
    clear : Curve
        Their sharp images, each once.
    leave_one_out : Curve
        Every clear image, probes' and gallery, among all the others.
    verification : Verification or None
        Each probe with one image of the person and one of another; None with too few probes.
    ranks : pandas.DataFrame
        One row a probe.
    """

    embedder: str
    distance: str
    n_gallery: int
    gallery_left_out: int
    n_identities: int
    curve: Curve
    clear: Curve
    leave_one_out: Curve
    verification: Verification | None
    ranks: pd.DataFrame = field(compare=False, repr=False)

    @property
    def n_probes(self) -> int:
        return self.curve.n_probes

    @property
    def misses(self) -> int:
        return self.curve.misses

    @property
    def top1(self) -> float:
        return self.curve.top(1)

    @property
    def top3(self) -> float:
        return self.curve.top(3)

    @property
    def top5(self) -> float:
        return self.curve.top(5)

    @property
    def cmc(self) -> tuple[float, ...]:
        return self.curve.cmc

    def summary(self) -> dict[str, Any]:
        """Everything but the rows, ready for JSON."""
        bare = facts_of(self, "ranks")
        for name in ("curve", "clear", "leave_one_out"):
            made: Curve = bare[name]
            bare[name] = {**{f"top{k}": made.top(k) for k in (1, 3, 5)}, **asdict(made)}
        return {**bare, "verification": asdict(self.verification) if self.verification else None}

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``) and the summary beside it (``.json``), each atomically."""
        path, text = Path(path), {"schema": SCHEMA, **self.summary()}
        write_record(path, "recognition", text, self.ranks, rank_schema())
        write_json(path.with_suffix(".json"), text)

    @classmethod
    def read(cls, path: str | Path) -> Recognition:
        """Read the table by its file, or by the outputs folder that holds it.

        Raises
        ------
        InputError
            When there is none, or it is damaged, or another kind of table.
        """
        path = Path(path)

        def make(known: dict[str, Any], ranks: pd.DataFrame) -> Recognition:
            for name in ("curve", "clear", "leave_one_out"):
                bare = {entry.name: known[name][entry.name] for entry in fields(Curve)}
                known[name] = Curve(**{**bare, "cmc": tuple(bare["cmc"])})
            known["verification"] = Verification(**known["verification"]) if known["verification"] else None
            return cls(**known, ranks=ranks)

        file = path / FILE if path.is_dir() else path
        return read_record(file, "recognition", make, version=SCHEMA, schema=rank_schema(), verb="recognise")


def rank_schema() -> pa.Schema:
    """Arrow schema of the rows."""
    import pyarrow as pa

    kinds = {"index": pa.int64(), "kernel_size": pa.int32(), "rank": pa.int32()}
    kinds |= {"same_distance": pa.float64(), "other_distance": pa.float64()}
    names = ("index", "pair_id", "image_id", "identity", "kernel_id", "kernel_size", "status", "rank")
    return pa.schema([(name, kinds.get(name, pa.string())) for name in (*names, "same_distance", "other_distance")])
