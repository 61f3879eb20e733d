"""Checkpoints of TensorFlow, read without it.

``NAME.index`` is a sorted table in the format of LevelDB, whose values are the protocol buffers ``BundleEntryProto``:
where in ``NAME.data-00000-of-00001`` each variable lies, its type and its shape. See ``table_format.md`` of LevelDB,
and ``tensor_bundle.proto``, ``tensor_shape.proto`` and ``types.proto`` of TensorFlow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.paths import open_file
from facedeblur.benchmark.files.schema import bounded, reading

MAGIC = 0xDB4775248B80FB57
"""The last eight bytes of a table, as a number."""

FOOTER = 48
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""Numbers of ``types.proto`` and what numpy calls them; variables of other types are left out."""

Field = int | bytes


def read_checkpoint(index: Path, data: Path) -> dict[str, np.ndarray]:
    """Read the variables of a checkpoint of one shard.

    Parameters
    ----------
    index, data : Path
        ``NAME.index`` and ``NAME.data-00000-of-00001``.

    Returns
    -------
    dict of str to numpy.ndarray
        Arrays of numbers by the names of the variables, in TensorFlow's order of axes.

    Raises
    ------
    InputError
        When a file is damaged or not of this format, or the two do not belong together.
    """
    with reading(index, "the index of a TensorFlow checkpoint", do="download it again"):
        entries = {key.decode(): dict(_fields(value)) for key, value in _table(bounded(index))}
    header = entries.pop("", {})
    if header.get(1, 1) != 1:
        raise InputError(str(index), expected="a checkpoint in one file", found=f"one in {header[1]!r}")
    with reading(data, "the data of a TensorFlow checkpoint", do="download it again"), open_file(data) as file:
        content = file.read()
    found: dict[str, np.ndarray] = {}
    for name, entry in entries.items():
        kind, offset, size = (entry.get(key, 0) for key in (1, 4, 5))
        if kind not in TYPES:
            continue
        with reading(index, "the index of a TensorFlow checkpoint", do="download it again"):
            shape = _shape(entry.get(2, b""))
        array = np.dtype(TYPES[kind])
        wanted = int(np.prod(shape, dtype=np.int64)) * array.itemsize
        if wanted != size or not isinstance(offset, int) or offset + wanted > len(content):
            raise InputError(
                str(data), expected=f"{wanted:,} bytes of '{name}' at {offset!r}", found=f"a file of {len(content):,}",
                do=f"give the file that belongs to {index.name}",
            )  # fmt: skip
        found[name] = np.frombuffer(content, array, offset=offset, count=wanted // array.itemsize).reshape(shape).copy()
    return found


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table of LevelDB."""
    if len(content) < FOOTER or struct.unpack("<Q", content[-8:])[0] != MAGIC:
        raise ValueError("it has no table in it")
    at = len(content) - FOOTER
    for _ in range(2):  # of the block of meta data, which is not needed
        _, at = _varint(content, at)
    offset, at = _varint(content, at)
    size, at = _varint(content, at)
    for _, handle in _block(content, offset, size):
        offset, at = _varint(handle, 0)
        size, at = _varint(handle, at)
        yield from _block(content, offset, size)


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block: each key without what it shares with the one before."""
    block = content[offset : offset + size]
    if len(block) != size or content[offset + size] != 0:
        raise ValueError("its blocks are cut off or compressed")
    (restarts,) = struct.unpack("<I", block[-4:])
    at, end, key = 0, size - 4 - 4 * restarts, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """Numbers and values of the fields of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        length = {1: 8, 5: 4}.get(tag & 7, -1)
        if tag & 7 == 2:
            length, at = _varint(message, at)
        if length < 0 or at + length > len(message):
            raise ValueError("its entries are damaged")
        yield tag >> 3, message[at : at + length]
        at += length


def _shape(message: Field) -> tuple[int, ...]:
    """The sizes in a ``TensorShapeProto``."""
    assert isinstance(message, bytes)
    sizes = [dict(_fields(value)).get(1, 0) for key, value in _fields(message) if key == 2 and isinstance(value, bytes)]
    return tuple(size for size in sizes if isinstance(size, int))


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        value |= (content[at] & 127) << shift
        at += 1
        if content[at - 1] < 128:
            return value, at
    raise ValueError("a number in it has no end")
