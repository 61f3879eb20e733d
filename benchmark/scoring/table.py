"""Score tables on disk: one row per pair, one column per metric, named by its signature.

A table is a Parquet file; what it was made from (set, run, protocol, metrics) is in its
metadata, so that a report needs nothing but the table. Columns before the metrics:

``index, pair_id, image_id, identity, role, kernel_id, kernel_size, status, seconds, sha256``

``status`` is ``ok`` or ``failed: why``; a metric that failed on an ``ok`` row is NaN there. The table of a run on a
sample of its set has rows for the pairs of the sample alone.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.parquet import check_filled, read_head, read_table, write_table
from facedeblur.benchmark.files.schema import Count, check_version, conform, decode_json
from facedeblur.benchmark.files.tables import frame_to_csv, from_cell, printable
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.run_info import RunFacts, sample_words
from facedeblur.benchmark.statistics.summary import summary
from facedeblur.benchmark.words import many

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FILE = "scores.parquet"
SCHEMA = 2
KEYS = (
    "index",
    "pair_id",
    "image_id",
    "identity",
    "role",
    "kernel_id",
    "kernel_size",
    "status",
    "seconds",
    "sha256",
)

_FILLED = tuple(key for key in KEYS if key != "seconds")
"""Columns that have a value in every row."""


@dataclass(frozen=True)
class Column:
    """What a metric column means.

    Attributes
    ----------
    signature : str
        The metric's full name, and the column's.
    label, unit : str
        Short heading and unit for people.
    higher_is_better : bool
    failure : float
        The value that a failed row counts as.
    partial : bool
        True where a pair may have no such value: a class that is not in the picture. There NaN on
        an ``ok`` row is no failure, and the row is left out.
    least, most : float
        What a value can be; infinite where there is no bound.
    """

    signature: str
    label: str
    unit: str
    higher_is_better: bool
    failure: float
    partial: bool = False
    least: float = -math.inf
    most: float = math.inf

    @property
    def mean_limits(self) -> tuple[float, float]:
        """What a mean can be: a failure may count as more or less than any value."""
        return min(self.least, self.failure), max(self.most, self.failure)

    def counted(self, values: np.ndarray, ok: np.ndarray) -> np.ndarray:
        """The values that a summary is made of; NaN is a failure.

        Parameters
        ----------
        values : np.ndarray, shape (N,), float64
            The column.
        ok : np.ndarray, shape (N,), bool
            Rows whose status is ``ok``.
        """
        return values[~(np.isnan(values) & ok)] if self.partial else values


class ScoredSet(msgspec.Struct):
    """What score tables say of their set."""

    name: str = ""
    hash: str = ""
    path: str | None = None
    seed: int | None = None
    counts: dict[str, Count] | None = None
    sources: list[dict[str, Any]] | None = None
    packages: dict[str, str] | None = None


class ScoredRun(RunFacts, kw_only=True):
    """What score tables say of their run."""

    hash: str = ""
    files: str = ""
    path: str | None = None


@dataclass(frozen=True)
class ScoreMeta:
    """Where a score table comes from.

    Attributes
    ----------
    set : dict
        name, hash, path, store, counts, seed, recipe of the set.
    run : dict
        Contents of ``run.json`` with ``hash``, ``files`` (see `Outputs.files_hash`) and ``path``.
    protocol : str
    columns : tuple of Column
    unavailable : tuple of (str, str)
        Metrics of the protocol that could not be computed, with the reason.
    extra : tuple of str
        Files among the outputs that the set does not know.
    versions : dict
        Packages that computed the scores.
    undefined : tuple of (str, int)
        Metrics that have no value for the sharp image itself (no face is found in it), and in how many scored pairs:
        these are failures of no method, but count as such in every one.
    """

    set: dict[str, Any]
    run: dict[str, Any]
    protocol: str
    columns: tuple[Column, ...]
    unavailable: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]
    versions: dict[str, str]
    undefined: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "score table") -> ScoreMeta:
        what = "the metadata of scores"
        fields = decode_json(text, dict[str, Any], where, what, do="score again")
        check_version(fields, SCHEMA, where, do="score again")
        made = conform(fields, cls, where, what, do="score again")
        if len({column.signature for column in made.columns}) != len(made.columns):
            raise InputError(where, "a metric has two columns", do="score again")
        conform(made.set, ScoredSet, f"{where}: set", what, do="score again")
        conform(made.run, ScoredRun, f"{where}: run", what, do="score again")
        return made

    @property
    def method(self) -> str:
        """The displayed name; what cannot be printed in it is a blank."""
        return printable(str(self.run["method"]))

    @property
    def oracle(self) -> bool:
        """True where the method was given the true kernel."""
        return bool(self.run.get("oracle", False))


class Scores:
    """A score table with its metadata.

    A table on disk is opened by `Scores.read`; its rows are read when they are first used.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns of `KEYS` and one per metric.
    meta : ScoreMeta
    """

    def __init__(self, frame: pd.DataFrame | None, meta: ScoreMeta, *, file: Path | None = None):
        self._frame, self.meta, self.file = frame, meta, file

    def __repr__(self) -> str:
        where = f", in {self.file}" if self.file else ""
        metrics = many(len(self.meta.columns), "metric")
        return f"<Scores of {self.meta.method} on {self.meta.set['name']}: {metrics}{where}>"

    def _repr_html_(self) -> str:
        ok = self.column("status") == "ok"
        rows = []
        for column in self.meta.columns:
            values = column.counted(self.column(column.signature), ok)
            found = summary(values, higher_is_better=column.higher_is_better, failure_value=column.failure)
            numbers = (f"{number:.4f}" for number in (found.mean, found.std, found.worst))
            rows.append((column.signature, *numbers, column.unit, f"{found.failed:,}"))
        facts = {
            "set": self.meta.set["name"],
            "protocol": self.meta.protocol,
            "pairs": f"{len(ok):,}{sample_words(self.meta.run)}; {int(ok.sum()):,} restored",
            "true kernels": "given (oracle)" if self.meta.oracle else "",
            "file": self.file,
        }
        heads = ("metric", "mean", "std", "worst", "unit", "failed")
        return card(f"Scores of {self.meta.method}", facts, table=(heads, rows))

    @property
    def frame(self) -> pd.DataFrame:
        """All rows and columns."""
        if self._frame is None:
            self._frame = self._read_frame()
        return self._frame

    def column(self, name: str) -> np.ndarray:
        """One column, without reading the others."""
        if self._frame is None and self.file is not None and self.file.suffix != ".csv":
            table = read_table(self.file, [name])
            check_filled(table, _FILLED, self.file)
            return np.asarray(table.column(0).to_numpy())
        return np.asarray(self.frame[name].to_numpy())

    def values(self, signature: str) -> np.ndarray:
        """Values of one metric, (n,) float64; NaN on rows that failed."""
        values = np.array(self.column(signature), dtype=np.float64)
        values[self.column("status") != "ok"] = np.nan
        return values

    def taken(self, order: np.ndarray) -> Scores:
        """The rows at `order`, in that order; the table itself where these are the ones that it has.

        Of a part of the rows it is not known how many have no value for the sharp image itself.
        """
        if np.array_equal(order, np.arange(len(self.frame))):
            return self
        meta = self.meta if len(order) == len(self.frame) else replace(self.meta, undefined=())
        return Scores(self.frame.iloc[order].reset_index(drop=True), meta, file=self.file)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Scores:
        """Open a table by its file, or by the outputs folder that holds ``scores.parquet``.

        Raises
        ------
        InputError
            When the file is missing, or is not a score table.
        """
        path = Path(path)
        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise MissingFile(file, expected="a score table", do="run facedeblur score")
        if file.suffix.lower() == ".csv":
            raise InputError(str(file), expected="a score table (Parquet)", found="a CSV file",
                             do="give the folder of the outputs or its scores.parquet")  # fmt: skip
        schema, rows = read_head(file)
        meta = read_meta(schema, file)
        for field in score_schema(meta):
            found = schema.field(field.name).type if schema.names.count(field.name) == 1 else "no such column"
            if found != field.type:
                raise InputError(
                    f"{file}: column '{field.name}'", expected=f"values of type {field.type}", found=f"{found}",
                    do="score again",
                )  # fmt: skip
        pairs = (meta.run.get("sample") or meta.set.get("counts") or {}).get("pairs", rows)
        if rows != pairs:
            raise InputError(str(file), expected=f"{pairs} rows, one per pair", found=f"{rows}", do="score again")
        return cls(None, _resolved(meta, file), file=file)

    def _read_frame(self) -> pd.DataFrame:
        import pandas as pd

        if self.file is None:
            raise InputError("this score table has neither rows nor a file")
        if self.file.suffix == ".csv":
            read = pd.read_csv(self.file, keep_default_na=False, na_values=[""])
            return read.map(lambda value: from_cell(value) if isinstance(value, str) else value)
        table = read_table(self.file)
        check_filled(table, _FILLED, self.file)
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def write(self, path: str | Path) -> None:
        """Write the table as Parquet, or as CSV with the metadata next to it where `path` ends in ``.csv``."""
        import pyarrow as pa

        path = Path(path)
        if path.suffix == ".csv":
            with replacing(path) as temporary:
                temporary.write_text(frame_to_csv(self.frame), encoding="utf-8", newline="")
        else:
            write_table(path, pa.Table.from_pandas(self.frame, schema=score_schema(self.meta), preserve_index=False))


ScoresLike = Scores | str | os.PathLike[str]
"""A table, its file, or the outputs folder that holds it."""


def read_scores(tables: ScoresLike | Iterable[ScoresLike]) -> list[Scores]:
    """Open score tables: one or several, each as an object, by its file or by the outputs folder that holds it.

    Raises
    ------
    InputError
        When one does not exist, or is not a score table.
    """
    given = [tables] if isinstance(tables, Scores | str | os.PathLike) else tables
    return [table if isinstance(table, Scores) else Scores.read(table) for table in given]


def _resolved(meta: ScoreMeta, file: Path) -> ScoreMeta:
    """The metadata with the paths of set and run as they are seen from here: a table stores them relative to itself."""

    def seen(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "path": str((file.parent / part["path"]).resolve())} if part.get("path") else part

    return replace(meta, set=seen(meta.set), run=seen(meta.run))


def score_schema(meta: ScoreMeta) -> pa.Schema:
    """The Arrow schema of a score table with this metadata."""
    bare = row_schema(column.signature for column in meta.columns)
    return bare.with_metadata({b"facedeblur": meta.to_json().encode()})


def row_schema(signatures: Iterable[str]) -> pa.Schema:
    """The Arrow schema of rows with these metrics."""
    import pyarrow as pa

    kinds = {"index": pa.int64(), "kernel_size": pa.int32(), "seconds": pa.float64()}
    fields = [(key, kinds.get(key, pa.string())) for key in KEYS]
    return pa.schema([*fields, *((signature, pa.float64()) for signature in signatures)])


def read_meta(schema: pa.Schema, where: str | Path) -> ScoreMeta:
    """Take the metadata out of an Arrow schema.

    Raises
    ------
    InputError
        When `where` was not written by ``facedeblur score``.
    """
    text = (schema.metadata or {}).get(b"facedeblur")
    if text is None:
        raise InputError(
            str(where), expected="a score table", found="another kind of Parquet file", do="give scores.parquet"
        )
    return ScoreMeta.from_json(text, str(where))
