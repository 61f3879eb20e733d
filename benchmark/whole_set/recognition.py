"""Recognition test of a set with a gallery: which people do restored probes look like?

Shen et al., IJCV 2020, section 5.2: 100 people, one photograph of each blurred by 80 point spread
functions, restored, and compared with the 900 clear photographs of the gallery.

The result is ``recognition.parquet`` with ``recognition.json`` next to it, a copy of the table's metadata for people
and scripts. The table has one row per probe. Its ``status`` is ``ok``, ``no face``, ``not in the gallery`` or
``failed: why``; all but ``ok`` have rank 0. The two distances are squared Euclidean, to one image of
the person and one of the next person in the gallery; NaN if absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder, provider
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.metrics.faces.recognition import DISTANCES, MISS, cmc, leave_one_out, rank_of
from facedeblur.benchmark.metrics.faces.verification import Verification, verification
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.outputs import OutputsLike, one_or_many
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.set import Image, Set, SetLike
from facedeblur.benchmark.whole_set.record import SCHEMA, Record
from facedeblur.benchmark.whole_set.run import NO_FACE, Candidate, LookTask, WholeSetTest, embed, run_test
from facedeblur.benchmark.words import many

MODES = ("aligned", "detect")
FOLDS = 10
OUTSIDE = "not in the gallery"
CURVES = ("curve", "clear", "leave_one_out")


@one_or_many
@checked
def recognise(
    the_set: SetLike,
    outputs: Sequence[OutputsLike | None],
    *,
    embedder: str = "dlib-resnet",
    mode: str = "aligned",
    distance: str = "l2",
    force: bool = False,
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> list[Recognition]:
    """Recognise the people of the restored probes in the gallery of the set.

    The gallery is embedded once for all runs. Each result is kept as ``OUTPUTS/recognition.parquet``
    and ``.json``, and read from there while set, run, embedder and distance stay the same. Call it again to resume
    an interrupted test.

    Parameters
    ----------
    the_set : Set or path
        A set with gallery images, made with the recipe ``shen2020-recognition`` for instance.
    outputs : Outputs, path or None, or sequence of them
        None is the set's blurred images themselves, whose result is not kept.
    embedder : str
        Name of an embedder: ``dlib-resnet``, ``facenet-vggface2``, ...
    mode : {'aligned', 'detect'}
        Embed the images as they are, or find the face in each again; an image without one is a miss.
    distance : {'l2', 'cosine'}
        Orders the gallery; verification always takes squared Euclidean distances.
    force : bool
        Test again even where the result is there.
    plugin : path, optional
        Python file that enters an embedder or detector.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets the
        progress, and what an earlier run left that cannot be used.

    Returns
    -------
    Recognition or list of Recognition
        The result of one run, or a list of one per run in the order of `outputs`.

    Raises
    ------
    InputError
        When the set has no pairs or no gallery of two people or more, outputs belong to another
        set, or an option is not known.

    Examples
    --------
    >>> import facedeblur as fd
    >>> found = fd.recognise("people-set/", "outputs/people")
    >>> found.headline()
    {'top-1': '100.00%', 'top-3': '100.00%', 'top-5': '100.00%', 'probes': '4', 'gallery': '4'}
    """
    one_of("mode", mode, MODES)
    one_of("distance", distance, DISTANCES)
    name = embedder if mode == "aligned" else f"{embedder},detect"
    return run_test(
        partial(RecognitionTest, embedder=name, distance=distance), the_set, outputs,
        force=force, plugin=plugin, workers=workers, progress=progress,
    )  # fmt: skip


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


@dataclass(frozen=True, repr=False)
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
    clear_verification : Verification or None
        The same of the probes' sharp images, each once. Results of version 0.1.0 have none.
    """

    kind = "recognition"
    file_name = "recognition.parquet"
    verb = "recognise"
    columns: ClassVar = {
        "index": "int64", "pair_id": "string", "image_id": "string", "identity": "string", "kernel_id": "string",
        "kernel_size": "int32", "status": "string", "rank": "int32", "same_distance": "double",
        "other_distance": "double",
    }  # fmt: skip

    embedder: str
    distance: str
    n_gallery: int
    gallery_left_out: int
    n_identities: int
    curve: Curve
    clear: Curve
    leave_one_out: Curve
    verification: Verification | None
    clear_verification: Verification | None = field(default=None, kw_only=True)

    def headline(self) -> dict[str, str]:
        shares = {f"top-{k}": f"{self.curve.top(k):.2%}" for k in (1, 3, 5)}
        return {**shares, "probes": f"{self.n_probes:,}", "gallery": f"{self.n_gallery:,}"}

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
    def cmc(self) -> tuple[float, ...]:
        return self.curve.cmc

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        for name in CURVES:
            curve: Curve = facts[name]
            facts[name] = {**{f"top{k}": curve.top(k) for k in (1, 3, 5)}, **asdict(curve)}
        for name in ("verification", "clear_verification"):
            facts[name] = asdict(facts[name]) if facts[name] else None
        return facts

    def check(self) -> None:
        if not all(getattr(self, name).cmc for name in CURVES):
            raise ValueError("an empty curve")

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``) and its facts next to it (``.json``), each atomically."""
        super().write(path)
        write_json(Path(path).with_suffix(".json"), {"schema": SCHEMA, **self.facts()})


@lru_cache(maxsize=2)
def embedder_named(spec: str) -> Embedder:
    """Return an embedder, once per process: each worker loads a network once."""
    return provider(EMBEDDERS, spec)


class RecognitionTest(WholeSetTest[Recognition]):
    """The recognition test with one embedder; its options are those of `recognise`."""

    record = Recognition
    stage = "recognising"

    def __init__(self, the_set: Set, embedder: str, distance: str):
        shown = {image.identity for image in the_set.images.values() if image.ok and not image.blurred}
        if len(shown) < 2 or not the_set.n_pairs:
            raise InputError(
                f"set '{the_set.name}'", expected="probes, and a gallery of at least two people",
                found=f"{many(the_set.n_pairs, 'pair')} and {many(len(shown), 'person', 'people')} in the gallery",
                do="build a set with the recipe shen2020-recognition",
            )  # fmt: skip
        definition = ",".join(embedder_named(embedder).definition)
        facts = {"embedder": definition, "distance": distance}
        super().__init__(the_set, embedder, facts, definition, [one for one in the_set.images.values() if one.ok])

    @staticmethod
    def look(task: LookTask) -> Arrays:
        """Return the ``status`` of each image of a task, (N,) str, and its ``vector``, (N, D) float32; see `embed`."""
        said, vectors = embed(task, embedder_named(task.provider))
        return {"status": np.array(said), "vector": vectors}

    def reference(self, parts: Iterator[Arrays]) -> _Clear:
        vectors = np.concatenate([part["vector"] for part in parts])
        return _Clear.of(self.the_set, self.clear, vectors, self.facts["distance"])

    def result(self, candidate: Candidate, parts: Iterator[Arrays], reference: _Clear) -> Recognition:
        """Rank the probes of one run, photograph by photograph."""
        import pandas as pd

        clear, gallery = reference, reference.gallery
        rows: list[tuple[Any, ...]] = []
        embedded: list[bool] = []
        nowhere = np.full(gallery.shape[1], np.nan)
        for part, (image, pairs) in zip(parts, self.the_set.by_image(), strict=True):
            said, found = part["status"].tolist(), part["vector"]
            vectors = found.astype(np.float64) if found.shape[1] else np.tile(nowhere, (len(pairs), 1))
            ranks = rank_of(vectors, [image.identity] * len(pairs), gallery, clear.people, distance=clear.distance)
            there = np.asarray(np.isfinite(vectors).all(axis=1))
            known = image.identity in clear.same
            apart = clear.apart(vectors, [image.identity] * len(pairs))
            for pair, status, found_face, rank, one, other in zip(pairs, said, there, ranks, *apart, strict=True):
                if status == "ok" and rank == MISS:
                    status = NO_FACE if known or not found_face else OUTSIDE
                rows.append((pair.index, pair.pair_id, image.image_id, image.identity, pair.kernel_id,
                             pair.kernel_size, status, rank, one, other))  # fmt: skip
            embedded += there.tolist()
        frame = pd.DataFrame(rows, columns=list(Recognition.columns))
        return Recognition(
            **candidate.origin,
            **self.facts,
            n_gallery=int(np.isfinite(gallery).all(axis=1).sum()),
            gallery_left_out=clear.left_out,
            n_identities=len(clear.same),
            curve=_curve(frame["rank"].to_numpy(), np.array(embedded), len(gallery)),
            clear=clear.probes,
            leave_one_out=clear.leave_one_out,
            verification=_verify(frame["same_distance"].to_numpy(), frame["other_distance"].to_numpy()),
            clear_verification=clear.verification,
            rows=frame,
        )


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
    verification: Verification | None = None

    def apart(self, vectors: np.ndarray, people: Sequence[str]) -> list[np.ndarray]:
        """Squared distances of (N, D) vectors to one image of the person and to one of the next, (N,) each."""
        nowhere = np.full(vectors.shape[1], np.nan)
        return [
            np.sum(
                (vectors - np.array([table.get(one, nowhere) for one in people]).reshape(vectors.shape)) ** 2, axis=1
            )
            for table in (self.same, self.other)
        ]

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
        made = cls(
            the_set, distance, gallery, people, absent + int((~good).sum()), same, other,
            _curve(ranks, np.isfinite(vectors[probe]).all(axis=1), len(gallery)),
            _curve(everyone, np.isfinite(vectors).all(axis=1), len(vectors)),
        )  # fmt: skip
        return replace(made, verification=_verify(*made.apart(vectors[probe].astype(np.float64), who[probe].tolist())))


def _curve(ranks: np.ndarray, embedded: np.ndarray, size: int) -> Curve:
    misses, outside = int((~embedded).sum()), int((embedded & (ranks == MISS)).sum())
    return Curve(len(ranks), misses, outside, tuple(cmc(ranks, size).tolist()))


def _verify(same: np.ndarray, other: np.ndarray) -> Verification | None:
    """Each probe once with its own person and once with another; None where that is too few for the folds."""
    if len(same) < FOLDS:
        return None
    kinds = np.repeat([True, False], len(same))
    return verification(np.concatenate([same, other]), kinds, folds=FOLDS)
