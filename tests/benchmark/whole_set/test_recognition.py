"""Recognition on a set: by hand with mean colours for embeddings, and on real faces."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import EMBEDDERS, Embedder
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set.recognition import Recognition, RecognitionTest, embedder_named, recognise

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


@dataclass(frozen=True)
class MeanColour(Embedder):
    """Embeds an image by its mean colour; black is no face."""

    detect: bool = False

    @classmethod
    def of(cls, *options: str) -> MeanColour:
        return cls("detect" in options)

    @property
    def definition(self) -> tuple[str, ...]:
        return ("colour@0", "detect") if self.detect else ("colour@0",)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        vectors = faces.mean(axis=(1, 2)).astype(np.float32)
        vectors[vectors.sum(axis=1) == 0] = np.nan
        return vectors


@pytest.fixture
def colour(monkeypatch):
    """An embedder that can be computed by hand, entered for one test."""
    monkeypatch.setitem(EMBEDDERS._entries, "colour", MeanColour)
    embedder_named.cache_clear()
    yield "colour"
    embedder_named.cache_clear()


def flat(colour) -> np.ndarray:
    return np.full((8, 8, 3), colour, np.uint8)


def gallery_set(folder, *, people=("red", "green", "blue"), blurred=None):
    """Probes red, green, blue and stranger, two gallery images of each person (and one lost), two kernels a probe."""
    colours = {"red": RED, "green": GREEN, "blue": BLUE, "stranger": (200, 200, 200)}
    images, pixels = [], {}

    def enter(name, person, role, colour):
        pixels[name] = flat(colour)
        sha = pixel_hash(pixels[name])
        images.append(Image(name, person, role, "ok", 1, f"{name}.jpg", "", 1.0, 0, "", 8, 8, sha, ""))

    for person, colour in colours.items():
        enter(f"{person}_p", person, "probe", colour)
        for shade in (10, 20) if person in people else ():
            enter(f"{person}_{shade}", person, "gallery", np.maximum(np.array(colour) - shade, 0))
    images.append(replace(images[1], image_id="lost", status="no face", sha256="", width=0, height=0))
    bank = Bank.of(["k1", "k2"], [np.ones((1, 1)), np.full((3, 3), 1 / 9)])
    writer = SetWriter(folder, {"name": "colours", "recipe": "", "seed": 0})
    writer.start(images, lambda image: pixels[image.image_id], bank, n_kernels=2)
    for row, image in enumerate(image for image in images if image.blurred):
        pairs = []
        for k, kernel in enumerate(bank.ids):
            index, name = 2 * row + k, f"blur/{image.image_id}_{kernel}.png"
            seen = (blurred or {}).get(index, pixels[image.image_id])
            write_png(writer.work / name, seen)
            pairs.append(Pair(index, f"{image.image_id}_{kernel}", image.image_id, kernel, 3, "uniform", "reflect", 0.0,
                              1.0, 0, image.sharp, name, pixel_hash(seen)))  # fmt: skip
        writer.append(pairs)
    return writer.finish()


def outputs_of(the_set, folder, changed):
    """Outputs as a foreign method leaves them: the blurred images, some of them changed (None: missing)."""
    for pair in the_set.pairs():
        pixels = changed.get(pair.index, the_set.blurred(pair))
        if pixels is not None:
            write_png(folder / pair.name, pixels)
    return folder


def spy(calls):
    """`RecognitionTest.look`, which notes the outputs that it is shown."""
    real = RecognitionTest.look
    return staticmethod(lambda task: calls.append(task.run_root) or real(task))


def test_every_probe_by_hand(tmp_path, colour):
    the_set = gallery_set(tmp_path / "set")
    changed = {
        1: flat((0, 190, 0)),  # red's second: on a gallery image of green
        2: flat((95, 105, 0)),  # green's first: between, nearer to green
        3: None,
        4: flat((0, 0, 0)),
        5: np.zeros((4, 4, 3), np.uint8),
    }
    run = outputs_of(the_set, tmp_path / "net", changed)
    found = recognise(the_set.root, run, embedder=colour, workers=1)
    rows = found.rows
    assert list(rows["pair_id"]) == [pair.pair_id for pair in the_set.pairs()]
    assert list(rows["status"]) == [
        "ok", "ok", "ok", "failed: output missing", "no face", "failed: expected 8x8 pixels, found 4x4",
        "not in the gallery", "not in the gallery",
    ]  # fmt: skip
    # Before (0, 190, 0) finds red come green's two, and blue's nearer one, which is exactly as far as red's.
    assert list(rows["rank"]) == [1, 4, 1, 0, 0, 0, 0, 0]
    assert (found.n_probes, found.misses, found.curve.outside) == (8, 3, 2)
    assert (found.top1, found.curve.top(3), found.curve.top(5), len(found.cmc)) == (2 / 8, 2 / 8, 3 / 8, 6)
    assert (found.n_gallery, found.gallery_left_out, found.n_identities) == (6, 1, 3)
    assert (found.clear.n_probes, found.clear.outside, found.clear.top(1)) == (4, 1, 0.75)
    assert (found.leave_one_out.n_probes, found.leave_one_out.top(1)) == (10, 0.9)
    # Squared distances to the first image of the person, and of the next in order: blue, green, red.
    assert rows["same_distance"][0] == 10**2 and rows["other_distance"][0] == 200**2 + 190**2
    assert np.isnan(rows["same_distance"][3]) and found.verification is None
    assert (found.method, found.set_hash, found.embedder) == ("net", the_set.content_hash, "colour@0")


def test_the_blurred_images_themselves(tmp_path, colour):
    the_set = gallery_set(tmp_path / "set", blurred={0: flat((10, 200, 0))})
    before = sorted(the_set.root.rglob("*"))
    found = recognise(the_set.root, None, embedder=colour, workers=1)
    assert (found.method, found.run_hash) == ("blurred images", "")
    assert list(found.rows["rank"]) == [3, 1, 1, 1, 1, 1, 0, 0]
    assert sorted(the_set.root.rglob("*")) == before


def test_verification_and_gallery_images_without_a_face(tmp_path, colour, monkeypatch):
    the_set = gallery_set(tmp_path / "set")
    found = recognise(the_set.root, None, embedder=colour, workers=1)
    monkeypatch.setattr("facedeblur.benchmark.whole_set.recognition.FOLDS", 4)
    again = recognise(the_set.root, None, embedder=colour, workers=1)
    assert found.verification is None and again.verification is not None
    # The stranger's two probes have no reference: wrong both ways, 12 of 16 decisions are right.
    assert (again.verification.n, again.verification.misses) == (16, 4)
    assert again.verification.accuracy == pytest.approx(12 / 16)
    monkeypatch.setattr(MeanColour, "embed", _no_green)
    blind = recognise(the_set.root, None, embedder=colour, workers=1)
    assert (blind.n_gallery, blind.gallery_left_out, blind.n_identities, blind.misses) == (4, 3, 2, 2)
    assert list(blind.rows["status"][2:4]) == ["no face"] * 2
    assert blind.leave_one_out.misses == 3


def _no_green(self, faces):
    vectors = faces.mean(axis=(1, 2)).astype(np.float32)
    vectors[(vectors[:, 1] > 0) & (vectors[:, 0] == 0)] = np.nan
    return vectors


def test_results_are_kept_until_something_changes(tmp_path, colour, monkeypatch):
    the_set = gallery_set(tmp_path / "set")
    run = outputs_of(the_set, tmp_path / "net", {})
    other = outputs_of(the_set, tmp_path / "other", {0: flat(BLUE)})
    calls = []
    monkeypatch.setattr(RecognitionTest, "look", spy(calls))
    first = recognise(the_set.root, [run, other, None], embedder=colour, workers=1)
    assert calls.count(None) == 1 + 4 and calls.count(run) == calls.count(other) == 4  # the gallery once
    assert [one.top1 for one in first] == [6 / 8, 5 / 8, 6 / 8]
    calls.clear()
    again = recognise(the_set.root, [run, other], embedder=colour, workers=1)
    assert calls == [] and again == first[:2]
    pd.testing.assert_frame_equal(again[1].rows, first[1].rows, check_dtype=False)
    assert json.loads((other / "recognition.json").read_text())["curve"]["top1"] == 5 / 8
    write_png(run / next(the_set.pairs()).name, flat(GREEN))
    assert recognise(the_set.root, [run, other], embedder=colour, workers=1)[0].top1 == 5 / 8
    assert set(calls) == {None, run}
    for option in ({"distance": "cosine"}, {"mode": "detect"}):
        calls.clear()
        found = recognise(the_set.root, other, embedder=colour, workers=1, **option)
        assert set(calls) == {None, other} and (found.distance, found.embedder) != (first[1].distance, "colour@0")
    (run / "recognition.parquet").write_bytes(b"PAR1 torn")
    calls.clear()
    assert recognise(the_set.root, run, embedder=colour, workers=1).top1 == 5 / 8 and run in calls
    assert not list(run.glob(".tmp*"))


def stop_after(count):
    def stop(stage, done, total, note):
        if done >= count:
            raise KeyboardInterrupt

    return stop


def test_a_stopped_test_goes_on(tmp_path, colour, monkeypatch):
    the_set = gallery_set(tmp_path / "set")
    run = outputs_of(the_set, tmp_path / "net", {0: flat(BLUE), 3: None})
    other = outputs_of(the_set, tmp_path / "other", {})
    whole = recognise(the_set.root, [run, other], embedder=colour, workers=1)
    for file in (*run.glob("recognition.*"), *other.glob("recognition.*")):
        file.unlink()
    monkeypatch.setattr(resume, "IMAGES_A_PART", 1)
    with pytest.raises(KeyboardInterrupt):
        recognise(the_set.root, [run, other], embedder=colour, workers=1, progress=Reporter(stop_after(10 + 8 + 4)))
    calls, told = [], []
    monkeypatch.setattr(RecognitionTest, "look", spy(calls))
    again = recognise(the_set.root, [run, other], embedder=colour, workers=1, progress=Reporter(say=told.append))
    assert calls == [other] * 2, "neither the gallery, nor the first run, nor half of the second"
    assert again == whole and told == []
    for one, two in zip(again, whole, strict=True):
        pd.testing.assert_frame_equal(one.rows, two.rows, check_dtype=False)
    assert not list(run.glob(".*")) and not list(other.glob(".*"))
    calls.clear()
    assert recognise(the_set.root, other, embedder=colour, workers=1, force=True) == whole[1] and len(calls) == 5
    (other / "recognition.parquet").write_bytes(b"PAR1")
    recognise(the_set.root, other, embedder=colour, workers=1, progress=Reporter(say=told.append))
    assert len(told) == 1 and "recognising from the start" in told[0]


def test_a_damaged_part_is_embedded_again(tmp_path, colour, monkeypatch):
    the_set = gallery_set(tmp_path / "set")
    run = outputs_of(the_set, tmp_path / "net", {})
    monkeypatch.setattr(resume, "IMAGES_A_PART", 1)
    with pytest.raises(KeyboardInterrupt):
        recognise(the_set.root, run, embedder=colour, workers=1, progress=Reporter(stop_after(12)))
    clear, probe = sorted((run / ".recognition.parquet.parts").rglob("*.npz"))
    data = bytearray(clear.read_bytes())
    at = data.index(np.float32(200).tobytes())
    data[at] ^= 1  # one bit of an embedding
    clear.write_bytes(data)
    told = []
    found = recognise(the_set.root, run, embedder=colour, workers=1, progress=Reporter(say=told.append))
    assert found.top1 == 6 / 8 and len(told) == 1 and "damaged" in told[0] and str(clear) in told[0]
    assert probe.parent.name.startswith("probes-")


def test_an_output_altered_since_the_run_is_seen(tmp_path, colour):
    the_set = gallery_set(tmp_path / "set")
    folder = tmp_path / "net"
    rows = []
    for pair in the_set.pairs():
        write_png(folder / pair.name, the_set.blurred(pair))
        rows.append(Status(pair.index, pair.pair_id, "ok", 0.1, pair.sha256))
    write_rows(folder / "status.csv", Status, rows)
    info = {"schema": 1, "method": "net", "version": "1", "options": {}, "weights": {}, "store": "png"}
    info["set"] = {"name": the_set.name, "hash": the_set.content_hash}
    (folder / "run.json").write_text(json.dumps(info))
    assert recognise(the_set.root, folder, embedder=colour, workers=1).top1 == 6 / 8
    write_png(folder / next(the_set.pairs()).name, flat(GREEN))
    found = recognise(the_set.root, folder, embedder=colour, workers=1)
    assert found.rows["status"][0] == "failed: altered since the run" and found.misses == 1


def test_bad_input_is_one_line(tmp_path, colour, toy):
    the_set = gallery_set(tmp_path / "set")
    with pytest.raises(InputError, match="0 people in the gallery; build a set with the recipe"):
        recognise(toy.root, None, embedder=colour, workers=1)
    alone = gallery_set(tmp_path / "alone", people=("red",))
    with pytest.raises(InputError, match="1 person in the gallery"):
        recognise(alone.root, None, embedder=colour, workers=1)
    with pytest.raises(InputError, match="did you mean 'detect'"):
        recognise(the_set.root, None, embedder=colour, mode="detekt", workers=1)
    with pytest.raises(InputError, match="did you mean 'dlib-resnet'"):
        recognise(the_set.root, None, embedder="dlib-resent", workers=1)
    with pytest.raises(InputError, match="folder of outputs"):
        recognise(the_set.root, tmp_path / "nowhere", embedder=colour, workers=1)
    with pytest.raises(InputError, match="recognise first"):
        Recognition.read(the_set.root)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(InputError, match="a recognition table"):
        Recognition.read(tmp_path / "plain.parquet")


def test_real_faces(tmp_path, shared_data, dlib_models):
    from facedeblur.generators.build import build

    for person in ("Abdullah_Gul", "Adrien_Brody", "Amelie_Mauresmo"):
        photographs = sorted((shared_data / "lfw" / person).glob("*.jpg"))[:3]
        for photograph in photographs:
            (tmp_path / "photos" / person).mkdir(parents=True, exist_ok=True)
            shutil.copy(photograph, tmp_path / "photos" / person)
    recipe = tmp_path / "three.toml"
    recipe.write_text(
        'name = "three"\ntitle = "t"\nsource = "s"\nkind = "uniform"\n[image]\ntemplate = "shen128"\n[kernels]\n'
        'sizes = "13,27"\nper_size = 2\n[kernels.model]\nsamples = 300\n[split]\ngallery = 2\n[blur]\n'
        'border = "valid"\nfallback = "reflect"\n[noise]\nsigma = 0.01\n[output]\nrounding = "round"\n'
    )
    the_set = build(recipe, tmp_path / "photos", tmp_path / "set", workers=1)
    one = recognise(the_set.root, None, workers=1)
    assert (one.n_gallery, one.n_identities, one.n_probes, one.misses) == (6, 3, 12, 0)
    assert one.clear.top(1) == one.leave_one_out.top(1) == 1
    assert 0.5 < one.top1 <= 1 and one.verification is not None and one.verification.accuracy > 0.5
    # Many workers change nothing but the last bits of a network's arithmetic.
    two = recognise(the_set.root, None, workers=2)
    assert list(two.rows["rank"]) == list(one.rows["rank"])
    np.testing.assert_allclose(two.rows["same_distance"], one.rows["same_distance"], rtol=1e-4)
    detected = recognise(the_set.root, None, mode="detect", workers=1)
    assert detected.embedder.endswith(",detect") and detected.clear.misses == 0
    assert detected.misses == (detected.rows["status"] == "no face").sum()
