"""A real dask scheduler with two worker processes builds the same set, and resumes an interrupted build."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.parallel import Workers
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.cli.main import facedeblur
from facedeblur.generators.build import build


@pytest.fixture
def crops(tmp_path, portrait):
    for number in range(5):
        write_png(tmp_path / "crops" / f"f_{number:04d}.png", portrait[40:168, 120 + 9 * number : 248 + 9 * number])
    return tmp_path / "crops"


def test_same_set_with_the_same_hash(tmp_path, crops, small_recipe, scheduler):
    here = build(small_recipe(tmp_path), crops, tmp_path / "here", workers=1)
    argv = ["build", str(small_recipe(tmp_path)), "--faces", str(crops), "-o", str(tmp_path / "there"), "--jobs", "2"]
    shown = CliRunner().invoke(
        facedeblur, [*argv, "--backend", "dask", "--scheduler", scheduler], catch_exceptions=False
    )
    assert shown.exit_code == 0, shown.output
    assert Set.open(tmp_path / "there").content_hash == here.content_hash
    assert check(tmp_path / "there", workers=1) == []


def test_averaged_frames_are_made_there_too(tmp_path, portrait, monkeypatch):
    """The recipe of frames has a builder of its own; it is given the same workers."""
    for number in range(11):
        write_png(tmp_path / "frames" / f"{number}.png", portrait[40:168, 120 + 3 * number : 248 + 3 * number])
    seen = []

    def here(function, tasks, workers):
        seen.append(workers)
        return map(function, tasks)

    monkeypatch.setattr("facedeblur.generators.video.frames.imap", here)
    build("anand-motion", tmp_path / "frames", tmp_path / "set", workers=Workers(1, "dask", "tcp://there:1"))
    assert seen == [Workers(1, "dask", "tcp://there:1")]


def test_a_stopped_build_goes_on(tmp_path, crops, small_recipe, scheduler):
    options = {"workers": Workers(2, "dask", scheduler)}

    def stop(stage, done: int, total: int, note) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(small_recipe(tmp_path), crops, tmp_path / "set", progress=Reporter(stop), **options)
    assert not (tmp_path / "set").exists()
    seen: list[int] = []
    made = build(
        small_recipe(tmp_path),
        crops,
        tmp_path / "set",
        progress=Reporter(lambda stage, done, total, note: seen.append(done)),
        **options,
    )
    assert seen[0] == 12 and seen[-1] == 20
    assert made.content_hash == build(small_recipe(tmp_path), crops, tmp_path / "here", workers=1).content_hash
