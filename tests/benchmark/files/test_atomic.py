"""Files that are whole or not there, and that everybody may read who may read others."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from facedeblur.benchmark.errors import explain
from facedeblur.benchmark.files.atomic import ordinary_mode, replacing, write_bytes, write_json


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
