"""Blur kernels of a set: named point spread functions of several sizes in one file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.arrays import read_npz
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.schema import decode_json
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.words import many

TOLERANCE = 1e-6
"""How far from 1 the sum of a kernel may be."""


def check_kernel(kernel: np.ndarray, *, normalise: bool = False, name: str = "kernel") -> np.ndarray:
    """Return `kernel` as float64, or raise InputError if it is not a point spread function.

    Parameters
    ----------
    kernel : (size, size) array
        Odd size, values of at least 0.
    normalise : bool
        Divide by the sum, which is otherwise expected to be 1 within 1e-6.
    name : str
        How an error calls it.

    Returns
    -------
    (size, size) float64

    Raises
    ------
    InputError
        When it is not square, of even size, not finite, negative anywhere, or of another sum.
    """
    values = np.asarray(kernel)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        shape = "x".join(map(str, values.shape)) or "a single number"
        raise InputError(name, expected="a square array", found=shape, do="give one (size, size) kernel")
    if values.shape[0] % 2 == 0:
        side = values.shape[0]
        raise InputError(
            name, expected="an odd size, which has a centre", found=f"{side}x{side}", do="pad it by one row and column"
        )
    if values.dtype.kind not in "fiub":
        raise InputError(name, expected="real numbers", found=f"type {values.dtype}", do="convert it first")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(name, expected="finite values", found="NaN or infinity", do="remove or replace this kernel")
    if values.min() < 0:
        raise InputError(
            name, expected="values of at least 0", found=f"{values.min():.3g}", do="clip it, then normalise"
        )
    total = float(values.sum())
    if total == 0:
        raise InputError(name, "all values are 0", do="remove or replace this kernel")
    if normalise:
        return values / total
    if abs(total - 1) > TOLERANCE:
        raise InputError(
            name, expected="sum 1 within 1e-6", found=f"sum {total:.8g}", do="divide it by its sum (normalise=True)"
        )
    return values


def centre_pad(kernel: np.ndarray, size: int) -> np.ndarray:
    """Return `kernel` in the middle of a (size, size) array of zeros; `size` is odd and at least its own."""
    margin = (size - kernel.shape[0]) // 2
    return np.pad(np.asarray(kernel, np.float64), margin)


@dataclass(frozen=True, eq=False, repr=False)
class Bank:
    """Kernels with names.

    Attributes
    ----------
    ids : tuple of str
        Unique names, ``ker01_k13``.
    sizes : (n,) int64
        Odd side of each kernel.
    kernels : (n, K, K) float64
        Each of sum 1, in the middle of zeros where its size is under K.
    meta : dict
        Where they come from: seed, model, package version; values that JSON knows.
    """

    ids: tuple[str, ...]
    sizes: np.ndarray
    kernels: np.ndarray
    meta: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(map(str, self.ids)))
        object.__setattr__(self, "sizes", np.asarray(self.sizes, np.int64))
        object.__setattr__(self, "kernels", np.asarray(self.kernels, np.float64))
        n, side = len(self.ids), self.kernels.shape[-1]
        fits = self.kernels.shape == (n, side, side) and self.sizes.shape == (n,)
        if n == 0 or len(set(self.ids)) != n or not fits or not ((self.sizes > 0) & (self.sizes <= side)).all():
            raise InputError(
                "kernel bank",
                expected="one name and one size per kernel, no name twice, at least one kernel",
                found=f"{len(set(self.ids))} names, {self.sizes.size} sizes, kernels of shape {self.kernels.shape}",
                do="make the bank again",
            )
        if side % 2 == 0 or (self.sizes % 2 == 0).any():
            raise InputError("kernel bank", expected="odd sizes", found="an even size", do="make the bank again")
        object.__setattr__(self, "_rows", {name: row for row, name in enumerate(self.ids)})
        for name in self.ids:
            check_kernel(self.kernel(name), name=f"kernel {name}")

    @classmethod
    def of(cls, ids: Sequence[str], kernels: Sequence[np.ndarray], meta: dict[str, Any] | None = None) -> Bank:
        """Make a bank of kernels of several sizes, each (size, size) with sum 1."""
        checked = [check_kernel(k, name=f"kernel {name}") for name, k in zip(ids, kernels, strict=True)]
        sizes = [len(k) for k in checked]
        stack = [centre_pad(k, max(sizes)) for k in checked]
        stacked = np.array(stack) if stack else np.zeros((0, 1, 1))
        return cls(tuple(ids), np.array(sizes, np.int64), stacked, meta or {})

    def __repr__(self) -> str:
        return f"<Bank of {many(len(self), 'kernel')} of size {self.sizes.min()} to {self.sizes.max()}>"

    def _repr_html_(self) -> str:
        shown = []
        for size in np.unique(self.sizes)[:10]:
            row = int(np.argmax(self.sizes == size))
            kernel = self.kernel(self.ids[row])
            grey = np.round(255 * kernel / kernel.max()).astype(np.uint8)
            shown.append((self.ids[row], np.repeat(grey[:, :, None], 3, axis=2)))
        facts = {"sizes": ", ".join(map(str, np.unique(self.sizes))), "sha256": self.digest()[:12]}
        return card(f"Bank of {many(len(self), 'kernel')}", facts, pictures=shown)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def kernel(self, name: str) -> np.ndarray:
        """The (size, size) float64 kernel called `name`, without the zeros around it.

        Raises
        ------
        InputError
            When the name is unknown.
        """
        if name not in self._rows:
            one_of("kernel", name, self.ids, of="the bank")
        i = self._rows[name]
        margin = (self.kernels.shape[1] - int(self.sizes[i])) // 2
        return self.kernels[i, margin : margin + int(self.sizes[i]), margin : margin + int(self.sizes[i])]

    def digest(self) -> str:
        """SHA-256 (hex) over names, sizes and values, the same on every machine."""
        sha = hashlib.sha256()
        for name, size in zip(self.ids, self.sizes, strict=True):
            sha.update(f"{name} {size}\n".encode())
            sha.update(np.ascontiguousarray(self.kernel(name), "<f8").tobytes())
        return sha.hexdigest()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a ``.npz`` of `ids`, `sizes`, `kernels` and `meta` (JSON), atomically."""
        meta = json.dumps(self.meta, sort_keys=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, ids=np.array(self.ids), sizes=self.sizes, kernels=self.kernels, meta=np.array(meta)
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Bank:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            When the file is missing, damaged or something else.
        """
        where, what, do = os.fspath(path), "a kernel bank (.npz)", "make it with: facedeblur kernels"
        if not Path(path).is_file():
            raise MissingFile(where, expected=what, do="check the path")
        parts = read_npz(path, what, names=("ids", "sizes", "kernels", "meta"), do=do)
        kinds = {"ids": ("U", 1), "sizes": ("iu", 1), "kernels": ("f", 3), "meta": ("U", 0)}
        for name, (kind, dimensions) in kinds.items():
            one = parts[name]
            if one.dtype.kind not in kind or one.ndim != dimensions:
                found = f"array '{name}' of type {one.dtype} and shape {one.shape}"
                raise InputError(where, expected=what, found=found, do=do)
        meta = decode_json(str(parts["meta"]), dict[str, Any], f"{where}: meta", what, do=do)
        try:
            return cls(tuple(map(str, parts["ids"])), parts["sizes"], parts["kernels"], meta)
        except InputError as error:
            raise InputError(where, f"invalid kernel bank ({error})", do=do) from error
