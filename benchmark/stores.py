"""Where the pixels of a set or of a method's outputs lie: one PNG a picture, or one array for all."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.images import read_png, write_png

STORES = ("png", "npy")


def inside(root: str | Path, relative: str) -> Path:
    """Join a relative path with forward slashes to `root`.

    Raises
    ------
    InputError
        When the path is absolute or leaves `root`: tables come from outside.
    """
    parts = PurePosixPath(relative)
    if not relative or parts.is_absolute() or ".." in parts.parts or "\\" in relative or ":" in parts.parts[0]:
        raise InputError(f"path '{relative}'", expected=f"a path inside {root}", found="one that leaves it")
    return Path(root, *parts.parts)


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
    array = _mapped(str(array_path(root, name)))
    if not 0 <= index < len(array):
        raise InputError(f"{array_path(root, name)} row {index}", expected=f"under {len(array)}", found=f"{index}")
    pixels = np.array(array[index])
    if size is not None and pixels.shape[:2] != tuple(size):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise InputError(str(array_path(root, name)), expected=f"{size[1]}x{size[0]} pixels", found=found)
    return pixels


def write_pixels(root: str | Path, name: str, index: int, pixels: np.ndarray, *, store: str) -> None:
    """Write one picture, (H, W, 3) uint8 RGB, where `read_pixels` finds it.

    The PNG is renamed into place; an array must have been made by `create_array`.
    """
    if store == "npy":
        _mapped(str(array_path(root, name)), "r+")[index] = pixels
        return
    write_png(inside(root, name), pixels)


def array_path(root: str | Path, name: str) -> Path:
    """The array that holds the pictures of `name`'s folder: ``blur/x.png`` lies in ``blur.npy``."""
    return Path(root) / f"{PurePosixPath(name).parts[0]}.npy"


def create_array(root: str | Path, folder: str, *, count: int, size: tuple[int, int]) -> None:
    """Make room for `count` pictures of (height, width) in ``root/folder.npy``; an equal one is kept."""
    path = array_path(root, f"{folder}/")
    shape = (count, *size, 3)
    if path.exists():
        if np.load(path, mmap_mode="r").shape == shape:
            return
        path.unlink()
    _mapped.cache_clear()
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()


@lru_cache(maxsize=8)
def _mapped(path: str, mode: str = "r") -> np.ndarray:
    try:
        array = np.load(path, mmap_mode=mode, allow_pickle=False)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise InputError(path, expected="an array of pictures", found="nothing there") from error
    except (ValueError, OSError) as error:
        raise InputError(path, expected="a whole .npy array", found=str(error)) from error
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8:
        raise InputError(path, expected="(N, H, W, 3) uint8", found=f"{array.shape} {array.dtype}")
    return array
