"""Kernels that others publish, as a law: kernel number `i` of a size is the i-th one of this size in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank, centre_pad
from facedeblur.benchmark.files.tables import printable
from facedeblur.generators.kernels.files import read_bank, trimmed
from facedeblur.generators.kernels.law import KernelLaw, check_numbers

LEAST = 5
"""Smallest side of a kernel in a set; smaller ones get zeros around them."""
MOST = 10
"""Names in a note."""
PARTS = ("train", "test")


@dataclass(frozen=True)
class GivenKernels(KernelLaw):
    """The kernels of a file or folder, ordered as there within each size; the seed changes nothing.

    Attributes
    ----------
    file : str
        Anything that `facedeblur.generators.kernels.files.read_bank` reads. Records hold its name alone.
    normalise, pad : bool
        As for `read_bank`.
    trim : bool
        Take the width of a kernel without the rings of zeros around it as its size.
    train_share : float
        Share of each size, from 0 to 1, that the part ``train`` takes: the first ones in the file, rounded half up.
    part : {'', 'train', 'test'}
        Which part of each size is used; all if empty.
    sha256 : str
        Digest of the kernels that were read. The file is read again where it is needed, and another content is
        refused.

    Raises
    ------
    InputError
        When the file cannot be read or has changed, or a value is out of range.
    """

    file: str
    normalise: bool = False
    pad: bool = False
    trim: bool = False
    train_share: float = 0.0
    part: str = ""
    sha256: str = field(default="")

    @classmethod
    def read(cls, file: str | Path, **options: Any) -> Self:
        """Read `file`, with the other attributes as options."""
        path = str(Path(file).resolve())
        law = cls(path, **options)
        return cls(path, **options, sha256=law._read().digest())

    def __post_init__(self) -> None:
        if self.part not in ("", *PARTS) or (self.part != "") != (0 < self.train_share < 1):
            raise InputError(
                "kernels.train_share and kernels.part",
                expected="a share above 0 and under 1 together with part 'train' or 'test', or neither",
                found=f"{self.train_share:g} and '{self.part}'",
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that the part has kernels of, in ascending order."""
        return tuple(size for size in sorted(self._rows()) if self._part(size))

    def count(self, size: int) -> int:
        """Number of kernels of a size."""
        return len(self._part(size))

    def names(self, size: int) -> tuple[str, ...]:
        """What the file calls the kernels of a size."""
        bank = self._read()
        return tuple(bank.ids[row] for row in self._part(size))

    def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
        """See `KernelLaw.draw`; also raises InputError where the file has too few kernels of the size."""
        check_numbers(size, n, start)
        rows = self._part(size)
        if start + n > len(rows):
            raise InputError(
                f"kernels of size {size} in {Path(self.file).name}", expected=f"{start + n:,}", found=f"{len(rows):,}",
                do="lower kernels.per_size or kernels.first, or leave sizes out",
            )  # fmt: skip
        bank = self._read()
        return (
            np.stack([bank.kernel(bank.ids[row]) for row in rows[start : start + n]])
            if n
            else np.empty((0, size, size))
        )

    def other(self) -> GivenKernels | None:
        """The same kernels, of the part that is not used; None if all are."""
        if not self.part:
            return None
        part = "test" if self.part == "train" else "train"
        return GivenKernels(self.file, self.normalise, self.pad, self.trim, self.train_share, part, self.sha256)

    def notes(self) -> list[str]:
        """What a user has to know of the file: what in it is no kernel, what was padded, and hidden sizes."""
        bank, name = self._read(), Path(self.file).name
        told = []
        for key, what in (("skipped", "skipped, not kernels"), ("padded", "padded with zeros")):
            found = [printable(one) for one in bank.meta.get(key, ())]
            if found:
                told.append(
                    f"{name}: {what}: {', '.join(found[:MOST])}"
                    + f" and {len(found) - MOST:,} more" * (len(found) > MOST)
                )
        if not self.trim and len(self._rows()) == 1:
            widths = {len(trimmed(bank.kernel(one))) for one in bank.ids}
            if len(widths) > 1:
                told.append(
                    f"{name}: all kernels are {bank.sizes[0]} pixels wide, but without the zeros around them "
                    f"{min(widths)} to {max(widths)}; set kernels.trim = true to record them by these sizes"
                )
        return told

    def as_dict(self) -> dict[str, Any]:
        """The fields, with the name of the file for its path."""
        return super().as_dict() | {"file": Path(self.file).name}

    def _read(self) -> Bank:
        bank, digest = _bank(self.file, _changed(self.file), self.normalise, self.pad, self.trim)
        if self.sha256 not in ("", digest):
            raise InputError(self.file, "the kernels have changed since the start", do="start again in a new folder")
        return bank

    def _rows(self) -> dict[int, list[int]]:
        return _rows(self.file, _changed(self.file), self.normalise, self.pad, self.trim)

    def _part(self, size: int) -> list[int]:
        rows = self._rows().get(size, [])
        first = int(len(rows) * self.train_share + 0.5)
        return {"": rows, "train": rows[:first], "test": rows[first:]}[self.part]


@lru_cache(maxsize=2)
def _bank(file: str, mtime_ns: int, normalise: bool, pad: bool, trim: bool) -> tuple[Bank, str]:
    """The kernels of a file and their digest, read once in each process and state of the file."""
    bank = read_bank(file, normalise=normalise, pad=pad, trim=trim)
    if bank.sizes.min() < LEAST:
        kernels = [bank.kernel(name) for name in bank.ids]
        bank = Bank.of(bank.ids, [centre_pad(one, max(len(one), LEAST)) for one in kernels], bank.meta)
    return bank, bank.digest()


@lru_cache(maxsize=2)
def _rows(*read: Any) -> dict[int, list[int]]:
    """Size -> rows of the kernels of this size."""
    rows: dict[int, list[int]] = {}
    for row, size in enumerate(_bank(*read)[0].sizes):
        rows.setdefault(int(size), []).append(row)
    return rows


def _changed(file: str) -> int:
    path = Path(file)
    return path.stat().st_mtime_ns if path.exists() else 0
