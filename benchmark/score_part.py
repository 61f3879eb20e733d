"""The part of one run that a task computes: as it is found, what it lacks, and how new columns join it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.scores import read_whole, row_schema

UNDEFINED = b"undefined"


@dataclass(frozen=True)
class Share:
    """One run's part of a task."""

    root: Path
    statuses: tuple[Status, ...]
    metrics: tuple[str, ...]
    part: Path


@dataclass
class Part:
    """A run's part as it is found, and the rows of the metrics that it lacks.

    Attributes
    ----------
    share : Share
    table : pyarrow.Table or None
        What is there.
    missing : tuple of str
        The metrics that are not.
    note : str
        One line where it was damaged.
    rows : list of dict
        Of the missing metrics.
    undefined : Counter
        Pairs without a value because the sharp image has none, by signature.
    """

    share: Share
    table: Any
    missing: tuple[str, ...]
    note: str
    rows: list[dict[str, Any]]
    undefined: Counter[str]

    @classmethod
    def of(cls, share: Share) -> Part:
        """Read what is there of a share."""
        table, note = None, ""
        if share.part.is_file():
            try:
                table = read_whole(share.part)
                # Of the same outputs, or it would lie on another shelf; a metric more or less makes no difference.
                if table.num_rows != len(share.statuses):
                    raise InputError(str(share.part), expected=f"{len(share.statuses)} rows", found=f"{table.num_rows}")
            except InputError as error:
                table, note = None, f"{share.part}: damaged (expected {error.expected}), computed again"
        there, before = ((), {}) if table is None else (table.column_names, undefined_in(table.schema))
        missing = tuple(name for name in share.metrics if name not in there)
        return cls(share, table, missing, note, [], Counter(before))

    def write(self) -> None:
        """Write what was there with the new rows' columns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        whole = pa.Table.from_pylist(self.rows, schema=row_schema(self.missing))
        if self.table is not None:
            whole = join(self.table, whole, self.share.root)
        whole = whole.replace_schema_metadata({UNDEFINED: json.dumps(self.undefined)})
        with replacing(self.share.part) as temporary:
            pq.write_table(whole, temporary, write_page_checksum=True)


def undefined_in(schema: Any) -> dict[str, int]:
    """How many pairs of a part have no value of a metric because the sharp image has none, by signature."""
    return dict(json.loads((schema.metadata or {}).get(UNDEFINED, b"{}")))


def join(old: Any, new: Any, where: Path) -> Any:
    """Put the metrics of two tables of the same rows side by side.

    Parameters
    ----------
    old, new : pyarrow.Table
        Where both have a metric, the new one counts.
    where : Path
        The outputs that they are of, for the message.

    Raises
    ------
    InputError
        When the rows are not of the same pixels.
    """
    for key in ("pair_id", "status", "sha256"):
        if not old[key].equals(new[key]):
            raise InputError(
                str(where), expected="outputs that stay the same while they are scored", found="others",
                do="score again when nothing writes there any more",
            )  # fmt: skip
    for name in old.column_names:
        if name not in new.column_names:
            new = new.append_column(old.schema.field(name), old[name])
    return new
