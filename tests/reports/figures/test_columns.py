"""Columns of a grid: titles, images of the set, kept results and their measures, kernels, and layouts of many."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import told

from facedeblur.benchmark.sets.classes import LABEL_COLOURS
from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.figures.choice import choose_pairs
from facedeblur.reports.figures.columns import named, of_outputs, read_column
from facedeblur.reports.figures.drawing import Corner, draw
from facedeblur.reports.figures.grid import Grid, collect, has_agreement, has_psnr, said

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def opened(stages: Any) -> Set:
    return Set.open(stages.set)


def grid_of(opened: Set, texts: list[str], **more: Any) -> Grid:
    return collect(opened, [read_column(text, opened) for text in texts], choose_pairs(opened, ["random:2"]), **more)


def test_a_column_has_the_title_that_it_is_given(stages: Any, opened: Set) -> None:
    ours, other = stages.outputs["ours"], stages.outputs["other"]
    assert grid_of(opened, [f"Ours={ours}", str(other)]).titles == ("blurred", "Ours", "unsharp", "sharp")
    chosen = ["set:sharp", "Input=set:blurred", f"Int={ours}/sketch", "set:labels"]
    assert grid_of(opened, chosen).titles == ("sharp", "Input", "Int", "true labels")


def test_a_folder_whose_name_has_a_sign_needs_no_title(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    assert named(str(tmp_path / "a=b")) == ("", str(tmp_path / "a=b"))
    assert named("a=b=c") == ("a", "b=c")
    assert "no outputs" in told(lambda: named("a=")) and "no name" in told(lambda: named("=b"))


def test_kept_results_are_measured_as_what_they_are(stages: Any, opened: Set) -> None:
    ours = stages.outputs["ours"]
    grid = grid_of(opened, ["set:labels", f"{ours}/parsing", f"{ours}/coarse", f"{ours}/sketch", "set:sharp"])
    for row in grid.rows:
        truth, parsing, coarse, sketch, sharp = row.tiles
        assert said(truth) == "" and said(parsing) == "93.8 %", "64 of 1024 pixels are wrong"
        assert coarse.psnr > 0 and math.isnan(coarse.agreement)
        assert said(sketch) == "" and sketch.pixels is not None, "a grey result of a coloured face is no restoration"
        assert sharp.reference and has_psnr(row) and has_agreement(row)
        np.testing.assert_array_equal(np.unique(parsing.pixels.reshape(-1, 3), axis=0),
                                      np.unique(LABEL_COLOURS[[0, 1, 10]], axis=0))  # fmt: skip
    texts = [text.get_text() for text in draw(grid, width=3.5)[0].texts]
    assert {"background", "skin", "hair"} < set(texts) and "nose" not in texts, "the legend has the classes shown"
    without = grid_of(opened, ["set:blurred", f"{ours}/parsing"])
    shown = [text.get_text() for text in draw(without)[0].texts]
    assert {"PSNR (dB) / SSIM", "%: pixels with the true label"} <= set(shown), "no sharp image says it"
    assert not {"PSNR (dB) / SSIM", "%: pixels with the true label"} & {
        text.get_text() for text in draw(without, captions=False)[0].texts
    }


def test_kernels_are_those_of_whoever_estimated_them(stages: Any, opened: Set) -> None:
    ours, other = stages.outputs["ours"], stages.outputs["other"]
    texts = ["set:blurred", str(ours), f"{ours}/coarse", str(other)]

    def sizes(**more: Any) -> list[int]:
        return [0 if tile.kernel is None else len(tile.kernel) for tile in grid_of(opened, texts, **more).rows[0].tiles]

    assert sizes() == [5, 0, 0, 0]
    assert sizes(kernels="all") == [5, 3, 0, 0], "what a run kept has no kernel of its own"
    assert sizes(kernels="none") == [0, 0, 0, 0]


@pytest.mark.parametrize("corner", ["upper left", "upper right", "lower left", "lower right"])
def test_kernels_are_in_the_corner_of_their_picture(stages: Any, opened: Set, corner: Corner) -> None:
    grid = grid_of(opened, ["set:blurred", str(stages.outputs["ours"])], kernels="all")
    figure, _ = draw(grid, captions=False, corner=corner)
    picture, kernel = (axes.get_position() for axes in figure.axes[2:4])
    assert picture.contains(kernel.x0, kernel.y0) and picture.contains(kernel.x1, kernel.y1)
    assert (kernel.x0 - picture.x0 < picture.x1 - kernel.x1) == corner.endswith("left")
    assert (kernel.y0 - picture.y0 < picture.y1 - kernel.y1) == corner.startswith("lower")
    np.testing.assert_allclose(np.asarray(figure.axes[3].images[0].get_array()), 1)


def test_many_columns_continue_in_further_lines(stages: Any, opened: Set) -> None:
    ours = stages.outputs["ours"]
    grid = grid_of(opened, ["A=set:blurred", f"B={ours}", f"C={ours}/coarse", f"D={ours}/sketch", "E=set:sharp"])
    figure, _ = draw(grid, wrap=2, captions=False, width=3.5)
    places = [axes.get_position() for axes in figure.axes if len(axes.images[0].get_array()) == 32]
    assert len(places) == 10 and len({round(place.x0, 4) for place in places}) == 2
    assert len({round(place.y0, 4) for place in places}) == 6, "three lines for each of two pairs"
    titles = [text.get_text() for text in figure.texts]
    assert titles == ["A", "B", "C", "D", "E"] * 2, "every line has its titles"
    assert "with --wrap" in told(lambda: draw(grid, width=1.0))
    one = [text.get_text() for text in draw(grid, captions=False)[0].texts]
    assert one == ["A", "B", "C", "D", "E"]


def test_a_turned_grid_has_a_column_per_pair(stages: Any, opened: Set) -> None:
    grid = grid_of(opened, ["A=set:blurred", f"B={stages.outputs['ours']}", "C=set:sharp"], kernels="none")
    figure, _ = draw(grid, turned=True, captions=False, width=3.5)
    places = [axes.get_position() for axes in figure.axes]
    assert len({round(place.x0, 4) for place in places}) == 2 and len({round(place.y0, 4) for place in places}) == 3
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), grid.rows[1].tiles[1].pixels)
    assert [(text.get_text(), text.get_rotation()) for text in figure.texts] == [("A", 90), ("B", 90), ("C", 90)]
    assert all(text.get_position()[0] < places[0].x0 for text in figure.texts)


def test_what_a_run_did_not_keep_names_the_command(stages: Any, opened: Set) -> None:
    ours, other = stages.outputs["ours"], stages.outputs["other"]
    line = told(lambda: read_column(f"{ours}/masks-hair", opened))
    assert "did not keep 'masks-hair'" in line and "facedeblur run lin2020" in line and "--keep masks" in line
    assert "did not keep 'sketch'" in told(lambda: of_outputs(other, opened, keep="sketch"))
    assert "image of the set 'sharpp'" in told(lambda: read_column("set:sharpp", opened))


def test_images_that_a_set_lacks_are_refused(bench: Any) -> None:
    assert "has no label images" in told(lambda: read_column("set:labels", Set.open(bench.set)))
