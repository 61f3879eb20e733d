"""Kernels from the files of others: ``.npz``, ``.mat`` (version 5), ``.npy``, PNG."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.kernel_bank import Bank, check_kernel

LIST = "kernels.json"
"""Stands beside exported PNG files: their order, scales and origin."""


def read_bank(path: str | os.PathLike[str], *, normalise: bool = False) -> Bank:
    """Read kernels from a file or folder of any of the formats above.

    Parameters
    ----------
    path : path
        ``.npz`` (a bank, or any square arrays), ``.mat``, ``.npy``, ``.png`` or a folder of PNG.
    normalise : bool
        Divide each by its sum, which is otherwise expected to be 1. PNG values have no scale and always are.

    Returns
    -------
    Bank
        Named as in the file where it has names, else ``NAME``, or ``NAME_01 ..`` for several.

    Raises
    ------
    InputError
        When there is nothing to read, or a kernel is not usable.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(str(path), expected="a file or folder of kernels", found="nothing there", do="check the path")
    meta: dict[str, Any] = {"source": path.name}
    if path.suffix == ".npz":
        arrays = _read_npz(path)
        if "ids" in arrays:
            return Bank.load(path)
        named = [pair for key, array in arrays.items() for pair in _name(key, _squares(array))]
    elif path.is_dir():
        files = sorted(p for p in path.glob("*.png") if not p.name.startswith("."))
        if (path / LIST).is_file():
            listed = _read_list(path / LIST)
            files, meta = [path / f"{name}.png" for name in listed["scale"]], listed["meta"]
        named = [(file.stem, _read_png(file)) for file in files]
        normalise = True
    elif path.suffix == ".png":
        named, normalise = [(path.stem, _read_png(path))], True
    elif path.suffix == ".npy":
        named = _name(path.stem, _read_npy(path))
    elif path.suffix == ".mat":
        named, meta = _read_mat(path, meta)
    else:
        raise InputError(str(path), expected=".npz, .mat, .npy, .png or a folder", found=f"'{path.suffix}'")
    if not named:
        raise InputError(str(path), expected="kernels", found="none", do="give another file")
    checked = [check_kernel(k, normalise=normalise, name=f"{path}, kernel {name}") for name, k in named]
    return Bank.of([name for name, _ in named], checked, meta)


def _name(stem: str, arrays: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
    if len(arrays) == 1:
        return [(stem, arrays[0])]
    return [(f"{stem}_{i + 1:02}", array) for i, array in enumerate(arrays)]


def _read_list(path: Path) -> dict[str, Any]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return {"scale": {Path(name).name: float(s) for name, s in listed["scale"].items()}, "meta": listed["meta"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            str(path), expected="the list that stands beside exported kernels", found=str(error), do="remove it"
        ) from error


def _read_png(path: Path) -> np.ndarray:
    import cv2

    if not path.is_file():
        raise InputError(str(path), expected="a kernel", found="no file", do="export the kernels again")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None:
        raise InputError(str(path), expected="a PNG", found="something else or a part of one", do="copy it again")
    if pixels.ndim == 3:
        if not (pixels[..., 0] == pixels[..., 1]).all() or not (pixels[..., 0] == pixels[..., 2]).all():
            raise InputError(str(path), expected="a grey image", found="a colour image", do="convert it to grey")
        pixels = pixels[..., 0]
    return np.asarray(pixels)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(str(path), expected="a numpy archive", found=str(error), do="save it again") from error


def _read_npy(path: Path) -> list[np.ndarray]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(str(path), expected="a numpy array", found=str(error), do="save it again") from error
    if array.ndim not in (2, 3):
        raise InputError(str(path), expected="(size, size) or (n, size, size)", found=str(array.shape))
    return list(array) if array.ndim == 3 else [array]


def _read_mat(path: Path, meta: dict[str, Any]) -> tuple[list[tuple[str, np.ndarray]], dict[str, Any]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        contents = loadmat(str(path), squeeze_me=True, chars_as_strings=True)
    except NotImplementedError as error:
        raise InputError(
            str(path), expected="a MATLAB file of version 5", found="version 7.3 (HDF5)", do="save it with -v7"
        ) from error
    except (ValueError, TypeError, MatReadError, OSError, EOFError) as error:
        raise InputError(str(path), expected="a MATLAB file", found=str(error), do="save it again") from error
    if {"kernels", "ids", "meta"} <= set(contents):
        cells = [np.atleast_2d(cell) for cell in _cells(contents["kernels"])]
        names = [str(name) for name in np.atleast_1d(contents["ids"])]
        return list(zip(names, cells, strict=True)), json.loads(str(contents["meta"]))
    arrays = {key: value for key, value in contents.items() if not key.startswith("__")}
    named = [pair for key, value in arrays.items() for cell in [_cells(value)] for pair in _name(key, cell)]
    return named, meta


def _squares(array: np.ndarray) -> list[np.ndarray]:
    """The square matrices of an array: itself, or those along its first dimension."""
    parts = list(array) if array.ndim == 3 else [array]
    return [a for a in parts if a.ndim == 2 and a.shape[0] == a.shape[1] > 1 and a.dtype.kind in "fiu"]


def _cells(value: Any) -> list[np.ndarray]:
    """The square matrices of a MATLAB variable: one, a stack along the third dimension, or a cell array."""
    array = np.asarray(value)
    if array.dtype == object:
        return [part for cell in array.ravel() for part in _cells(cell)] if array.ndim else []
    return _squares(np.moveaxis(array, 2, 0) if array.ndim == 3 else array)
