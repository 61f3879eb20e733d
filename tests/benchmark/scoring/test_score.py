"""Scoring: every pair is a row, failures too; stopped and resumed; never from the wrong set."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.scoring import cache
from facedeblur.benchmark.scoring import task as score_task
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import KEYS, Scores
from facedeblur.benchmark.sets import set as set_module
from facedeblur.benchmark.sets.set import Pair
from facedeblur.benchmark.sets.writer import SetWriter

METRICS = ["psnr", "ssim[skimage]"]


@pytest.fixture
def foreign(toy, tmp_path):
    """A folder of outputs without run.json: the sharp images with some noise."""
    folder = tmp_path / "my-net"
    rng = np.random.default_rng(1)
    for image, pairs in toy.by_image():
        for pair in pairs:
            noisy = toy.sharp(image).astype(int) + rng.integers(-9, 10, (image.height, image.width, 3))
            write_png(folder / pair.name, np.clip(noisy, 0, 255).astype(np.uint8))
    return folder


def test_values_are_those_of_the_metrics(toy, foreign):
    table = score(toy.root, foreign, metrics=METRICS, workers=1)
    assert list(table.frame.columns) == [*KEYS, "psnr[rgb,255]", "ssim[skimage,uniform,w7]"]
    assert list(table.frame["pair_id"]) == [pair.pair_id for pair in toy.pairs()]
    row = table.frame.iloc[3]
    pair = list(toy.pairs())[3]
    from facedeblur.benchmark.files.images import read_png

    sharp, restored = toy.sharp(toy.images["face1"]), read_png(foreign / pair.name)
    mse = np.mean((sharp.astype(float) - restored) ** 2)
    assert row["psnr[rgb,255]"] == pytest.approx(10 * np.log10(255**2 / mse), abs=1e-12)
    made = metric("ssim[skimage]")
    assert row["ssim[skimage,uniform,w7]"] == made.measure(restored[None], sharp, made.prepare(sharp))[0]
    assert (row["identity"], row["kernel_size"], row["status"]) == ("id1", 5, "ok")
    assert (table.meta.method, table.meta.set["hash"]) == ("my-net", toy.content_hash)


def test_the_manifest_is_read_once_for_each_purpose(toy, foreign, monkeypatch):
    """The set as it was built, the outputs as they are, the tasks of every run, and the rows of each finished table."""
    read, seen = set_module.read_rows, []

    def spy(path, kind):
        seen.append(path.name)
        return read(path, kind)

    monkeypatch.setattr(set_module, "read_rows", spy)
    monkeypatch.setattr(set_module, "_verified", {})
    score(toy.root, foreign, metrics=METRICS, workers=1)
    # And as far as the first pair that a foreign folder has.
    assert seen.count("manifest.csv") == 5 and seen.count("images.csv") <= 2


def test_nothing_is_dropped(toy, foreign):
    names = [pair.name for pair in toy.pairs()]
    (foreign / names[0]).unlink()
    write_png(foreign / names[1], np.zeros((4, 4, 3), np.uint8))
    (foreign / names[2]).write_bytes((foreign / names[2]).read_bytes()[:-40])
    (foreign / names[3]).write_text("text")
    write_png(foreign / "stranger.png", np.zeros((4, 4, 3), np.uint8))
    whole = (foreign / names[4]).read_bytes()
    table = score(toy.root, foreign, metrics=METRICS, workers=1)
    assert list(table.frame["status"]) == [
        "failed: output missing",
        "failed: expected 16x20 pixels, found 4x4",
        "failed: truncated PNG",
        "failed: expected a PNG file, found a text file that starts with 'text'",
        "ok",
        "ok",
    ]
    assert table.frame["psnr[rgb,255]"].isna().tolist() == [True] * 4 + [False] * 2
    assert table.meta.extra == ("stranger.png",)
    assert table.meta.columns[0].failure == 0.0
    assert (foreign / names[4]).read_bytes() == whole


def test_workers_and_tasks_change_nothing(toy, foreign, monkeypatch):
    one = score(toy.root, foreign, metrics=METRICS, workers=1)
    (foreign / "scores.parquet").unlink()
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    many = score(toy.root, foreign, metrics=METRICS, workers=2)
    pd.testing.assert_frame_equal(one.frame, many.frame, check_exact=True)


def test_a_stopped_scoring_goes_on(toy, foreign, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    seen = []

    def stop(stage, done: int, total: int, note) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(toy.root, foreign, metrics=METRICS, workers=1, progress=Reporter(stop))
    assert not (foreign / "scores.parquet").exists()
    assert len(list((foreign / ".scores.parquet.parts").rglob("*.parquet"))) == 2
    real = score_task.score_image
    monkeypatch.setattr(score_task, "score_image", lambda *args: seen.append(args[1].image_id) or real(*args))
    table = score(toy.root, foreign, metrics=METRICS, workers=1)
    assert seen == ["face2"]
    assert table.frame["psnr[rgb,255]"].notna().all()
    assert not (foreign / ".scores.parquet.parts").exists()


def test_parts_of_other_outputs_are_not_mixed_in(toy, foreign, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)

    def stop(stage, done: int, total: int, note) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(toy.root, foreign, metrics=METRICS, workers=1, progress=Reporter(stop))
    pair = next(toy.pairs())
    write_png(foreign / pair.name, toy.sharp(toy.images["face0"]))
    table = score(toy.root, foreign, metrics=METRICS, workers=1)
    assert table.frame["psnr[rgb,255]"][0] == np.inf


def test_a_finished_table_is_kept_until_something_changes(toy, foreign):
    score(toy.root, foreign, metrics=METRICS, workers=1)
    before = (foreign / "scores.parquet").stat().st_mtime_ns
    score(toy.root, foreign, metrics=METRICS, workers=1)
    assert (foreign / "scores.parquet").stat().st_mtime_ns == before


def test_another_device_is_recorded_and_scores_from_the_start(toy, foreign):
    """``cpu:0`` is the processor, too, but its scores take the way of a GPU's."""
    first = score(toy.root, foreign, metrics=METRICS, workers=1)
    assert "device" not in first.meta.versions
    told: list[str] = []
    there = score(toy.root, foreign, metrics=METRICS, workers=1, device="cpu:0", progress=Reporter(say=told.append))
    assert told[0].endswith(
        "scored on cpu and not on cpu:0, scoring from the start; it held psnr[rgb,255], ssim[skimage,uniform,w7]"
    )
    assert there.meta.versions["device"] == "cpu:0" and "torch" in there.meta.versions
    np.testing.assert_array_equal(there.frame["psnr[rgb,255]"], first.frame["psnr[rgb,255]"])
    np.testing.assert_allclose(there.frame[(name := "ssim[skimage,uniform,w7]")], first.frame[name], rtol=0, atol=1e-12)
    score(toy.root, foreign, metrics=["psnr"], workers=1, progress=Reporter(say=told.append))
    assert "scored on cpu:0 and not on cpu" in told[-1]
    assert "device" not in Scores.read(foreign).meta.versions


