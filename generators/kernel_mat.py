"""Kernels from MATLAB files: version 5 through scipy, version 7.3 (HDF5, everything transposed) through h5py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.mat import load_mat


def read_mat(path: Path) -> tuple[list[tuple[str, np.ndarray]], dict[str, Any] | None]:
    """Read every matrix of numbers in a MATLAB file.

    Parameters
    ----------
    path : Path
        Version 5, 7 or 7.3.

    Returns
    -------
    list of (str, (rows, columns) array)
        A variable's own name, or ``NAME_01 ..`` for the parts of a stack along the third dimension and of a cell
        array, in MATLAB's order; a structure's fields as ``NAME_FIELD``.
    dict or None
        The origin of a bank that this toolkit wrote.

    Raises
    ------
    InputError
        When it is no MATLAB file or a damaged one, or h5py is needed and not installed.
    """
    contents = load_mat(path, expected="a MATLAB file", do="save it again", squeeze_me=True, chars_as_strings=True)
    if contents is not None:
        return _of_v5(contents)
    h5py = need("h5py", "io")
    try:
        with h5py.File(path, "r") as file:
            return [pair for key in file if not key.startswith("#") for pair in _item(key, file[key], file)], None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            str(path), expected="a whole MATLAB 7.3 file", found=str(error), do="copy or save it again"
        ) from error


def split(name: str, matrices: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Name the matrices of one variable."""
    if len(matrices) == 1:
        return [(name, matrices[0])]
    return [(f"{name}_{i + 1:02}", matrix) for i, matrix in enumerate(matrices)]


def matrices(array: np.ndarray) -> list[np.ndarray]:
    """The matrices of real numbers in an array: itself, or those along its first dimension."""
    parts = list(array) if array.ndim == 3 else [array]
    return [a for a in parts if a.ndim == 2 and min(a.shape) > 1 and a.dtype.kind in "fiu"]


def _item(name: str, item: Any, file: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Named matrices of a variable of an HDF5 file."""
    if hasattr(item, "keys"):
        for key in item:
            yield from _item(f"{name}_{key}", item[key], file)
        return
    kind = item.attrs.get("MATLAB_class", b"")
    if item.dtype.kind == "O":
        # A cell array: references, in the order of MATLAB's columns because dimensions are reversed.
        found = [m for reference in np.ravel(item[()]) if reference for m in _dataset(file[reference])]
        yield from split(name, found)
    elif kind not in (b"char", "char"):
        yield from split(name, _dataset(item))


def _dataset(item: Any) -> list[np.ndarray]:
    if hasattr(item, "keys") or item.attrs.get("MATLAB_empty", 0) or item.dtype.kind not in "fiu":
        return []
    array = np.asarray(item[()])
    # (N, columns, rows) there is (rows, columns, N) in MATLAB.
    return matrices(array.swapaxes(1, 2) if array.ndim == 3 else array.T)


def _of_v5(contents: dict[str, Any]) -> tuple[list[tuple[str, np.ndarray]], dict[str, Any] | None]:
    """What `read_mat` gives, of the variables of a file of version 5."""
    if {"kernels", "ids", "meta"} <= set(contents):
        cells = [np.atleast_2d(cell) for cell in _cells(contents["kernels"])]
        names = [str(name) for name in np.atleast_1d(contents["ids"])]
        return list(zip(names, cells, strict=True)), json.loads(str(contents["meta"]))
    variables = {key: value for key, value in contents.items() if not key.startswith("__")}
    return [pair for key, value in variables.items() for pair in split(key, _cells(value))], None


def _cells(value: Any) -> list[np.ndarray]:
    """The matrices of a MATLAB variable: one, a stack along the third dimension, or a cell array."""
    array = np.asarray(value)
    if array.dtype == object:
        return [part for cell in array.ravel() for part in _cells(cell)] if array.ndim else _cells(array.item())
    return matrices(np.moveaxis(array, 2, 0) if array.ndim == 3 else array)
