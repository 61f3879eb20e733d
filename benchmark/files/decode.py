"""Decode image files of others: one path for every container, from the bytes to upright samples.

What is done with orientation, bit depth, colour profile, alpha and palette depends on what the file says, not on
whether it is PNG, JPEG, TIFF, WebP, AVIF, BMP or PPM; ``docs/files.md`` has the table. PIL decodes 8-bit samples. It
cuts 16-bit colour samples to their high byte, so those are decoded by OpenCV.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.contents import unreadable_image
from facedeblur.benchmark.files.png import essential, png_header

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION = 0x0112
BITS_PER_SAMPLE = 0x0102
BLACK_POINT_COMPENSATION = 0x2000  # LittleCMS's cmsFLAGS_BLACKPOINTCOMPENSATION
NEAR_SRGB = 2
"""Largest difference, in grey levels, that a colour profile may make and still be called sRGB."""

CheckSize = Callable[[int, int], None]


@dataclass(frozen=True)
class Picture:
    """An upright picture as its file has it.

    Attributes
    ----------
    samples : np.ndarray, shape (H, W) or (H, W, C), uint8 or uint16
        Without alpha: grey, RGB (C = 3), or CMYK (C = 4).
    profile : bytes
        ICC profile; empty if the file has no profile.
    notes : tuple of str
        What was done or ignored.
    """

    samples: np.ndarray
    profile: bytes = b""
    notes: tuple[str, ...] = ()


def decode(path: Path, data: bytes, check_size: CheckSize) -> Picture:
    """Decode the bytes of an image file.

    Parameters
    ----------
    path : Path
        For messages.
    data : bytes
    check_size : callable
        Is given width and height before anything is decoded; raises an error for a size that is not wanted.

    Raises
    ------
    InputError
        When it is not an image, damaged or truncated, or of a kind that is not read.
    """
    read, profile, cicp = essential(path, data)
    with decoding(path, data), open_image(read) as opened:
        check_size(*opened.size)
        _refuse_hdr(path, cicp or _coded_colours(read, opened.format))
        profile = profile or opened.info.get("icc_profile") or b""
        return _upright(path, read, opened, profile)


def image_size(path: Path, data: bytes) -> tuple[int, int]:
    """Return (width, height) of the upright image, without decoding it; errors as `decode`."""
    with decoding(path, data), open_image(essential(path, data)[0]) as opened:
        turned = opened.format != "TIFF" and _orientation(opened)[0] >= 5  # PIL turns TIFF itself
        return opened.size[::-1] if turned else opened.size


@contextmanager
def decoding(path: Path, data: bytes) -> Iterator[None]:
    """Turn what PIL raises inside the block about the damaged file `data` into an `unreadable_image`."""
    try:
        yield
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise unreadable_image(path, data, error) from error


def open_image(data: bytes) -> Image.Image:
    """Open an image file by PIL without its limit of pixels: callers check the size."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(io.BytesIO(data))
        except Image.DecompressionBombError as error:
            raise ValueError(str(error)) from error


def _upright(path: Path, data: bytes, opened: Image.Image, profile: bytes) -> Picture:
    orientation, notes = _orientation(opened)
    by_itself = opened.format == "TIFF"  # both decoders turn TIFF
    bits = _bits(opened, data)
    if opened.mode == "F" or bits > 16 or (opened.mode.startswith("I") and bits != 16):
        raise InputError(
            str(path), expected="8 or 16 bits per sample", found=f"mode {opened.mode}, {bits} bits",
            do="convert it to PNG",
        )  # fmt: skip
    if opened.mode.startswith("I"):
        samples = np.asarray(opened)
        if samples.size and not 0 <= int(samples.min()) <= int(samples.max()) <= 65535:
            raise InputError(str(path), expected="samples from 0 to 65535", found="others", do="convert it to PNG")
        samples = samples.astype(np.uint16)
    elif bits == 16:
        samples, said = _deep(path, data)
        notes += said
    else:
        samples, said = _shallow(path, opened)
        notes += said
        if bits > 8:
            notes += [f"{bits}-bit to 8-bit"]
    if orientation != 1:
        notes = ["turned by EXIF", *notes]
        samples = samples if by_itself else turn(samples, orientation)
    return Picture(samples, profile, tuple(notes))


