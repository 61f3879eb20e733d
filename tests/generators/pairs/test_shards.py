"""Pairs on disk: the same bytes however they are written, stopped and resumed, and nothing begun in vain."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tarfile
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_png, write_png
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Image as Record
from facedeblur.generators.given.layout import open_listing
from facedeblur.generators.pairs import shards
from facedeblur.generators.pairs.shards import materialise, room, write_folder, write_shards
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.photos.specs import parse_spec


@pytest.fixture
def pairs(portrait: np.ndarray) -> VirtualPairs:
    array = np.ascontiguousarray(np.stack([portrait[i : i + 74, 150:214] for i in range(5)]))
    return VirtualPairs(SharpArray(array, around=5), PairSpec((5, 13), 4, augment="mspl"), seed=3, shuffle=True)


def digests(files: list[Path]) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_shards_hold_the_pairs_as_webdataset_names_them(tmp_path: Path, pairs: VirtualPairs) -> None:
    seen = []
    files = write_shards(
        pairs,
        tmp_path / "out",
        count=25,
        shard_size=10,
        progress=Reporter(lambda stage, done, total, note: seen.append((done, total))),
    )
    assert [file.name for file in files] == ["pairs-000000.tar", "pairs-000001.tar", "pairs-000002.tar"]
    assert seen == [(0, 25), (10, 25), (20, 25), (25, 25)]
    index = 0
    for file, count in zip(files, (10, 10, 5), strict=True):
        with tarfile.open(file) as archive:
            members = archive.getmembers()
            # A sample is a run of members that share their name up to the first full stop.
            samples = [list(run) for _, run in groupby(members, key=lambda member: member.name.split(".", 1)[0])]
            assert len(samples) == count
            for sample in samples:
                assert [member.name.split(".", 1)[1] for member in sample] == ["sharp.png", "blur.png", "json"]
                assert {(member.mtime, member.uid, member.uname, member.mode) for member in sample} == {
                    (0, 0, "", 0o644)
                }
                sharp, blurred, row = (archive.extractfile(member).read() for member in sample)  # type: ignore[union-attr]
                pair = pairs[index]
                assert np.array_equal(np.asarray(Image.open(io.BytesIO(sharp))), pair.sharp)
                assert np.array_equal(np.asarray(Image.open(io.BytesIO(blurred))), pair.blurred)
                noted = json.loads(row)
                assert noted["index"] == index and noted["identity"] == pair.identity
                assert (noted["kernel_size"], noted["kernel_number"]) == pair.kernel
                assert noted["sha256_blur"] == pixel_hash(pair.blurred)
                assert noted["augment_angle"] == pair.augmentation.angle  # type: ignore[union-attr]
                index += 1
    notes = json.loads((tmp_path / "out" / "pairs.json").read_text())
    assert notes["complete"] and [entry["name"] for entry in notes["shards"]] == [file.name for file in files]
    assert notes["spec"]["model"]["kind"] == "KernelModel" and notes["of"] == 40


def test_bytes_do_not_depend_on_workers_or_stops(tmp_path: Path, pairs: VirtualPairs) -> None:
    wanted = digests(write_shards(pairs, tmp_path / "a", count=25, shard_size=10))
    assert digests(write_shards(pairs, tmp_path / "b", count=25, shard_size=10, workers=2)) == wanted

    class Stopped(VirtualPairs):
        def __getitem__(self, index: int) -> Any:
            if index == 17:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    broken = Stopped(pairs.source, pairs.spec, seed=3, shuffle=True)
    with pytest.raises(KeyboardInterrupt):
        write_shards(broken, tmp_path / "c", count=25, shard_size=10)
    assert sorted(file.name for file in (tmp_path / "c").iterdir()) == ["pairs-000000.tar", "pairs.json"]
    assert "complete" not in json.loads((tmp_path / "c" / "pairs.json").read_text())
    stamp = (tmp_path / "c" / "pairs-000000.tar").stat().st_mtime_ns
    seen = []
    files = write_shards(
        pairs,
        tmp_path / "c",
        count=25,
        shard_size=10,
        progress=Reporter(lambda stage, done, total, note: seen.append(done)),
    )
    assert digests(files) == wanted and seen == [10, 20, 25]
    assert (tmp_path / "c" / "pairs-000000.tar").stat().st_mtime_ns == stamp
    assert tree(tmp_path / "a") == tree(tmp_path / "c")


def test_a_folder_holds_the_pairs_and_resumes(tmp_path: Path, pairs: VirtualPairs, monkeypatch) -> None:
    monkeypatch.setattr("facedeblur.generators.pairs.shards._PART", 10)
    manifest = write_folder(pairs, tmp_path / "a", count=25)
    rows = list(csv.DictReader(manifest.open(encoding="utf-8")))
    assert [row["key"] for row in rows] == [f"{i:012}" for i in range(25)]
    for i in (0, 9, 10, 24):
        assert np.array_equal(read_png(tmp_path / "a" / "sharp" / f"{i:012}.png"), pairs[i].sharp)
        assert np.array_equal(read_png(tmp_path / "a" / "blur" / f"{i:012}.png"), pairs[i].blurred)
        assert rows[i]["sha256_sharp"] == pixel_hash(pairs[i].sharp)
        assert float(rows[i]["augment_contrast"]) == pairs[i].augmentation.contrast  # type: ignore[union-attr]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["blur", "manifest.csv", "pairs.json", "sharp"]
    whole = tree(tmp_path / "a")

    class Stopped(VirtualPairs):
        def __getitem__(self, index: int) -> Any:
            if index == 17:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    with pytest.raises(KeyboardInterrupt):
        write_folder(Stopped(pairs.source, pairs.spec, seed=3, shuffle=True), tmp_path / "b", count=25)
    assert not (tmp_path / "b" / "manifest.csv").exists()
    write_folder(pairs, tmp_path / "b", count=25)
    assert tree(tmp_path / "b") == whole
    seen = []
    write_folder(pairs, tmp_path / "b", count=25, progress=Reporter(lambda stage, done, total, note: seen.append(done)))
    assert seen == [25] and tree(tmp_path / "b") == whole


def test_a_smaller_set_is_the_beginning_of_a_larger_one(tmp_path: Path, pairs: VirtualPairs) -> None:
    short = write_shards(pairs, tmp_path / "short", count=10, shard_size=10)
    assert digests(short) == digests(write_shards(pairs, tmp_path / "long", count=20, shard_size=10))[:1]


def test_nothing_is_begun_in_vain(tmp_path: Path, pairs: VirtualPairs, monkeypatch) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"41 pairs: expected from 1 to 40, of 5 faces and 8 kernels"):
        write_shards(pairs, out, count=41)
    with pytest.raises(InputError, match="0 pairs"):
        write_folder(pairs, out, count=0)
    with pytest.raises(InputError, match="shard size"):
        write_shards(pairs, out, count=4, shard_size=0)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(InputError, match=r"room for 40 pairs, about [\d,]+ bytes, found 100,000 bytes free"):
        write_shards(pairs, out, count=40)
    assert not out.exists()
    monkeypatch.undo()
    write_shards(pairs, out, count=20, shard_size=10)
    for change in ({"count": 30, "shard_size": 10}, {"count": 20, "shard_size": 5}):
        with pytest.raises(
            InputError, match=r"pairs\.json: expected pairs with (count|pairs_per_file) .*choose another"
        ):
            write_shards(pairs, out, **change)
    other = VirtualPairs(pairs.source, pairs.spec, seed=4, shuffle=True)
    with pytest.raises(InputError, match=r"pairs\.json: expected pairs with seed = 4, found 3"):
        write_shards(other, out, count=20, shard_size=10)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(InputError, match="the folder is not empty"):
        write_shards(pairs, tmp_path / "full", count=20)
    (out / "pairs.json").write_text("[]")
    with pytest.raises(InputError, match="the description of these pairs"):
        write_shards(pairs, out, count=20, shard_size=10)


def test_room_is_estimated(tmp_path: Path, pairs: VirtualPairs) -> None:
    for form in ("tar", "folder"):
        estimate = room(pairs, tmp_path / "no" / "such", count=40, form=form)
        assert estimate.free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
        write = write_shards if form == "tar" else write_folder
        write(pairs, tmp_path / form, count=40)
        taken = sum(len(data) for name, data in tree(tmp_path / form).items())
        assert 0.9 * taken < estimate.needed < (1.6 if form == "tar" else 4) * taken


def test_from_a_recipe_and_photographs(tmp_path: Path, portrait: np.ndarray, small_recipe) -> None:
    for i in range(2):
        write_png(tmp_path / "crops" / f"{i}.png", portrait[40 + i : 168 + i, 160:288])
    (tmp_path / "crops" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = materialise(
        small_recipe(tmp_path), tmp_path / "crops", tmp_path / "out", count=30, shard_size=20, workers=1,
        per_size=50, first=10, augment="lin",
    )  # fmt: skip
    assert (len(done), done.n_images) == (200, 2)
    assert json.loads((tmp_path / "out" / "pairs.json").read_text())["origin"] == "crops, licence: not stated"
    records = {record.source: record.status for record in read_rows(tmp_path / "out" / "images.csv", Record)}
    assert records == {"0.png": "ok", "1.png": "ok", "broken.png": "unreadable"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["crops", "out"]
    with pytest.raises(InputError, match="format 'zip'"):
        materialise(small_recipe(tmp_path), tmp_path / "crops", tmp_path / "zip", count=3, form="zip")


@pytest.mark.parametrize("form", ["folder", "basicsr", "restormer", "lmdb"])
def test_folders_of_other_programs_are_read_as_pairs(tmp_path: Path, pairs: VirtualPairs, form: str) -> None:
    if form == "lmdb":
        pytest.importorskip("lmdb", reason="lmdb is not installed")
    manifest = write_folder(pairs, tmp_path / "out", count=6, form=form)
    with manifest.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    opened = open_listing(parse_spec(str(tmp_path / "out")))
    assert opened.name == {"folder": "plain", "restormer": "input-target"}.get(form, form)
    assert len(opened.listing.couples) == len(rows) == 6 and not opened.listing.lone and not opened.listing.others
    for row, couple in zip(rows, opened.listing.couples, strict=True):
        pair = pairs[int(row["index"])]
        for source, pixels in ((couple.blurred, pair.blurred), (couple.sharp[0], pair.sharp)):
            assert Path(source).stem == row["key"]
            assert np.array_equal(opened.layout.photo(opened.root, source).pixels, pixels)
    # Nothing else is left, and the same command does nothing.
    before = tree(tmp_path / "out")
    assert not any("parts" in name for name in before) and (
        form != "lmdb" or not any(".png" in name for name in before)
    )
    write_folder(pairs, tmp_path / "out", count=6, form=form)
    assert tree(tmp_path / "out") == before
    with pytest.raises(InputError, match="format"):
        write_folder(pairs, tmp_path / "out", count=6, form="folder" if form != "folder" else "basicsr")


def test_meta_info_is_as_basicsr_reads_it(tmp_path: Path, pairs: VirtualPairs) -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed")
    size = f"({pairs[0].sharp.shape[0]},{pairs[0].sharp.shape[1]},3)"
    for form, place, end in (("basicsr", "meta_info.txt", ""), ("lmdb", "gt.lmdb/meta_info.txt", " 1")):
        write_folder(pairs, tmp_path / form, count=2, form=form)
        lines = (tmp_path / form / place).read_text(encoding="utf-8").splitlines()
        assert lines == [f"{number:012}.png {size}{end}" for number in range(2)]


def test_an_interrupted_database_is_finished(
    tmp_path: Path, pairs: VirtualPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed")
    write = shards.write_meta_info

    def stop_at_second(folder: Path, file: Path) -> None:
        if folder.name == "lq":
            raise KeyboardInterrupt
        write(folder, file)

    monkeypatch.setattr(shards, "write_meta_info", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        write_folder(pairs, tmp_path / "out", count=4, form="lmdb")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.lmdb")) == ["gt.lmdb"]
    monkeypatch.setattr(shards, "write_meta_info", write)
    write_folder(pairs, tmp_path / "out", count=4, form="lmdb")
    assert len(open_listing(parse_spec(str(tmp_path / "out"))).listing.couples) == 4
    assert not list((tmp_path / "out").glob(".*.tmp"))


def test_parquet_shards_are_images_to_datasets(tmp_path: Path, pairs: VirtualPairs) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    files = write_shards(pairs, tmp_path / "out", count=7, form="parquet", shard_size=4)
    assert [file.name for file in files] == ["pairs-000000.parquet", "pairs-000001.parquet"]
    read = datasets.load_dataset(
        "parquet", data_files=[str(file) for file in files], split="train", cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(read.features["sharp"], datasets.Image) and isinstance(read.features["blur"], datasets.Image)
    assert len(read) == 7
    for number, row in enumerate(read):
        pair = pairs[row["index"]]
        assert row["key"] == f"{number:012}" and row["kernel_size"] == pair.kernel[0]
        assert np.array_equal(np.asarray(row["blur"]), pair.blurred)
        assert np.array_equal(np.asarray(row["sharp"]), pair.sharp)
    again = write_shards(pairs, tmp_path / "again", count=7, form="parquet", shard_size=4)
    assert digests(again) == digests(files)
