"""Arrays of pictures are whole or absent."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.stores import array_path, create_array, read_array, read_pixels, write_pixels


def test_an_array_is_never_there_half_made(tmp_path, monkeypatch):
    real = np.lib.format.open_memmap

    def cut_off(path, **options):
        real(path, **options).flush()
        with open(path, "r+b") as stream:  # noqa: PTH123
            stream.truncate(500)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(np.lib.format, "open_memmap", cut_off)
        create_array(tmp_path, "blur", count=2, size=(8, 9))
    assert list(tmp_path.iterdir()) == []
    create_array(tmp_path, "blur", count=2, size=(8, 9))
    write_pixels(tmp_path, "blur/a.png", 1, np.full((8, 9, 3), 7, np.uint8), store="npy")
    create_array(tmp_path, "blur", count=2, size=(8, 9))
    assert (read_pixels(tmp_path, "blur/a.png", 1, store="npy", size=(8, 9)) == 7).all(), "an equal one is kept"


def test_rows_read_at_once_are_those_read_one_by_one(tmp_path):
    create_array(tmp_path, "blur", count=4, size=(2, 3))
    for row in range(4):
        write_pixels(tmp_path, "blur/a.png", row, np.full((2, 3, 3), row, np.uint8), store="npy")
    file = array_path(tmp_path, "blur/")
    stack = read_array(file, range(1, 4), size=(2, 3))
    assert stack.shape == (3, 2, 3, 3)
    for row, pixels in zip(range(1, 4), stack, strict=True):
        assert (pixels == read_pixels(tmp_path, "blur/a.png", row, store="npy", size=(2, 3))).all()
    with pytest.raises(InputError, match="a row under 4"):
        read_array(file, range(2, 5), size=(2, 3))
    with pytest.raises(InputError, match="3x2"):
        read_array(file, range(1), size=(4, 4))
