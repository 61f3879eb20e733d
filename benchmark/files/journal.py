"""Append-only files in which an interrupted job finds what it has finished."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from facedeblur.benchmark.files.atomic import replacing


def take_line(stream: BinaryIO) -> bytes:
    """Read a whole line; return nothing at the end of the file, or where the line has no end."""
    line = stream.readline()
    return line if line.endswith(b"\n") else b""


class Journal:
    """Records in a file, one after the other; a record that was not written completely is dropped.

    Parameters
    ----------
    path : Path
    take : callable
        Reads the next record from a binary stream; returns nothing where it is cut off, and at the end of the file.
    head : bytes
        First line of the file, which is no record: names of columns.
    """

    def __init__(self, path: Path, take: Callable[[BinaryIO], bytes] = take_line, *, head: bytes = b""):
        self.path, self._take, self._head = path, take, head
        self._whole = False

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield every whole record with its place, the byte at which it begins; nothing if there is no file."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as stream:
            if self._head:
                stream.readline()
            place = stream.tell()
            while record := self._take(stream):
                yield place, record
                place = stream.tell()

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], bytes]]:
        """Open the file for a ``with`` block and return a function that reads the record at a place."""
        with self.path.open("rb") as stream:

            def record_at(place: int) -> bytes:
                stream.seek(place)
                return self._take(stream)

            yield record_at

    def cut(self, place: int | None = None) -> None:
        """Drop all records from `place` on, by default only an incomplete one. A missing file is created.

        The file is shortened where it is, and only if there is something to drop: the system does that at once or not
        at all.
        """
        size = self.path.stat().st_size if self.path.is_file() else 0
        if size < len(self._head) or not self.path.is_file():
            self.rewrite([])
        else:
            if place is None:
                place = max((at + len(record) for at, record in self.records()), default=len(self._head))
            if place < size:
                os.truncate(self.path, place)
        self._whole = True

    def append(self, records: Iterable[bytes]) -> list[int]:
        """Write records at the end, and make the file if it is missing; return their places."""
        if not self._whole or not self.path.is_file():
            self.cut()
        places = []
        with self.path.open("ab") as stream:
            place = stream.tell()
            for record in records:
                places.append(place)
                place += stream.write(record)
        return places

    def rewrite(self, records: Iterable[bytes]) -> None:
        """Replace all records, atomically."""
        with replacing(self.path) as temporary, temporary.open("wb") as stream:
            stream.write(self._head)
            stream.writelines(records)
