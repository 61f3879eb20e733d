"""Sets on disk: written whole or not at all, resumed, verified file by file."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import pixel_hash, read_png, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import read_pixels, write_pixels
from facedeblur.benchmark.files.tables import read_rows, write_rows
from facedeblur.benchmark.sets import writer as set_writer
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import AlteredFile, Pair, Set, open_set
from facedeblur.benchmark.sets.writer import SetWriter


def test_what_is_written_is_read(toy):
    assert (toy.name, toy.n_pairs, toy.info["seed"]) == ("toy", 6, 3)
    assert toy.info["counts"] == {"photographs": 4, "images": 3, "identities": 3, "kernels": 2, "pairs": 6}
    assert [image.image_id for image, _ in toy.by_image()] == ["face0", "face1", "face2"]
    for image, pairs in toy.by_image():
        for k, pair in enumerate(pairs):
            assert np.array_equal(toy.blurred(pair), np.roll(toy.sharp(image), k + 1, axis=1))
    assert toy.images["blank"].status == "no face"
    assert list(toy.frame["kernel_size"]) == [3, 5] * 3
    assert toy.compute_hash() == toy.content_hash
    assert not toy.root.with_name("toy.building").exists()


def test_stores_have_the_same_hash(tmp_path, toy, fill_toy):
    arrays = fill_toy(tmp_path / "arrays", store="npy")
    assert arrays.content_hash == toy.content_hash
    assert sorted(path.name for path in arrays.root.iterdir()) == [
        "blur.npy", "images.csv", "kernels.npz", "manifest.csv", "set.json", "sharp.npy",
    ]  # fmt: skip
    for image, pairs in arrays.by_image():
        assert np.array_equal(arrays.sharp(image), toy.sharp(image))
        assert np.array_equal(arrays.blurred(pairs[1]), toy.blurred(pairs[1]))
    assert check(arrays.root) == []


@pytest.mark.parametrize("store", ["png", "npy"])
@pytest.mark.parametrize("torn", ["", "4,half a ro", "2,face1,x\n"])
def test_a_stopped_build_goes_on(tmp_path, toy, torn, store, fill_toy):
    assert fill_toy(tmp_path / "out", store=store, stop_after=1) is None
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="set is not finished"):
        Set.open(tmp_path / "out")
    with (tmp_path / "out.building" / "manifest.csv").open("a") as stream:
        stream.write(torn)
    made = fill_toy(tmp_path / "out", store=store)
    assert made.content_hash == toy.content_hash


def test_stopped_before_the_ground_was_laid(tmp_path, toy, fill_toy):
    (tmp_path / "out.building" / "sharp").mkdir(parents=True)
    assert fill_toy(tmp_path / "out").content_hash == toy.content_hash


def test_the_same_set_again_is_kept(toy, fill_toy):
    before = (toy.root / "set.json").stat().st_mtime_ns
    assert fill_toy(toy.root).content_hash == toy.content_hash
    assert (toy.root / "set.json").stat().st_mtime_ns == before


def test_another_set_is_not_mixed_in(tmp_path, toy, fill_toy):
    with pytest.raises(InputError, match="other photographs, recipe, seed or store"):
        fill_toy(toy.root, seed=4)
    fill_toy(tmp_path / "out", stop_after=1)
    with pytest.raises(InputError, match="unfinished set of another name"):
        fill_toy(tmp_path / "out", seed=4)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    with pytest.raises(InputError, match="found other files"):
        fill_toy(tmp_path / "taken")


def test_full_disk_leaves_no_half_file(tmp_path, toy, fill_toy, monkeypatch):
    opened = []

    class Full:
        """A file on a disk that fills up half way."""

        def __init__(self, path: str, *args: object, **options: object):
            opened.append(path)
            self.stream = Path(path).open("wb")  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *error: object):
            self.stream.close()

        def write(self, data: memoryview) -> int:
            if len(opened) == 5:
                self.stream.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.stream.write(data)

    with monkeypatch.context() as patch:
        patch.setattr("facedeblur.benchmark.files.atomic.open", Full, raising=False)
        with pytest.raises(OSError, match="No space") as full:
            fill_toy(tmp_path / "out")
    assert "blur/face0_ker01_k0" in full.value.filename
    assert not list((tmp_path / "out.building").rglob(".tmp*"))
    assert fill_toy(tmp_path / "out").content_hash == toy.content_hash


def test_check_names_every_kind_of_damage(toy):
    assert check(toy.root) == []
    blur = sorted((toy.root / "blur").iterdir())
    blur[0].unlink()
    blur[1].write_bytes(blur[1].read_bytes()[:-30])
    write_png(blur[2], read_png(blur[2])[::-1])
    write_png(blur[3], np.zeros((8, 8, 3), np.uint8))
    write_png(toy.root / "blur" / "stranger.png", np.zeros((8, 8, 3), np.uint8))
    write_png(toy.root / "sharp" / "face2.png", np.zeros((20, 16, 3), np.uint8))
    found = {problem.file: problem.problem for problem in check(toy.root)}
    assert found == {
        f"blur/{blur[0].name}": "missing",
        f"blur/{blur[1].name}": "truncated PNG",
        f"blur/{blur[2].name}": "altered: its pixels are not those of the manifest",
        f"blur/{blur[3].name}": "expected 16x20 pixels, found 8x8",
        "blur/stranger.png": "not in the tables: remove it",
        "sharp/face2.png": "altered: its pixels are not those of images.csv",
    }


def test_check_passes_over_files_that_a_kill_left(toy):
    (toy.root / "blur" / ".face0_ker01_blur_k13.png.1.tmp").write_bytes(b"half")
    (toy.root / "sharp" / ".face0.png.22.tmp").touch()
    assert check(toy.root) == []


def test_check_sees_edited_tables(toy):
    text = (toy.root / "manifest.csv").read_text()
    (toy.root / "manifest.csv").write_text(text.replace(",0.01,", ",0.02,", 1))
    assert [problem.file for problem in check(toy.root)] == ["set.json"]
    (toy.root / "manifest.csv").write_text(text.replace("0,face0", "zero,face0", 1))
    (problem,) = check(toy.root)
    assert (problem.file, "line 2" in problem.problem) == ("manifest.csv", True)
    (toy.root / "manifest.csv").write_text(text.rsplit("\n", 2)[0] + "\n")
    (problem,) = check(toy.root)
    assert (problem.file, "expected 6 pairs, found 5" in problem.problem) == ("manifest.csv", True)


def test_check_sees_other_kernels_and_lost_folders(toy):
    bank = toy.bank
    Bank.of(bank.ids, [bank.kernel(bank.ids[0])[::-1].copy(), np.full((5, 5), 1 / 25)]).save(toy.root / "kernels.npz")
    assert [problem.file for problem in check(toy.root)] == ["set.json"]
    (toy.root / "kernels.npz").write_bytes(b"junk")
    assert [problem.file for problem in check(toy.root)] == ["kernels.npz"]
    bank.save(toy.root / "kernels.npz")
    shutil.rmtree(toy.root / "sharp")
    assert {problem.problem for problem in check(toy.root)} == {"missing"}


def test_paths_may_not_leave_the_set(toy):
    rows = list(toy.pairs())
    write_rows(toy.root / "manifest.csv", Pair, [replace(rows[0], blur="../../secret.png"), *rows[1:]])
    problems = {problem.file: problem.problem for problem in check(toy.root)}
    assert "blur: path '../../secret.png' leaves its folder" in problems["manifest.csv"]


def test_tables_say_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="not found"):
        list(read_rows(tmp_path / "a.csv", Pair))
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="expected columns index,pair_id"):
        list(read_rows(tmp_path / "a.csv", Pair))


def test_open_says_what_is_missing(tmp_path, toy):
    with pytest.raises(InputError, match="build it first"):
        Set.open(tmp_path / "nowhere")
    (toy.root / "set.json").write_text('{"schema": 99, "content_hash": ""}')
    with pytest.raises(InputError, match="expected schema 1, found 99"):
        Set.open(toy.root)
    (toy.root / "set.json").write_text("{")
    with pytest.raises(InputError, match="description of a set"):
        Set.open(toy.root)


def test_array_store_errors(tmp_path):
    with pytest.raises(InputError, match="not found"):
        read_pixels(tmp_path, "blur/a.png", 0, store="npy", size=None)
    np.save(tmp_path / "blur.npy", np.zeros((2, 4, 4, 3), np.uint8))
    set_writer.create_array(tmp_path, "blur", count=2, size=(4, 4))
    with pytest.raises(InputError, match="a row under 2, found 5"):
        read_pixels(tmp_path, "blur/a.png", 5, store="npy", size=None)
    with pytest.raises(InputError, match="expected 9x9"):
        read_pixels(tmp_path, "blur/a.png", 1, store="npy", size=(9, 9))


def labelled(images):
    """Give every usable image a label file, and the hash of its pixels."""
    return [
        replace(image, label=f"labels/{image.image_id}.png", label_sha256=pixel_hash(label_of(image)))
        if image.ok
        else image
        for image in images
    ]


def label_of(image):
    return np.full((image.height, image.width), len(image.image_id), np.uint8)


def test_labels_gallery_and_sets_without_kernels(tmp_path, toy_parts):
    """Frames have no kernels, galleries no blur, real photographs no truth: all are sets."""
    images, sharp = toy_parts
    images = labelled([replace(images[0], role="gallery"), *images[1:]])
    writer = SetWriter(tmp_path / "out", {"name": "n", "recipe": "", "seed": 0})
    writer.start(images, lambda image: sharp[image.image_id], None, n_kernels=1, label=label_of)
    for row, image in enumerate(image for image in images if image.blurred):
        name = f"blur/{image.image_id}.png"
        write_pixels(writer.work, name, row, sharp[image.image_id][::-1], store="png")
        pair = Pair(row, image.image_id, image.image_id, "", 0, "frames", "frames", 0.0, 2.2, 0, image.sharp, name,
                    pixel_hash(sharp[image.image_id][::-1]))  # fmt: skip
        writer.append([pair])
    made = writer.finish()
    assert made.info["counts"] == {"photographs": 4, "images": 3, "identities": 3, "kernels": 0, "pairs": 2}
    assert made.bank is None and made.has_sharp
    assert (made.root / "gallery" / "id0" / "face0.png").is_file()
    assert np.array_equal(made.sharp(made.images["face0"]), sharp["face0"])
    assert np.array_equal(made.label(made.images["face1"]), label_of(made.images["face1"]))
    assert check(made.root) == []
    assert made.compute_hash() == made.content_hash
    (made.root / "labels" / "face1.png").unlink()
    write_png(made.root / "gallery" / "id0" / "face0.png", sharp["face1"])
    assert {problem.file: problem.problem for problem in check(made.root)} == {
        "labels/face1.png": "missing",
        "gallery/id0/face0.png": "altered: its pixels are not those of images.csv",
    }


@pytest.mark.parametrize("store", ["png", "npy"])
def test_a_set_without_sharp_truth(tmp_path, toy_parts, store):
    images, blurred = toy_parts
    images = [replace(image, sha256="") for image in images]
    writer = SetWriter(tmp_path / "out", {"name": "n", "recipe": "", "seed": 0, "reference": False}, store=store)
    writer.start(images, None, None, n_kernels=1)
    for row, image in enumerate(image for image in images if image.blurred):
        name = f"blur/{image.image_id}.png"
        write_pixels(writer.work, name, row, blurred[image.image_id], store=store)
        pair = Pair(row, image.image_id, image.image_id, "", 0, "real", "", 0.0, 1.0, 0, "", name,
                    pixel_hash(blurred[image.image_id]))  # fmt: skip
        writer.append([pair])
    made = writer.finish()
    assert not made.has_sharp and check(made.root) == []


def test_an_object_whose_folder_came_to_hold_another_set_is_refused(toy, tmp_path, fill_toy):
    opened = Set.open(toy.root)
    assert Set.open(opened).content_hash == opened.content_hash
    stale = Set(opened.root, {**opened.info, "content_hash": "0" * 64})
    with pytest.raises(InputError, match="was replaced by another set after it was opened"):
        Set.open(stale)
    with pytest.raises(MissingFile, match="expected a set"):
        Set.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("manifest.csv", ",ker01_k05,", ",ker01_k03,"),
        ("manifest.csv", ",1.0,3,", ",1.0,4,"),
        ("images.csv", "id1", "id2"),
        ("images.csv", ",test,", ",gallery,"),
    ],
)
def test_an_edited_table_is_refused_when_the_set_is_opened(toy, table, old, new):
    text = (toy.root / table).read_text()
    assert old in text
    (toy.root / table).write_text(text.replace(old, new))
    with pytest.raises(InputError, match=rf"{table}.*content hash.*facedeblur check {toy.root}"):
        Set.open(toy.root)
    assert {problem.file for problem in check(toy.root)} == {"set.json"} or old == ",test,"
    (toy.root / table).write_text(text)
    assert Set.open(toy.root).content_hash == toy.content_hash


def test_other_kernels_are_refused_when_the_set_is_opened(toy):
    bank = toy.bank
    kernels = [bank.kernel(name).copy() for name in bank.ids]
    kernels[1][2, 2], kernels[1][0, 0] = 0.0, 1.0
    assert Set.open(toy.root).bank.digest() == bank.digest()
    Bank.of(bank.ids, kernels, bank.meta).save(toy.root / "kernels.npz")
    with pytest.raises(InputError, match=r"kernels\.npz.*content hash.*facedeblur check"):
        Set.open(toy.root)


def test_tables_are_read_once_to_compare_them(toy, monkeypatch):
    read = []
    real = Set.compute_hash
    monkeypatch.setattr(Set, "compute_hash", lambda self: read.append(1) or real(self))
    for _ in range(3):
        Set.open(toy.root)
    assert len(read) == 1


@pytest.mark.parametrize("store", ["png", "npy"])
def test_a_swapped_picture_is_refused_when_it_is_read(tmp_path, fill_toy, store):
    made = fill_toy(tmp_path / "set", store=store)
    image, pairs = next(made.by_image())
    ours, other = made.blurred(pairs[0]), made.blurred(pairs[1])
    write_pixels(made.root, pairs[0].blur, pairs[0].index, other, store=store)
    with pytest.raises(AlteredFile, match=rf"{pairs[0].name}: its pixels are not.*facedeblur check"):
        made.blurred(pairs[0])
    write_pixels(made.root, image.sharp, 0, ours, store=store)
    with pytest.raises(AlteredFile, match=rf"{image.image_id}.png: its pixels are not"):
        made.sharp(image)
    assert np.array_equal(made.blurred(pairs[1]), other)


def test_a_set_that_was_replaced_is_not_another_workers_set(toy):
    assert open_set(toy.root, toy.content_hash).n_pairs == 6
    with pytest.raises(InputError, match="was replaced by another set"):
        open_set(toy.root, "0" * 64)


def test_check_reads_the_manifest_twice_at_most(toy, monkeypatch):
    read = []
    real = Set.pairs
    monkeypatch.setattr(Set, "pairs", lambda self: read.append(1) or real(self))
    assert check(toy.root) == []
    assert len(read) <= 2, "once to see that it is readable, once for all the rest"
