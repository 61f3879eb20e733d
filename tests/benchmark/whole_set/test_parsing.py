"""The parsing test of a set: by hand with a parser of colours, and on real faces."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import PARSERS, Parser
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set import parsing as module
from facedeblur.benchmark.whole_set.parsing import Parsing, counts_of
from facedeblur.methods.parsing import parse


class Shade(Parser):
    """The grey level is the place in its own list of classes, which is not Helen's; black is no face."""

    classes = ("background", "nose", "skin")
    name, definition = "shade", ("shade@0",)
    calls = 0

    def parse(self, faces: np.ndarray) -> np.ndarray:
        type(self).calls += len(faces)
        return np.ascontiguousarray(faces[..., 0])


@pytest.fixture
def shade(monkeypatch):
    """A parser that can be computed by hand, entered for one test."""
    monkeypatch.setitem(PARSERS._entries, "shade", Shade)
    monkeypatch.setattr(Shade, "calls", 0)
    module.parser_named.cache_clear()
    yield "shade"
    module.parser_named.cache_clear()


SKIN, NOSE = HELEN.index("skin"), HELEN.index("nose")
TRUTH = np.array([[0, 0, 0, 0], [SKIN, SKIN, NOSE, SKIN]], np.uint8)
RIGHT = np.array([[0, 0, 0, 0], [2, 2, 1, 2]])
"""What `Shade` reads as the truth."""


def grey(levels) -> np.ndarray:
    return np.repeat(np.asarray(levels, np.uint8)[..., None], 3, axis=2)


def labelled_set(folder, *, labels=("a", "b")):
    """Photographs a, b, c with a label each where `labels` says so, two kernels, blurred images black."""
    sha = pixel_hash(grey(RIGHT))
    images = [Image(name, name, "test", "ok", 1, f"{name}.jpg", "", 1.0, 0, f"labels/{name}.png" * (name in labels),
                    4, 2, sha, "") for name in "abc"]  # fmt: skip
    writer = SetWriter(folder, {"name": "shades", "recipe": "", "seed": 0})
    bank = Bank.of(["k1", "k2"], [np.ones((1, 1)), np.full((3, 3), 1 / 9)])
    writer.start(images, lambda image: grey(RIGHT), bank, n_kernels=2, label=lambda image: TRUTH)
    black = grey(0 * RIGHT)
    for row, image in enumerate(images):
        pairs = []
        for k, kernel in enumerate(bank.ids):
            name = f"{image.image_id}_{kernel}"
            write_png(writer.work / f"blur/{name}.png", black)
            pairs.append(Pair(2 * row + k, name, image.image_id, kernel, 2 * k + 1, "uniform", "reflect", 0.0, 1.0, 0,
                              image.sharp, f"blur/{name}.png", pixel_hash(black)))  # fmt: skip
        writer.append(pairs)
    return writer.finish()


def outputs(folder, the_set):
    """One is right, one has a pixel of skin too many and a nose too few, one is black, one is not there."""
    wrong = RIGHT.copy()
    wrong[0, 0], wrong[1, 2] = 2, 0
    for name, levels in {"a_k1": RIGHT, "a_k2": wrong, "b_k1": 0 * RIGHT, "c_k1": RIGHT, "c_k2": RIGHT}.items():
        write_png(folder / f"{name}.png", grey(levels))
    return folder


def test_by_hand(tmp_path, shade):
    the_set = labelled_set(tmp_path / "set")
    net = outputs(tmp_path / "net", the_set)
    sharp, blurred, run = parse(the_set.root, [None, net], parser=shade, workers=1)
    assert (sharp.method, sharp.n_images, sharp.misses, sharp.unlabelled) == ("sharp images", 2, 0, 1)
    assert sharp.scores()["skin"] == sharp.scores()["nose"] == sharp.mean() == 1.0
    assert (blurred.no_face, blurred.unlabelled, blurred.mean()) == (4, 2, 0.0)
    said = ["ok", "ok", "no face", "failed: output missing", "no label", "no label"]
    assert run.rows["status"].to_list() == said
    assert (run.n_images, run.no_face, run.failed, run.misses) == (4, 1, 1, 2)
    # Skin: 3 + 3 hits, 1 false alarm, and the 3 + 3 of two misses; nose: 1 hit, 3 missed.
    assert run.counts().sum(axis=0)[[SKIN, NOSE]].tolist() == [[6, 1, 6], [1, 0, 3]]
    assert run.scores()["skin"] == pytest.approx(12 / 19) and run.scores()["nose"] == pytest.approx(2 / 5)
    assert run.mean() == pytest.approx((12 / 19 + 2 / 5) / 2)
    assert set(run.not_parsed()) == {name.replace(" ", "-") for name in HELEN} - {"background", "skin", "nose"}
    # Four groups: the same pixels, the background's 4 + 3 hits, 1 false alarm, 1 + 4 + 4 missed.
    assert run.not_parsed("umsn4") == ("hair",)
    assert run.scores("umsn4")["background"] == pytest.approx(14 / 24)
    assert run.mean("umsn4") == pytest.approx((14 / 24 + 12 / 19 + 2 / 5) / 3)
    assert run.summary()["scores"]["hair"] is None and run.summary()["mean"] == run.mean()


