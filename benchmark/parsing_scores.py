"""Records of a parsing test, and their file ``parsing.parquet``.

The table has one row an image: ``index, pair_id, image_id, kernel_id, kernel_size, status`` and, for
each partition of the classes, TP, FP and FN in pixels of its groups, one after the other (``helen11``
33 numbers, ``umsn4`` 12). ``status`` is ``ok``, ``no face``, ``no label`` or ``failed: why``. An image
without a face and a failed one miss all true pixels and hit none; one without a label counts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.classes import GROUPS, HELEN, groups_of
from facedeblur.benchmark.metrics.parsing import fscores, mean_fscore
from facedeblur.benchmark.record_table import Record, facts_of, read_record, write_record

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SCHEMA = 1
FILE = "parsing.parquet"
NO_FACE, NO_LABEL = "no face", "no label"


@dataclass(frozen=True)
class ParsingScores(Record):
    """The parsing test of one method.

    Attributes
    ----------
    parser : str
        Definition with the hash of its weights.
    classes : tuple of str
        What the parser can tell, names of `facedeblur.benchmark.classes.HELEN`.
    rows : pandas.DataFrame
        One row an image.
    """

    parser: str
    classes: tuple[str, ...]
    rows: pd.DataFrame = field(compare=False, repr=False)

    @property
    def n_images(self) -> int:
        """Images with a label, failed ones too: all that enter the scores."""
        return len(self.rows) - self.unlabelled

    @property
    def unlabelled(self) -> int:
        """Images left out because the set has no label for them."""
        return int((self.rows["status"] == NO_LABEL).sum())

    @property
    def no_face(self) -> int:
        """Images in which the parser found no face."""
        return int((self.rows["status"] == NO_FACE).sum())

    @property
    def failed(self) -> int:
        """Outputs that are not there or cannot be used."""
        return int(self.rows["status"].str.startswith("failed").sum())

    @property
    def misses(self) -> int:
        """Images all of whose true pixels count as missed: no face found, or failed."""
        return self.no_face + self.failed

    def counts(self, partition: str = "helen11") -> np.ndarray:
        """TP, FP, FN in pixels of every image and group, (N, K, 3) int64."""
        groups = groups_of(partition)
        if self.rows.empty:
            return np.zeros((0, len(groups), 3), np.int64)
        return np.stack(self.rows[partition].to_list()).astype(np.int64).reshape(-1, len(groups), 3)

    def not_parsed(self, partition: str = "helen11") -> tuple[str, ...]:
        """Groups of which the parser knows no class."""
        known = {HELEN.index(name) for name in self.classes}
        return tuple(name for name, values in groups_of(partition).items() if not known & set(values))

    def scores(self, partition: str = "helen11") -> dict[str, float]:
        """F-score in [0, 1] of every group, of pixels pooled over the images; NaN for those not parsed."""
        pooled, absent = fscores(self.counts(partition)), self.not_parsed(partition)
        names = groups_of(partition)
        return {name: float("nan") if name in absent else float(one) for name, one in zip(names, pooled, strict=True)}

    def mean(self, partition: str = "helen11") -> float:
        """Mean over the groups that the parser has, of ``helen11`` without the background; see `mean_fscore`."""
        return mean_fscore(np.array(list(self.scores(partition).values())), partition=partition)

    def summary(self, partition: str = "helen11") -> dict[str, Any]:
        """Everything but the rows, ready for JSON: a score that is not defined is None."""
        bare = facts_of(self)
        bare |= {name: getattr(self, name) for name in ("n_images", "unlabelled", "no_face", "failed", "misses")}
        scores = {name: _json(one) for name, one in self.scores(partition).items()}
        not_parsed = list(self.not_parsed(partition))
        return {
            **bare, "classes": list(self.classes), "partition": partition, "pooled": True, "scores": scores,
            "mean": _json(self.mean(partition)), "not_parsed": not_parsed,
        }  # fmt: skip

    def write(self, path: str | Path) -> None:
        """Write the table to `path` (``.parquet``), atomically."""
        write_record(Path(path), "parsing", {"schema": SCHEMA, **facts_of(self)}, self.rows, row_schema())

    @classmethod
    def read(cls, path: str | Path) -> ParsingScores:
        """Read the table by its file, or by the outputs folder that holds it.

        Raises
        ------
        InputError
            When there is none, or it is damaged, or another kind of table.
        """
        path = Path(path)

        def make(known: dict[str, Any], rows: pd.DataFrame) -> ParsingScores:
            return cls(**{**known, "classes": tuple(known["classes"])}, rows=rows)

        file = path / FILE if path.is_dir() else path
        return read_record(file, "parsing", make, version=SCHEMA, schema=row_schema(), verb="parse")


def _json(score: float) -> float | None:
    return None if np.isnan(score) else score


def row_schema() -> pa.Schema:
    """Arrow schema of the rows."""
    import pyarrow as pa

    kinds = {"index": pa.int64(), "kernel_size": pa.int32()} | {name: pa.list_(pa.int64()) for name in GROUPS}
    names = ("index", "pair_id", "image_id", "kernel_id", "kernel_size", "status", *GROUPS)
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])
