"""Photographs in every container: what is done with depth, orientation, colour profile and alpha is the same."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.decode import turn
from facedeblur.benchmark.files.images import SUFFIXES, photo_size, read_photo, read_samples

# Adobe RGB (1998): primaries adapted to D50, gamma 563/256.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
GAMMA = 563 / 256


def icc_profile(space: bytes = b"RGB ", gamma: float = GAMMA, padding: int = 0) -> bytes:
    """A display profile of ICC version 2: Adobe RGB, or grey of this gamma, with unused bytes at its end."""

    def xyz(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"Test profile\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78
    tags = {b"desc": text + b"\0" * (-len(text) % 4), b"cprt": b"text\0\0\0\0none\0\0\0\0",
            b"wtpt": xyz(np.array([0.9642, 1.0, 0.8249]))}  # fmt: skip
    if space == b"RGB ":
        tags |= {b"rXYZ": xyz(ADOBE[:, 0]), b"gXYZ": xyz(ADOBE[:, 1]), b"bXYZ": xyz(ADOBE[:, 2])}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    else:
        tags[b"kTRC"] = curve
    tags[b"zzzz"] = b"text\0\0\0\0" + b"x" * padding
    place, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", place + len(body), len(value))
        body += value
    size = place + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", space, b"XYZ ") + b"\0" * 12 + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def from_adobe(pixels: np.ndarray) -> np.ndarray:
    """Adobe RGB to sRGB by the definitions, in float64."""
    light = (pixels / 255) ** GAMMA @ (np.linalg.inv(SRGB) @ ADOBE).T
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """A smooth picture, which survives JPEG, whose corners differ."""
    y, x = np.mgrid[:48, :32]
    return np.stack([40 + 4 * y, 60 + 5 * x, 220 - 2 * y - 2 * x], axis=2).astype(np.uint8)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def deep_png(pixels: np.ndarray, file: Path, *, profile: bytes = b"", orientation: int = 1) -> None:
    """A 16-bit PNG; neither PIL nor OpenCV writes one with a profile."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    deep = pixels.astype(">u2") * 257
    colour = {2: 0, 3: 2}[pixels.ndim]
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    data += chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)) if profile else b""
    data += chunk(b"eXIf", exif_of(orientation).tobytes()[6:]) if orientation != 1 else b""
    file.write_bytes(data + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def deep_tiff(pixels: np.ndarray, file: Path, *, profile: bytes = b"", orientation: int = 1) -> None:
    """An uncompressed 16-bit TIFF."""
    samples = (pixels.astype("<u2") * 257).tobytes()
    channels = 1 if pixels.ndim == 2 else 3
    entries = {256: (3, 1, pixels.shape[1]), 257: (3, 1, pixels.shape[0]), 259: (3, 1, 1), 273: (4, 1, 0),
               262: (3, 1, 1 if channels == 1 else 2), 274: (3, 1, orientation), 277: (3, 1, channels),
               278: (3, 1, pixels.shape[0]), 279: (4, 1, len(samples)), 258: (3, channels, 16)}  # fmt: skip
    if profile:
        entries[34675] = (7, len(profile), 0)
    end = 8 + 2 + 12 * len(entries) + 4
    extra = struct.pack("<3H", 16, 16, 16) + b"\0\0"
    entries[273] = (4, 1, end + len(extra) + len(profile))
    if channels == 3:
        entries[258] = (3, 3, end)
    if profile:
        entries[34675] = (7, len(profile), end + len(extra))
    table = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + struct.pack("<I", 0)
    file.write_bytes(head + extra + profile + samples)


def by_pil(suffix: str, **options: object) -> Callable[..., None]:
    def write(pixels: np.ndarray, file: Path, *, profile: bytes = b"", orientation: int = 1) -> None:
        exif = exif_of(orientation)
        more = {"exif": exif} if orientation != 1 else {}
        more |= {"icc_profile": profile} if profile else {}
        Image.fromarray(pixels).save(file, **options, **more)

    return write


WRITERS: dict[str, tuple[str, Callable[..., None], int]] = {
    "png": (".png", by_pil(".png"), 0),
    "png16": (".png", deep_png, 0),
    "tiff": (".tiff", by_pil(".tiff"), 0),
    "tiff_lzw": (".tif", by_pil(".tif", compression="tiff_lzw"), 0),
    "tiff16": (".tif", deep_tiff, 0),
    "jpeg": (".jpg", by_pil(".jpg", format="JPEG", quality=100, subsampling=0), 3),
    "jfif": (".jfif", by_pil(".jfif", format="JPEG", quality=100, subsampling=0), 3),
    "jpe": (".jpe", by_pil(".jpe", format="JPEG", quality=100, subsampling=0), 3),
    "webp": (".webp", by_pil(".webp", lossless=True), 0),
    "avif": (".avif", by_pil(".avif", quality=100, subsampling="4:4:4"), 3),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_every_container(tmp_path, pixels, kind, orientation):
    suffix, write, near = WRITERS[kind]
    file = tmp_path / f"a{suffix}"
    write(pixels, file, orientation=orientation)
    photo = read_photo(file)
    wanted = turn(pixels, orientation)
    assert photo.pixels.shape == wanted.shape
    assert np.abs(photo.pixels.astype(int) - wanted).max() <= near
    assert ("turned by EXIF" in photo.note) == (orientation != 1)
    assert photo_size(file) == wanted.shape[1::-1]
    assert suffix in SUFFIXES


def test_turning_is_that_of_pil(pixels):
    from PIL import ImageOps

    for orientation in range(1, 9):
        image = Image.fromarray(pixels)
        image.getexif()[0x0112] = orientation
        assert np.array_equal(turn(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_colour_profile_in_every_container(tmp_path, pixels, kind):
    suffix, write, near = WRITERS[kind]
    write(pixels, tmp_path / f"a{suffix}", profile=icc_profile())
    photo = read_photo(tmp_path / f"a{suffix}")
    assert "Test profile to sRGB" in photo.note
    wanted = from_adobe(pixels)
    # The conversion magnifies what a lossy container changes in saturated colours.
    difference = np.abs(photo.pixels - wanted)
    assert difference.mean() <= 1.5 if near else difference.max() <= 1.5
    assert np.abs(wanted - pixels).max() > 20  # the profile matters


@pytest.mark.parametrize("kind", WRITERS)
def test_a_profile_that_is_srgb_changes_nothing(tmp_path, pixels, kind):
    suffix, write, _ = WRITERS[kind]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write(pixels, tmp_path / f"plain{suffix}")
    write(pixels, tmp_path / f"tagged{suffix}", profile=srgb)
    plain, tagged = (read_photo(tmp_path / f"{name}{suffix}") for name in ("plain", "tagged"))
    assert np.array_equal(plain.pixels, tagged.pixels) and "sRGB" not in tagged.note


@pytest.mark.parametrize("kind", WRITERS)
def test_a_damaged_profile_is_named_and_ignored(tmp_path, pixels, kind):
    suffix, write, near = WRITERS[kind]
    write(pixels, tmp_path / f"a{suffix}", profile=b"\1" * 500)
    photo = read_photo(tmp_path / f"a{suffix}")
    assert "damaged colour profile ignored" in photo.note
    assert np.abs(photo.pixels.astype(int) - pixels).max() <= near


@pytest.mark.parametrize("kind", ["png", "png16", "tiff", "tiff16", "jpeg"])
def test_grey_with_a_profile(tmp_path, kind):
    grey = np.tile(np.arange(32, 96, 2, dtype=np.uint8), (32, 1))
    suffix, write, near = WRITERS[kind]
    write(grey, tmp_path / f"a{suffix}", profile=icc_profile(b"GRAY", 1.0))
    photo = read_photo(tmp_path / f"a{suffix}")
    light = grey / 255
    wanted = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels - wanted[:, :, None]).max() <= 1.5 + 3 * near
    assert "grey to RGB" in photo.note and "Test profile to sRGB" in photo.note
    write(grey, tmp_path / f"b{suffix}", profile=icc_profile())  # cameras tag grey pictures with RGB profiles
    wanted = from_adobe(np.repeat(grey[:, :, None], 3, axis=2))
    assert np.abs(read_photo(tmp_path / f"b{suffix}").pixels - wanted).max() <= 1.5 + 3 * near


def test_a_profile_of_another_space_is_ignored(tmp_path, pixels):
    by_pil(".png")(pixels, tmp_path / "a.png", profile=icc_profile(b"GRAY"))
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, pixels) and photo.note == "colour profile of another colour space ignored"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
@pytest.mark.parametrize("where", ["text", "compressed", "international", "profile", "real profile"])
def test_large_texts_and_profiles_do_not_lose_a_png(tmp_path, pixels, mode, where):
    image = Image.fromarray(pixels).convert("RGB")
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    image.save(tmp_path / "plain.png")
    info = PngImagePlugin.PngInfo()
    if where == "international":
        info.add_itxt("workflow", "x" * 2_000_000, zip=True)
    elif "profile" not in where:
        info.add_text("workflow", "x" * 2_000_000, zip=where == "compressed")
    profile = {"profile": b"\0" * 1_500_000, "real profile": icc_profile(padding=3_000_000)}.get(where)
    image.save(tmp_path / "large.png", pnginfo=info, icc_profile=profile)
    plain, large = read_photo(tmp_path / "plain.png"), read_photo(tmp_path / "large.png")
    if where == "real profile":
        assert np.abs(large.pixels - from_adobe(plain.pixels)).max() <= 1.5
    else:
        assert np.array_equal(plain.pixels, large.pixels)
    assert photo_size(tmp_path / "large.png") == (32, 48)


def test_orientation_in_a_text_of_a_png(tmp_path, pixels):
    raw = exif_of(6).tobytes().hex()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n    {len(raw) // 2}\n{raw}\n", zip=True)
    info.add_text("workflow", "x" * 2_000_000)
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=info)
    assert np.array_equal(read_photo(tmp_path / "a.png").pixels, turn(pixels, 6))


def test_damaged_exif_does_not_lose_a_photograph(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\0\0rubbish that is no TIFF")
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, pixels) and photo.note == "damaged EXIF ignored"


def test_cmyk_with_and_without_a_profile(tmp_path, pixels):
    cmyk = Image.fromarray(pixels).convert("CMYK")
    cmyk.save(tmp_path / "a.jpg", quality=100)
    cmyk.save(tmp_path / "a.tif")
    for name in ("a.jpg", "a.tif"):
        photo = read_photo(tmp_path / name)
        assert np.abs(photo.pixels.astype(int) - pixels).max() <= 4 and photo.note == "CMYK to RGB"
    assert read_samples(tmp_path / "a.tif").shape == (48, 32, 4)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_depth_is_rounded_and_not_cut(tmp_path, name):
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (32, 32, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), deep[:, :, ::-1])
    photo = read_photo(tmp_path / name)
    assert np.array_equal(photo.pixels, np.floor(deep / 257 + 0.5)) and photo.note == "16-bit to 8-bit"
    assert np.array_equal(read_samples(tmp_path / name), deep)
    cv2.imwrite(str(tmp_path / name), deep[:, :, 0])
    assert np.array_equal(read_photo(tmp_path / name).pixels[:, :, 1], np.floor(deep[:, :, 0] / 257 + 0.5))
    assert np.array_equal(read_samples(tmp_path / name), deep[:, :, 0])
    alpha = np.dstack([deep[:, :, ::-1], np.full((32, 32), 77, np.uint16)])
    cv2.imwrite(str(tmp_path / name), alpha)
    photo = read_photo(tmp_path / name)
    assert np.array_equal(photo.pixels, np.floor(deep / 257 + 0.5)) and "alpha dropped" in photo.note


def test_deep_ppm(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (32, 32, 3)).astype(np.uint16)
    (tmp_path / "a.ppm").write_bytes(b"P6 32 32 65535\n" + deep.astype(">u2").tobytes())
    assert np.array_equal(read_photo(tmp_path / "a.ppm").pixels, np.floor(deep / 257 + 0.5))
    (tmp_path / "b.ppm").write_bytes(b"P5 32 32 65535\n" + deep[:, :, 0].astype(">u2").tobytes())
    assert np.array_equal(read_samples(tmp_path / "b.ppm"), deep[:, :, 0])


def test_samples_that_are_not_read_are_named(tmp_path):
    for name, samples in {"float": np.float32(np.eye(32)), "long": np.eye(32, dtype=np.int32)}.items():
        Image.fromarray(samples).save(tmp_path / f"{name}.tif")
        with pytest.raises(InputError, match="expected 8 or 16 bits per sample, found mode"):
            read_photo(tmp_path / f"{name}.tif")


def test_high_dynamic_range_is_refused(tmp_path, pixels):
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "AVIF")
    data = bytearray(stored.getvalue())
    at = data.find(b"colrnclx") + 10
    assert data[at : at + 2] == b"\0\x0d"
    data[at + 1] = 16
    (tmp_path / "a.avif").write_bytes(data)
    with pytest.raises(InputError, match=r"high dynamic range \(PQ\)"):
        read_photo(tmp_path / "a.avif")
