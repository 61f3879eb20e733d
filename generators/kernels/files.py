"""Kernels in files: the toolkit's own formats written, those of others read.

``.npz`` is the toolkit's own. ``.mat`` (version 5) holds the cell array ``kernels`` besides ``ids``, ``sizes`` and
``meta``. A folder holds one 16-bit PNG per kernel, each scaled so that its largest value is 65535, and
``kernels.json`` with the scale (grey level of a weight of 1) of each. Also read are ``.npy``, pictures of every
format that photographs have (one, or a folder of them), any square arrays of ``.npz`` and MATLAB files of version 5
(through scipy) and 7.3 (HDF5, everything transposed; through h5py). Suffixes may be in capital letters.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, need
from facedeblur.benchmark.files.arrays import most_unpacked, read_npy, read_npz
from facedeblur.benchmark.files.atomic import replacing, write_json
from facedeblur.benchmark.files.images import SUFFIXES, read_samples
from facedeblur.benchmark.files.kernel_bank import Bank, check_kernel
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.mat import load_mat
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.schema import Text, decode_json, read_json, reading

_WHITE = 65535


def write_bank(bank: Bank, path: str | os.PathLike[str]) -> Path:
    """Write a bank, in the format of the suffix: ``.npz``, ``.mat``, or none for a folder of PNG.

    Raises
    ------
    InputError
        If the suffix is another one.
    """
    path = Path(path)
    check_out(path)
    with only_writer(path):
        if path.suffix.lower() == ".npz":
            bank.save(path)
        elif path.suffix.lower() == ".mat":
            _write_mat(bank, path)
        else:
            write_pngs(bank, path)
    return path


def check_out(path: Path) -> None:
    """Raise InputError unless the suffix is that of a format `write_bank` knows."""
    if path.suffix.lower() not in (".npz", ".mat", ""):
        raise InputError(str(path), expected="OUT.npz, OUT.mat or a folder", found=f"'{path.suffix}'", do="rename it")


def _write_mat(bank: Bank, path: Path) -> None:
    from scipy.io import savemat

    cells, names = np.empty(len(bank), object), np.empty(len(bank), object)
    for i, name in enumerate(bank.ids):
        cells[i], names[i] = bank.kernel(name), name
    contents = {"kernels": cells, "ids": names, "sizes": bank.sizes, "meta": json.dumps(bank.meta, sort_keys=True)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        savemat(file, contents, do_compression=True, oned_as="column")


def write_pngs(bank: Bank, folder: str | os.PathLike[str]) -> None:
    """Write one 16-bit grey PNG per kernel and then ``kernels.json``."""
    import cv2

    folder = Path(folder)
    with only_writer(folder):
        scales = {}
        for name in bank.ids:
            kernel = bank.kernel(name)
            scale = _WHITE / float(kernel.max())
            encoded = cv2.imencode(".png", np.floor(kernel * scale + 0.5).astype(np.uint16))[1]
            with replacing(inside(folder, f"{name}.png")) as temporary:
                temporary.write_bytes(encoded.tobytes())
            scales[name] = scale
        write_json(folder / LIST, {"scale": scales, "meta": bank.meta})


LIST = "kernels.json"
"""File next to exported PNG files, with their order, scales and origin."""


def read_bank(path: str | os.PathLike[str], *, normalise: bool = False, pad: bool = False, trim: bool = False) -> Bank:
    """Read kernels from a file or folder of any of the formats above.

    Parameters
    ----------
    path : path
        ``.npz`` (a bank, or any square arrays), ``.mat``, ``.npy``, a picture or a folder of pictures. ``.mat`` and
        ``.npz`` may hold other things, too: only square matrices (with `pad`, all matrices) are taken as kernels.
        ``meta['skipped']`` lists other matrices, and other files of a folder.
    normalise : bool
        Divide each by its sum, which is otherwise expected to be 1. Values of pictures have no scale and always are.
    pad : bool
        Also read kernels of even or unequal sides, padded with zeros, see `pad_odd`; ``meta['padded']`` lists them.

    trim : bool
        Remove the rings of zeros around each kernel, see `trimmed`.

    Returns
    -------
    Bank
        Named as in the file if it has names, otherwise ``NAME``, or ``NAME_01 ..`` for several.

    Raises
    ------
    InputError
        If there is nothing to read, or a kernel is not usable.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFile(path, expected="a file or folder of kernels", do="check the path")
    meta: dict[str, Any] = {"source": path.name}
    suffix, skipped = path.suffix.lower(), list[str]()
    if path.is_dir():
        if (path / LIST).is_file():
            listed = _read_list(path / LIST)
            files, meta = [inside(path, f"{name}.png") for name in listed["scale"]], listed["meta"]
        else:
            files, skipped = _pictures(path)
        named = list(zip(_names(files), map(_read_picture, files), strict=True))
        normalise = True
    elif suffix == ".npz":
        arrays = read_npz(path, "a numpy archive", do="save it again")
        if "ids" in arrays:
            return Bank.load(path)
        named = [pair for key, array in arrays.items() for pair in split(key, matrices(array))]
    elif suffix in SUFFIXES:
        named, normalise = [(path.stem, _read_picture(path))], True
    elif suffix == ".npy":
        named = split(path.stem, _read_npy(path))
    elif suffix == ".mat":
        named, origin = read_mat(path)
        meta = meta if origin is None else origin
    else:
        raise InputError(
            str(path), expected=".npz, .mat, .npy, a picture or a folder of pictures", found=f"'{path.suffix}'"
        )
    loose = suffix in (".npz", ".mat") and not pad
    kept = [(name, k) for name, k in named if not loose or k.shape[0] == k.shape[1]]
    skipped += [f"{name} ({k.shape[0]}x{k.shape[1]})" for name, k in named if loose and k.shape[0] != k.shape[1]]
    if skipped:
        meta = meta | {"skipped": skipped}
    if not kept:
        others = f"a matrix of {named[0][1].shape[0]}x{named[0][1].shape[1]}" if named else "none"
        do = "use pad=True (--pad)" if named else "give another file"
        raise InputError(str(path), expected="kernels", found=others, do=do)
    if pad:
        padded = [name for name, k in kept if k.shape[0] != k.shape[1] or k.shape[0] % 2 == 0]
        kept = [(name, pad_odd(k)) for name, k in kept]
        meta = meta | {"padded": padded} if padded else meta
    checked = [check_kernel(k, normalise=normalise, name=f"{path}, kernel {name}") for name, k in kept]
    return Bank.of([name for name, _ in kept], [trimmed(k) for k in checked] if trim else checked, meta)


