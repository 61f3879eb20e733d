"""A result of a whole set as one Parquet file: its rows, and the facts about them in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.reporter import SILENT, Reporter

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from facedeblur.benchmark.outputs import Outputs
    from facedeblur.benchmark.sets.set import Set

INPUT = "blurred images"
"""What a set's own blurred images are called in place of a method."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Record:
    """What every result of a whole set says of where its images come from; see `origin`.

    Attributes
    ----------
    method : str
        Displayed name; of images of the set itself what they are called.
    oracle : bool
        True where the method was given the true kernel.
    set_name, set_hash : str
    run_hash : str
        What was run and what came out; empty for images of the set itself.
    files_hash : str
        Of the images as they lay in the outputs' folder; see `facedeblur.benchmark.outputs.Outputs.files_hash`.
    """

    method: str
    oracle: bool
    set_name: str
    set_hash: str
    run_hash: str
    files_hash: str = field(default="", kw_only=True)


def write_record(path: Path, kind: str, known: Mapping[str, Any], rows: pd.DataFrame, schema: pa.Schema) -> None:
    """Write rows with the facts `known` (JSON values) as a table of this `kind`, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    with replacing(path) as temporary:
        whole = table.replace_schema_metadata({_key(kind): json.dumps(known)})
        pq.write_table(whole, temporary, write_page_checksum=True)


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
        raise MissingFile(str(file), expected=f"a {kind} table", do=f"{verb} first")
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            table = opened.read()
        known = json.loads((table.schema.metadata or {})[_key(kind)])
        if known.pop("schema") != version or not table.schema.equals(schema):
            raise ValueError("another schema")
        return make(known, table.to_pandas())
    except InputError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError) as error:
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise InputError(str(file), expected=f"a {kind} table", found=found, do=f"{verb} again") from error


def origin(the_set: Set, run: Outputs | None, images: str = INPUT) -> dict[str, Any]:
    """The fields of a `Record`.

    Parameters
    ----------
    the_set : Set
    run : Outputs or None
    images : str
        What images of the set itself, where `run` is None, are called in place of a method.

    Returns
    -------
    dict
        Name of a field -> its value; the hashes of a run are empty without one.
    """
    return {
        "method": images if run is None else run.method,
        "oracle": run is not None and bool(run.info.get("oracle", False)),
        "set_name": the_set.name,
        "set_hash": the_set.content_hash,
        "run_hash": "" if run is None else run.run_hash,
        "files_hash": "" if run is None else run.files_hash,
    }


def facts_of(record: Record, rows: str = "rows") -> dict[str, Any]:
    """Every field of a record but its rows."""
    return {entry.name: getattr(record, entry.name) for entry in fields(record) if entry.name != rows}


def finished(
    file: Path | None,
    read: Callable[[Path], Made],
    the_set: Set,
    run: Outputs | None,
    own: Mapping[str, Any],
    *,
    force: bool,
    doing: str,
    reporter: Reporter = SILENT,
) -> Made | None:
    """Read the result of just this set and run, where it is there and whole.

    Parameters
    ----------
    file : Path or None
        None where results of these images are not kept.
    read : callable
        Reads the file; `InputError` where it is damaged.
    the_set : Set
    run : Outputs or None
        None for images of the set itself.
    own : mapping
        Further facts that must be the same.
    force : bool
        Do not look: it is to be made again.
    doing : str
        What happens where the file is damaged, for the line about it: ``parsing``.
    reporter : Reporter
        Is told that line.

    Returns
    -------
    object or None
        None where there is no such result.
    """
    if force or file is None or not file.is_file():
        return None
    try:
        found = read(file)
    except InputError as error:
        reporter.say(f"{error}: {doing} from the start")
        return None
    now = origin(the_set, run)
    wanted = {**own, **{name: now[name] for name in ("set_hash", "run_hash", "files_hash")}}
    return found if all(getattr(found, name) == value for name, value in wanted.items()) else None


def _key(kind: str) -> bytes:
    return f"facedeblur {kind}".encode()
