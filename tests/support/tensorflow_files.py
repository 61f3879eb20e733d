"""Checkpoints of TensorFlow for tests, written as its documents describe the format."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

TYPES = {"float32": 1, "int64": 9}


def varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A block, with a restart every 16 entries, and its trailer."""
    found, restarts, before = b"", [], b""
    for at, (key, value) in enumerate(entries):
        shared = 0
        if at % 16:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        else:
            restarts.append(len(found))
        found += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return found + struct.pack(f"<{len(restarts)}I", *restarts) + struct.pack("<I", len(restarts)) + bytes(5)


def write_checkpoint(prefix: Path, variables: Mapping[str, np.ndarray]) -> None:
    """Write ``PREFIX.index``, in blocks of 20 entries, and ``PREFIX.data-00000-of-00001``."""
    content, entries = b"", [(b"", _field(1, 1))]
    for name in sorted(variables):
        array = np.asarray(variables[name])
        shape = b"".join(_field(2, _field(1, size)) for size in array.shape)
        raw = array.tobytes()
        entry = _field(1, TYPES[array.dtype.name]) + _field(2, shape) + _field(4, len(content)) + _field(5, len(raw))
        entries.append((name.encode(), entry + varint(6 << 3 | 5) + bytes(4)))
        content += raw
    table, handles = b"", []
    for first in range(0, len(entries), 20):
        block = _block(entries[first : first + 20])
        handles.append((entries[min(first + 19, len(entries) - 1)][0], varint(len(table)) + varint(len(block) - 5)))
        table += block
    footer = b""
    for block in (_block([]), _block(handles)):
        footer += varint(len(table)) + varint(len(block) - 5)
        table += block
    table += footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    prefix.with_name(f"{prefix.name}.index").write_bytes(table)
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(content)
