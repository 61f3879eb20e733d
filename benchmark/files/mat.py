"""MATLAB files, up to version 7 read by scipy; version 7.3, which is HDF5, is left to h5py."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from facedeblur.benchmark.files.arrays import most_unpacked
from facedeblur.benchmark.files.paths import open_file
from facedeblur.benchmark.files.schema import reading

_COMPRESSED = 15
HDF5 = b"\x89HDF\r\n\x1a\n"


def load_mat(path: Path, *, expected: str, do: str, **options: Any) -> dict[str, Any] | None:
    """Read the variables of a MATLAB file.

    Parameters
    ----------
    path : Path
    expected, do : str
        What the message says where it is no such file.
    **options
        Of `scipy.io.loadmat`.

    Returns
    -------
    dict or None
        None where the file is of version 7.3, by its signature or by its header.

    Raises
    ------
    InputError
        When it is no MATLAB file or a damaged one.
    """
    from scipy.io import loadmat

    with reading(path, expected, do=do):
        if _is_hdf5(path):
            return None
        _check_size(path)
        try:
            return dict(loadmat(str(path), **options))
        except NotImplementedError:  # what scipy raises for a header of version 7.3, and for nothing else
            return None


def _check_size(path: Path) -> None:
    """Raise ValueError when the variables of a file of version 7 unpack to too much; the file is not read for that."""
    most, unpacked = most_unpacked(path.stat().st_size), 0
    with open_file(path) as file:
        order = "little" if file.read(128)[126:] == b"IM" else "big"
        while len(tag := file.read(8)) == 8:
            kind, length = (int.from_bytes(tag[at : at + 4], order) for at in (0, 4))  # type: ignore[arg-type]
            if kind == _COMPRESSED:
                # The first eight bytes of what was compressed are the tag of a variable: its kind and its length.
                inner = zlib.decompressobj().decompress(file.read(min(length, 64)), 8)
                unpacked += int.from_bytes(inner[4:], order)  # type: ignore[arg-type]
                length -= min(length, 64)
            if unpacked > most:
                raise ValueError(f"variables of {unpacked:,} bytes when unpacked, more than {most:,}")
            file.seek(length, 1)


def _is_hdf5(path: Path) -> bool:
    """Whether the HDF5 signature is at the start or, as MATLAB writes it, after a header of 512 bytes."""
    with open_file(path) as file:
        start = file.read(512 + len(HDF5))
    return start.startswith(HDF5) or start[512:] == HDF5
