"""The state of a run on disk, from which an interrupted run resumes, and its finish.

While a run lasts, ``run.partial.json`` says what is run, and ``status.partial.csv`` grows by the rows of each batch
once its images are written; estimated kernels are appended to ``kernels.partial.bin``. At the end the rows are written
to ``status.csv`` in the order of the manifest and the kernels to one bank, ``kernels.npz``. Then ``run.json`` is
written, which makes the outputs valid, and the partial files are removed.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Container, Iterable, Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import remove_temporaries, replacing, write_json
from facedeblur.benchmark.files.journal import Journal
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import array_path, create_array
from facedeblur.benchmark.files.tables import from_line, header_line, to_line, write_rows
from facedeblur.benchmark.outputs import (
    ARRAY,
    KERNELS,
    NOT_SAMPLED,
    PARTIAL_RUN,
    PARTIAL_STATUS,
    RUN,
    STATUS,
    Outputs,
    Status,
    check_set,
    stored_name,
)
from facedeblur.benchmark.resume import check_same
from facedeblur.benchmark.run_info import read_info
from facedeblur.benchmark.sets.set import Pair, Set
from facedeblur.methods.running.batches import State

LOG = "run.log"
PARTIAL_KERNELS = "kernels.partial.bin"
NOT_RUN = "failed: not run"
SAME = (
    "method",
    "version",
    "options",
    "weights",
    "code",
    "requested_precision",
    "store",
    "device",
    "given_kernels",
    "keep",
)
_OWN = (RUN, STATUS, PARTIAL_RUN, PARTIAL_STATUS, KERNELS, PARTIAL_KERNELS, LOG)


class RunJournal:
    """Open state of one run; eight bytes per pair are kept in memory.

    Parameters
    ----------
    root : path
        Folder of the outputs.
    set_ : Set
    identity : dict
        What must be the same for a run to resume: the keys of `SAME` and ``set``; and ``sample``, which may be larger.
    kept : mapping of str to str, optional
        Folders of intermediate results, with their kinds. Each is a run of its own inside this one.

    Raises
    ------
    InputError
        When the folder holds another run or other files.
    """

    def __init__(self, root: str | Path, set_: Set, identity: dict[str, Any], *, kept: Mapping[str, str] | None = None):
        self.root, self._set = Path(root), set_
        self.info = dict(identity)
        self._rows = np.full(set_.n_pairs, -1, dtype=np.int64)
        self._ok = np.zeros(set_.n_pairs, dtype=bool)
        self._table = Journal(self.root / PARTIAL_STATUS, head=header_line(Status))
        self._kernels = KernelJournal(self.root)
        self._folders = tuple(kept or ())
        self.extended = 0
        self.finished = (self.root / RUN).is_file()
        if self.finished or (self.root / PARTIAL_RUN).is_file():
            self.info = read_info(self.root / (RUN if self.finished else PARTIAL_RUN))
            self.info.setdefault("keep", [])
            check_set(self.root, self.info, set_)
            self.check(identity)
            self._extend(identity.get("sample"))
            self._read(Journal(self.root / STATUS, head=header_line(Status)) if self.finished else self._table)
        elif self.root.exists() and (not self.root.is_dir() or self._others()):
            raise InputError(
                f"{self.root} {'holds other files, such as ' + self._others() if self.root.is_dir() else 'is a file'}",
                do="choose another output folder, or remove this one",
            )  # fmt: skip
        self._kept = {}
        for folder, kind in (kept or {}).items():
            own = {"method": f"{identity['method']}:{folder}", "keep": [], "kept": {"folder": folder, "kind": kind}}
            self._kept[folder] = RunJournal(self.root / folder, set_, identity | own)

    @property
    def n_ok(self) -> int:
        """Number of pairs restored so far."""
        return int(self._ok.sum())

    def pending(self, chosen: Container[int]) -> Iterator[Pair]:
        """Yield the pairs of the `chosen` rows of the manifest that are not restored, or whose file is missing."""
        for pair in self._set.pairs():
            if pair.index in chosen and self.state(pair) != "restored":
                yield pair

    def state(self, pair: Pair) -> State:
        """Return what became of a pair; a restored one whose file is gone is missing."""
        if self._rows[pair.index] < 0:
            return "missing"
        if not self._ok[pair.index]:
            return "failed"
        return "restored" if self._there(pair) else "missing"

    def rows(self, pairs: Iterable[Pair]) -> list[Status]:
        """Return the last rows of some pairs that have been entered."""
        with self._table.reading() as record_at:
            return [from_line(record_at(int(self._rows[pair.index])), Status) for pair in pairs]

    def start(self, *, size: tuple[int, int] | None) -> None:
        """Make the folder ready for new rows; a finished run becomes an unfinished one first.

        Parameters
        ----------
        size : (height, width) or None
            Size of every image of the set; None if they differ, which an array cannot hold.
        """
        if self.info["store"] == "npy" and size is None:
            raise InputError("store 'npy' needs images of one size; this set has several", do="use --store png")
        self.root.mkdir(parents=True, exist_ok=True)
        if self.finished:
            with replacing(self._table.path) as temporary:
                shutil.copyfile(self.root / STATUS, temporary)
            self._save()
            (self.root / RUN).unlink()
            (self.root / STATUS).unlink()
            self.finished = False
        # Record the owner of the folder first: otherwise the next command would treat its files as another run's.
        self._save()
        if self.info["store"] == "npy" and size is not None:
            create_array(self.root, ARRAY, count=self._set.n_pairs, size=size)
        self._table.append([])
        for kept in self._kept.values():
            kept.start(size=size)

    def note(self, **facts: Any) -> None:
        """Record facts of the run that a later part of it needs."""
        self.info.update(facts)
        self._save()

    def keep_kernels(self, rows: Iterable[tuple[int, np.ndarray | None]]) -> None:
        """Keep the estimated kernels of pairs, by index, before their status is recorded."""
        self._kernels.append(rows)

    def record_kept(self, rows: Iterable[tuple[int, str, str, Mapping[str, str]]]) -> None:
        """Record what is kept of pairs before their status is recorded.

        Parameters
        ----------
        rows : iterable of (index, pair_id, status, hashes)
            `hashes` maps each folder to the hash of the pixels.
        """
        rows = list(rows) if self._kept else []
        for folder, kept in self._kept.items():
            kept.record(Status(index, name, status, nan, sha.get(folder, "")) for index, name, status, sha in rows)

    def record(self, rows: Iterable[Status]) -> None:
        """Record the rows of a batch whose images have been written."""
        rows = list(rows)
        for row, place in zip(rows, self._table.append(map(to_line, rows)), strict=True):
            self._rows[row.index], self._ok[row.index] = place, row.ok

    def finish(self, facts: dict[str, Any], *, rest: str, chosen: Container[int]) -> Outputs:
        """Put the rows in order, write ``run.json`` and open the outputs.

        Parameters
        ----------
        facts : dict
            More contents of ``run.json``.
        rest : str
            Status of the pairs that were not run.
        chosen : container of int
            Rows of the manifest that a run on a sample is on; of a run on the whole set it does not matter.
        """
        for kept in self._kept.values():
            ended = {"stopped": facts.get("stopped", ""), "finished": facts.get("finished", "")}
            kept.finish(ended, rest=rest, chosen=chosen)
        sample = self.info.get("sample")
        counts = {"pairs": sample["pairs"] if sample else self._set.n_pairs, "ok": 0, "failed": 0, "not_run": 0}
        write_rows(self.root / STATUS, Status, self._in_order(rest, counts, chosen if sample else None))
        self.info |= {**facts, "counts": counts, "kernels": self._kernels.finish(self._set, self._ok)}
        write_json(self.root / RUN, self.info)
        self.finished = True
        self.sweep()
        return Outputs.open(self.root, self._set)

    @property
    def scratch(self) -> Path:
        """Folder for the files that are exchanged with commands; it is removed after the run."""
        return self.root / ".scratch"

    def sweep(self) -> None:
        """Remove what workers that were stopped have left, and of a finished run the partial files and an empty log."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        remove_temporaries(self.root)
        for kept in self._kept.values():
            kept.sweep()
        if self.finished:
            for name in (PARTIAL_RUN, PARTIAL_STATUS, PARTIAL_KERNELS):
                (self.root / name).unlink(missing_ok=True)
            log = self.root / LOG
            if log.is_file() and not log.stat().st_size:
                log.unlink()

    def _save(self) -> None:
        write_json(self.root / PARTIAL_RUN, self.info)

    def check(self, facts: dict[str, Any]) -> None:
        """Refuse to resume if one of the `facts` of `SAME` is recorded with another value.

        Raises
        ------
        InputError
            If one differs, with its name.
        """
        wanted = {key: facts[key] for key in SAME if key in facts and key in self.info}
        check_same(self.root, self.info, wanted, of="a run", do="choose another output folder, or remove this one")

    def _extend(self, sample: dict[str, int] | None) -> None:
        """Take over a larger sample than the recorded one, or the whole set; refuse a smaller one."""
        held = self.info.get("sample")
        if sample and (not held or held["pairs"] > sample["pairs"]):
            there = f"a run on a sample of {held['pairs']:,} pairs" if held else "a run on the whole set"
            raise InputError(
                f"{self.root} holds {there}, which is more than a sample of {sample['pairs']:,}",
                do="choose another output folder, or a larger sample" if held else "choose another output folder",
            )
        if held and held != sample:
            self.extended = held["pairs"]
        self.info["sample"] = sample

    def _others(self) -> str:
        """Name of a file in the folder that is not part of a run, or empty."""
        names = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        return next((name for name in names if name not in (*_OWN, *self._folders) and not name.startswith(".")), "")

    def _there(self, pair: Pair) -> bool:
        if not all(kept.state(pair) == "restored" for kept in self._kept.values()):
            return False
        name = stored_name(pair, self.info["store"])
        path = array_path(self.root, name) if self.info["store"] == "npy" else self.root / name
        return path.is_file()

    def _read(self, table: Journal) -> None:
        """Find the last row of every pair."""
        for place, line in table.records():
            try:
                row = from_line(line, Status)
                if not 0 <= row.index < len(self._rows):
                    raise ValueError("a pair that the set does not have")
            except ValueError as error:
                raise InputError(
                    str(table.path), expected="status rows of this set", found=line.decode("utf-8", "replace")[:80],
                    do="remove the folder and run again",
                ) from error  # fmt: skip
            if row.sampled and not row.status.startswith(NOT_RUN):
                self._rows[row.index], self._ok[row.index] = place, row.ok

    def _in_order(self, rest: str, counts: dict[str, int], sample: Container[int] | None) -> Iterator[Status]:
        """Yield the last row of every pair, and count those of the sample; pairs without one have the status `rest`."""
        with self._table.reading() as record_at:
            for pair in self._set.pairs():
                place = int(self._rows[pair.index])
                if sample is not None and pair.index not in sample:
                    yield Status(pair.index, pair.pair_id, NOT_SAMPLED, float("nan"), "")
                elif place < 0:
                    counts["not_run"] += 1
                    yield Status(pair.index, pair.pair_id, rest, float("nan"), "")
                else:
                    row = from_line(record_at(place), Status)
                    counts["ok" if row.ok else "failed"] += 1
                    yield row


