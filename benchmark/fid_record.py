"""Record of a Frechet distance, and its file ``fid-FEATURES.parquet`` with a ``.json`` beside it.

The table has one row an output: ``index, pair_id, image_id, kernel_id, kernel_size, status``. ``status`` is ``ok``,
``no face`` or ``failed: why``; only those with ``ok`` took part. The JSON file is a copy of the table's metadata for
people and scripts; only the table is read back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.atomic import write_json
from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.record_table import Record, facts_of, read_record, write_record

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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
