"""The state of a run on disk: what is done, so that a stopped run goes on; and its finish.

While a run lasts, ``run.partial.json`` says what is run and ``status.partial.csv`` grows by the rows of
each batch, after its images were written. At the end the rows are put in the order of the manifest
into ``status.csv``, then ``run.json`` is written and makes the outputs valid, then the partial files go.

The estimated kernels of a run: a file that grows while it lasts, and one bank at its end.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import replacing, write_json
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import array_path, create_array
from facedeblur.benchmark.files.tables import append_rows, header
from facedeblur.benchmark.outputs import (
    ARRAY,
    KERNELS,
    PARTIAL_RUN,
    PARTIAL_STATUS,
    RUN,
    STATUS,
    Outputs,
    Status,
    check_set,
    read_info,
    stored_name,
)
from facedeblur.benchmark.sets.set import Pair, Set

LOG = "run.log"
PARTIAL_KERNELS = "kernels.partial.bin"
NOT_RUN = "failed: not run"
SAME = ("method", "version", "options", "weights", "code", "precision", "store", "device", "given_kernels")
_OWN = (RUN, STATUS, PARTIAL_RUN, PARTIAL_STATUS, KERNELS, PARTIAL_KERNELS, LOG)


class Journal:
    """Open state of one run; eight bytes a pair are kept in memory.

    Parameters
    ----------
    root : path
        Folder of the outputs.
    set_ : Set
    identity : dict
        What must be the same for a run to go on: the keys of `SAME` and ``set``.

    Raises
    ------
    InputError
        When the folder holds another run or other files.
    """

    def __init__(self, root: str | Path, set_: Set, identity: dict[str, Any]):
        self.root, self._set = Path(root), set_
        self.info = dict(identity)
        self._rows = np.full(set_.n_pairs, -1, dtype=np.int64)
        self._ok = np.zeros(set_.n_pairs, dtype=bool)
        self._table = self.root / PARTIAL_STATUS
        self._kernels = KernelJournal(self.root)
        self.finished = (self.root / RUN).is_file()
        if self.finished or (self.root / PARTIAL_RUN).is_file():
            self.info = read_info(self.root / (RUN if self.finished else PARTIAL_RUN))
            check_set(self.root, self.info, set_)
            self._check_same(identity)
            self._read(self.root / STATUS if self.finished else self._table)
        elif self.root.exists() and (not self.root.is_dir() or self._others()):
            raise InputError(
                str(self.root), expected="a new folder", found=self._others() or "a file",
                do="choose another output folder or remove this one",
            )  # fmt: skip

    @property
    def n_ok(self) -> int:
        """Number of pairs restored so far."""
        return int(self._ok.sum())

    def pending(self, limit: int | None = None) -> Iterator[Pair]:
        """Yield the pairs among the first `limit` that are not restored, or whose file is gone."""
        for pair in self._set.pairs():
            if limit is not None and pair.index >= limit:
                return
            if not self._ok[pair.index] or not self._there(pair):
                yield pair

    def start(self, *, size: tuple[int, int] | None) -> None:
        """Make the folder ready for new rows; a finished run becomes an unfinished one first.

        Parameters
        ----------
        size : (height, width) or None
            Of every image of the set; None where they differ, which an array cannot hold.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        if self.info["store"] == "npy":
            if size is None:
                raise InputError(
                    "store 'npy'", expected="images of one size", found="several sizes", do="use --store png"
                )
            create_array(self.root, ARRAY, count=self._set.n_pairs, size=size)
        if self.finished:
            with replacing(self._table) as temporary:
                shutil.copyfile(self.root / STATUS, temporary)
            self._save()
            (self.root / RUN).unlink()
            (self.root / STATUS).unlink()
            self.finished = False
        elif not self._table.exists():
            with replacing(self._table) as temporary:
                temporary.write_text(",".join(header(Status)) + "\n", encoding="utf-8")
        self._save()

    def note(self, **facts: Any) -> None:
        """Enter facts of the run that a later part of it needs."""
        self.info.update(facts)
        self._save()

    def keep_kernels(self, rows: Iterable[tuple[int, np.ndarray | None]]) -> None:
        """Keep the estimated kernels of pairs, by index, before their status is recorded."""
        self._kernels.append(rows)

    def record(self, rows: Iterable[Status]) -> None:
        """Enter the rows of a batch whose images have been written."""
        with self._table.open("ab") as stream:
            for row in rows:
                text = io.StringIO()
                append_rows(text, Status, [row])
                self._rows[row.index], self._ok[row.index] = stream.tell(), row.ok
                stream.write(text.getvalue().encode())

    def finish(self, facts: dict[str, Any], *, rest: str) -> Outputs:
        """Put the rows in order, write ``run.json`` and open the outputs.

        Parameters
        ----------
        facts : dict
            More contents of ``run.json``.
        rest : str
            Status of the pairs that were not run.
        """
        ok = failed = 0
        with replacing(self.root / STATUS) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            append_rows(stream, Status, [], with_header=True)
            for row in self._in_order(rest):
                append_rows(stream, Status, [row])
                ok += row.ok
                failed += not row.ok and row.status != rest
        counts = {"pairs": self._set.n_pairs, "ok": ok, "failed": failed, "not_run": self._set.n_pairs - ok - failed}
        self.info |= {**facts, "counts": counts, "kernels": self._kernels.finish(self._set, self._ok)}
        write_json(self.root / RUN, self.info)
        for name in (PARTIAL_RUN, PARTIAL_STATUS, PARTIAL_KERNELS):
            (self.root / name).unlink(missing_ok=True)
        self.sweep()
        log = self.root / LOG
        if log.is_file() and not log.stat().st_size:
            log.unlink()
        return Outputs.open(self.root, self._set)

    @property
    def scratch(self) -> Path:
        """Folder for the files that go to commands and come from them; none of it outlives the run."""
        return self.root / ".scratch"

    def sweep(self) -> None:
        """Remove the temporary files of workers that were stopped."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        for path in self.root.glob(".tmp-*"):
            path.unlink(missing_ok=True)

    def _save(self) -> None:
        write_json(self.root / PARTIAL_RUN, self.info)

    def _check_same(self, identity: dict[str, Any]) -> None:
        for key in SAME:
            old, new = self.info.get(key), identity.get(key)
            if key in identity and key in self.info and old != new:
                self.refuse(key, old, new)

    def refuse(self, key: str, old: Any, new: Any) -> None:
        """Say that the outputs there are of another run.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            str(self.root), expected=f"a run with {key} {new}", found=f"one with {key} {old}",
            do="choose another output folder, or remove this one",
        )  # fmt: skip

    def _others(self) -> str:
        """Name of a file in the folder that is not of a run, empty where there is none."""
        names = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        return next((name for name in names if name not in _OWN and not name.startswith(".")), "")

    def _there(self, pair: Pair) -> bool:
        name = stored_name(pair, self.info["store"])
        path = array_path(self.root, name) if self.info["store"] == "npy" else self.root / name
        return path.is_file()

    def _read(self, table: Path) -> None:
        """Find the last row of every pair; a line that was cut off while it was written is dropped."""
        if not table.is_file():
            return
        with table.open("rb") as stream:
            stream.readline()
            while True:
                at = stream.tell()
                line = stream.readline()
                if not line.endswith(b"\n"):
                    break
                row = _parse(line)
                if row is None or not 0 <= row.index < len(self._rows):
                    raise InputError(
                        str(table), expected="status rows of this set", found=line.decode("utf-8", "replace")[:80],
                        do="remove the folder and run again",
                    )  # fmt: skip
                if not row.status.startswith(NOT_RUN):
                    self._rows[row.index], self._ok[row.index] = at, row.ok
        if line:
            os.truncate(table, at)

    def _in_order(self, rest: str) -> Iterator[Status]:
        with self._table.open("rb") as stream:
            for pair in self._set.pairs():
                row = None
                if self._rows[pair.index] >= 0:
                    stream.seek(int(self._rows[pair.index]))
                    row = _parse(stream.readline())
                yield row or Status(pair.index, pair.pair_id, rest, float("nan"), "")


def _parse(line: bytes) -> Status | None:
    try:
        index, pair_id, status, seconds, sha256 = next(csv.reader([line.decode()]))
        return Status(int(index), pair_id, status, float(seconds), sha256)
    except (ValueError, StopIteration):
        return None


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
