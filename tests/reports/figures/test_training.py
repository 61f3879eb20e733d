"""Curves of training logs: stages one after the other, several trainings, and logs that are none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from refusals import told

from facedeblur.methods.training.loop import Log
from facedeblur.reports.figures.training import logs_of, read_logs, training

pytest.importorskip("matplotlib")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The logs of two stages, as a training writes them; PSNR is in every second row."""
    root = tmp_path / "trained"
    root.mkdir()
    for stage, losses in (("1-first", (4.0, 2.0)), ("10-last", (1.0, 0.5))):
        log = Log(root, stage, ["loss", "psnr", "psnr_blurred"])
        for place, loss in enumerate(losses, start=1):
            log.row(10 * place, {"loss": loss} | ({"psnr": 20.0 + place, "psnr_blurred": 19.0} if place == 2 else {}))
        log.close()
    (root / "notes.csv").write_text("a,b\n1,2\n")
    return root


def test_stages_follow_each_other(trained: Path) -> None:
    figure = training(logs_of([str(trained)]))
    loss, psnr = figure.axes
    line = loss.lines[0]
    assert list(line.get_xdata()) == [10, 20, 20, 30, 40]
    values = list(line.get_ydata())
    assert values[:2] + values[3:] == [4.0, 2.0, 1.0, 0.5] and math.isnan(values[2]), "a gap between stages"
    assert [text.get_text() for text in loss.texts] == ["first", "last"], "stage 10 comes after stage 1"
    drawn = {tuple(line.get_ydata()) for line in psnr.lines[1:]}
    assert (19.0, 19.0) in drawn, "the level of the blurred faces"
    assert loss.get_xlim() == psnr.get_xlim() and psnr.get_ylabel() == "PSNR (dB)" and not figure.legends


def test_losses_that_fall_far_have_a_logarithmic_axis(tmp_path: Path) -> None:
    for stage, losses in (("1-first", (100.0, 10.0)), ("2-last", (1.0, 0.5))):
        log = Log(tmp_path, stage, ["loss"])
        for place, loss in enumerate(losses, start=1):
            log.row(10 * place, {"loss": loss})
        log.close()
    (loss,) = training(logs_of([str(tmp_path)]), columns=["loss"]).axes
    assert loss.get_yscale() == "log" and len(loss.lines) == 2, "and the end of the first stage"


def test_stage_that_draws_is_plotted_by_its_drawings(tmp_path: Path) -> None:
    log = Log(tmp_path, "1-sketch", ["loss", "psnr_drawing", "ssim_drawing"])
    log.row(10, {"loss": 1.0, "psnr_drawing": 18.0, "ssim_drawing": 0.5})
    log.close()
    _, drawing = training(logs_of([f"A={tmp_path}"])).axes
    assert drawing.get_ylabel() == "PSNR of drawings (dB)" and list(drawing.lines[0].get_ydata()) == [18.0]


def test_trainings_are_compared_and_continued(trained: Path) -> None:
    log = str(trained / "1-first.csv")
    figure = training(logs_of([f"A={trained}", f"B={log}", f"B={log}"]), columns=["loss"])
    (axes,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["A", "B"]
    assert list(axes.lines[1].get_xdata()) == [10, 20, 20, 30, 40]
    assert "are called 'trained'" in told(lambda: logs_of([str(trained), str(trained)]))


def test_logs_that_cannot_be_drawn(trained: Path, tmp_path: Path) -> None:
    assert "column 'pnsr'" in told(lambda: training(logs_of([str(trained)]), columns=["pnsr"]))
    assert "facedeblur train -o" in told(lambda: read_logs(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    assert "no log of a training" in told(lambda: read_logs(tmp_path / "empty"))
    assert "not 'step'" in told(lambda: read_logs(trained / "notes.csv"))
    damaged = tmp_path / "1-x.csv"
    damaged.write_text("step,loss\n1,2\n3\n")
    assert "line 3 has 1 values" in told(lambda: read_logs(damaged))
    damaged.write_text("step,loss,psnr\n1,2,\n")
    assert "no number in column 'psnr' yet" in told(lambda: training([("a", read_logs(damaged))]))
