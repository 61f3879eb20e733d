"""Sketches find their photographs by name, never by order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.photos.files import image_ids
from facedeblur.generators.photos.sketches import match_sketches


def matched(folder: Path, sketches: list[str], photographs: list[str]) -> tuple[dict[str, str], list[str]]:
    """Photograph -> sketch, and the sketches that are alone; files are empty, since names alone count."""
    for name in sketches:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    ids = dict(zip(image_ids(photographs), photographs, strict=True))
    found = match_sketches(folder, ids)
    pairs = {ids[name]: file.relative_to(folder).as_posix() for name, file in found.files.items()}
    return pairs, [file.relative_to(folder).as_posix() for file in found.alone]


@pytest.mark.parametrize(
    ("sketch", "photograph", "other"),
    [
        ("a.png", "a.jpg", "b.jpg"),
        ("A.PNG", "a.jpg", "b.jpg"),
        ("a.b.png", "a.b.jpg", "a.jpg"),
        ("Zoë.png", "Zoe\u0308.jpg", "Zoe.jpg"),
        ("ann/1.png", "ann/1.jpg", "bob/1.jpg"),
        ("ann_1.png", "ann/1.jpg", "bob/1.jpg"),
        ("drawn/x.png", "there/x.jpg", "there/y.jpg"),
        ("F2-005-01-sz1.jpg", "f-005-01.jpg", "m-005-01.jpg"),
        ("M2-008-01-sz1.jpg", "m-008-01.jpg", "m-009-01.jpg"),
        ("f-039-01-sz1.jpg", "f-039-01.jpg", "f1-039-01.jpg"),
        ("f1-001-01-sz1.jpg", "f1-001-01.jpg", "f-001-01.jpg"),
        ("f2-001-01-sz1.jpg", "f2-001-01.jpg", "f-001-01.jpg"),
        ("M2-001-1.bmp", "m-001-1.bmp", "m-002-1.bmp"),
        ("00001.jpg", "00001fa010_930831.tif", "00002fa010_930831.tif"),
        ("00043.jpg", "00043fb001d_931230.tif", "00044fa001d_931230.tif"),
        ("00001.jpg", "00001_930831_fa.ppm", "00002_930831_fa_a.ppm"),
    ],
)
def test_a_sketch_finds_its_photograph(tmp_path: Path, sketch: str, photograph: str, other: str) -> None:
    """The other photograph comes first in one order and last in the other."""
    for names in ([photograph, other], [other, photograph]):
        assert matched(tmp_path, [sketch], names) == ({photograph: sketch}, [])


def test_missing_and_surplus_files_shift_nothing(tmp_path: Path) -> None:
    photographs = [f"f-{i:03}-01.jpg" for i in range(1, 30) if i != 7]
    sketches = [f"F2-{i:03}-01-sz1.jpg" for i in range(1, 30) if i not in (3, 20)]
    found, alone = matched(tmp_path, sketches, photographs)
    assert alone == ["F2-007-01-sz1.jpg"]
    assert len(found) == 26
    assert all(sketch[3:6] == photograph[2:5] for photograph, sketch in found.items())


@pytest.mark.parametrize(
    ("sketches", "photographs", "said"),
    [
        (["a.png", "a.jpg"], ["a.jpg"], "a.jpg and a.png are both sketches of a.jpg; remove one of them"),
        (["F2-005-01-sz1.jpg", "f-005-01-sz1.jpg"], ["f-005-01.jpg"], "are both sketches of f-005-01.jpg"),
        (
            ["1.png"],
            ["ann/1.jpg", "bob/1.jpg"],
            "could be the sketch of 2 photographs, such as ann/1.jpg and bob/",
        ),
        (["00001.jpg"], ["00001fa010_930831.tif", "00001fb010_930831.tif"], "could be the sketch of 2 photographs"),
        (["a.png", "b.png"], ["c.jpg"], "none of its 2 sketches, such as a.png, has the name of one of the 1"),
        (["00001.jpg"], ["00001_0001.jpg"], "none of its 1 sketches"),
        (["notes.txt"], ["a.jpg"], "no images in this folder"),
    ],
)
def test_doubt_is_one_line(tmp_path: Path, sketches: list[str], photographs: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        matched(tmp_path, sketches, photographs)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        match_sketches(tmp_path / "gone", {"a": "a.jpg"})


@pytest.mark.parametrize("folder", ["sharp", "wide"])
def test_of_aligned_sketches_one_file_each_is_read(tmp_path: Path, folder: str) -> None:
    (tmp_path / "images.csv").write_text("")
    for name in {"sharp", folder}:
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "ann_1.png", np.zeros((4, 4, 3), np.uint8))
    found = match_sketches(tmp_path, {"ann_1": "ann/1.jpg"})
    assert found.files == {"ann_1": tmp_path / folder / "ann_1.png"}
