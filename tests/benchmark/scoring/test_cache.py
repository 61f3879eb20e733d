"""Only what is missing is computed, and nothing stale or damaged is ever taken for it."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from seal import seal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, read_png, write_png
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.metrics.base import METRICS, Metric
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.run_info import SCHEMA
from facedeblur.benchmark.scoring import cache
from facedeblur.benchmark.scoring import task as score_task
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import Scores

PSNR, SSIM, Y = "psnr[rgb,255]", "ssim[skimage,uniform,w7]", "psnr[y-limited,255]"


@pytest.fixture
def run(toy, tmp_path):
    """Outputs as `facedeblur run` writes them: the blurred images, a little brighter."""
    return write_run(toy, tmp_path / "net")


def write_run(toy, folder):
    rows = []
    for pair in toy.pairs():
        pixels = np.clip(toy.blurred(pair).astype(int) + 3, 0, 255).astype(np.uint8)
        write_png(folder / pair.name, pixels)
        rows.append(Status(pair.index, pair.pair_id, "ok", 0.1, pixel_hash(pixels)))
    write_rows(folder / "status.csv", Status, rows)
    info = {"schema": SCHEMA, "method": "net", "version": "1", "options": {}, "weights": {}, "store": "png"}
    info["set"] = {"name": toy.name, "hash": toy.content_hash}
    (folder / "run.json").write_text(json.dumps(info))
    return folder


@pytest.fixture
def computed(monkeypatch):
    """(image, metrics) of everything that is computed."""
    seen = []
    real = score_task.score_image

    def spy(run, image, pairs, statuses, sharp, measures, prepared, truths=None):
        seen.append((image.image_id, tuple(str(made.signature) for made in measures)))
        return real(run, image, pairs, statuses, sharp, measures, prepared, truths)

    monkeypatch.setattr(score_task, "score_image", spy)
    return seen


def columns(table):
    return [column.signature for column in table.meta.columns]


def test_a_second_scoring_computes_nothing(toy, run, computed):
    first = score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    state = (run / "scores.parquet").stat().st_mtime_ns
    computed.clear()
    second = score(toy.root, run, metrics=["ssim[skimage]"], workers=1)
    assert computed == [] and (run / "scores.parquet").stat().st_mtime_ns == state
    pd.testing.assert_frame_equal(first.frame, second.frame, check_exact=True)


def test_a_metric_more_costs_itself_only(toy, run, tmp_path, computed):
    first = score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    computed.clear()
    second = score(toy.root, run, metrics=["psnr[y-limited]"], workers=1)
    assert {made for _, made in computed} == {(Y,)} and len(computed) == 3
    assert columns(second) == [PSNR, SSIM, Y]
    whole = score(toy.root, run, metrics=columns(second), workers=1, out=tmp_path / "own.csv", force=True)
    pd.testing.assert_frame_equal(second.frame, whole.frame[second.frame.columns], check_dtype=False, rtol=1e-12)
    pd.testing.assert_frame_equal(second.frame[first.frame.columns], first.frame, check_exact=True)


def test_the_protocol_ranks_whatever_was_there_before(toy, run, tmp_path, computed):
    own = tmp_path / "own.toml"
    text = 'name = "own"\ntitle = "t"\nsource = "s"\n[[metric]]\nname = "psnr"\nfailure = 7.0\n'
    own.write_text(text)
    score(toy.root, run, metrics=["ssim[skimage]", "psnr"], workers=1)
    computed.clear()
    table = score(toy.root, run, protocol=own, workers=1)
    assert computed == [] and columns(table) == [PSNR, SSIM]
    assert (table.meta.protocol, table.meta.columns[0].failure) == ("own", 7.0)
    table = score(toy.root, run, metrics=["psnr[y-limited]"], workers=1)
    assert table.meta.protocol == "own" and columns(table) == [PSNR, SSIM, Y]
    assert table.meta.columns[0].failure == 7.0


def test_force_computes_what_is_asked_for(toy, run, computed):
    score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    computed.clear()
    table = score(toy.root, run, metrics=["psnr"], workers=1, force=True)
    assert {made for _, made in computed} == {(PSNR,)} and columns(table) == [PSNR, SSIM]


def test_runs_that_lack_different_metrics(toy, run, tmp_path, computed):
    other = write_run(toy, tmp_path / "other")
    info = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**info, "method": "other"}))
    score(toy.root, run, metrics=["psnr"], workers=1)
    computed.clear()
    one, two = score(toy.root, [run, other], metrics=["psnr", "ssim[skimage]"], workers=1)
    assert sorted({made for _, made in computed}) == [(PSNR, SSIM), (SSIM,)]
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)


def change_pixels(toy, folder):
    """Another image of as many bytes at the same time: only a look at the bytes tells."""
    file = folder / next(toy.pairs()).name
    state, size = file.stat(), file.stat().st_size
    pixels = read_png(file)
    rng = np.random.default_rng(0)
    for _ in range(500):
        y, x, c = rng.integers(pixels.shape)
        pixels[y, x, c] ^= 255
        write_png(file, pixels)
        if file.stat().st_size == size:
            break
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


def lose(toy, folder):
    (folder / next(toy.pairs()).name).unlink()


def other_options(toy, folder):
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**info, "options": {"k": 2}}))


@pytest.mark.parametrize(
    ("change", "status"),
    [(change_pixels, "failed: altered since the run"), (lose, "failed: output missing"), (other_options, "ok")],
)
def test_outputs_that_changed_are_scored_again(toy, run, computed, change, status):
    score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    change(toy, run)
    computed.clear()
    told = []
    table = score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(say=told.append))
    assert len(computed) == 3 and table.frame["status"][0] == status
    assert columns(table) == [PSNR], "what was not asked for is not carried over from other outputs"
    (line,) = told
    assert "outputs have changed" in line and "it held" in line and SSIM in line


def test_a_failed_row_is_scored_when_its_output_comes(toy, run):
    kept = shutil.copy(run / next(toy.pairs()).name, run.parent / "kept.png")
    lose(toy, run)
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    assert list(table.frame["status"])[:2] == ["failed: output missing", "ok"]
    shutil.copy(kept, run / next(toy.pairs()).name)
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    assert (table.frame["status"] == "ok").all() and table.frame[PSNR].notna().all()


def test_a_foreign_folder_too(toy, run, computed):
    for name in ("run.json", "status.csv"):
        (run / name).unlink()
    score(toy.root, run, metrics=["psnr"], workers=1)
    computed.clear()
    score(toy.root, run, metrics=["psnr"], workers=1)
    assert computed == []
    change_pixels(toy, run)
    score(toy.root, run, metrics=["psnr"], workers=1)
    assert len(computed) == 3


def test_another_set_of_the_same_names(toy, run, tmp_path, computed, fill_toy):
    for name in ("run.json", "status.csv"):
        (run / name).unlink()
    score(toy.root, run, metrics=["psnr"], workers=1)
    other = fill_toy(tmp_path / "other")
    manifest = other.root / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",0.01,", ",0.02,"))
    changed = seal(other.root)
    computed.clear()
    told = []
    table = score(other.root, run, metrics=["psnr"], workers=1, progress=Reporter(say=told.append))
    assert len(computed) == 3 and table.meta.set["hash"] == changed and "another set" in told[0]


def test_another_signature_is_another_column(toy, run, computed, monkeypatch):
    """Weights stand in the signature with their hash: other weights, another column."""

    class Net(Metric):
        name, label, higher_is_better, worst = "net", "Net", False, 9.0

        def __init__(self):
            self.weights = weights[0]

        @classmethod
        def of(cls, *args):
            return cls()

        @property
        def options(self):
            return (f"n@{self.weights}",)

        def measure(self, restored, sharp, prepared):
            return np.full(len(restored), float(self.weights))

    weights = ["1"]
    monkeypatch.setitem(METRICS._entries, "net", Net)
    score_task.metric_named.cache_clear()
    score(toy.root, run, metrics=["net"], workers=1)
    weights[0] = "2"
    score_task.metric_named.cache_clear()
    computed.clear()
    table = score(toy.root, run, metrics=["net"], workers=1)
    score_task.metric_named.cache_clear()
    assert {made for _, made in computed} == {("net[n@2]",)} and (table.frame["net[n@2]"] == 2).all()


def test_other_packages_compute_again(toy, run, computed, monkeypatch):
    score(toy.root, run, metrics=["psnr"], workers=1)
    computed.clear()
    monkeypatch.setattr("facedeblur.benchmark.scoring.score.version", lambda name: "99")
    told = []
    score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(say=told.append))
    assert len(computed) == 3 and "made with facedeblur 0" in told[0]


def stop_after(count):
    def stop(stage, done, total, note):
        if done >= count:
            raise KeyboardInterrupt

    return stop


def test_parts_serve_whatever_is_asked_for_next(toy, run, computed, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1, progress=Reporter(stop_after(4)))
    computed.clear()
    table = score(toy.root, run, metrics=["psnr", "psnr[y-limited]"], workers=1)
    assert computed == [("face0", (Y,)), ("face1", (Y,)), ("face2", (PSNR, Y))]
    assert columns(table) == [PSNR, Y] and table.frame[[PSNR, Y]].notna().all().all()


def test_adding_a_metric_can_be_stopped_too(toy, run, computed, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    first = score(toy.root, run, metrics=["psnr"], workers=1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["ssim[skimage]"], workers=1, progress=Reporter(stop_after(2)))
    assert columns(Scores.read(run)) == [PSNR], "the table is what it was"
    computed.clear()
    table = score(toy.root, run, metrics=["ssim[skimage]"], workers=1)
    assert computed == [("face1", (SSIM,)), ("face2", (SSIM,))]
    assert table.frame[PSNR].equals(first.frame[PSNR]) and table.frame[SSIM].notna().all()
    assert not (run / ".scores.parquet.parts").exists()


def test_parts_are_gathered_into_large_groups(toy, run, monkeypatch):
    """Each group is described in memory until the table is whole, so there must not be one per part."""
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    whole = score(toy.root, run, metrics=["psnr"], workers=1)
    assert pq.ParquetFile(run / "scores.parquet").metadata.num_row_groups == 1
    monkeypatch.setattr(cache, "ROWS_A_GROUP", 1)
    apart = score(toy.root, run, metrics=["psnr"], workers=1, force=True)
    assert pq.ParquetFile(run / "scores.parquet").metadata.num_row_groups == 3
    pd.testing.assert_frame_equal(whole.frame, apart.frame, check_exact=True)


def test_a_damaged_part_is_computed_again(toy, run, computed, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(stop_after(4)))
    _, second = sorted((run / ".scores.parquet.parts").rglob("*.parquet"))
    flip(second)
    computed.clear()
    told = []
    table = score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(say=told.append))
    assert [image for image, _ in computed] == ["face1", "face2"] and table.frame[PSNR].notna().all()
    assert len(told) == 1 and "damaged" in told[0]


def flip(file):
    """Change one bit of a value, as a failing disk does."""
    column = pq.ParquetFile(file).metadata.row_group(0).column(10)
    data = bytearray(file.read_bytes())
    start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    data[start + column.total_compressed_size - 1] ^= 1
    file.write_bytes(data)


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def empty(file):
    file.write_bytes(b"")


def text(file):
    file.write_text("a,b\n1,2\n")


def fewer_rows(file):
    table = pq.read_table(file)
    pq.write_table(table.slice(1), file)


def other_order(file):
    table = pq.read_table(file)
    pq.write_table(table.take([1, 0, 2, 3, 4, 5]), file)


def other_table(file):
    pq.write_table(pq.read_table(file).replace_schema_metadata({}), file)


@pytest.mark.parametrize("damage", [flip, cut, empty, text, fewer_rows, other_order, other_table])
def test_a_damaged_table_is_named_and_made_anew(toy, run, computed, damage):
    whole = score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    frame = whole.frame
    damage(run / "scores.parquet")
    computed.clear()
    told = []
    table = score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1, progress=Reporter(say=told.append))
    assert len(computed) == 3
    pd.testing.assert_frame_equal(table.frame, frame, check_exact=True)
    (line,) = told
    assert line.startswith(str(run / "scores.parquet")) and "scoring from the start" in line and "\n" not in line


def test_a_damaged_table_is_not_read(toy, run):
    score(toy.root, run, metrics=["psnr"], workers=1)
    flip(run / "scores.parquet")
    with pytest.raises(InputError, match="whole Parquet file"):
        Scores.read(run).column(PSNR)
    with pytest.raises(InputError, match="score again"):
        _ = Scores.read(run).frame


def test_a_table_elsewhere_takes_what_is_there(toy, run, tmp_path, computed):
    score(toy.root, run, metrics=["psnr", "ssim[skimage]"], workers=1)
    computed.clear()
    table = score(toy.root, run, metrics=["psnr"], workers=1, out=tmp_path / "t.csv")
    assert computed == [] and columns(table) == [PSNR] and len(table.frame) == 6
    table = score(toy.root, run, metrics=["psnr"], workers=1, out=tmp_path / "t.parquet")
    assert computed == [] and columns(table) == [PSNR]
    assert columns(Scores.read(run)) == [PSNR, SSIM]


def test_a_sharp_image_that_is_another_now_is_refused(toy, run):
    image = toy.images["face1"]
    write_png(toy.root / image.sharp, np.zeros((20, 16, 3), np.uint8))
    with pytest.raises(InputError, match=r"face1\.png: its pixels are not those.*facedeblur check"):
        score(toy.root, run, metrics=["psnr"], workers=1)


def test_a_folder_twice_is_refused(toy, run):
    with pytest.raises(InputError, match="give each folder once"):
        score(toy.root, [run, str(run)], metrics=["psnr"], workers=1)


def test_outputs_that_change_meanwhile_are_refused(toy, run, monkeypatch):
    score(toy.root, run, metrics=["psnr"], workers=1)
    real = score_task.open_set

    def late(*args):
        change_pixels(toy, run)
        return real(*args)

    monkeypatch.setattr(score_task, "open_set", late)
    with pytest.raises(InputError, match="the outputs changed while they were scored"):
        score(toy.root, run, metrics=["ssim[skimage]"], workers=1)


class Found(Metric):
    """A metric that finds no face in dark images."""

    name, options, slots, label, higher_is_better, worst = "found", ("x",), (("x",),), "Found", False, 9.0
    limit = 128.0

    def prepare(self, sharp, label=None):
        return sharp.mean()

    def measure(self, restored, sharp, prepared):
        means = restored.mean(axis=(1, 2, 3))
        return np.where((means > self.limit) & (prepared > self.limit), means, np.nan)


def test_no_face_in_the_sharp_image_is_told_apart(toy, run, monkeypatch):

    monkeypatch.setitem(METRICS._entries, "found", Found)
    score_task.metric_named.cache_clear()
    means = sorted(toy.sharp(image).mean() for image in toy.images.values() if image.ok)
    # Outputs are brighter by nearly three: only the darkest photograph has no face, for no fault of theirs.
    monkeypatch.setattr(Found, "limit", (means[0] + means[1]) / 2)
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["psnr", "found"], workers=1, progress=Reporter(stop_after(4)))
    table = score(toy.root, run, metrics=["psnr", "found"], workers=1)
    assert (table.frame["status"] == "ok").all() and table.frame["found[x]"].isna().sum() == 2
    assert table.meta.undefined == (("found[x]", 2),)
    again = score(toy.root, run, metrics=["ssim[skimage]"], workers=1)
    assert again.meta.undefined == (("found[x]", 2),)
    again = score(toy.root, run, metrics=["found"], workers=1, force=True)
    assert again.meta.undefined == (("found[x]", 2),)
    pair = next(toy.pairs())
    write_png(run / pair.name, np.zeros((20, 16, 3), np.uint8))
    for name in ("run.json", "status.csv"):
        (run / name).unlink()
    dark = score(toy.root, run, metrics=["found"], workers=1)
    own = toy.images[pair.image_id]
    assert dark.frame["found[x]"].isna().sum() == (2 if toy.sharp(own).mean() < Found.limit else 3)
    assert dark.meta.undefined == (("found[x]", 2),), "a failure of the output is not one of the sharp image"
    score_task.metric_named.cache_clear()


def test_odd_pictures_are_scored(toy, tmp_path):
    """Identical, constant, black against black: a value each, and no warning."""
    for name, pixels in (("ideal", None), ("grey", 128), ("black", 0)):
        for image, pairs in toy.by_image():
            for pair in pairs:
                flat = toy.sharp(image) if pixels is None else np.full((20, 16, 3), pixels, np.uint8)
                write_png(tmp_path / name / pair.name, flat)
    wanted = ["psnr", "psnr[rgb,255,cap100]", "ssim[matlab3d]", "ssim[perchannel]", "ssim[skimage]"]
    folders = [tmp_path / name for name in ("ideal", "grey", "black")]
    ideal, *others = score(toy.root, folders, metrics=wanted, workers=1)
    values = ideal.frame[columns(ideal)].to_numpy()
    assert np.isposinf(values[:, 0]).all() and (values[:, 1] == 100).all()
    assert np.allclose(values[:, 2:], 1, atol=1e-12)
    for table in others:
        assert np.isfinite(table.frame[columns(table)].to_numpy()).all() and (table.frame["status"] == "ok").all()


def test_an_array_of_floats_is_no_output(toy, run):
    """NaN and infinity cannot hide in 8 bits; an array that holds them fails row by row."""
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "store": "npy"}))
    np.save(run / "restored.npy", np.full((6, 20, 16, 3), np.nan, np.float32))
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    assert set(table.frame["status"]) == {"failed: expected (N, H, W, 3) uint8, found (6, 20, 16, 3) float32"}
    before = table.meta.run["files"]
    np.save(run / "restored.npy", np.full((6, 20, 16, 3), 7, np.uint8))
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    assert set(table.frame["status"]) == {"failed: altered since the run"} and table.meta.run["files"] != before


def test_parts_that_were_not_finished_are_no_rows(toy, run, monkeypatch):
    """A writer of parts was killed: what it left must never become rows."""
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(stop_after(4)))
    first, _ = sorted((run / ".scores.parquet.parts").rglob("*.parquet"))
    shutil.copyfile(first, first.with_name(".000002.parquet.1.tmp"))
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    assert list(table.frame["pair_id"]) == [pair.pair_id for pair in toy.pairs()]


def test_a_table_has_each_pair_once_or_there_is_none(toy, run, monkeypatch):
    monkeypatch.setattr(cache, "PAIRS_A_TASK", 1)
    with pytest.raises(KeyboardInterrupt):
        score(toy.root, run, metrics=["psnr"], workers=1, progress=Reporter(stop_after(4)))
    first, _ = sorted((run / ".scores.parquet.parts").rglob("*.parquet"))
    shutil.copyfile(first, first.with_name("000009.parquet"))
    with pytest.raises(InputError, match="each pair of the run once"):
        score(toy.root, run, metrics=["psnr"], workers=1)
    assert not (run / "scores.parquet").exists()
    assert len(score(toy.root, run, metrics=["psnr"], workers=1).frame) == toy.n_pairs


def test_a_table_of_doubled_rows_is_not_opened(toy, run):
    table = score(toy.root, run, metrics=["psnr"], workers=1)
    doubled = Scores(pd.concat([table.frame, table.frame]), table.meta)
    doubled.write(run / "scores.parquet")
    with pytest.raises(InputError, match=f"{toy.n_pairs} rows, one per pair, found {2 * toy.n_pairs}"):
        Scores.read(run)
