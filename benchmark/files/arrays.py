"""NumPy files from outside: what a header says is compared with the file before room is made for it."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.paths import open_file
from facedeblur.benchmark.files.schema import reading

MOST_BYTES = 8 * 2**30
"""Largest array, and largest sum of the arrays of an archive."""

FREE_BYTES = 64 * 2**20
"""An archive may always unpack to this size."""

MOST_RATIO = 200
"""How many times its size on disk a larger archive may unpack to; kernels, which are mostly zeros, reach about 50."""

PLAIN = "biufUS"
"""Kinds of values that are read: numbers, truth values and text."""


def most_unpacked(size: int) -> int:
    """Return how many bytes a file of `size` bytes may unpack to."""
    return max(FREE_BYTES, MOST_RATIO * size)


def read_npy(path: str | os.PathLike[str], expected: str, *, do: str | None = None) -> np.ndarray:
    """Read an array.

    Raises
    ------
    InputError
        When the file is missing, damaged, too large, or holds objects.
    """
    with reading(path, expected, do=do), open_file(path) as stream:
        return _read_array(stream, os.fstat(stream.fileno()).st_size)


def map_npy(path: str | os.PathLike[str], expected: str, *, do: str | None = None) -> np.memmap[Any, Any]:
    """Map an array read-only into memory.

    Raises
    ------
    InputError
        When the file is missing, shorter than its header says, or holds objects.
    """
    with reading(path, expected, do=do):
        return np.lib.format.open_memmap(path, mode="r")


def read_npz(
    path: str | os.PathLike[str], expected: str, *, names: Sequence[str] | None = None, do: str | None = None
) -> dict[str, np.ndarray]:
    """Read the arrays of an archive.

    Parameters
    ----------
    path : path
    expected : str
        What the file should be, for messages.
    names : sequence of str, optional
        Arrays that it must have; others are not read. By default all are read.
    do : str, optional
        What the user does next.

    Raises
    ------
    InputError
        When the file is missing, damaged or something else, unpacks to too much, or lacks an array.
    """
    with reading(path, expected, do=do), open_file(path) as file, zipfile.ZipFile(file) as archive:
        members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
        wanted = list(members) if names is None else list(names)
        for name in wanted:
            if name not in members:
                raise InputError(os.fspath(path), expected=expected, found=f"no array '{name}'", do=do)
        unpacked = sum(members[name].file_size for name in wanted)
        most = min(MOST_BYTES, most_unpacked(os.fstat(file.fileno()).st_size))
        if unpacked > most:
            raise InputError(
                os.fspath(path), expected=f"at most {most:,} bytes when unpacked", found=f"{unpacked:,}", do=do
            )
        found = {}
        for name in wanted:
            with archive.open(members[name]) as stream:
                found[name] = _read_array(stream, members[name].file_size)  # type: ignore[arg-type]  # IO[bytes]
                stream.read(1)  # at the end of a member its checksum is compared
        return found


def _read_array(stream: BinaryIO, size: int) -> np.ndarray:
    """Read an array from a file of `size` bytes."""
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes, more than {MOST_BYTES:,}")
    head = stream.read(12)
    version = np.lib.format.read_magic(io.BytesIO(head))
    readers = {(1, 0): (np.lib.format.read_array_header_1_0, 10), (2, 0): (np.lib.format.read_array_header_2_0, 12)}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the .npy format")
    read, start = readers[version]
    length = int.from_bytes(head[8:start], "little")
    if length > 10_000:
        raise ValueError(f"a header of {length:,} bytes")
    header = io.BytesIO(head[8:] + stream.read(max(0, start + length - len(head))))
    shape, fortran, dtype = read(header)
    if dtype.kind not in PLAIN:
        raise ValueError(f"an array of type {dtype}, which is neither numbers nor text")
    if any(side < 0 for side in shape):
        raise ValueError(f"a shape of {shape}")
    if not dtype.itemsize:
        raise ValueError("an array of empty values")
    promised, there = math.prod(shape) * dtype.itemsize, size - start - length
    if promised != there:
        raise ValueError(f"{there:,} bytes of values where its header promises {promised:,}")
    data = stream.read(promised)
    if len(data) != promised:
        raise ValueError("the end in the middle of its values")
    array = np.frombuffer(data, dtype) if promised else np.zeros(math.prod(shape), dtype)
    return array.reshape(shape, order="F" if fortran else "C").copy("K")
