"""Read and write image files. Colour order and bit depth are handled here, the PNG format in `png`.

There are two readers: `read_photo` accepts any usual photograph and reports what it converted;
`read_png` accepts only what the toolkit itself writes, 8-bit RGB PNG, and checks every byte of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, explain
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.contents import not_a_png
from facedeblur.benchmark.files.decode import decode, image_size, to_srgb
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.png import PngHeader, chunks, decode_rgb, encode_rgb, png_header, without_text

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".ppm"})
# Chunks of a PNG file that does not say anything else about its pixels.
PLAIN = frozenset({b"IHDR", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"tIME", b"bKGD", b"sBIT"})
MAX_PIXELS = 100_000_000
MIN_SIDE = 16


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    Attributes
    ----------
    pixels : np.ndarray, shape (H, W, 3), uint8 RGB
    note : str
        What was converted; empty for an upright 8-bit RGB file.
    """

    pixels: np.ndarray
    note: str = ""


def list_images(folder: str | Path, *, recursive: bool = True) -> list[Path]:
    """Return the image files under `folder`, recognised by suffix and sorted by path, without hidden files.

    Raises
    ------
    InputError
        When `folder` does not exist, is a file, or has no image in it.
    """
    root = Path(folder)
    if not root.is_dir():
        if root.exists():
            raise InputError(str(root), expected="a folder of images", found="a file", do="give the folder")
        raise MissingFile(root, expected="a folder of images", do="check the path")
    entries = root.rglob("*") if recursive else root.iterdir()
    found_paths = sorted(
        path
        for path in entries
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not found_paths:
        kinds = " ".join(sorted(SUFFIXES))
        raise InputError(str(root), f"no images in this folder ({kinds})", do="give another folder")
    return found_paths


def read_photo(path: str | Path, *, min_side: int = MIN_SIDE, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photograph of any usual kind as upright 8-bit RGB.

    Grey is repeated in three channels, alpha is dropped, 16 bits are rounded to 8, colours are
    converted to sRGB where a profile says that they are others, CMYK is converted, and the EXIF
    orientation is applied, alike in every container; `Photo.note` says which.

    Raises
    ------
    InputError
        When the file cannot be read, is empty, truncated or not an image, or when it has a side
        under `min_side` or more than `max_pixels` pixels (checked before decoding).
    """
    path = Path(path)
    return decode_photo(path, _bytes_of(path), min_side=min_side, max_pixels=max_pixels)


def decode_photo(path: Path, data: bytes, *, min_side: int = MIN_SIDE, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode the bytes of a photograph, as `read_photo` does; `path` is for messages."""
    header = png_header(data)
    if header is not None:
        _check_size(path, header.width, header.height, min_side, max_pixels)
        if _is_plain(path, data, header):
            return Photo(decode_rgb(path, data, header))
    picture = decode(path, data, lambda width, height: _check_size(path, width, height, min_side, max_pixels))
    return Photo(*to_srgb(picture))


def read_samples(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read the samples of an image file of any kind, without converting colours or rounding.

    Returns
    -------
    np.ndarray, shape (H, W), (H, W, 3) RGB or (H, W, 4) CMYK, uint8 or uint16
        Upright, without alpha.

    Raises
    ------
    InputError
        As `read_photo`.
    """
    path = Path(path)
    data = _bytes_of(path)
    return decode(path, data, lambda width, height: _check_size(path, width, height, 1, max_pixels)).samples


def photo_size(path: str | Path) -> tuple[int, int]:
    """Return (width, height) of a photograph as `read_photo` gives it, without decoding it; errors as there."""
    path = Path(path)
    data = _bytes_of(path)
    header = png_header(data)
    if header is not None and _is_plain(path, data, header):
        return header.width, header.height
    return image_size(path, data)


def _is_plain(path: Path, data: bytes, header: PngHeader) -> bool:
    """Tell whether a PNG file is 8-bit RGB, of which nothing has to be converted or turned; checks its chunks."""
    return (header.bits, header.colour) == (8, "RGB") and {kind for kind, _ in chunks(path, data)} <= PLAIN


def _bytes_of(path: Path) -> bytes:
    try:
        return read_file(path)
    except PermissionError as error:
        raise explain(error) from error


def read_png(path: str | Path, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read an 8-bit RGB PNG, as in sets and outputs, and check every chunk of it.

    Parameters
    ----------
    path : path
    size : (height, width), optional
        Required size in pixels.

    Returns
    -------
    np.ndarray, shape (H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When the file is missing, not a PNG, truncated, damaged, not 8-bit RGB, or of another size.
    """
    path = Path(path)
    data, header = _open_png(path, "RGB", size)
    return decode_rgb(path, data, header)


def _open_png(path: Path, colour: str, size: tuple[int, int] | None) -> tuple[bytes, PngHeader]:
    """Read a PNG file and check that it is 8-bit of this colour and size."""
    try:
        data = read_file(path)
    except FileNotFoundError as error:
        raise MissingFile(path, expected="a PNG file") from error
    header = png_header(data)
    if header is None:
        raise not_a_png(path, data)
    if (header.bits, header.colour) != (8, colour):
        raise InputError(str(path), expected=f"8-bit {colour}", found=str(header), do=f"write 8-bit {colour} PNG")
    if size is not None and (header.height, header.width) != tuple(size):
        raise InputError(str(path), expected=f"{size[1]}x{size[0]} pixels", found=f"{header.width}x{header.height}")
    _check_size(path, header.width, header.height, 1, MAX_PIXELS)
    return data, header


def read_label(path: str | Path, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read a label image: 8-bit grey PNG, one value per class.

    Parameters
    ----------
    path : path
    size : (height, width), optional
        Required size in pixels.

    Returns
    -------
    np.ndarray, shape (H, W), uint8

    Raises
    ------
    InputError
        When the file is missing, not an 8-bit grey PNG, damaged, or of another size.
    """
    import cv2

    path = Path(path)
    data, _ = _open_png(path, "grey", size)
    bare = without_text(path, data)  # which checks each chunk
    return np.asarray(cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_UNCHANGED))


def write_png(path: str | Path, pixels: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB pixels as PNG, atomically."""
    write_bytes(path, encode_png(pixels))


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB, or (H, W) uint8 or uint16, as PNG bytes."""
    if pixels.ndim == 3 and pixels.dtype == np.uint8:
        return encode_rgb(np.ascontiguousarray(pixels))
    import cv2

    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise InputError("image to encode", expected="uint8 RGB or grey", found=f"{pixels.dtype} {pixels.shape}")
    return bytes(data)


def pixel_hash(pixels: np.ndarray) -> str:
    """Return the sha256 (hex) of an image's shape and samples, which does not depend on how the file is encoded."""
    digest = _head_hash(pixels.shape, pixels.dtype).copy()
    digest.update(np.ascontiguousarray(pixels).data)
    return str(digest.hexdigest())


@lru_cache(maxsize=64)
def _head_hash(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """The running hash of the shape and type; to spell a type takes NumPy a tenth of the time of hashing a face."""
    return hashlib.sha256(f"{'x'.join(map(str, shape))} {dtype}\n".encode())


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Clip an image in [0, 1] and round it to 8 bits, half up: floor(255 x + 0.5)."""
    return np.floor(np.clip(image, 0, 1) * 255.0 + 0.5).astype(np.uint8)


def _check_size(path: Path, width: int, height: int, min_side: int, max_pixels: int) -> None:
    if min(width, height) < min_side:
        raise InputError(
            str(path), expected=f"at least {min_side}x{min_side} pixels", found=f"{width}x{height}", do="remove it"
        )
    if width * height > max_pixels:
        raise InputError(
            str(path), expected=f"at most {max_pixels} pixels", found=f"{width}x{height}", do="make it smaller"
        )
