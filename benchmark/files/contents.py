"""Tell what kind of file some bytes are, to explain why they cannot be read as an image."""

from __future__ import annotations

from pathlib import Path

from facedeblur.benchmark.errors import InputError, one_line, shorten

POINTER = b"version https://git-lfs"

_SIGNATURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
    b"P6": "PPM",
}
_OTHERS = {
    b"%PDF": "a PDF file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"\0\0\1\0": "an icon file",
    b"8BPS": "a Photoshop file",
    b"\xff\x4f\xff\x51": "a JPEG 2000 file",
    b"\0\0\0\x0cjP": "a JPEG 2000 file",
    b"\0\0\0\x0cJXL": "a JPEG XL file",
    b"\xff\x0a": "a JPEG XL file",
}


def image_format(data: bytes) -> str:
    """Return the name of the image format that `data` starts like, empty if it is none that can be read."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "AVIF"
    return next((name for start, name in _SIGNATURES.items() if data.startswith(start)), "")


def kind_of(data: bytes) -> str:
    """Return what a file looks like, as in ``an HTML page``, from the bytes that it starts with."""
    if not data:
        return "an empty file"
    if name := image_format(data):
        return f"{'an' if name == 'AVIF' else 'a'} {name} file"
    if data.startswith(POINTER):
        return "a git-lfs pointer"
    if data[4:8] == b"ftyp":
        brands = {b"heic": "a HEIC photograph", b"heix": "a HEIC photograph", b"mif1": "a HEIC photograph"}
        return brands.get(data[8:12], "a video")
    head = data[:512]
    if any(word in head.lower() for word in (b"<!doctype html", b"<html", b"<head")):
        return "an HTML page"
    if b"<svg" in head.lower():
        return "an SVG drawing"
    if not head.strip(b"\0"):
        return "a file of zeros"
    for start, name in _OTHERS.items():
        if data.startswith(start):
            return name
    text = head.decode("utf-8", "ignore")
    if b"\0" not in head and len(text.encode()) > len(head) - 4 and all(c.isprintable() or c.isspace() for c in text):
        first = text.strip().split("\n")[0][:30]
        return f"a text file that starts with {first!r}"
    return f"a file that starts with {data[:8]!r}"


def advice_for(data: bytes) -> str:
    """Return what a user can do about a file that is not a readable image."""
    if data.startswith(POINTER):
        return "fetch the file itself with: git lfs pull"
    kind = kind_of(data)
    if kind in ("an HTML page", "an empty file", "a file of zeros"):
        return "download or copy it again"
    if image_format(data) or kind.startswith(("a HEIC", "an SVG", "a JPEG", "a Photoshop", "an icon")):
        return "convert it to PNG"
    return "replace or remove it"


def unreadable_image(path: Path, data: bytes, error: Exception) -> InputError:
    """Return the error of a file that could not be decoded: why, and what to do about it.

    Parameters
    ----------
    path : Path
    data : bytes
        Its whole contents.
    error : Exception
        What the decoder raised.
    """
    if not data:
        return InputError(str(path), "the file is empty", do=advice_for(data))
    name = image_format(data)
    if not name:
        return InputError(str(path), f"not an image but {kind_of(data)}", do=advice_for(data))
    size, why = f"{len(data):,} bytes", one_line(str(error))
    if any(word in why.lower() for word in ("truncated", "not processed", "eof", "unexpected end", "not enough")):
        return InputError(str(path), f"truncated {name} ({size})", do="copy or download it again")
    if "cannot identify" in why:
        return InputError(str(path), f"damaged or truncated {name} ({size})", do="copy or download it again")
    return InputError(str(path), f"this {name} cannot be decoded ({shorten(why)})", do="replace or remove it")


def not_a_png(path: Path, data: bytes) -> InputError:
    """Return the error of a file of a set, or of outputs, that does not start like a PNG."""
    if not data:
        return InputError(str(path), "the file is empty", do="copy or make it again")
    if image_format(data) == "PNG":
        return InputError(str(path), "truncated PNG", do="copy or make it again")
    return InputError(str(path), expected="a PNG file", found=kind_of(data), do=advice_for(data))
