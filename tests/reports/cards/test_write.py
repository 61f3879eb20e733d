"""The folder of a card: complete, a set itself, the same bytes again, whole or absent, and read by others."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from refusals import told

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_png, write_png
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.sets.traits import Traits
from facedeblur.reports.cards import write
from facedeblur.reports.cards.write import card
from facedeblur.reports.hub import task_id

pytest.importorskip("yaml")
CELEBA = {"folder": "c", "licence": "non-commercial research, no redistribution", "collection": "celeba: 3 photographs"}
ALL = {"repo": "me/tiny", "creators": ["A. Author", "B {& Co}"], "date": "2026-05-31"}
PROTOCOL = """name = "p"
title = "p"
source = "test"

[[metric]]
name = "psnr[rgb]"
failure = 0.0
"""
TRAITS = Traits(("yaw",), {"face0": ("3",), "face1": ("4",)})


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def whole(small_set: Callable[..., Set], tmp_path_factory: pytest.TempPathFactory) -> tuple[Set, Path]:
    """A set with labels, a gallery and traits, and its card."""
    folder = tmp_path_factory.mktemp("whole")
    made = small_set(folder / "set", labels=True, gallery=True, traits=TRAITS)
    (folder / "p.toml").write_text(PROTOCOL)
    done = card(made, folder / "card", **ALL, protocol=str(folder / "p.toml"))
    assert (done.licence, done.pairs, done.images, done.missing) == ("cc0-1.0", 6, True, ())
    return made, folder / "card"


def test_it_is_complete_and_a_set_itself(whole: tuple[Set, Path]) -> None:
    made, folder = whole
    names = set(files(folder))
    assert {"README.md", "metadata.csv", "croissant.json", "SHA256SUMS", "eval.yaml"} <= names
    assert set(files(made.root)) <= names
    again = Set.open(folder)
    assert again.content_hash == made.content_hash and check(folder) == []
    assert {name: data for name, data in files(folder).items() if name in files(made.root)} == files(made.root)


def test_sharp_images_are_there_once(whole: tuple[Set, Path]) -> None:
    _, folder = whole
    rows = list(csv.DictReader((folder / "metadata.csv").open(newline="", encoding="utf-8")))
    assert len(rows) == 6 and len({row["sharp_file_name"] for row in rows}) == 3
    assert len(list((folder / "sharp").iterdir())) == 3
    for row in rows:
        assert all((folder / row[f"{kind}_file_name"]).is_file() for kind in ("blur", "sharp", "label"))


def test_every_file_has_its_hash(whole: tuple[Set, Path]) -> None:
    _, folder = whole
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == set(files(folder)) - {"README.md", "croissant.json", "SHA256SUMS"}
    for digest, name in lines:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    for one in json.loads((folder / "croissant.json").read_text())["distribution"]:
        if one["@type"] == "cr:FileObject":
            data = (folder / one["contentUrl"]).read_bytes()
            assert (one["sha256"], one["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")


def test_the_same_bytes_again(whole: tuple[Set, Path], tmp_path: Path) -> None:
    made, folder = whole
    card(made, tmp_path / "again", **ALL, protocol=str(folder.parent / "p.toml"))
    assert files(tmp_path / "again") == files(folder)


def test_a_set_of_arrays_becomes_pictures(small_set: Callable[..., Set], tmp_path: Path) -> None:
    made = small_set(tmp_path / "set", store="npy", gallery=True)
    card(made, tmp_path / "card")
    again = Set.open(tmp_path / "card")
    assert again.store == "png" and again.content_hash == made.content_hash and check(again) == []
    pair = list(made.pairs())[3]
    assert np.array_equal(read_png(tmp_path / "card" / pair.blur), made.blurred(pair))


def test_many_images_are_in_a_folder_per_face(tiny: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MOST_ENTRIES", 5)
    card(tiny, tmp_path / "card")
    again = Set.open(tmp_path / "card")
    assert again.content_hash == tiny.content_hash and check(again) == []
    assert {path.name: len(list(path.iterdir())) for path in (tmp_path / "card" / "blur").iterdir()} == {
        "face0": 2, "face1": 2, "face2": 2,
    }  # fmt: skip
    assert [pair.name for pair in again.pairs()] == [pair.name for pair in tiny.pairs()]
    assert "blur/*/*.png" in (tmp_path / "card" / "README.md").read_text()
    _load_with_datasets(tmp_path / "card", tiny, tmp_path)


def test_texts_alone(tiny: Set, tmp_path: Path) -> None:
    done = card(tiny, tmp_path / "card", images=False)
    assert set(files(tmp_path / "card")) == {"README.md", "metadata.csv", "croissant.json", "SHA256SUMS"}
    assert done.missing == ("url (--repo)", "creator (--creator)", "datePublished (--date)")
    assert "the images are not in it" in (tmp_path / "card" / "README.md").read_text()


def test_photographs_that_may_not_be_passed_on(small_set: Callable[..., Set], tmp_path: Path) -> None:
    made = small_set(tmp_path / "set", sources=(CELEBA,))
    for licence in ("", "cc0-1.0"):
        line = told(lambda licence=licence: card(made, tmp_path / "card", licence=licence))
        assert "may not be passed on (celeba: 3 photographs: non-commercial" in line and "--no-images" in line
    assert not list(tmp_path.glob("card*"))
    done = card(made, tmp_path / "card", images=False)
    text = (tmp_path / "card" / "README.md").read_text()
    assert done.licence == "other" and "license: other\n" in text
    assert "**The photographs may not be passed on** (celeba: 3 photographs: non-commercial research" in text
    assert (tmp_path / "card" / "LICENSE").read_text() == CELEBA["licence"] + "\n"
    assert not list((tmp_path / "card").rglob("*.png"))


def test_an_unknown_licence_is_asked_for(small_set: Callable[..., Set], tmp_path: Path) -> None:
    made = small_set(tmp_path / "set", sources=({"folder": "x", "licence": "not stated"},))
    assert "--licence" in told(lambda: card(made, tmp_path / "card"))
    assert card(made, tmp_path / "card", licence="cc-by-4.0").licence == "cc-by-4.0"


def test_what_is_there_is_kept(tiny: Set, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "mine").write_text("x")
    assert "expected a new folder, found other files" in told(lambda: card(tiny, tmp_path / "card"))
    assert files(tmp_path) == {"card/mine": b"x"}


def test_a_damaged_set_leaves_nothing(tiny: Set, tmp_path: Path) -> None:
    shutil.copytree(tiny.root, tmp_path / "set")
    write_png(tmp_path / "set" / "blur" / "face2_ker02_k5.png", np.zeros((24, 24, 3), np.uint8))
    assert "its pixels are not those" in told(lambda: card(tmp_path / "set", tmp_path / "out" / "card"))
    assert not list((tmp_path / "out").glob("*")) and not list(tmp_path.glob("out/.*"))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"date": "May"}, "date: expected a day such as 2026-05-31, found May"),
        ({"repo": "tiny"}, "OWNER/NAME"),
        ({"protocol": "shen"}, "protocol 'shen'"),
    ],
)
def test_wrong_options(tiny: Set, tmp_path: Path, given: dict[str, str], line: str) -> None:
    with pytest.raises(InputError, match=line):
        card(tiny, tmp_path / "card", **given)
    assert not list(tmp_path.iterdir())


def test_the_benchmark_has_the_tasks_of_the_results(whole: tuple[Set, Path]) -> None:
    yaml = pytest.importorskip("yaml")
    _, folder = whole
    told_ = yaml.safe_load((folder / "eval.yaml").read_text(encoding="utf-8"))
    assert set(told_) == {"name", "description", "evaluation_framework", "tasks"}
    assert {"id": task_id("psnr[rgb,255]"), "config": "default", "split": "test"} in told_["tasks"]
    assert "`psnr[rgb,255]`" in (folder / "README.md").read_text(encoding="utf-8")


def _load_with_datasets(folder: Path, made: Set, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="package datasets is not installed")
    loaded = datasets.load_dataset(str(folder), split="test", cache_dir=str(tmp_path / "cache"))
    pairs = list(made.pairs())
    assert len(loaded) == len(pairs) and loaded["pair_id"][:] == [pair.pair_id for pair in pairs]
    for row, pair in zip(loaded, pairs, strict=True):
        assert np.array_equal(np.asarray(row["blur"]), made.blurred(pair))
        assert np.array_equal(np.asarray(row["sharp"]), made.sharp(made.image_of(pair)))
        assert row["kernel_size"] == pair.kernel_size and row["face"] == pair.image_id


def test_datasets_reads_it(whole: tuple[Set, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    made, folder = whole
    _load_with_datasets(folder, made, tmp_path)


def test_datasets_reads_the_table_alone(tiny: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="package datasets is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    card(tiny, tmp_path / "card", images=False)
    loaded = datasets.load_dataset(str(tmp_path / "card"), split="test", cache_dir=str(tmp_path / "cache"))
    assert loaded["blur_file_name"][:] == [pair.blur for pair in tiny.pairs()]


@pytest.mark.parametrize("images", [True, False])
def test_mlcroissant_reads_it(whole: tuple[Set, Path], tmp_path: Path, *, images: bool) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="package mlcroissant is not installed")
    made, folder = whole
    if not images:
        folder = tmp_path / "card"
        card(made, folder, images=False, date="2026-05-31")
    read = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not read.metadata.ctx.issues.errors and not read.metadata.ctx.issues.warnings
    assert read.metadata.name == "tiny" and read.metadata.license == [
        "https://creativecommons.org/publicdomain/zero/1.0/"
    ]
    records = list(read.records("pairs"))
    pairs = list(made.pairs())
    assert [one["pairs/pair_id"].decode() for one in records] == [pair.pair_id for pair in pairs]
    assert [one["pairs/kernel_size"] for one in records] == [5] * 6
    if not images:
        return
    for record, pair in zip(records, pairs, strict=True):
        assert np.array_equal(np.asarray(record["pairs/blur"]), made.blurred(pair))
    faces = {one["faces/face"].decode(): np.asarray(one["faces/sharp"]) for one in read.records("faces")}
    assert set(faces) == {"face0", "face1", "face2"}
    assert all(np.array_equal(pixels, made.sharp(made.images[face])) for face, pixels in faces.items())