def test_a_device_that_is_not_there_is_refused_before_anything_is_computed(toy, foreign):
    with pytest.raises(InputError, match=r"device 'cuda:77'.*use cpu"):
        score(toy.root, foreign, metrics=METRICS, workers=1, device="cuda:77")
    assert not (foreign / "scores.parquet").exists()


def test_several_runs_at_once(toy, foreign, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(foreign, other)
    (other / next(toy.pairs()).name).unlink()
    tables = score(toy.root, [foreign, other], metrics=METRICS, workers=1)
    assert [table.meta.method for table in tables] == ["my-net", "other"]
    assert [int((table.frame["status"] == "ok").sum()) for table in tables] == [6, 5]


def test_csv_on_request(toy, foreign, tmp_path):
    table = score(toy.root, foreign, metrics=METRICS, workers=1, out=tmp_path / "t.csv")
    again = score(toy.root, foreign, metrics=METRICS, workers=1)
    read = pd.read_csv(tmp_path / "t.csv")
    assert np.allclose(read["psnr[rgb,255]"], again.frame["psnr[rgb,255]"], rtol=0, atol=1e-12)
    assert json.loads((tmp_path / "t.json").read_text())["protocol"] == "shen2020"
    assert len(table.frame) == 6


def test_tables_move_with_their_folders(toy, foreign, tmp_path):
    score(toy.root, foreign, metrics=METRICS, workers=1)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(toy.root, tmp_path / "elsewhere" / "toy")
    shutil.move(foreign, tmp_path / "elsewhere" / "my-net")
    table = Scores.read(tmp_path / "elsewhere" / "my-net")
    assert table.meta.set["path"] == str(tmp_path / "elsewhere" / "toy")
    assert table.meta.run["path"] == str(tmp_path / "elsewhere" / "my-net")


def test_wrong_set_is_refused(toy, tmp_path, fill_toy):
    folder = tmp_path / "none"
    folder.mkdir()
    write_png(folder / "a.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="no file in it has the name of a blurred image of set 'toy'"):
        score(toy.root, folder, metrics=METRICS, workers=1)


def test_bad_requests(toy, foreign, tmp_path):
    with pytest.raises(InputError, match="did you mean 'shen2020'"):
        score(toy.root, foreign, protocol="shen2021", workers=1)
    with pytest.raises(InputError, match="psnr"):
        score(toy.root, foreign, metrics=["psnrr"], workers=1)
    with pytest.raises(InputError, match="one folder of outputs"):
        score(toy.root, [foreign, foreign], metrics=METRICS, out=tmp_path / "t.parquet", workers=1)
    with pytest.raises(InputError, match="run facedeblur score"):
        Scores.read(tmp_path / "nowhere.parquet")
    pq.write_table(pq.read_table(_some_table(tmp_path)), tmp_path / "plain.parquet")
    with pytest.raises(InputError, match="another kind of Parquet file"):
        Scores.read(tmp_path / "plain.parquet")
    (tmp_path / "rows.csv").write_text("index,pair_id\n")
    with pytest.raises(InputError, match="give the folder of the outputs"):
        Scores.read(tmp_path / "rows.csv")
    (tmp_path / "junk.parquet").write_bytes(b"junk")
    with pytest.raises(InputError, match="whole Parquet file"):
        Scores.read(tmp_path / "junk.parquet")


def _some_table(folder):
    pd.DataFrame({"a": [1]}).to_parquet(folder / "some.parquet")
    return folder / "some.parquet"


@pytest.mark.parametrize("name", protocols())
def test_protocols_are_sound(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    assert protocol.metric and protocol.source
    assert len({entry.name for entry in protocol.metric}) == len(protocol.metric)


def test_an_optional_metric_that_is_not_to_be_had_is_on_record(toy, foreign, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\ntitle = "t"\nsource = "s"\n[[metric]]\nname = "psnr"\nfailure = 0.0\n'
        '[[metric]]\nname = "identity[no-such-net,l2]"\nfailure = 2.0\noptional = true\n'
    )
    table = score(toy.root, foreign, protocol=own, workers=1)
    ((name, why),) = table.meta.unavailable
    assert name == "identity[no-such-net,l2]" and "no-such-net" in why
    own.write_text(own.read_text().replace("optional = true", "optional = false"))
    with pytest.raises(InputError, match="no-such-net"):
        score(toy.root, foreign, protocol=own, workers=1)


def test_without_sharp_truth_only_metrics_that_need_none(tmp_path, toy_parts, dlib_models):
    images, blurred = toy_parts
    writer = SetWriter(tmp_path / "real", {"name": "real", "recipe": "", "seed": 0, "reference": False})
    writer.start([replace(image, sha256="") for image in images], None, None, n_kernels=1)
    for row, image in enumerate(image for image in images if image.blurred):
        name = f"blur/{image.image_id}.png"
        write_png(writer.work / name, blurred[image.image_id])
        pair = Pair(row, image.image_id, image.image_id, "", 0, "real", "", 0.0, 1.0, 0, "", name,
                    pixel_hash(blurred[image.image_id]))  # fmt: skip
        writer.append([pair])
    made = writer.finish()
    table = score(made.root, made.root / "blur", metrics=["psnr", "detection"], workers=1)
    assert [column.label for column in table.meta.columns] == ["Face found (dlib-hog)"]
    assert table.meta.unavailable == (("psnr[rgb,255]", "set 'real' has no sharp images"),)
    assert list(table.frame["status"]) == ["ok"] * 3
    assert list(table.frame["detection[dlib-hog,up1]"]) == [0.0] * 3


def test_a_class_that_is_not_in_the_picture_is_left_out(tmp_path, toy_parts):
    """Labels of two faces without hair: their hair columns are NaN on ok rows, and no failures."""
    images, sharp = toy_parts

    def label_of(image):
        label = np.ones((image.height, image.width), np.uint8)
        if image.image_id == "face2":
            label[:6] = 10
        return label

    images = [
        replace(image, label=f"labels/{image.image_id}.png", label_sha256=pixel_hash(label_of(image)))
        if image.ok
        else image
        for image in images
    ]
    writer = SetWriter(tmp_path / "set", {"name": "labelled", "recipe": "", "seed": 0})
    writer.start(images, lambda image: sharp[image.image_id], None, n_kernels=1, label=label_of)
    for row, image in enumerate(image for image in images if image.blurred):
        name, pixels = f"blur/{image.image_id}.png", np.roll(sharp[image.image_id], 1, axis=0)
        write_png(writer.work / name, pixels)
        pair = Pair(row, image.image_id, image.image_id, "", 0, "frames", "frames", 0.0, 1.0, 0, image.sharp, name,
                    pixel_hash(pixels))  # fmt: skip
        writer.append([pair])
    made = writer.finish()
    table = score(made.root, made.root / "blur", metrics=["psnr-class[hair]", "psnr-class[skin]"], workers=1)
    hair, skin = table.meta.columns
    assert hair.partial
    values, ok = table.column(hair.signature), table.column("status") == "ok"
    assert np.isnan(values).tolist() == [True, True, False]
    assert len(hair.counted(values, ok)) == 1
    assert len(hair.counted(values, np.array([True, False, True]))) == 2  # a failed row stays
    assert not np.isnan(table.column(skin.signature)).any()


def test_class_columns_need_labels(toy, foreign):
    table = score(toy.root, foreign, metrics=["psnr", "psnr-class[skin]"], workers=1)
    assert [column.label for column in table.meta.columns] == ["PSNR"]
    ((name, why),) = table.meta.unavailable
    assert name.startswith("psnr-class") and why == "set 'toy' has no label images"


def test_one_metric_may_be_given_by_itself_and_no_outputs_are_an_error(toy, foreign):
    one = score(toy.root, foreign, metrics="psnr", workers=1)
    assert [column.signature for column in one.meta.columns] == ["psnr[rgb,255]"]
    with pytest.raises(InputError, match="at least one folder of outputs"):
        score(toy.root, [])
