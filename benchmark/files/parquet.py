"""Parquet files with checksums: a damaged page is found when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.schema import reading

if TYPE_CHECKING:
    import pyarrow as pa


FREE_ROWS = 2**20
"""A table may always have this many rows; a larger one at most one per byte, since every row names its pair."""

SMALL_ROWS = 2**16
"""Up to here one thread reads a table: others would save little and keep memory of their own."""


def write_table(path: str | Path, table: pa.Table, *, compact: bool = False) -> None:
    """Write a table, atomically.

    Parameters
    ----------
    path : path
    table : pyarrow.Table
    compact : bool
        Take more time for a smaller file: numbers are split into their bytes, of which the last ones are often alike.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    options: dict[str, Any] = {}
    if compact:
        split = [field.name for field in table.schema if pa.types.is_floating(field.type)]
        rest = [field.name for field in table.schema if field.name not in split]
        options = {
            "compression": "zstd",
            "compression_level": 19,
            "use_dictionary": rest,
            "use_byte_stream_split": split,
        }
    with replacing(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True, **options)


def read_table(
    file: Path, columns: Sequence[str] | None = None, *, expected: str = "a whole Parquet file", do: str = "score again"
) -> pa.Table:
    """Read a table, or some of its columns, and check what is read against its checksums.

    Parameters
    ----------
    file : Path
    columns : sequence of str, optional
    expected, do : str
        What the message says where the file is missing or damaged.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    import pyarrow.parquet as pq

    names = None if columns is None else list(columns)
    with (
        reading(file, expected, do=do),
        # Not as a data set: a folder called "a=b" would become a column.
        pq.ParquetFile(file, page_checksum_verification=True) as opened,
    ):
        rows, most = opened.metadata.num_rows, max(FREE_ROWS, file.stat().st_size)
        if rows > most:
            raise InputError(
                str(file), expected=f"at most {most:,} rows in a file of its size", found=f"{rows:,}", do=do
            )
        for name in names or ():
            if name not in opened.schema_arrow.names:
                raise InputError(str(file), expected=f"a column '{name}'", found="none", do=do)
        return opened.read(columns=names, use_threads=rows > SMALL_ROWS)


def read_head(file: Path, *, expected: str = "a whole Parquet file", do: str = "score again") -> tuple[pa.Schema, int]:
    """Read names, types and metadata of the columns, and the number of rows.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    import pyarrow.parquet as pq

    with reading(file, expected, do=do), pq.ParquetFile(file) as opened:
        return opened.schema_arrow, int(opened.metadata.num_rows)


def check_filled(table: pa.Table, names: Iterable[str], where: str | Path, *, do: str = "score again") -> None:
    """Raise InputError for the first of these columns of `table` that lacks a value."""
    for name in names:
        if name in table.column_names and (lacking := table.column(name).null_count):
            raise InputError(
                f"{where}: column '{name}'", expected="a value in every row", found=f"{lacking:,} rows without", do=do
            )
