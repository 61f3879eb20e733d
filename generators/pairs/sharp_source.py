"""The sharp faces of a virtual set: files that are decoded on demand, or rows of one array."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.arrays import map_npy
from facedeblur.benchmark.files.atomic import replacing, write_json
from facedeblur.benchmark.files.images import pixel_hash, read_photo, read_png
from facedeblur.benchmark.files.schema import read_json
from facedeblur.generators.crops import Crops

CACHE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class SharpFace:
    """One sharp face.

    Attributes
    ----------
    image_id, identity : str
    margin : int
        Pixels of true surrounding around the crop; what is stored beyond them is mirrored.
    sha256 : str
        Of the crop's pixels, where known.
    """

    image_id: str
    identity: str
    margin: int = 0
    sha256: str = ""


class SharpSource(Protocol):
    """Sharp faces by number.

    Attributes
    ----------
    size : (height, width)
        Of every crop, in pixels. If they differ, the source also has ``sizes``, the size of each, and this is the least
        height and the least width.
    faces : sequence of SharpFace
    """

    size: tuple[int, int]
    faces: Sequence[SharpFace]

    def read(self, number: int) -> np.ndarray:
        """The crop with what is stored around it, equally far on every side: (H + 2a, W + 2a, 3) uint8 RGB."""
        ...


def size_of(source: SharpSource, number: int) -> tuple[int, int]:
    """Height and width of one crop of a source."""
    sizes: Sequence[tuple[int, int]] | None = getattr(source, "sizes", None)
    return source.size if sizes is None else sizes[number]


def one_size(source: SharpSource) -> bool:
    """True if all crops of a source have the same size."""
    return getattr(source, "sizes", None) is None


class Recent:
    """A cache of the values used last, up to a number of bytes; a copy in another process starts empty."""

    def __init__(self, limit: int):
        self.limit = limit
        self.held = 0
        self._values: OrderedDict[Hashable, np.ndarray] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The value of `key`, made if it is not held."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        self._values[key] = value
        self.held += value.nbytes
        while self.held > self.limit and self._values:
            self.held -= self._values.popitem(last=False)[1].nbytes
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return (Recent, (self.limit,))


class SharpFiles:
    """Crops on disk, as `gather` finds or makes them.

    Parameters
    ----------
    crops : Crops
    cache_bytes : int
        Limit of the cache of decoded images.

    Raises
    ------
    InputError
        If there is no usable crop.
    """

    def __init__(self, crops: Crops, *, cache_bytes: int = CACHE_BYTES):
        usable = [image for image in crops.images if image.status == "ok"]
        if not usable:
            raise InputError("no usable sharp face", do="give other photographs")
        sizes = tuple((image.height, image.width) for image in usable)
        self.sizes = sizes if len(set(sizes)) > 1 else None
        self.size: tuple[int, int] = (min(high for high, _ in sizes), min(wide for _, wide in sizes))
        self._wide = {name: Path(file) for name, file in crops.wide_files.items()}
        self.faces: Sequence[SharpFace] = tuple(
            SharpFace(image.image_id, image.identity, image.margin if image.image_id in self._wide else 0, image.sha256)
            for image in usable
        )
        self._sharp = {image.image_id: Path(crops.sharp_files[image.image_id]) for image in usable}
        self._recent = Recent(cache_bytes)

    def read(self, number: int) -> np.ndarray:
        """See `SharpSource`; raises InputError where a file is damaged or has changed its size."""
        return self._recent.get(number, lambda: self._decode(number))

    def _decode(self, number: int) -> np.ndarray:
        name = self.faces[number].image_id
        wide = self._wide.get(name)
        pixels = read_png(wide) if wide is not None else read_photo(self._sharp[name]).pixels
        high, across = size_of(self, number)
        extra = pixels.shape[0] - high, pixels.shape[1] - across
        if extra[0] != extra[1] or extra[0] < 0 or extra[0] % 2 or (wide is None and extra[0]):
            raise InputError(
                str(wide or self._sharp[name]),
                expected=f"{across}x{high} pixels, or equally more on every side",
                found=f"{pixels.shape[1]}x{pixels.shape[0]}",
                do="align again",
            )
        recorded, around = self.faces[number].sha256, extra[0] // 2
        crop = pixels[around : around + high, around : around + across]
        if recorded and pixel_hash(crop) != recorded:
            raise InputError(
                str(wide or self._sharp[name]), expected="the crop as listed", found="another", do="align again"
            )
        return pixels


class SharpArray:
    """Crops in one array, in memory or in a ``.npy`` file that is read row by row.

    Parameters
    ----------
    array : (N, H + 2a, W + 2a, 3) uint8 RGB, or path of such a ``.npy``
    around : int
        Pixels stored around each crop, a.
    faces : sequence of SharpFace, optional
        By default called ``0000``, ``0001``, ..., each somebody else, with all that is stored true.

    Raises
    ------
    InputError
        If it is not such an array.
    """

    def __init__(self, array: np.ndarray | str | Path, *, around: int = 0, faces: Sequence[SharpFace] | None = None):
        self._array = array if isinstance(array, np.ndarray) else None
        self._file = "" if isinstance(array, np.ndarray) else str(array)
        held = array if isinstance(array, np.ndarray) else map_npy(self._file, "a .npy array")
        side = min(held.shape[1:3]) - 2 * around if held.ndim == 4 else 0
        good = held.ndim == 4 and held.shape[3] == 3 and held.dtype == np.uint8
        good &= self._array is not None or held.flags.c_contiguous
        if not good or not len(held) or around < 0 or side < 1:
            raise InputError(
                self._file or "array of sharp faces",
                expected="(N, H, W, 3) of uint8, larger than its surroundings",
                found=f"{held.shape} of {held.dtype}, {around} px around",
            )
        if faces is not None and len(faces) != len(held):
            raise InputError("names of the faces", expected=f"{len(held)}", found=f"{len(faces)}")
        self.size: tuple[int, int] = (held.shape[1] - 2 * around, held.shape[2] - 2 * around)
        names = (f"{i:04}" for i in range(len(held)))
        self.faces: Sequence[SharpFace] = (
            tuple(faces) if faces else tuple(SharpFace(name, name, around) for name in names)
        )
        self._shape = tuple(held.shape[1:])
        self._offset = int(held.offset) if isinstance(held, np.memmap) else 0

    def read(self, number: int) -> np.ndarray:
        """See `SharpSource`."""
        if self._array is not None:
            return np.ascontiguousarray(self._array[number])
        # Read as a file is: pages of a map would count as this process's memory.
        size = math.prod(self._shape)
        flat = np.fromfile(self._file, np.uint8, size, offset=self._offset + number * size)
        return flat.reshape(self._shape)


def packed(source: SharpSource, file: str | Path, *, needed: int = 0) -> SharpArray:
    """Write all faces of a source into one ``.npy`` file, which is read without decoding.

    If images store surroundings of different widths, all are extended to the widest, and to what is `needed`, by
    mirroring, so that every augmentation sees what it would have seen; the `margin` of a face still says how much of it
    is true. A file that holds these faces already is kept.

    Parameters
    ----------
    source : SharpSource
    file : path
        Its name ends in ``.npy``; what it holds is noted in a ``.json`` next to it.
    needed : int
        Pixels around a crop that are needed.

    Returns
    -------
    SharpArray
        Over the file.

    Raises
    ------
    InputError
        If a picture cannot be read.
    """
    file = Path(file)
    if not one_size(source):
        raise InputError("sharp faces", expected="crops of one size to put into one array", found="several sizes")
    height, width = source.size
    reach = {(source.read(i).shape[0] - height) // 2 for i in range(len(source.faces))}
    around = max(reach) if len(reach) == 1 else max(*reach, needed)
    note = {"size": [height, width], "around": around, "faces": _digest(source.faces)}
    notes = file.with_suffix(".json")
    if file.is_file() and notes.is_file() and _noted(notes) == note:
        return SharpArray(file, around=around, faces=source.faces)
    notes.unlink(missing_ok=True)
    shape = (len(source.faces), height + 2 * around, width + 2 * around, 3)
    # Written as a file is: a map would end this process where the disk is full.
    with replacing(file) as temporary, temporary.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for i in range(len(source.faces)):
            pixels = source.read(i)
            extra = around - (pixels.shape[0] - height) // 2
            stream.write(np.pad(pixels, ((extra, extra), (extra, extra), (0, 0)), "reflect").tobytes())
    write_json(notes, note)
    return SharpArray(file, around=around, faces=source.faces)


def _noted(file: Path) -> Any:
    """What a file of notes says; None where it is damaged, so that the array is written again."""
    try:
        return read_json(file, dict[str, Any], "notes of packed faces")
    except InputError:
        return None


def _digest(faces: Sequence[SharpFace]) -> str:
    sha = hashlib.sha256()
    for face in faces:
        sha.update(f"{face.image_id} {face.margin} {face.sha256}\n".encode())
    return sha.hexdigest()
