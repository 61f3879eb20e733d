"""Small files that would unpack to something huge are refused before they are unpacked."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from facedeblur.benchmark.config import read_toml
from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.files.arrays import read_npy, read_npz
from facedeblur.benchmark.files.images import read_png
from facedeblur.benchmark.files.mat import load_mat
from facedeblur.benchmark.files.schema import conform, decode_json, read_json, read_json_lines


class Inner(msgspec.Struct):
    pairs: int


class Outer(msgspec.Struct):
    counts: Inner


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fail if the test allocates more than 100 MB."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(InputError) as error:
        read()
    assert "\n" not in str(error.value)
    return str(error.value)


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, little_memory: None) -> None:
    file = tmp_path / "bomb.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(header((16 * 2**20,)))
        for _ in range(128):
            member.write(bytes(2**20))
    assert file.stat().st_size < 2**20
    assert "expected at most 67,108,864 bytes when unpacked" in refused(lambda: read_npz(file, "an archive"))


@pytest.mark.parametrize("shape", [(10**12,), (10**9, 10**9, 10**9), (-1,)])
def test_a_header_that_promises_too_much_is_refused(
    tmp_path: Path, little_memory: None, shape: tuple[int, ...]
) -> None:
    file = tmp_path / "lie.npy"
    file.write_bytes(header(shape) + bytes(80))
    assert "lie.npy: cannot be read as an array" in refused(lambda: read_npy(file, "an array"))


def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random((3, 4, 5)), np.asfortranarray(rng.random((3, 4))), np.array("text"), np.zeros((0, 3), np.int8)]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
        read = read_npy(tmp_path / f"{number}.npy", "an array")
        assert read.dtype == array.dtype and np.array_equal(read, array)
        assert read.flags.f_contiguous == array.flags.f_contiguous
    np.savez_compressed(tmp_path / "all.npz", a=arrays[0], b=arrays[1])
    read_back = read_npz(tmp_path / "all.npz", "an archive", names=("b",))
    assert list(read_back) == ["b"] and np.array_equal(read_back["b"], arrays[1])


def test_a_matlab_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, little_memory: None) -> None:
    packed = zlib.compress(struct.pack("<II", 14, 2**31) + bytes(2**20))
    file = tmp_path / "bomb.mat"
    file.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)
    assert "when unpacked" in refused(lambda: load_mat(file, expected="a MATLAB file", do="save it again"))


def test_a_key_of_many_parts_is_refused(tmp_path: Path, little_memory: None) -> None:
    file = tmp_path / "deep.toml"
    file.write_text("\nb" + ".a" * 100_000 + " = 1")
    assert "deep.toml line 2: a key of more than 50 parts" in refused(lambda: read_toml(file))
    file.write_text("a = " + "[" * 100_000)
    assert "too many nested levels" in refused(lambda: read_toml(file))
    file.write_text("# " + "x" * 2**20)
    assert "at most 1,048,576 bytes" in refused(lambda: read_toml(file))


def test_json_is_bounded_and_checked(tmp_path: Path) -> None:
    def read() -> object:
        return read_json(tmp_path / "a.json", Outer, "a set", most=1000)

    def told(text: str) -> str:
        (tmp_path / "a.json").write_text(text)
        return refused(read)

    assert "a.json: counts.pairs: expected a whole number, found text in a set" in told('{"counts": {"pairs": "x"}}')
    assert "required key 'pairs' is missing" in told('{"counts": {}}')
    assert "at most 1,000 bytes" in told(" " * 1001)
    assert "too many nested levels" in refused(lambda: decode_json("[" * 200_000, Outer, "a.json", "a set"))
    assert "surrogates" in told('{"counts": {"pairs": 1}, "name": "\\ud800"}')
    (tmp_path / "a.json").write_text(json.dumps({"counts": {"pairs": 4}, "more": [1]}))
    assert read() == {"counts": {"pairs": 4}, "more": [1]}
    (tmp_path / "a.jsonl").write_text('{"pairs": 1}\n{"pairs": null}\n')
    assert "line 2: pairs: expected a whole number, found nothing" in refused(
        lambda: list(read_json_lines(tmp_path / "a.jsonl", Inner, "rows"))
    )
    assert conform({"pairs": 3}, Inner, "x", "rows").pairs == 3


def test_texts_of_a_png_are_not_unpacked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import cv2

    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    data = bytes(cv2.imencode(".png", pixels)[1])
    body = b"zTXta\0\0" + zlib.compress(bytes(2**24))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert np.array_equal(read_png(tmp_path / "a.png"), pixels[:, :, ::-1])
    assert capfd.readouterr().err == ""


def test_a_long_reason_is_cut_in_its_middle() -> None:
    text = "Error: " + "word " * 100 + "the cause"
    assert len(shorten(text, 80)) <= 80 and shorten(text, 80).endswith("the cause") and " ... " in shorten(text, 80)
    assert shorten("a\nb\x1b[31m") == "a b [31m"
