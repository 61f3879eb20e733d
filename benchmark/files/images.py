"""Read and write image files. Colour order and bit depth are handled here, the PNG format in `png`.

There are two readers: `read_photo` accepts any usual photograph and reports what it converted;
`read_png` accepts only what the toolkit itself writes, 8-bit RGB PNG, and checks every byte of it.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile, explain
from facedeblur.benchmark.files.atomic import write_bytes
from facedeblur.benchmark.files.contents import not_a_png, unreadable_image
from facedeblur.benchmark.files.paths import read_file
from facedeblur.benchmark.files.png import PngHeader, chunks, decode_rgb, encode_rgb, png_header

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})
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

    Grey is repeated in three channels, alpha is dropped, CMYK is converted, 16 bits are
    rounded to 8 and the EXIF orientation is applied; `Photo.note` says which.

    Raises
    ------
    InputError
        When the file cannot be read, is empty, truncated or not an image, or when it has a side
        under `min_side` or more than `max_pixels` pixels (checked before decoding).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    try:
        data = read_file(path)
    except PermissionError as error:
        raise explain(error) from error
    header = png_header(data)
    if header is not None:
        _check_size(path, header.width, header.height, min_side, max_pixels)
        kinds = {kind for kind, _ in chunks(path, data)}
        if (header.bits, header.colour) == (8, "RGB") and not kinds & {b"eXIf", b"tRNS"}:
            return Photo(decode_rgb(path, data, header))
        if header.bits == 16:
            return _read_deep(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as opened:
                _check_size(path, *opened.size, min_side, max_pixels)
                if opened.mode in {"I", "I;16", "I;16B", "I;16L", "F"}:
                    return _read_deep(path, data)
                notes = []
                upright = ImageOps.exif_transpose(opened)
                if opened.getexif().get(0x0112, 1) != 1:
                    notes.append("turned by EXIF")
                if upright.mode != "RGB":
                    notes.append(f"{upright.mode} to RGB")
                    upright = upright.convert("RGBA") if upright.mode in {"P", "LA", "PA"} else upright
                return Photo(np.asarray(upright.convert("RGB")).copy(), ", ".join(notes))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            str(path), expected=f"at most {max_pixels} pixels", found=str(error).split(",")[0], do="make it smaller"
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise unreadable_image(path, data, error) from error


def _read_deep(path: Path, data: bytes) -> Photo:
    """Decode 16-bit samples, which PIL cuts to their high byte, by OpenCV and round them."""
    import cv2

    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype not in (np.uint16, np.uint8):
        kind = "damaged, or of an unsupported bit depth" if deep is None else f"samples of type {deep.dtype}"
        raise InputError(str(path), expected="8 or 16 bits per sample", found=kind, do="convert it to 8-bit PNG")
    note = f"{deep.dtype.itemsize * 8}-bit to 8-bit"
    if deep.dtype == np.uint16:
        # 257 = 65535 / 255, so white stays white.
        deep = ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if deep.ndim == 2:
        return Photo(np.repeat(deep[:, :, None], 3, axis=2), f"{note}, grey to RGB")
    if deep.shape[2] == 4:
        note += ", alpha dropped"
    return Photo(np.ascontiguousarray(deep[:, :, 2::-1]), note)


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
    for _ in chunks(path, data):
        pass  # the iterator checks each chunk
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


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
    head = "x".join(str(side) for side in pixels.shape) + f" {pixels.dtype}\n"
    digest = hashlib.sha256(head.encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


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
