"""Records of a recognition test, and their file ``recognition.parquet`` with ``recognition.json`` beside it.

The table has one row a probe: ``index, pair_id, image_id, identity, kernel_id, kernel_size, status,
rank, same_distance, other_distance``. ``status`` is ``ok``, ``no face``, ``not in the gallery`` or
``failed: why``; all but ``ok`` have rank 0. The two distances are squared Euclidean, to one image of
the person and one of the next person in the gallery; NaN where there is none. The JSON file is a
copy of the table's metadata for people and scripts; only the table is read back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.atomic import write_json
from facedeblur.benchmark.metrics.verification import Verification
from facedeblur.benchmark.record_table import Record, facts_of, read_record, write_record

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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
