"""Tables of an aligned folder that somebody else wrote do not reach files outside it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.tables import read_rows, write_rows
from facedeblur.benchmark.sets.set import Image
from facedeblur.generators.align.journal import AlignJournal, PhotoOutcome
from facedeblur.generators.align.run import align
from facedeblur.generators.build import build
from facedeblur.generators.crops import gather
from facedeblur.generators.sheets import crop_sheet

ROW = Image("a", "a", "test", "ok", 1, "a.png", "", 1.0, 0, "", 128, 128, "", "")


@pytest.fixture
def victim(tmp_path) -> Path:
    file = tmp_path / "victim.png"
    write_png(file, np.full((128, 128, 3), 9, np.uint8))
    return file


def write_journal(out: Path, row: dict[str, object], key: str = "key") -> None:
    out.mkdir(exist_ok=True)
    (out / "align.jsonl").write_text(json.dumps({"key": key, "row": row, "quality": None}) + "\n")


@pytest.mark.parametrize("name", ["../../victim", "{parent}/victim", "..\\..\\victim", ".", "", "a\0", 3, None])
def test_a_journal_does_not_remove_files_elsewhere(tmp_path, victim, name):
    out = tmp_path / "out"
    shown = name.format(parent=tmp_path) if isinstance(name, str) else name
    write_journal(out, asdict(ROW) | {"image_id": shown})
    journal = AlignJournal(out)
    journal.clear(keep=())
    assert victim.is_file() and journal.finished("key", wide=True) is None


def test_aligning_over_a_crafted_journal(tmp_path, victim):
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "a.png", np.full((140, 140, 3), 80, np.uint8))
    write_journal(tmp_path / "out", asdict(ROW) | {"image_id": "../../victim"})
    align(tmp_path / "photos", tmp_path / "out", template="mspl-center", workers=1)
    assert victim.is_file()


@pytest.mark.parametrize("label", ["../victim.png", "/etc/passwd", "..\\victim.png", "C:\\victim.png"])
def test_a_label_outside_is_not_a_finished_crop(tmp_path, label):
    write_journal(tmp_path / "out", asdict(ROW) | {"label": label})
    assert AlignJournal(tmp_path / "out").finished("key", wide=False) is None


def test_a_folder_of_crops_that_is_a_link_is_not_emptied(tmp_path, victim):
    out = tmp_path / "out"
    write_journal(out, asdict(replace(ROW, image_id="victim")))
    (out / "wide").symlink_to(tmp_path)
    with pytest.raises(InputError, match="a link to"):
        AlignJournal(out).clear(keep=())
    assert victim.is_file()


def test_a_sound_journal_still_works(tmp_path):
    out = tmp_path / "out"
    write_png(out / "sharp" / "a.png", np.zeros((128, 128, 3), np.uint8))
    write_journal(out, asdict(ROW))
    journal = AlignJournal(out)
    assert journal.finished("key", wide=False) == PhotoOutcome(ROW)
    journal.clear(keep=())
    assert not (out / "sharp" / "a.png").exists()


OUTSIDE = ["../x", "/etc/passwd", "..\\x", "C:\\x"]


@pytest.mark.parametrize("column", ["image_id", "label"])
@pytest.mark.parametrize("path", OUTSIDE)
def test_the_table_of_an_aligned_folder_opens_nothing_elsewhere(tmp_path, victim, column, path):
    crop = np.full((128, 128, 3), 50, np.uint8)
    write_png(tmp_path / "faces" / "sharp" / "a.png", crop)
    write_rows(tmp_path / "faces" / "images.csv", Image, [replace(ROW, sha256=pixel_hash(crop), **{column: path})])
    for read in (
        lambda: list(read_rows(tmp_path / "faces" / "images.csv", Image)),
        lambda: gather(tmp_path / "faces", template="shen128", margin=0, workspace=tmp_path / "work"),
        lambda: crop_sheet(tmp_path / "faces", tmp_path / "sheet.png"),
        lambda: build("shen2020", tmp_path / "faces", tmp_path / "set", workers=1),
    ):
        with pytest.raises(InputError, match=r"images\.csv line 2: .*(leaves its folder|cannot be the name)"):
            read()


def test_a_label_that_is_a_link_is_not_opened(tmp_path, victim):
    crop = np.full((128, 128, 3), 50, np.uint8)
    write_png(tmp_path / "faces" / "sharp" / "a.png", crop)
    (tmp_path / "faces" / "labels").mkdir()
    (tmp_path / "faces" / "labels" / "a.png").symlink_to(victim)
    rows = [replace(ROW, sha256=pixel_hash(crop), label="labels/a.png")]
    write_rows(tmp_path / "faces" / "images.csv", Image, rows)
    with pytest.raises(InputError, match="a link to"):
        gather(tmp_path / "faces", template="shen128", margin=0, workspace=tmp_path / "work")
