"""Values of the sharp images: by metrics of an image alone, next to the scores, kept while nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.metrics.base import METRICS, Metric, Needs
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.scoring import task as score_task
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.sharp import sharp_file
from facedeblur.benchmark.scoring.table import Scores


class Bright(Metric):
    """The mean of an image, which needs no other one; counts its calls."""

    name, summary, label, worst, needs, calls = "bright", "mean", "Bright", 0.0, Needs(sharp=False), 0

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None) -> np.ndarray:
        type(self).calls += len(restored)
        return restored.mean(axis=(1, 2, 3))


class Dark(Bright):
    """Its complement."""

    name = "dark"

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None) -> np.ndarray:
        return 255 - restored.mean(axis=(1, 2, 3))


@pytest.fixture(autouse=True)
def _entered(monkeypatch):
    for kind in (Bright, Dark):
        monkeypatch.setitem(METRICS._entries, kind.name, kind)
    monkeypatch.setattr(Bright, "calls", 0)
    score_task.metric_named.cache_clear()
    yield
    score_task.metric_named.cache_clear()


@pytest.fixture
def net(toy, tmp_path):
    """Foreign outputs: the blurred images themselves."""
    for pair in toy.pairs():
        write_png(tmp_path / "net" / pair.name, toy.blurred(pair))
    return tmp_path / "net"


def test_one_row_per_sharp_image_in_order(toy, net):
    score(toy, net, metrics=["psnr", "bright"], workers=1)
    found = Scores.read(net / "scores.sharp.parquet")
    assert [column.signature for column in found.meta.columns] == ["bright"], "PSNR has nothing to say of them"
    assert (found.meta.method, found.meta.set["hash"]) == ("sharp images", toy.content_hash)
    good = [image for image in toy.images.values() if image.ok]
    assert found.column("image_id").tolist() == [image.image_id for image in good] and len(good) == 3
    assert found.values("bright") == pytest.approx([toy.sharp(image).mean() for image in good])
    assert sharp_file(net / "mine.csv") == net / "mine.sharp.parquet"


def test_kept_and_added_to(toy, net):
    score(toy, net, metrics=["bright"], workers=1)
    assert Bright.calls == 6 + 3
    score(toy, net, metrics=["bright", "dark"], workers=1)
    assert Bright.calls == 6 + 3, "only the new metric is measured"
    found = Scores.read(net / "scores.sharp.parquet")
    assert np.allclose(found.values("bright") + found.values("dark"), 255)
    score(toy, net, metrics=["bright"], force=True, workers=1)
    assert Bright.calls == 2 * (6 + 3)
    assert [column.signature for column in Scores.read(net / "scores.sharp.parquet").meta.columns] == ["bright", "dark"]


def test_what_is_of_others_is_measured_again(toy, net, monkeypatch):
    score(toy, net, metrics=["bright"], workers=1)
    file = net / "scores.sharp.parquet"
    monkeypatch.setattr("facedeblur.benchmark.scoring.score.version", lambda name: "99")
    score(toy, net, metrics=["bright"], workers=1)
    assert Scores.read(file).meta.versions["numpy"] == "99"
    file.write_bytes(b"no table")
    said = []
    score(toy, net, metrics=["bright"], workers=1, progress=Reporter(say=said.append))
    assert any("scores.sharp.parquet cannot be used" in line for line in said)
    assert len(Scores.read(file).values("bright")) == 3


def test_nothing_is_written_without_such_a_metric(toy, net):
    score(toy, net, metrics=["psnr"], workers=1)
    assert not (net / "scores.sharp.parquet").exists()
