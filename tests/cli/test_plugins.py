"""``--plugin``: metrics and face providers from a file, in workers too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces.base import DETECTORS, EMBEDDERS, PARSERS
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.metrics.base import METRICS
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.cli.main import facedeblur

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROVIDERS = '''
"""An embedder of mean colours, and a parser that takes everything for skin."""

import numpy as np

from facedeblur.benchmark.faces.base import EMBEDDERS, PARSERS, Embedder, Parser


@EMBEDDERS.register("mean")
class Mean(Embedder):
    name, definition = "mean", ("mean",)

    def embed(self, faces):
        return faces.mean(axis=(1, 2)).astype(np.float32)


@PARSERS.register("all-skin")
class Skin(Parser):
    classes = ("skin", "background")
    name, definition = "all-skin", ("all-skin",)

    def parse(self, faces):
        return np.zeros(faces.shape[:3], np.uint8)
'''


@pytest.fixture(autouse=True)
def registries(monkeypatch) -> None:
    """What plugins enter is forgotten after a test."""
    for registry in (METRICS, DETECTORS, EMBEDDERS, PARSERS):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.fixture
def two(tmp_path) -> Set:
    """Ann and Bob, a probe with labels and two gallery images each; the outputs are the sharp images."""
    rng, pixels, images = np.random.default_rng(0), {}, []
    truth = np.full((12, 12), HELEN.index("skin"), np.uint8)
    truth[:3] = 0
    for person, value in (("ann", 60), ("bob", 180)):
        for number, role in enumerate(("probe", "gallery", "gallery")):
            name = f"{person}{number}"
            pixels[name] = (value + rng.integers(-20, 21, (12, 12, 3))).astype(np.uint8)
            label = f"labels/{name}.png" * (role == "probe")
            images.append(Image(name, person, role, "ok", 1, f"{name}.jpg", "", 1.0, 0, label, 12, 12,
                                pixel_hash(pixels[name]), ""))  # fmt: skip
    writer = SetWriter(tmp_path / "set", {"name": "two", "recipe": "", "seed": 0})
    bank = Bank.of(["k1", "k2"], [np.ones((1, 1)), np.full((3, 3), 1 / 9)])
    writer.start(images, lambda image: pixels[image.image_id], bank, n_kernels=2, label=lambda image: truth)
    for row, image in enumerate(image for image in images if image.role == "probe"):
        pairs = []
        for at, kernel in enumerate(bank.ids):
            seen, name = np.roll(pixels[image.image_id], at + 1, axis=1), f"{image.image_id}_{kernel}"
            write_png(writer.work / f"blur/{name}.png", seen)
            write_png(tmp_path / "net" / f"{name}.png", seen)
            pairs.append(Pair(2 * row + at, name, image.image_id, kernel, 2 * at + 1, "uniform", "reflect", 0.0, 1.0, 0,
                              image.sharp, f"blur/{name}.png", pixel_hash(seen)))  # fmt: skip
        writer.append(pairs)
    return writer.finish()


def call(*words: object) -> Result:
    return CliRunner().invoke(facedeblur, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_metric_from_a_file(two, tmp_path, jobs):
    plugin = shutil.copy(EXAMPLES / "my_metric.py", tmp_path)
    done = call("score", two.root, tmp_path / "net", "--metric", "gradient-error", "--plugin", plugin, "--jobs", jobs)
    assert done.exit_code == 0, done.output
    table = Scores.read(tmp_path / "net" / "scores.parquet")
    for pair, value in zip(two.pairs(), table.column("gradient-error[grey]"), strict=True):
        sharp, restored = (one.mean(axis=2) for one in (two.sharp(two.images[pair.image_id]), two.blurred(pair)))
        apart = [np.abs(np.diff(sharp - restored, axis=axis)) for axis in (0, 1)]
        assert value == pytest.approx((apart[0][:, 1:].mean() + apart[1][1:].mean()) / 2)


def test_embedder_and_parser_from_a_file(two, tmp_path):
    (tmp_path / "providers.py").write_text(PROVIDERS)
    more = [two.root, tmp_path / "net", "--json", "--plugin", tmp_path / "providers.py", "--jobs", 2]
    done = call("recognise", *more, "--embedder", "mean")
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.output)
    assert (found["embedder"], found["curve"]["top1"]) == ("mean", 1.0)
    done = call("fid", *more, "--by", "mean")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)[0]["signature"] == "fid[mean]"
    done = call("parse", *more, "--parser", "all-skin")
    assert done.exit_code == 0, done.output
    # All 108 pixels of skin, and 36 that are none.
    assert json.loads(done.output)[1]["scores"]["skin"] == pytest.approx(2 * 108 / (2 * 108 + 36))


def test_a_detector_from_a_file(two, tmp_path):
    plugin = shutil.copy(EXAMPLES / "my_detector.py", tmp_path)
    table = score(two.root, tmp_path / "net", metrics=["detection[skin,share0.05]"], plugin=plugin, workers=1)
    assert [column.signature for column in table.meta.columns] == ["detection[skin,share0.05]"]


@pytest.mark.parametrize("command", ["score", "recognise", "parse", "fid"])
def test_an_unusable_file_is_one_line(two, tmp_path, command):
    for text, said in ((None, "not found"), ("raise ValueError('no')", "ValueError: no")):
        plugin = tmp_path / f"{command}.py"
        if text:
            plugin.write_text(text)
        with pytest.raises(InputError, match=said):
            call(command, two.root, tmp_path / "net", "--plugin", plugin, "--jobs", 1)
