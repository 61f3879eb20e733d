"""PNG files: header, integrity, and a fast codec for 8-bit RGB.

Blurred photographs are noisy and hardly compress, so speed matters more than size. Writing with
the Up filter and ISA-L's deflate takes a third of the time that OpenCV takes for a file of the
same size, and reading such a file takes half. Every other PNG is decoded by OpenCV.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
UP = 2
AGAIN = "copy or make it again"


@dataclass(frozen=True)
class PngHeader:
    """The fields of a PNG file's IHDR chunk."""

    width: int
    height: int
    bits: int
    colour: str
    interlaced: bool

    def __str__(self) -> str:
        return f"{self.bits}-bit {self.colour}, {self.width}x{self.height}"


def png_header(data: bytes) -> PngHeader | None:
    """Return the header (IHDR) of a PNG file, or None if `data` does not start like a PNG."""
    if data[:8] != SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    return PngHeader(width, height, bits, COLOUR_TYPES.get(colour, f"colour type {colour}"), data[28] != 0)


def chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and body of every chunk, after checking its checksum.

    Decoders do not report missing data: they fill it in.

    Raises
    ------
    InputError
        When the file ends before its IEND chunk, or a chunk's CRC is wrong.
    """
    from isal.isal_zlib import crc32

    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        kind = data[at + 4 : at + 8]
        if crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            chunk = kind.decode("latin1")
            raise InputError(str(path), f"damaged PNG (checksum of its {chunk} chunk is wrong)", do=AGAIN)
        yield kind, view[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end
    raise InputError(str(path), "truncated PNG", do=AGAIN)


NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"})
# Older programs keep EXIF data in text.
_EXIF_TEXTS = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
MAX_TEXT = 2**19
MAX_PROFILE = 2**26


def essential(path: Path, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a PNG file without what does not concern its pixels, its ICC profile, and its coded colours (cICP).

    Decoders give up on a file with large texts or a large colour profile, which image editors write.

    Returns
    -------
    png : bytes
        What is needed to decode it, and what may hold EXIF data; `data` as they are where they are no PNG file.
    profile : bytes
        Empty if the file has no profile; unpacked up to 64 MiB.
    cicp : bytes
        Primaries, transfer, matrix and range; empty if not stated.

    Raises
    ------
    InputError
        As `chunks`.
    """
    if png_header(data) is None:
        return data, b"", b""
    kept, profile, cicp = [SIGNATURE], b"", b""
    for kind, body in chunks(path, data):
        if kind in NEEDED or (kind in _TEXTS and _holds_exif(kind, bytes(body))):
            kept.append(_chunk(kind, bytes(body)))
        elif kind == b"iCCP":
            packed = bytes(body).partition(b"\0")[2][1:]
            profile = _unpacked(packed, MAX_PROFILE) or b"damaged"
        elif kind == b"cICP":
            cicp = bytes(body)
    return b"".join(kept), profile, cicp


def _holds_exif(kind: bytes, body: bytes) -> bool:
    """Whether a text may say how the picture is turned, and is small enough for every decoder."""
    name, _, rest = body.partition(b"\0")
    if name not in _EXIF_TEXTS or len(body) > MAX_TEXT:
        return False
    packed = (
        rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" and rest[:1] == b"\1" else b""
    )
    return not packed or 0 < len(_unpacked(packed, MAX_TEXT + 1)) <= MAX_TEXT


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Unpack at most `limit` bytes; nothing where they are damaged."""
    try:
        return zlib.decompressobj().decompress(packed, limit)
    except zlib.error:
        return b""


TEXT = _TEXTS | {b"iCCP"}


def without_text(path: Path, data: bytes) -> bytes:
    """Return a PNG file without texts and profiles, which libpng would unpack, and warn about on the terminal."""
    found = list(chunks(path, data))
    if not any(kind in TEXT for kind, _ in found):
        return data
    return SIGNATURE + b"".join(_chunk(kind, bytes(body)) for kind, body in found if kind not in TEXT)


def encode_rgb(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG bytes."""
    from isal import isal_zlib

    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, width * 3)
    filtered = np.empty((height, width * 3 + 1), np.uint8)
    filtered[:, 0] = UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = isal_zlib.compress(filtered, 1)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def decode_rgb(path: Path, data: bytes, header: PngHeader) -> np.ndarray:
    """Decode an 8-bit RGB PNG, as its header says it is.

    Returns
    -------
    np.ndarray, shape (H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When the file is truncated or damaged.
    """
    import cv2
    from isal import isal_zlib

    packed = b"".join(body for kind, body in chunks(path, data) if kind == b"IDAT")
    height, stride = header.height, header.width * 3 + 1
    if not header.interlaced:
        try:
            # Bounded, so that a small file cannot unpack to any size.
            unpacked = isal_zlib.decompressobj().decompress(packed, height * stride + 1)
        except isal_zlib.error:  # type: ignore[misc]  # its stub gives the class as a value
            unpacked = b""
        if len(unpacked) == height * stride:
            rows = np.frombuffer(unpacked, np.uint8).reshape(height, stride)
            if (rows[:, 0] == UP).all():
                return _sums_down(rows[:, 1:]).reshape(height, header.width, 3)
    as_stored = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(without_text(path, data), np.uint8), as_stored)
    if pixels is None or pixels.shape != (height, header.width, 3):
        raise InputError(str(path), "damaged image data", do=AGAIN)
    return np.asarray(pixels)


def _sums_down(rows: np.ndarray) -> np.ndarray:
    """Return (H, W) uint8 in which each row is the sum of those down to it, modulo 256.

    The number of rows that are summed doubles with each step, which is faster than one row after another.
    """
    sums, step = rows.copy(), 1
    while step < len(sums):
        sums[step:] += sums[:-step]
        step *= 2
    return sums
