"""Where the pixels of a set or of outputs are stored: one PNG per image, or one array for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.arrays import map_npy
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.files.paths import inside

STORES = ("png", "npy")


def read_pixels(root: str | Path, name: str, index: int, *, store: str, size: tuple[int, int] | None) -> np.ndarray:
    """Read one picture.

    Parameters
    ----------
    root : path
        Folder of the set or of the outputs.
    name : str
        Relative path of the picture; with ``store='npy'`` its first folder names the array.
    index : int
        Row of the picture in the array.
    store : {'png', 'npy'}
    size : (height, width) or None
        What it must measure.

    Returns
    -------
    np.ndarray, shape (H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When it is missing, damaged, or of another kind or size.
    """
    path = inside(root, name)
    if store == "png":
        return read_png(path, size=size)
    return read_array(array_path(root, name), range(index, index + 1), size=size)[0]


def read_array(file: Path, rows: range, *, size: tuple[int, int] | None) -> np.ndarray:
    """Read pictures that follow one another in an array, at once.

    Parameters
    ----------
    file : Path
        The array; see `array_path`.
    rows : range
        Their rows, one after the other.
    size : (height, width) or None
        What they must measure.

    Returns
    -------
    np.ndarray, shape (N, H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When the array is missing or damaged, has not all of these rows, or is of another size.
    """
    array = _layout(file)
    for row in (rows[0], rows[-1]):
        if not 0 <= row < array.shape[0]:
            raise InputError(str(file), expected=f"a row under {array.shape[0]}", found=str(row))
    height, width = array.shape[1:3]
    if size is not None and (height, width) != tuple(size):
        raise InputError(str(file), expected=f"{size[1]}x{size[0]} pixels", found=f"{width}x{height}")
    pixels = np.empty((len(rows), *array.shape[1:]), np.uint8)
    with file.open("rb") as stream:
        stream.seek(array.start(rows[0]))
        if stream.readinto(pixels.data.cast("B")) != pixels.nbytes:
            raise InputError(str(file), expected="a whole .npy array", found="a shorter one")
    return pixels


def write_stack(root: str | Path, names: Sequence[str], first: int, stack: np.ndarray, *, store: str) -> None:
    """Write pictures where `read_pixels` finds them.

    Each PNG is renamed into place; an array must have been made by `create_array`.

    Parameters
    ----------
    root : path
    names : sequence of str
        Relative paths, all in one folder.
    first : int
        Row of the first; the others follow it.
    stack : np.ndarray, shape (N, H, W, 3), uint8 RGB
    store : {'png', 'npy'}
    """
    if store == "npy":
        file = array_path(root, names[0])
        with file.open("r+b", buffering=0) as stream:
            stream.seek(_layout(file).start(first))
            left = np.ascontiguousarray(stack).data.cast("B")
            while left:
                left = left[stream.write(left) :]
        return
    for name, pixels in zip(names, stack, strict=True):
        write_png(inside(root, name), pixels)


def write_pixels(root: str | Path, name: str, index: int, pixels: np.ndarray, *, store: str) -> None:
    """Write one picture, (H, W, 3) uint8 RGB; see `write_stack`."""
    write_stack(root, [name], index, pixels[None], store=store)


def array_path(root: str | Path, name: str) -> Path:
    """Return the array that holds the pictures of `name`'s folder: ``blur/x.png`` is in ``blur.npy``."""
    return Path(root) / f"{name.partition('/')[0]}.npy"


def create_array(root: str | Path, folder: str, *, count: int, size: tuple[int, int]) -> None:
    """Create ``root/folder.npy`` for `count` images of (height, width), atomically, unless it exists."""
    path = array_path(root, f"{folder}/")
    shape = (count, *size, 3)
    if path.exists() and _layout(path).shape == shape:
        return
    with replacing(path) as temporary:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape).flush()


@dataclass(frozen=True)
class _Layout:
    """Where the rows of a .npy array begin; they are read and written like files, as a memory map counts as memory."""

    shape: tuple[int, ...]
    offset: int

    @property
    def row_bytes(self) -> int:
        return math.prod(self.shape[1:])

    def start(self, index: int) -> int:
        return self.offset + index * self.row_bytes


def _layout(path: Path) -> _Layout:
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise MissingFile(path, expected="an array of images", do="copy or make it again") from error
    return _read_layout(path, state.st_ino, state.st_size)


@lru_cache(maxsize=16)
def _read_layout(path: Path, inode: int, size: int) -> _Layout:
    array = map_npy(path, "a whole .npy array")
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8 or not array.flags.c_contiguous:
        raise InputError(str(path), expected="(N, H, W, 3) uint8", found=f"{array.shape} {array.dtype}")
    return _Layout(array.shape, size - array.nbytes)
