"""Image files: the one place that knows PNG, colour order and bit depth.

Two readers, because two things are wanted: `read_photo` takes whatever a camera or a
collection delivers and says what it converted; `read_png` takes only what the toolkit
itself writes, 8-bit RGB PNG, and checks every byte of it.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedeblur.benchmark.atomic import replacing
from facedeblur.benchmark.errors import InputError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})
MAX_PIXELS = 100_000_000
MIN_SIDE = 16

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    Attributes
    ----------
    pixels : np.ndarray, shape (H, W, 3), uint8 RGB
    note : str
        What had to be converted on the way, empty for an upright 8-bit RGB file.
    """

    pixels: np.ndarray
    note: str = ""


@dataclass(frozen=True)
class PngHeader:
    """The fields of a PNG file's IHDR chunk."""

    width: int
    height: int
    bits: int
    colour: str

    def __str__(self) -> str:
        return f"{self.bits}-bit {self.colour}, {self.width}x{self.height}"


def list_images(folder: str | Path, *, recursive: bool = True) -> list[Path]:
    """Image files under `folder` by suffix, sorted by path; hidden files are left out.

    Raises
    ------
    InputError
        When `folder` is not a folder, or holds no image file.
    """
    root = Path(folder)
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing there"
        raise InputError(str(root), expected="a folder of images", found=found, do="give the folder")
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
        raise InputError(str(root), expected=f"images ({kinds})", found="none", do="give another folder")
    return found_paths


def read_photo(path: str | Path, *, min_side: int = MIN_SIDE, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photograph of any usual kind as upright 8-bit RGB.

    Grey is repeated in three channels, alpha is dropped, CMYK is converted, 16 bits are
    rounded to 8 and the EXIF orientation is applied; `Photo.note` says which.

    Raises
    ------
    InputError
        When the file is not an image, is truncated, or has a side under `min_side`
        or more than `max_pixels` pixels (checked before decoding).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    data = path.read_bytes()
    header = png_header(data)
    if header is not None:
        _check_size(path, header.width, header.height, min_side, max_pixels)
        _check_chunks(path, data)
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
    except Image.DecompressionBombError as error:
        raise InputError(
            str(path), expected=f"at most {max_pixels} pixels", found=str(error).split(",")[0], do="make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            str(path), expected="an image", found=f"a file that starts with {data[:8]!r}", do="remove or replace it"
        ) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InputError(str(path), expected="a whole image", found=str(error), do="copy it again") from error


def _read_deep(path: Path, data: bytes) -> Photo:
    """Decode 16-bit samples, which PIL cuts to their high byte, by OpenCV and round them."""
    import cv2

    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype not in (np.uint16, np.uint8):
        raise InputError(
            str(path), expected="8 or 16 bits a sample", found="another kind", do="convert it to 8-bit PNG"
        )
    note = f"{deep.dtype.itemsize * 8}-bit to 8-bit"
    if deep.dtype == np.uint16:
        # 257 = 65535 / 255, so white stays white.
        deep = ((deep.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if deep.ndim == 2:
        return Photo(np.repeat(deep[:, :, None], 3, axis=2), f"{note}, grey to RGB")
    if deep.shape[2] == 4:
        note += ", alpha dropped"
    return Photo(np.ascontiguousarray(deep[:, :, 2::-1]), note)


def png_header(data: bytes) -> PngHeader | None:
    """Read the IHDR of a PNG file; None where `data` does not start as one."""
    if data[:8] != _PNG or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    return PngHeader(width, height, bits, _COLOUR_TYPES.get(colour, f"colour type {colour}"))


def read_png(path: str | Path, *, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read an image of a set or of a method's outputs: 8-bit RGB PNG, every chunk checked.

    Parameters
    ----------
    path : path
    size : (height, width), optional
        What the file must measure, in pixels.

    Returns
    -------
    np.ndarray, shape (H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When the file is not there, not a PNG, truncated, damaged, not 8-bit RGB, or of another size.
    """
    import cv2

    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(str(path), expected="a PNG file", found="nothing there") from error
    header = png_header(data)
    if header is None:
        raise InputError(str(path), expected="a PNG file", found=f"a file that starts with {data[:8]!r}")
    if (header.bits, header.colour) != (8, "RGB"):
        raise InputError(str(path), expected="8-bit RGB", found=str(header), do="write 8-bit RGB PNG")
    if size is not None and (header.height, header.width) != tuple(size):
        raise InputError(str(path), expected=f"{size[1]}x{size[0]} pixels", found=f"{header.width}x{header.height}")
    _check_size(path, header.width, header.height, 1, MAX_PIXELS)
    _check_chunks(path, data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None or pixels.shape != (header.height, header.width, 3):
        raise InputError(str(path), expected="a PNG that decodes", found="damaged image data", do="make it again")
    return np.asarray(pixels)


def write_png(path: str | Path, pixels: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB pixels as PNG, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(encode_png(pixels))


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB, or (H, W) uint8 or uint16, as PNG bytes."""
    import cv2

    ordered = pixels[:, :, ::-1] if pixels.ndim == 3 else pixels
    done, data = cv2.imencode(".png", ordered)
    if not done:
        raise InputError("image to encode", expected="uint8 RGB or grey", found=f"{pixels.dtype} {pixels.shape}")
    return bytes(data)


def pixel_hash(pixels: np.ndarray) -> str:
    """sha256 (hex) of an image's shape and decoded samples; another encoder does not change it."""
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
            str(path), expected=f"at least {min_side}x{min_side} pixels", found=f"{width}x{height}", do="leave it out"
        )
    if width * height > max_pixels:
        raise InputError(
            str(path), expected=f"at most {max_pixels} pixels", found=f"{width}x{height}", do="make it smaller"
        )


def _check_chunks(path: Path, data: bytes) -> None:
    """Check the length and CRC of every PNG chunk: decoders fill what is missing in silence."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        kind = data[at + 4 : at + 8]
        if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise InputError(str(path), expected="an intact PNG", found=f"a damaged {kind.decode('latin1')} chunk")
        if kind == b"IEND":
            return
        at = end
    raise InputError(str(path), expected="a whole PNG", found="a truncated one", do="copy or make it again")
