"""Files that are not images are named for what they are, with advice that fits."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.contents import kind_of
from facedeblur.benchmark.files.images import read_photo, read_png

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
CASES = {
    "empty": (b"", "the file is empty; download or copy it again"),
    "html": (b"\n<!DOCTYPE html><html><head>404", "not an image but an HTML page; download or copy it again"),
    "text": (b"hello\nworld\n", "not an image but a text file that starts with 'hello'; replace or remove it"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a git-lfs pointer; fetch .*git lfs pull"),
    "heic": (HEIC, "not an image but a HEIC photograph; convert it to PNG"),
    "zeros": (bytes(4096), "not an image but a file of zeros; download or copy it again"),
    "zip": (b"PK\x03\x04" + bytes(30), "not an image but a ZIP archive; replace or remove it"),
    "noise": (b"\x81\x02\x93\xf4" * 9, r"not an image but a file that starts with b'\\x81"),
    "svg": (b"<?xml version='1.0'?><svg/>", "not an image but an SVG drawing; convert it to PNG"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_an_image_is_named(case, tmp_path):
    data, said = CASES[case]
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        read_photo(tmp_path / "a.jpg")
    assert str(caught.value).startswith(f"{tmp_path / 'a.jpg'}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM"])
def test_a_cut_image_is_called_truncated_or_damaged(form, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)).save(stream, form)
    assert kind_of(stream.getvalue()) == f"a {form} file"
    for part in (0.1, 0.6):
        (tmp_path / "a").write_bytes(stream.getvalue()[: int(part * len(stream.getvalue()))])
        with pytest.raises(InputError, match=r"(truncated|damaged|decoded).*; (copy|replace) or ") as caught:
            read_photo(tmp_path / "a")
        assert form in str(caught.value) and "BytesIO" not in str(caught.value)


def test_a_file_of_a_set_that_is_no_png_is_named(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    for data, said in (
        (b"", "the file is empty; copy or make it again"),
        (b"\x89PNG\r\n", "truncated PNG"),
        (stream.getvalue(), "expected a PNG file, found a JPEG file; convert it to PNG"),
    ):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(InputError, match=said):
            read_png(tmp_path / "a.png")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_photograph_without_permission_says_so(tmp_path):
    (tmp_path / "a.png").touch(mode=0)
    with pytest.raises(InputError, match=r"a\.png: permission denied; change its permissions"):
        read_photo(tmp_path / "a.png")
