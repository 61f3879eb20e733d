"""Kernels from the files of others: ``.npz``, ``.mat`` (versions 5 to 7.3), ``.npy``, PNG."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import Bank, check_kernel
from facedeblur.generators.kernel_mat import matrices, read_mat, split

LIST = "kernels.json"
"""Stands beside exported PNG files: their order, scales and origin."""


def read_bank(path: str | os.PathLike[str], *, normalise: bool = False, pad: bool = False) -> Bank:
    """Read kernels from a file or folder of any of the formats above.

    Parameters
    ----------
    path : path
        ``.npz`` (a bank, or any square arrays), ``.mat``, ``.npy``, ``.png`` or a folder of PNG. ``.mat`` and ``.npz``
        may hold other things, too: what is no square matrix there (with `pad`, no matrix) is no kernel.
    normalise : bool
        Divide each by its sum, which is otherwise expected to be 1. PNG values have no scale and always are.
    pad : bool
        Take kernels of even or unequal sides, too, with zeros around, see `pad_odd`; ``meta['padded']`` lists them.

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
        named = [pair for key, array in arrays.items() for pair in split(key, matrices(array))]
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
        named = split(path.stem, _read_npy(path))
    elif path.suffix == ".mat":
        named, origin = read_mat(path)
        meta = meta if origin is None else origin
    else:
        raise InputError(str(path), expected=".npz, .mat, .npy, .png or a folder", found=f"'{path.suffix}'")
    loose = path.suffix in (".npz", ".mat") and not pad
    kept = [(name, k) for name, k in named if not loose or k.shape[0] == k.shape[1]]
    if not kept:
        others = f"a matrix of {named[0][1].shape[0]}x{named[0][1].shape[1]}" if named else "none"
        do = "take it with pad=True (--pad)" if named else "give another file"
        raise InputError(str(path), expected="kernels", found=others, do=do)
    if pad:
        padded = [name for name, k in kept if k.shape[0] != k.shape[1] or k.shape[0] % 2 == 0]
        kept = [(name, pad_odd(k)) for name, k in kept]
        meta = meta | {"padded": padded} if padded else meta
    checked = [check_kernel(k, normalise=normalise, name=f"{path}, kernel {name}") for name, k in kept]
    return Bank.of([name for name, _ in kept], checked, meta)


def pad_odd(kernel: np.ndarray) -> np.ndarray:
    """Surround a kernel by zeros until both sides are equal and odd.

    Parameters
    ----------
    kernel : (rows, columns) array

    Returns
    -------
    (size, size) array
        An even side first gets a row or column of zeros after its last, so that the pixel of number n / 2, from 0, is
        the middle, as for MATLAB's ``conv2(.., 'same')``; then the shorter side grows at both ends.
    """
    values = np.asarray(kernel)
    if values.ndim != 2:
        return values
    rows, columns = (n + 1 - n % 2 for n in values.shape)
    values = np.pad(values, ((0, rows - values.shape[0]), (0, columns - values.shape[1])))
    size = max(rows, columns)
    return np.pad(values, [((size - n) // 2,) * 2 for n in (rows, columns)])


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
