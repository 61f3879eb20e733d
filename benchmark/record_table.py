"""A result of a whole set as one Parquet file: its rows, and the facts about them in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Made = TypeVar("Made")


def write_record(path: Path, kind: str, known: Mapping[str, Any], rows: pd.DataFrame, schema: pa.Schema) -> None:
    """Write rows with the facts `known` (JSON values) as a table of this `kind`, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata({_key(kind): json.dumps(known)}), temporary)


def read_record(
    file: Path,
    kind: str,
    make: Callable[[dict[str, Any], pd.DataFrame], Made],
    *,
    version: int,
    schema: pa.Schema,
    verb: str,
) -> Made:
    """Read what `write_record` wrote.

    Parameters
    ----------
    file : Path
    kind : str
    make : callable
        Makes the result of the facts (without their ``schema``) and the rows.
    version : int
        The facts' ``schema`` that is understood.
    schema : pyarrow.Schema
        Columns that the rows must have.
    verb : str
        What makes such a table, for the error lines: ``parse``.

    Raises
    ------
    InputError
        When there is no such file, or it is damaged, or another kind of table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise InputError(str(file), expected=f"a {kind} table", found="nothing there", do=f"{verb} first")
    try:
        table = pq.read_table(file)
        known = json.loads((table.schema.metadata or {})[_key(kind)])
        if known.pop("schema") != version or not table.schema.equals(schema):
            raise ValueError("another schema")
        return make(known, table.to_pandas())
    except (pa.ArrowInvalid, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            str(file), expected=f"a {kind} table", found=f"{type(error).__name__}: {error}", do=f"{verb} again"
        ) from error


def _key(kind: str) -> bytes:
    return f"facedeblur {kind}".encode()
