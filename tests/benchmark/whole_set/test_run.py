"""The driver of tests of a whole set, by a test that is all that one needs to write: a record and what is special."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import Arrays
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.whole_set.record import Record
from facedeblur.benchmark.whole_set.run import Candidate, LookTask, WholeSetTest, run_test


@dataclass(frozen=True)
class Brightness(Record):
    """Mean grey level of the sharp images and of the images of a run."""

    kind = "brightness"
    file_name = "brightness.parquet"
    verb = "measure"
    columns: ClassVar = {"pair_id": "string", "status": "string", "level": "double"}

    channel: int
    sharp: float


class BrightnessTest(WholeSetTest[Brightness]):
    record = Brightness
    stage = "measuring"

    def __init__(self, the_set: Set, channel: int = 0):
        images = [image for image in the_set.images.values() if image.blurred]
        super().__init__(the_set, str(channel), {"channel": channel}, f"channel {channel}", images)

    @staticmethod
    def look(task: LookTask) -> Arrays:
        LOOKED.append(task)
        found = [(status, np.nan if pixels is None else pixels[..., int(task.provider)].mean())
                 for status, pixels in task.pictures()]  # fmt: skip
        return {"status": np.array([status for status, _ in found]), "level": np.array([level for _, level in found])}

    def reference(self, parts: Iterator[Arrays]) -> float:
        return float(np.concatenate([part["level"] for part in parts]).mean())

    def result(self, candidate: Candidate, parts: Iterator[Arrays], reference: float) -> Brightness:
        some = list(parts)
        rows = {name: np.concatenate([part[name] for part in some]) for name in ("status", "level")}
        frame = pd.DataFrame({"pair_id": [pair.pair_id for pair in self.the_set.pairs()], **rows})
        return Brightness(**candidate.origin, **self.facts, sharp=reference, rows=frame)


LOOKED: list[LookTask] = []


def brightness(the_set: Set, outputs: Any, make: Any = BrightnessTest, **options: Any) -> list[Brightness]:
    options = {"force": False, "plugin": None, "workers": 1, "progress": None} | options
    LOOKED.clear()
    return run_test(make, the_set, outputs, **options)


@pytest.fixture
def net(toy, tmp_path):
    for pair in toy.pairs():
        write_png(tmp_path / "net" / pair.name, np.full((20, 16, 3), 10 * pair.index, np.uint8))
    return tmp_path / "net"


def test_a_result_is_kept_until_something_changes(toy, net) -> None:
    pairs = list(toy.pairs())
    (net / pairs[1].name).unlink()
    blurred, found = brightness(toy, [None, net])
    assert (blurred.method, found.method, found.set_hash) == ("blurred images", "net", toy.content_hash)
    assert found.rows["status"].tolist() == ["ok", "failed: output missing", "ok", "ok", "ok", "ok"]
    assert found.rows["level"][2] == 20 and np.isnan(found.rows["level"][1]) and found.failed == 1
    sharp = [toy.sharp(image)[..., 0].mean() for image, _ in toy.by_image()]
    assert found.sharp == pytest.approx(np.mean(sharp)) and found.sharp == blurred.sharp
    assert len(LOOKED) == 1 + 3 + 3, "the clear images once, then each photograph of each run"
    assert brightness(toy, [net]) == [found] == [Brightness.read(net)] and not LOOKED
    assert brightness(toy, [net], force=True) == [found] and LOOKED
    (red,) = brightness(toy, [Outputs.open(net, toy)], lambda the_set: BrightnessTest(the_set, 2))
    assert red.channel == 2 and LOOKED
    write_png(net / pairs[1].name, np.zeros((20, 16, 3), np.uint8))
    assert brightness(toy, [net])[0].failed == 0
    assert sorted(file.name for file in net.iterdir() if file.suffix != ".png") == ["brightness.parquet"]


def test_an_interrupted_test_resumes(toy, net, monkeypatch) -> None:
    monkeypatch.setattr(resume, "IMAGES_A_PART", 1)
    (whole,) = brightness(toy, [net])
    (net / "brightness.parquet").unlink()

    def stop(stage: str, done: int, total: int, note: str) -> None:
        assert (stage, total) == ("measuring", 3 + 6)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        brightness(toy, [net], progress=Reporter(stop))
    assert brightness(toy, [net]) == [whole] and len(LOOKED) == 2
    assert not list(net.glob(".*"))


def test_a_file_that_is_no_result(toy, net, tmp_path) -> None:
    with pytest.raises(MissingFile, match=r"brightness\.parquet: not found \(expected a brightness table\)"):
        Brightness.read(net)
    (whole,) = brightness(toy, [net])
    (net / "brightness.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"cannot be read as a brightness table \(.*\); measure again"):
        Brightness.read(net)
    told: list[str] = []
    assert brightness(toy, [net], progress=Reporter(say=told.append)) == [whole]
    assert len(told) == 1 and "measuring from the start" in told[0]
    whole.rows.to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(InputError, match="a brightness table"):
        Brightness.read(tmp_path / "plain.parquet")
