"""Curves over a number by which runs differ, and bars: their numbers, axes, intervals, and what is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from refusals import told

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import write_tensors
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.statistics.intervals import spreads
from facedeblur.benchmark.weights import sha256_of
from facedeblur.reports.figures.measures import Bar, Point, bars, bars_of, curves, points_of
from facedeblur.reports.figures.style import GREY, save
from facedeblur.reports.figures.varied import value_of

matplotlib = pytest.importorskip("matplotlib")
Make = Callable[..., Scores]


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, 80)


@pytest.fixture
def sweep(scores_of: Make) -> list[Scores]:
    """Runs of one method whose amount grows by factors of ten."""
    return [
        scores_of(f"m[amount={k}]", values(k), run={"name": "m", "options": {"amount": 10.0**-k}, "hash": f"{k}"})
        for k in (4, 2, 3)
    ]


def test_a_curve_goes_through_the_means_in_order_of_the_number(sweep: list[Scores]) -> None:
    figure = curves([Point(value_of(one, "options.amount"), one, "amount") for one in sweep])
    (axes,) = figure.axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == [1e-4, 1e-3, 1e-2]
    assert list(line.get_ydata()) == pytest.approx([values(k).mean() for k in (4, 3, 2)])
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "amount" and axes.get_ylabel() == "PSNR (dB)"
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1e-4", "1e-3", "0.01"]
    column = sweep[0].meta.columns[0]
    known = spreads(sweep[0], [column])[column.signature].interval
    assert known is not None
    band = axes.collections[0].get_paths()[0].vertices
    at_first = band[np.isclose(band[:, 0], 1e-4), 1]
    assert (at_first.min(), at_first.max()) == pytest.approx((known.low, known.high))
    assert not figure.legends, "one curve needs no legend"


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [((1, 2, 3), "linear"), ((1, 10, 50), "log"), ((0, 1e-5, 1e-3), "symlog"), ((0, 1, 2), "linear")],
)
def test_the_axis_fits_the_numbers(sweep: list[Scores], numbers: tuple[float, ...], wanted: str) -> None:
    figure = curves([Point(x, one) for x, one in zip(numbers, sweep, strict=True)])
    assert figure.axes[0].get_xscale() == wanted


def test_every_label_and_metric_has_a_plot_and_every_set_a_curve(scores_of: Make, sweep: list[Scores]) -> None:
    other = scores_of("m", values(9), run={"name": "m"}, set_hash="b2" * 32)
    other.meta.set["name"] = "second"
    points = [Point(1, sweep[0], "a"), Point(2, sweep[1], "a"), Point(1, other, "a"), Point(5, sweep[0], "b")]
    figure = curves(points, metrics=["psnr", "ssim"], width=7.16)
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("a", "PSNR (dB)"), ("b", ""), ("a", "SSIM"), ("b", "")]  # fmt: skip
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["tiny", "second"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1, 2, 1]


def test_curves_that_cannot_be_drawn(scores_of: Make, sweep: list[Scores]) -> None:
    assert "no score tables" in told(lambda: curves([]))
    assert "given twice" in told(lambda: curves([Point(1, sweep[0]), Point(2, sweep[0])]))
    assert "the same number 1" in told(lambda: curves([Point(1, sweep[0]), Point(1, sweep[1])]))
    line = told(lambda: curves([Point(1, sweep[0])], metrics=["lpips"]))
    assert "do not have metric 'lpips'" in line and "facedeblur score" in line


def test_numbers_are_given_or_read(sweep: list[Scores], tmp_path: Path) -> None:
    files = []
    for place, one in enumerate(sweep):
        files.append(tmp_path / f"{place}.parquet")
        one.write(files[-1])
    first, second, third = map(str, files)
    found = points_of([f"lambda:0={first}", f"5={second}", third], over="options.amount", label="amount")
    assert [(one.x, one.panel) for one in found] == [(0, "lambda"), (5, "amount"), (1e-3, "amount")]
    assert "has no number" in told(lambda: points_of([first]))
    assert "expected a number" in told(lambda: points_of([f"high={first}"]))
    assert "expected a number" in told(lambda: points_of([f"nan={first}"]))
    assert "'amounts' of key" in told(lambda: points_of([first], over="options.amounts"))
    assert "no such key" in told(lambda: points_of([first], over="options.amount.x"))
    assert "expected a number" in told(lambda: points_of([first], over="name"))


def test_weights_of_losses_are_those_of_the_training(scores_of: Make, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    file = tmp_path / "trainings" / "a" / "net.safetensors"
    file.parent.mkdir(parents=True)
    write_tensors(file, {"w": torch.zeros(1)}, {"name": "net"})
    losses = [{"name": "l1", "weight": 2.5}, {"name": "l1", "weight": 2.5}, {"name": "parsing", "weight": 1.0}]
    losses.append({"name": "parsing", "weight": 3.0})
    recipe = {"config": {"width": 8}, "stage": {"losses": losses, "adversary": {"weight": 5e-5}}}
    card = {"sha256": sha256_of(file), "recipe": recipe}
    file.with_suffix(".json").write_text(json.dumps(card))
    run = scores_of("net", values(0), run={"weights": {"net.safetensors": sha256_of(file)}})
    where = [tmp_path / "trainings"]
    assert value_of(run, "weights.l1", where) == 2.5
    assert value_of(run, "weights.adversarial", where) == 5e-5
    assert value_of(run, "weights.perceptual", where) == 0, "a loss that the recipe does not have weighs nothing"
    assert value_of(run, "recipe.config.width", where) == 8
    assert "several weights: 1, 3" in told(lambda: value_of(run, "weights.parsing", where))
    assert "did you mean 'perceptual'" in told(lambda: value_of(run, "weights.perceptua", where))
    assert "--trained" in told(lambda: value_of(run, "weights.l1"))
    other = scores_of("other", values(0), run={"weights": {"net.safetensors": "0" * 64}})
    assert "is not in" in told(lambda: value_of(other, "weights.l1", where))
    assert "has no weights" in told(lambda: value_of(scores_of("x", values(0)), "weights.l1", where))


def test_bars_are_means_in_the_order_given(scores_of: Make) -> None:
    tables = [scores_of("blurred", values(0)), scores_of("net", values(1)), scores_of("w", values(2), oracle=True)]
    figure = bars([Bar(one.meta.method, one) for one in tables], metrics=["psnr", "identity"])
    psnr, identity = figure.axes
    assert [patch.get_width() for patch in psnr.patches] == pytest.approx([values(k).mean() for k in range(3)])
    assert [text.get_text() for text in psnr.get_yticklabels()] == ["w*", "net", "blurred"]
    heights = [patch.get_y() for patch in psnr.patches]
    assert heights == sorted(heights, reverse=True), "the first is at the top"
    assert matplotlib.colors.to_hex(psnr.patches[0].get_facecolor()).upper() == GREY
    assert matplotlib.colors.to_hex(psnr.patches[2].get_facecolor()) == "#ffffff", "an oracle is hollow"
    assert identity.get_xlabel() == "Identity L2 (dlib-resnet) ↓" and psnr.get_xlabel() == "PSNR (dB) ↑"
    column = tables[1].meta.columns[0]
    known = spreads(tables[1], [column])[column.signature].interval
    assert known is not None
    (segment,) = psnr.collections[1].get_segments()
    assert list(segment[:, 0]) == pytest.approx([known.low, known.high])
    written = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    assert f"{values(1).mean():.2f}" in written
    assert any("95 % intervals from" in text and "given the true kernel" in text for text in written)


def test_bars_of_several_sets_have_their_colours(scores_of: Make) -> None:
    other = scores_of("net", values(3), set_hash="b2" * 32)
    other.meta.set["name"] = "second"
    figure = bars([Bar("A", scores_of("net", values(1))), Bar("A", other), Bar("B", scores_of("x", values(2)))])
    (axes,) = figure.axes
    assert len(axes.patches) == 3 and len({patch.get_facecolor() for patch in axes.patches}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["tiny", "second"]
    twice = [Bar("A", scores_of("net", values(1))), Bar("A", scores_of("x", values(1)))]
    assert "'A' is given twice for set 'tiny'" in told(lambda: bars(twice))


def test_runs_of_one_method_are_told_apart_by_their_hash(scores_of: Make, tmp_path: Path) -> None:
    for place in range(3):
        scores_of(["m", "m", "n"][place], values(place), run={"hash": f"{place}" * 12}).write(
            tmp_path / f"{place}.parquet"
        )
    found = bars_of([*(str(tmp_path / f"{place}.parquet") for place in range(3)), f"Mine={tmp_path / '0.parquet'}"])
    assert [one.label for one in found] == ["m (run 0000000000)", "m (run 1111111111)", "n", "Mine"]


def test_infinite_means_are_written_and_not_drawn(scores_of: Make) -> None:
    figure = bars([Bar("a", scores_of("a", np.full(80, math.inf))), Bar("b", scores_of("b", values(0)))])
    (axes,) = figure.axes
    assert len(axes.patches) == 1 and "∞" in [text.get_text() for text in axes.texts]
    assert any("no intervals: infinite values" in text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_the_same_bytes_each_time(scores_of: Make, sweep: list[Scores], tmp_path: Path, suffix: str) -> None:
    written = []
    for turn in range(2):
        with matplotlib.rc_context({"font.size": 20 + turn}):
            one = save(curves([Point(k, table) for k, table in enumerate(sweep)]), tmp_path / f"c{turn}.{suffix}")
            two = save(bars([Bar("a", sweep[0]), Bar("b", sweep[1])]), tmp_path / f"b{turn}.{suffix}")
        written.append((one.read_bytes(), two.read_bytes()))
    assert written[0] == written[1]


def test_figures_do_not_import_torch() -> None:
    """Names of losses are checked without it: every figure would start a second later."""
    code = (
        "import sys, facedeblur.reports.figures.measures, facedeblur.reports.figures.papers.make\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sets_of_one_name_are_refused(scores_of: Make) -> None:
    rng = np.random.default_rng(0)
    one, other = scores_of("a", rng.normal(25, 3, 80)), scores_of("b", rng.normal(25, 3, 80))
    other.meta.set["hash"] = "f" * 64
    for draw in (
        lambda: curves([Point(1.0, one), Point(2.0, other)]),
        lambda: bars([Bar("a", one), Bar("b", other)]),
    ):
        with pytest.raises(InputError, match="found another set"):
            draw()
