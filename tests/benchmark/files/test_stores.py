"""Arrays of pictures are whole or absent."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.files.stores import create_array, read_pixels, write_pixels


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