def _orientation(opened: Image.Image) -> tuple[int, list[str]]:
    """EXIF orientation, 1 to 8, before PIL has loaded the image; 1 where EXIF data are damaged, with a note."""
    try:
        value = opened.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, OSError, struct.error):
        return 1, ["damaged EXIF ignored"]
    return (value if value in range(1, 9) else 1), []


def turn(samples: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an EXIF orientation to (H, W) or (H, W, C) samples; (W, H) for 5 to 8."""
    if orientation >= 5:
        samples = np.swapaxes(samples, 0, 1)
    down, across = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}[
        orientation
    ]
    return np.ascontiguousarray(samples[::down, ::across])


def _bits(opened: Image.Image, data: bytes) -> int:
    """Bits per sample in the file, as far as they are known; 8 where PIL has whole samples."""
    header = png_header(data)
    if header is not None:
        return max(header.bits, 8)
    if opened.format == "TIFF":
        tags: Any = opened
        return max((8, *tags.tag_v2.get(BITS_PER_SAMPLE, (8,))))
    if opened.format == "AVIF":
        # The property 'pixi': version and flags, number of channels, bits of each.
        at = data.find(b"pixi")
        return max((8, *data[at + 9 : at + 9 + data[at + 8]])) if 0 < at < len(data) - 12 else 8
    return 16 if opened.mode.startswith("I") else 8


def _deep(path: Path, data: bytes) -> tuple[np.ndarray, list[str]]:
    """Decode 16-bit colour samples."""
    import cv2

    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16 or (deep.ndim == 3 and deep.shape[2] not in (3, 4)):
        kind = "damaged, or of a colour space that is not read at this depth" if deep is None else f"{deep.dtype}"
        raise InputError(
            str(path), expected="16 bits per sample, grey or RGB", found=kind, do="convert it to 8-bit PNG"
        )
    if deep.ndim == 2:
        return deep, []
    return np.ascontiguousarray(deep[:, :, 2::-1]), ["alpha dropped"] * (deep.shape[2] == 4)


def _shallow(path: Path, opened: Image.Image) -> tuple[np.ndarray, list[str]]:
    """Decode 8-bit samples: grey, RGB or CMYK."""
    mode = opened.mode
    if mode in ("L", "RGB", "CMYK"):
        notes = ["alpha dropped"] if "transparency" in opened.info else []
        return np.asarray(opened).copy(), notes
    if mode == "1":
        return np.asarray(opened.convert("L")).copy(), ["black and white to grey"]
    if mode in ("LA", "La"):
        return np.asarray(opened.convert("RGBA")).copy()[:, :, 0], ["alpha dropped"]
    if mode in ("RGBA", "RGBa", "RGBX"):
        whole = opened.convert("RGBA") if mode == "RGBa" else opened
        return np.asarray(whole).copy()[:, :, :3], ["alpha dropped"] * (mode != "RGBX")
    if mode in ("P", "PA"):
        alpha = mode == "PA" or "transparency" in opened.info
        return np.asarray(opened.convert("RGBA")).copy()[:, :, :3], ["palette to RGB", *["alpha dropped"] * alpha]
    if mode == "YCbCr":
        return np.asarray(opened.convert("RGB")).copy(), ["YCbCr to RGB"]
    raise InputError(str(path), expected="grey, RGB, CMYK or a palette", found=f"mode {mode}", do="convert it to PNG")


def to_srgb(picture: Picture) -> tuple[np.ndarray, str]:
    """Return a picture as 8-bit sRGB, and notes on what was done.

    16 bits are rounded to 8 first; colours are converted by LittleCMS (relative colorimetric, with black point
    compensation). A picture without a profile, or with one that differs from sRGB by at most 2 grey levels, keeps its
    samples; grey is repeated in three channels.

    Returns
    -------
    pixels : np.ndarray, shape (H, W, 3), uint8 RGB
    note : str
    """
    from PIL import Image

    samples, notes = picture.samples, list(picture.notes)
    if samples.dtype == np.uint16:
        # 257 = 65535 / 255, so white stays white.
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
        notes.append("16-bit to 8-bit")
    mode = {2: "L"}.get(samples.ndim) or {3: "RGB", 4: "CMYK"}[samples.shape[2]]
    conversion = _conversion(picture.profile, mode) if picture.profile else Conversion()
    notes += [conversion.note] * bool(conversion.note)
    if mode == "L":
        notes.append("grey to RGB")
        if conversion.space == "RGB":
            samples = np.repeat(samples[:, :, None], 3, axis=2)
            mode = "RGB"
    if conversion.transform is not None:
        from PIL import ImageCms

        converted = ImageCms.applyTransform(Image.fromarray(samples, mode), conversion.transform)
        assert converted is not None  # it is in place only
        return np.asarray(converted).copy(), ", ".join(notes)
    if mode == "CMYK":
        notes.append("CMYK to RGB")
        return np.asarray(Image.fromarray(samples, mode).convert("RGB")).copy(), ", ".join(notes)
    if mode == "L":
        samples = np.repeat(samples[:, :, None], 3, axis=2)
    return np.ascontiguousarray(samples), ", ".join(notes)


@dataclass(frozen=True)
class Conversion:
    """What a colour profile asks for: a transform of PIL's, or None where the samples stay.

    Attributes
    ----------
    transform : PIL.ImageCms.ImageCmsTransform or None
    space : str
        Mode of the samples that it takes.
    note : str
    """

    transform: Any = None
    space: str = ""
    note: str = ""


_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


@lru_cache(maxsize=8)
def _conversion(profile: bytes, mode: str) -> Conversion:
    """Make the transform of a profile for samples of `mode`; a few, because photographs of a camera share one."""
    from PIL import Image, ImageCms

    try:
        source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = _SPACES.get(source.profile.xcolor_space.strip(), "")
        if space != mode and (mode, space) != ("L", "RGB"):
            return Conversion(note="colour profile of another colour space ignored")
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), space, "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC, BLACK_POINT_COMPENSATION,
        )  # fmt: skip
        name = " ".join((ImageCms.getProfileDescription(source) or "").split())
    except (OSError, ValueError, ImageCms.PyCMSError):
        return Conversion(note="damaged colour profile ignored")
    if space != "CMYK":
        steps = np.linspace(0, 255, 256 if space == "L" else 17).round().astype(np.uint8)
        colours = steps[None] if space == "L" else np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        shown = ImageCms.applyTransform(Image.fromarray(colours, space), transform)
        here = colours[..., None] if space == "L" else colours
        if np.abs(np.asarray(shown).astype(int) - here).max() <= NEAR_SRGB:
            return Conversion(space=space)
    shown_name = "".join(letter for letter in name if letter.isprintable())[:40]
    return Conversion(transform, space, f"{shown_name or 'colour profile'} to sRGB")


def _coded_colours(data: bytes, form: str | None) -> bytes:
    """Code points of colour primaries and transfer (ITU-T H.273) that an AVIF file states, one byte each."""
    at = data.find(b"colrnclx") if form == "AVIF" else -1
    return data[at + 9 : at + 12 : 2] if at > 0 else b""


def _refuse_hdr(path: Path, cicp: bytes) -> None:
    """Refuse samples coded for high dynamic range (PQ, HLG), which read as sRGB would be grey and dark."""
    if len(cicp) > 1 and cicp[1] in (16, 18):
        kind = "PQ" if cicp[1] == 16 else "HLG"
        raise InputError(str(path), expected="samples coded as sRGB", found=f"high dynamic range ({kind})",
                         do="export it as sRGB")  # fmt: skip
