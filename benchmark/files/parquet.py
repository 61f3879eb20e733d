"""Parquet files with checksums: a damaged page is found when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a table, atomically."""
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


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
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = None if columns is None else list(columns)
    try:
        # Not as a data set: a folder called "a=b" would become a column.
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            return opened.read(columns=names)
    except (pa.ArrowException, OSError, ValueError) as error:
        found = " ".join(str(error).split())[:200]
        raise InputError(str(file), expected=expected, found=found, do=do) from error
