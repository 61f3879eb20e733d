"""The estimated kernels of a run: a file that grows while it lasts, and one bank at its end."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.outputs import KERNELS
from facedeblur.benchmark.sets.set import Set

PARTIAL_KERNELS = "kernels.partial.bin"
_HEAD = struct.Struct("<qq")


class KernelJournal:
    """Kernels by the index of their pair; a pair's last entry counts.

    The growing file holds one record a pair: index and side as 64-bit integers, then the values, row by row, as
    64-bit floats. Side 0 says that the method has no kernel for that pair. A record that was cut off
    while it was written is dropped.

    Parameters
    ----------
    root : Path
        Folder of the outputs.
    """

    def __init__(self, root: Path):
        self._file, self._bank = root / PARTIAL_KERNELS, root / KERNELS
        self._whole = False

    def append(self, rows: Iterable[tuple[int, np.ndarray | None]]) -> None:
        """Enter kernels, (k, k) float64; nothing is written as long as no pair of the run has had one."""
        rows = list(rows)
        if all(kernel is None for _, kernel in rows) and not (self._file.is_file() or self._bank.is_file()):
            return
        if not self._whole and self._file.is_file():
            os.truncate(self._file, max((end for _, _, end in self._places()), default=0))
        self._whole = True
        with self._file.open("ab") as stream:
            for index, kernel in rows:
                values = np.zeros((0, 0)) if kernel is None else np.ascontiguousarray(kernel, "<f8")
                stream.write(_HEAD.pack(index, len(values)) + values.tobytes())

    def finish(self, set_: Set, ok: np.ndarray) -> int:
        """Write the bank of all restored pairs that have a kernel, named by ``pair_id``; return their number.

        Parameters
        ----------
        set_ : Set
        ok : (n_pairs,) bool
            Which pairs are restored.
        """
        earlier = Bank.load(self._bank) if self._bank.is_file() else None
        if not self._file.is_file():
            return len(earlier) if earlier else 0
        places = {index: at for index, at, _ in self._places()}
        ids, kernels = [], []
        with self._file.open("rb") as stream:
            for pair in set_.pairs():
                if not ok[pair.index]:
                    continue
                kernel = None
                if pair.index in places:
                    kernel = _read(stream, places[pair.index])
                elif earlier and pair.pair_id in earlier:
                    kernel = earlier.kernel(pair.pair_id)
                if kernel is not None:
                    ids.append(pair.pair_id)
                    kernels.append(kernel)
        if not ids:
            self._bank.unlink(missing_ok=True)
            return 0
        Bank.of(ids, kernels, {"set": set_.content_hash}).save(self._bank)
        return len(ids)

    def _places(self) -> Iterator[tuple[int, int, int]]:
        """Yield the index of every whole record, where it begins and where it ends."""
        length = self._file.stat().st_size
        with self._file.open("rb") as stream:
            at = 0
            while at + _HEAD.size <= length:
                index, side = _HEAD.unpack(stream.read(_HEAD.size))
                if index < 0 or side < 0:
                    raise InputError(
                        str(self._file), expected="records of kernels", found=f"one of side {side}",
                        do="remove the folder and run again",
                    )  # fmt: skip
                end = at + _HEAD.size + 8 * side * side
                if end > length:
                    return
                yield index, at, end
                stream.seek(end)
                at = end


def _read(stream: BinaryIO, at: int) -> np.ndarray | None:
    stream.seek(at)
    _, side = _HEAD.unpack(stream.read(_HEAD.size))
    values = np.frombuffer(stream.read(8 * side * side), "<f8")
    return values.reshape(side, side) if side else None