def test_kept_while_nothing_changes(tmp_path, shade):
    the_set = labelled_set(tmp_path / "set")
    net = outputs(tmp_path / "net", the_set)
    told = []
    reporter = Reporter(lambda stage, done, total, note: told.append((done, total)))
    first = parse(the_set.root, net, parser=shade, workers=1, progress=reporter)
    assert told[-1] == (9, 9)
    calls = Shade.calls
    again = parse(the_set.root, net, parser=shade, workers=1)
    assert Shade.calls == calls
    assert again == first == Parsing.read(net) and again.rows["status"].equals(first.rows["status"])
    assert np.array_equal(again.counts("umsn4"), first.counts("umsn4"))
    write_png(net / "b_k1.png", grey(RIGHT))
    assert parse(the_set.root, net, parser=shade, workers=1).no_face == 0
    (net / "parsing.parquet").write_bytes(b"damaged")
    with pytest.raises(InputError, match="parse again"):
        Parsing.read(net)
    assert parse(the_set.root, net, parser=shade, workers=1).no_face == 0


def write_net(the_set, folder):
    """Outputs with run.json and hashes: an output that is altered afterwards is no longer that run's."""
    rows = []
    for pair in the_set.pairs():
        pixels = grey(RIGHT)
        write_png(folder / pair.name, pixels)
        rows.append(Status(pair.index, pair.pair_id, "ok", 0.1, pixel_hash(pixels)))
    write_rows(folder / "status.csv", Status, rows)
    info = {"schema": 1, "method": "net", "version": "1", "options": {}, "weights": {}, "store": "png"}
    info["set"] = {"name": the_set.name, "hash": the_set.content_hash}
    (folder / "run.json").write_text(json.dumps(info))
    return folder


def test_what_is_kept_is_of_the_files_that_lie_there(tmp_path, shade):
    the_set = labelled_set(tmp_path / "set")
    net = write_net(the_set, tmp_path / "net")
    assert parse(the_set.root, net, parser=shade, workers=1).failed == 0
    write_png(net / "a_k1.png", grey(0 * RIGHT))
    again = parse(the_set.root, net, parser=shade, workers=1)
    assert again.rows["status"][0] == "failed: altered since the run"
    calls = Shade.calls
    parse(the_set.root, net, parser=shade, workers=1, force=True)
    assert Shade.calls == calls + 2 + 3  # without the altered one, and c, which has no label


def test_a_stopped_parsing_goes_on(tmp_path, shade, monkeypatch):
    the_set = labelled_set(tmp_path / "set")
    net = outputs(tmp_path / "net", the_set)
    whole = parse(the_set.root, net, parser=shade, workers=1)
    for file in net.glob("*.parquet"):
        file.unlink()
    monkeypatch.setattr(resume, "IMAGES_A_PART", 1)

    def stop(stage, done, total, note):
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parse(the_set.root, net, parser=shade, workers=1, progress=Reporter(stop))
    (part,) = (net / ".parsing.parquet.parts").rglob("*.npz")
    calls, told = Shade.calls, []
    assert parse(the_set.root, net, parser=shade, workers=1).rows.equals(whole.rows)
    assert Shade.calls == calls + 1  # b: neither the sharp images nor a
    assert not list(net.glob(".*"))
    (net / "parsing.parquet").unlink()
    with pytest.raises(KeyboardInterrupt):
        parse(
            the_set.root,
            net,
            parser=shade,
            workers=1,
            progress=Reporter(lambda stage, done, total, note: stop(stage, done + 3, total, note)),
        )
    part.write_bytes(part.read_bytes()[:-9])
    assert parse(the_set.root, net, parser=shade, workers=1, progress=Reporter(say=told.append)).rows.equals(whole.rows)
    assert len(told) == 1 and "damaged" in told[0]
    (net / "parsing.parquet").write_bytes(b"junk")
    assert parse(the_set.root, net, parser=shade, workers=1, progress=Reporter(say=told.append)).rows.equals(whole.rows)
    assert "parsing from the start" in told[1] and "\n" not in told[1]


def test_counts_of_nothing():
    assert counts_of(None, TRUTH, partition="umsn4").tolist() == [[0, 0, 4], [0, 0, 3], [0, 0, 1], [0, 0, 0]]
    assert not counts_of(None, None, partition="helen11").any()


def test_bad_input(tmp_path, shade, monkeypatch):
    bare = labelled_set(tmp_path / "bare", labels=())
    with pytest.raises(InputError, match="no label"):
        parse(bare.root, None, parser=shade)
    the_set = labelled_set(tmp_path / "set")
    with pytest.raises(InputError, match="shad"):
        parse(the_set.root, None, parser="shad")
    monkeypatch.setattr(Shade, "classes", ("background", "beard"))
    module.parser_named.cache_clear()
    with pytest.raises(InputError, match="beard"):
        parse(the_set.root, None, parser=shade)
    with pytest.raises(InputError, match="parse first"):
        Parsing.read(tmp_path)


def test_real_faces(tmp_path, dlib_models, shared_data, small_recipe):
    """Sharp images parse well; heavy blur parses worse; a copy of the sharp image as well as itself."""
    from facedeblur.generators.build import build
    from facedeblur.generators.photos.specs import Selection

    recipe, faces = small_recipe(tmp_path, 0.0), f"celebamask:{shared_data / 'celebamask_eval512'}"
    the_set = build(recipe, faces, tmp_path / "set", selection=Selection(limit=3), workers=1)
    (tmp_path / "ideal").mkdir()
    for pair in the_set.pairs():
        shutil.copy(the_set.root / pair.sharp, tmp_path / "ideal" / pair.name)
    sharp, blurred, ideal = parse(the_set.root, [None, tmp_path / "ideal"], workers=1)
    assert sharp.misses == 0 and 0.6 < sharp.mean() < 0.9
    assert ideal.scores() == pytest.approx(sharp.scores(), nan_ok=True) and ideal.n_images == the_set.n_pairs
    assert blurred.mean() < sharp.mean()
