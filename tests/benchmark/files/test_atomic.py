"""Files that are whole or not there, and that everybody may read who may read others."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from facedeblur.benchmark.errors import explain
from facedeblur.benchmark.files.atomic import (
    is_temporary,
    ordinary_mode,
    remove_temporaries,
    replacing,
    write_bytes,
    write_json,
)


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o027, 0o077])
def mask(request):
    """A umask for one test."""
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_every_file_has_the_mode_of_new_files(tmp_path, mask):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "private") as temporary:
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    write_json(tmp_path / "a.json", {})
    write_bytes(tmp_path / "a.bin", b"x")
    assert {path.name: mode_of(path) for path in tmp_path.iterdir()} == dict.fromkeys(
        ("plain", "private", "a.json", "a.bin"), 0o666 & ~mask
    )
    assert ordinary_mode() == 0o666 & ~mask
    assert os.umask(mask) == mask, "the umask itself is left as it was"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
def test_weights_are_readable_by_others(tmp_path, mask):
    """safetensors writes files that only their owner may read."""
    import torch

    from facedeblur.benchmark.files.state_dict import write_tensors

    write_tensors(tmp_path / "net.safetensors", {"a": torch.zeros(2)}, {"name": "net"})
    assert mode_of(tmp_path / "net.safetensors") == 0o666 & ~mask


def test_a_failed_write_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"), replacing(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stopped")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and file.read_text() == "old"
    with pytest.raises(FileNotFoundError), replacing(file):
        pass  # nothing was written
    assert file.read_text() == "old"


def test_a_failure_names_the_file_and_not_the_temporary_one(tmp_path):
    (tmp_path / "out").mkdir()
    for write in (lambda: write_json(tmp_path / "out", {}), lambda: write_bytes(tmp_path / "out", b"x")):
        with pytest.raises(OSError) as failed:
            write()
        assert str(explain(failed.value)).startswith(f"{tmp_path / 'out'}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["000001.parquet", "face_1.png", "a.b.npz", "status.csv", "kernels"])
def test_no_pattern_of_a_suffix_matches_an_unfinished_file(tmp_path, name):
    with pytest.raises(RuntimeError), replacing(tmp_path / name) as temporary:
        temporary.write_text("half")
        assert is_temporary(temporary.name) and not is_temporary(name)
        assert is_temporary(temporary.name, of=name) and not is_temporary(temporary.name, of=name[:-1])
        found = {
            path for pattern in ("*.parquet", "*.png", "*.npz", "*.csv", "[0-9k]*") for path in tmp_path.glob(pattern)
        }
        assert not found
        raise RuntimeError


def test_unfinished_files_are_removed_and_no_others(tmp_path):
    kept = ["a.png", ".a.lock", "x.1.tmp", ".b.tmp", "below/.c.part"]
    for name in [*kept, ".a.png.12.tmp", "below/.last.safetensors.345.tmp"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        kept
    )


def test_whatever_says_it_an_error_names_the_file_that_was_wanted(tmp_path):
    file = tmp_path / "a.parquet"
    for kind in (OSError, ValueError):
        with pytest.raises(kind) as failed, replacing(file) as temporary:
            raise kind(f"Failed to open local file '{temporary}'")
        assert ".tmp" not in str(failed.value) and f"'{file}'" in str(failed.value)