def trimmed(kernel: np.ndarray) -> np.ndarray:
    """The middle of a square kernel of odd side, without the outer rings that are all zeros.

    It blurs as the whole kernel does: the middle pixel stays in the middle. Published banks hold kernels of several
    sizes as matrices of one size.
    """
    half = len(kernel) // 2
    rows, columns = np.nonzero(kernel)
    reach = max(np.abs(rows - half).max(), np.abs(columns - half).max())
    return kernel[half - reach : half + reach + 1, half - reach : half + reach + 1]


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


class _Listed(msgspec.Struct):
    """Schema of ``kernels.json``."""

    scale: dict[Text, float]
    meta: dict[str, Any]


def _read_list(path: Path) -> dict[str, Any]:
    listed = read_json(path, _Listed, "the list next to exported kernels", do="remove it")
    return {"scale": {name: float(s) for name, s in listed["scale"].items()}, "meta": listed["meta"]}


def _pictures(folder: Path) -> tuple[list[Path], list[str]]:
    """Pictures in a folder by their suffix, and the names of everything else that is not hidden."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    pictures = [path for path in entries if path.suffix.lower() in SUFFIXES]
    others = [path for path in entries if path.suffix.lower() not in SUFFIXES]
    return pictures, [path.name + "/" * path.is_dir() for path in others]


def _names(files: Sequence[Path]) -> list[str]:
    """Names of kernels: the stem of each file, or its whole name where several have this stem."""
    stems = Counter(file.stem for file in files)
    return [file.stem if stems[file.stem] == 1 else file.name for file in files]


def _read_picture(path: Path) -> np.ndarray:
    try:
        samples = read_samples(path)
    except FileNotFoundError as error:
        raise MissingFile(path, expected="a kernel as PNG", do="export the kernels again") from error
    if samples.ndim == 3:
        if samples.shape[2] != 3 or (samples != samples[..., :1]).any():
            raise InputError(str(path), expected="a grey image", found="a colour image", do="convert it to grey")
        samples = samples[..., 0]
    return samples


def _read_npy(path: Path) -> list[np.ndarray]:
    array = read_npy(path, "a numpy array", do="save it again")
    if array.ndim not in (2, 3):
        raise InputError(str(path), expected="(size, size) or (n, size, size)", found=str(array.shape))
    return list(array) if array.ndim == 3 else [array]


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
        Origin of the bank, if this toolkit wrote it.

    Raises
    ------
    InputError
        If it is not a MATLAB file or a damaged one, or h5py is needed and not installed.
    """
    contents = load_mat(path, expected="a MATLAB file", do="save it again", squeeze_me=True, chars_as_strings=True)
    if contents is not None:
        with reading(path, "a MATLAB file", do="save it again"):
            return _of_v5(path, contents)
    h5py = need("h5py", "io")
    with reading(path, "a whole MATLAB 7.3 file", do="copy or save it again"), h5py.File(path, "r") as file:
        return [pair for key in file if not key.startswith("#") for pair in _item(key, file[key], file)], None


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
    most = most_unpacked(item.file.id.get_filesize())
    if item.nbytes > most:
        raise ValueError(f"'{item.name}' of {item.nbytes:,} bytes when unpacked, more than {most:,}")
    array = np.asarray(item[()])
    # (N, columns, rows) there is (rows, columns, N) in MATLAB.
    return matrices(array.swapaxes(1, 2) if array.ndim == 3 else array.T)


def _of_v5(path: Path, contents: dict[str, Any]) -> tuple[list[tuple[str, np.ndarray]], dict[str, Any] | None]:
    """What `read_mat` gives, of the variables of a file of version 5."""
    if {"kernels", "ids", "meta"} <= set(contents):
        cells = [np.atleast_2d(cell) for cell in _cells(contents["kernels"])]
        names = [str(name) for name in np.atleast_1d(contents["ids"])]
        if len(names) != len(cells):
            raise InputError(str(path), expected=f"{len(cells)} names", found=f"{len(names)}", do="save it again")
        meta = decode_json(str(contents["meta"]), dict[str, Any], f"{path}: meta", "the origin of kernels")
        return list(zip(names, cells, strict=True)), meta
    variables = {key: value for key, value in contents.items() if not key.startswith("__")}
    return [pair for key, value in variables.items() for pair in split(key, _cells(value))], None


def _cells(value: Any) -> list[np.ndarray]:
    """The matrices of a MATLAB variable: one, a stack along the third dimension, or a cell array."""
    array = np.asarray(value)
    if array.dtype == object:
        return [part for cell in array.ravel() for part in _cells(cell)] if array.ndim else _cells(array.item())
    return matrices(np.moveaxis(array, 2, 0) if array.ndim == 3 else array)