_HEAD = struct.Struct("<qq")


class KernelJournal:
    """Kernels by the index of their pair; the last entry of a pair counts.

    The growing file holds one record per pair: index and side as 64-bit integers, then the values, row by row, as
    64-bit floats. Side 0 means that the method has no kernel for that pair. A record that was cut off
    while it was written is dropped.

    Parameters
    ----------
    root : Path
        Folder of the outputs.
    """

    def __init__(self, root: Path):
        self._journal, self._bank = Journal(root / PARTIAL_KERNELS, _take_kernel), root / KERNELS

    def append(self, rows: Iterable[tuple[int, np.ndarray | None]]) -> None:
        """Enter kernels, (k, k) float64; nothing is written as long as no pair of the run has had one."""
        rows = list(rows)
        if all(kernel is None for _, kernel in rows) and not (self._journal.path.is_file() or self._bank.is_file()):
            return
        stacks = [np.zeros((0, 0)) if kernel is None else np.ascontiguousarray(kernel, "<f8") for _, kernel in rows]
        self._journal.append(
            _HEAD.pack(index, len(values)) + values.tobytes() for (index, _), values in zip(rows, stacks, strict=True)
        )

    def finish(self, set_: Set, ok: np.ndarray) -> int:
        """Write the bank of all restored pairs that have a kernel, named by ``pair_id``; return their number.

        Parameters
        ----------
        set_ : Set
        ok : (n_pairs,) bool
            Which pairs are restored.
        """
        earlier = Bank.load(self._bank) if self._bank.is_file() else None
        if not self._journal.path.is_file():
            return len(earlier) if earlier else 0
        places = {_HEAD.unpack_from(record)[0]: place for place, record in self._journal.records()}
        ids, kernels = [], []
        with self._journal.reading() as record_at:
            for pair in set_.pairs():
                if not ok[pair.index]:
                    continue
                kernel = None
                if pair.index in places:
                    record = record_at(places[pair.index])
                    side = _HEAD.unpack_from(record)[1]
                    kernel = np.frombuffer(record, "<f8", offset=_HEAD.size).reshape(side, side) if side else None
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


def _take_kernel(stream: BinaryIO) -> bytes:
    """Read the next record; return nothing if it is cut off, and at the end of the file."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return b""
    index, side = _HEAD.unpack(head)
    if index < 0 or side < 0:
        raise InputError(
            str(stream.name), expected="records of kernels", found=f"one of side {side}",
            do="remove the folder and run again",
        )  # fmt: skip
    values = stream.read(8 * side * side)
    return head + values if len(values) == 8 * side * side else b""
