"""Reading and writing pictures, the bad ones above all."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import (
    list_images,
    photo_size,
    pixel_hash,
    read_photo,
    read_png,
    to_uint8,
    write_png,
)
from facedeblur.benchmark.files.png import png_header


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises a size and whose data are not there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_what_is_written_is_read(tmp_path, pixels):
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(read_png(tmp_path / "a.png", size=(24, 40)), pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)  # PIL agrees on the colour order
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("height", [1, 2, 3, 8, 127, 129])
def test_images_of_any_height_are_read(tmp_path, height):
    pixels = np.random.default_rng(height).integers(0, 256, (height, 5, 3)).astype(np.uint8)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(read_png(tmp_path / "a.png"), pixels)


@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"optimize": True}])
def test_other_peoples_files_are_read(tmp_path, pixels, options):
    Image.fromarray(pixels).save(tmp_path / "a.png", **options)
    assert np.array_equal(read_png(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "b.png"), pixels[:, :, ::-1])
    assert np.array_equal(read_png(tmp_path / "b.png"), pixels)


def test_a_file_that_unpacks_to_more_than_it_says(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((400, 300, 3), np.uint8))
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", 300, 20)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "a.png").write_bytes(data)
    try:
        assert read_png(tmp_path / "a.png").shape == (20, 300, 3)
    except InputError as error:
        assert "damaged image data" in str(error)


def test_hash_is_of_pixels_not_of_files(tmp_path, pixels):
    write_png(tmp_path / "a.png", pixels)
    Image.fromarray(pixels).save(tmp_path / "b.png", compress_level=9)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert pixel_hash(read_png(tmp_path / "a.png")) == pixel_hash(read_png(tmp_path / "b.png")) == pixel_hash(pixels)
    assert pixel_hash(pixels) != pixel_hash(pixels.reshape(40, 24, 3))


@pytest.mark.parametrize("cut", [1, 12, 40, 400])
@pytest.mark.parametrize("read", [read_png, read_photo])
def test_truncated_png(tmp_path, pixels, cut, read):
    write_png(tmp_path / "a.png", pixels)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:-cut])
    with pytest.raises(InputError, match="truncated"):
        read(tmp_path / "a.png")


def test_damaged_png(tmp_path, pixels):
    write_png(tmp_path / "a.png", pixels)
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.png").write_bytes(data)
    for read in (read_png, read_photo, photo_size):
        with pytest.raises(InputError, match=r"a\.png: damaged PNG \(checksum of its IDAT chunk is wrong\); copy"):
            read(tmp_path / "a.png")


def test_an_image_of_a_set_is_read_as_it_is_stored(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_png(tmp_path / "a.png"), pixels)
    assert np.array_equal(read_photo(tmp_path / "a.png").pixels, pixels[::-1, ::-1])


def test_truncated_jpeg(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.jpg: truncated JPEG \(.* bytes\); copy or download it again"):
        read_photo(tmp_path / "a.jpg")


def test_text_named_png(tmp_path):
    (tmp_path / "a.png").write_text("not an image")
    for read in (read_png, read_photo):
        with pytest.raises(InputError, match="not an i"):
            read(tmp_path / "a.png")


def test_sizes_are_checked_before_decoding(tmp_path):
    (tmp_path / "huge.png").write_bytes(png_of(20_000, 20_000))
    with pytest.raises(InputError, match="at most 100000000 pixels, found 20000x20000"):
        read_photo(tmp_path / "huge.png")
    (tmp_path / "tiny.png").write_bytes(png_of(1, 1))
    with pytest.raises(InputError, match="at least 16x16 pixels, found 1x1"):
        read_photo(tmp_path / "tiny.png")


def test_kinds_of_photographs(tmp_path, pixels):
    red = np.zeros((32, 48, 3), np.uint8)
    red[:, :, 0] = 200
    grey = np.full((32, 48), 77, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([red, np.full((32, 48), 9, np.uint8)])).save(tmp_path / "alpha.png")
    Image.fromarray(red).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    cv2.imwrite(str(tmp_path / "deep.png"), red[:, :, ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "deepgrey.png"), grey.astype(np.uint16) * 257)
    Image.fromarray(red).quantize(4).save(tmp_path / "palette.png")
    assert np.array_equal(read_photo(tmp_path / "grey.png").pixels, np.dstack([grey] * 3))
    assert np.array_equal(read_photo(tmp_path / "alpha.png").pixels, red)
    assert np.abs(read_photo(tmp_path / "cmyk.jpg").pixels.astype(int) - red).max() <= 3
    assert np.array_equal(read_photo(tmp_path / "deep.png").pixels, red)
    assert np.array_equal(read_photo(tmp_path / "deepgrey.png").pixels, np.dstack([grey] * 3))
    assert np.array_equal(read_photo(tmp_path / "palette.png").pixels, red)
    assert read_photo(tmp_path / "deep.png").note == "16-bit to 8-bit"
    assert "CMYK" in read_photo(tmp_path / "cmyk.jpg").note
    for name, said in {"grey": "8-bit grey", "alpha": "RGB with alpha", "deep": "16-bit RGB"}.items():
        with pytest.raises(InputError, match=f"expected 8-bit RGB, found .*{said}"):
            read_png(tmp_path / f"{name}.png")


def test_exif_orientation_is_applied(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    assert np.array_equal(photo.pixels, np.rot90(pixels, -1))
    assert photo.note == "turned by EXIF"


def test_wrong_size_names_both(tmp_path, pixels):
    write_png(tmp_path / "a.png", pixels)
    with pytest.raises(InputError, match="expected 128x128 pixels, found 40x24"):
        read_png(tmp_path / "a.png", size=(128, 128))


def test_folders(tmp_path, pixels):
    with pytest.raises(InputError, match="no images in this folder"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="not found"):
        list_images(tmp_path / "absent")
    for name in ("b.png", "A/c.PNG", ".hidden/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == ["A/c.PNG", "b.png"]
    (tmp_path / "file.png").touch()
    with pytest.raises(InputError, match="found a file"):
        list_images(tmp_path / "file.png")


def test_rounding_is_half_up():
    assert to_uint8(np.array([-1.0, 0.0, 0.5 / 255, 0.49 / 255, 1.0, 2.0])).tolist() == [0, 0, 1, 0, 255, 255]


def test_header():
    assert str(png_header(png_of(3, 5))) == "8-bit RGB, 3x5"
    assert png_header(b"\x89PNG\r\n\x1a\n") is None
