"""Figures for a paper: what is drawn, which pairs, the same bytes every time, and no word on the user's settings."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from refusals import told

from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.sets.classes import GROUPS, HELEN
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.reports.figures.choice import Chosen, choose_pairs, table_of
from facedeblur.reports.figures.drawing import FRAMES, draw, read_box
from facedeblur.reports.figures.grid import Tile, best_place, collect, said
from facedeblur.reports.figures.plots import cmc, distribution, fscore, kernel_size, runtime
from facedeblur.reports.figures.style import COLOURS, GREY, check_suffix, looks, save
from facedeblur.reports.leaderboard.board import gather

matplotlib = pytest.importorskip("matplotlib")
Make = Callable[..., Scores]


def random_psnr(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, 80)


def texts(figure: Any) -> list[str]:
    """Everything that is written in a figure."""
    return [one.get_text() for one in figure.findobj(matplotlib.text.Text) if one.get_text()]


@pytest.fixture
def opened(bench: Any) -> tuple[Set, list[Outputs]]:
    made = Set.open(bench.set)
    return made, [Outputs.open(path, made) for path in bench.outputs.values()]


def test_a_grid_shows_the_pixels_and_measures_them(opened: tuple[Set, list[Outputs]]) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    made, outputs = opened
    pairs = list(made.pairs())
    chosen = choose_pairs(made, [pairs[2].pair_id, pairs[1].pair_id])
    grid = collect(made, outputs, chosen)
    assert grid.titles == ("blurred", "unsharp", "wiener\n(true kernel)", "<script>alert(1)</script>", "sharp")
    image = made.images[pairs[2].image_id]
    row = grid.rows[0]
    np.testing.assert_array_equal(row.tiles[0].pixels, made.blurred(pairs[2]))
    np.testing.assert_array_equal(row.tiles[1].pixels, outputs[1].restored(pairs[2], (64, 64)))
    np.testing.assert_array_equal(row.tiles[-1].pixels, made.sharp(image))
    assert row.tiles[1].psnr == pytest.approx(
        peak_signal_noise_ratio(made.sharp(image), row.tiles[1].pixels, data_range=255), abs=1e-6
    )
    assert math.isnan(row.tiles[-1].psnr) and len(row.tiles[0].kernel) == pairs[2].kernel_size
    failed = grid.rows[1].tiles[3]
    assert failed.pixels is None and "out of memory" in failed.why and said(failed) == "—"
    scores = Scores.read(outputs[1].root).frame.set_index("pair_id")
    assert row.tiles[1].psnr == pytest.approx(scores.loc[pairs[2].pair_id, "psnr[rgb,255]"], abs=1e-6)


def test_a_drawn_grid_is_those_pixels(opened: tuple[Set, list[Outputs]], tmp_path: Path) -> None:
    from facedeblur.benchmark.files.images import read_photo

    made, outputs = opened
    chosen = choose_pairs(made, ["random"])
    grid = collect(made, outputs[1:2], chosen)
    figure, dpi = draw(grid, captions=False, width=3.0)
    drawn = read_photo(save(figure, tmp_path / "grid.png", dpi=dpi)).pixels.astype(int)
    side = round((3.0 - 0.06) / 3 * dpi)
    assert side % 64 == 0 and dpi >= 300, "an image pixel is a whole number of dots"
    # The sharp image is in the last column at the foot.
    sharp = grid.rows[0].tiles[-1].pixels.astype(int)
    shown = drawn[-side - round(0.02 * dpi) :, -side:][side // 128 :: side // 64, side // 128 :: side // 64][:64, :64]
    assert np.mean(np.abs(shown - sharp) <= 1) > 0.9


def test_insets_frame_what_they_show(opened: tuple[Set, list[Outputs]]) -> None:
    made, outputs = opened
    grid = collect(made, outputs, choose_pairs(made, ["random:2"]))
    figure, _ = draw(grid, insets=[read_box("8, 10,16,8"), (30, 5, 8, 8)])
    images = [axes for axes in figure.axes if axes.images]
    # Two rows of five images, each with two insets, less the failed ones, and two kernels.
    missing = sum(tile.pixels is None for row in grid.rows for tile in row.tiles)
    assert len(images) == 2 * 5 * 3 + 2 - 3 * missing
    first = grid.rows[0].tiles[0].pixels
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), first[10:18, 8:24])
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), first[5:13, 30:38])
    (one, two) = figure.axes[0].patches
    assert (one.get_bbox().bounds, matplotlib.colors.to_hex(one.get_edgecolor()).upper()) == (
        (7.5, 9.5, 16, 8),
        FRAMES[0],
    )
    assert two.get_bbox().bounds == (29.5, 4.5, 8, 8)
    marks = [text for text in figure.texts if " / " in text.get_text()]
    assert len(marks) == 10 and sum(text.get_text() == "PSNR (dB) / SSIM" for text in marks) == 2
    bold = [text.get_text() for text in marks if text.get_fontweight() == "bold"]
    assert bold == [said(row.tiles[best_place(row.tiles)]) for row in grid.rows]


def test_the_best_is_one_without_the_true_kernel() -> None:
    tiles = [Tile(None, 20.0), Tile(None, 21.0), Tile(None, 30.0, oracle=True), Tile(None)]
    assert best_place(tiles) == 1 and best_place(tiles[2:]) == -1
    assert said(Tile(np.zeros((2, 2, 3), np.uint8), math.inf, 1.0)) == "∞ / 1.0000"


@pytest.mark.parametrize(
    ("box", "line"),
    [("1,2,3", "x,y,w,h"), ("1,2,0,4", "x,y,w,h"), ("a,b,c,d", "x,y,w,h"), ("-1,2,3,4", "x,y,w,h"),
     ("60,0,8,8", "a part of the 64x64 images")],
)  # fmt: skip
def test_bad_insets(opened: tuple[Set, list[Outputs]], box: str, line: str) -> None:
    made, outputs = opened
    grid = collect(made, outputs, choose_pairs(made, ["random"]))
    assert line in told(lambda: draw(grid, insets=[read_box(box)]))
    assert "at most 3" in told(lambda: draw(grid, insets=[(0, 0, 8, 8)] * 4))
    assert "at least" in told(lambda: draw(grid, width=0.5))


def test_pairs_by_rank(opened: tuple[Set, list[Outputs]]) -> None:
    made, outputs = opened
    table = table_of(outputs)
    assert table is not None and table.meta.method == "unsharp", "the first that is neither the input nor an oracle"
    values = table.frame.set_index("pair_id")["psnr[rgb,255]"].sort_values()
    worst, most, middle = choose_pairs(made, ["worst", "best", "median"], by=table)
    assert worst == Chosen(next(p for p in made.pairs() if p.pair_id == values.index[0]), "worst of unsharp")
    assert most.pair.image_id != worst.pair.image_id, "another face while there is one"
    assert len({one.pair.image_id for one in (worst, most, middle)}) == 3
    four = choose_pairs(made, ["worst:4"], by=table)
    assert four[0].pair.pair_id == values.index[0] and len({one.pair.pair_id for one in four}) == 4
    assert choose_pairs(made, ["random:3"], seed=1) == choose_pairs(made, ["random:3"], seed=1)
    assert choose_pairs(made, ["random:3"], seed=1) != choose_pairs(made, ["random:3"], seed=2)
    hostile = table_of(outputs, "<script>alert(1)</script>")
    assert hostile is not None
    scored = [one.pair.index for one in choose_pairs(made, ["worst:10"], by=hostile)]
    assert not {1, 6} & set(scored), "a failed pair is none of the worst"


def test_scores_of_earlier_outputs_choose_no_pairs(opened: tuple[Set, list[Outputs]], tmp_path: Path) -> None:
    made, outputs = opened
    copied = Path(shutil.copytree(outputs[1].root, tmp_path / "outputs"))
    earlier = Scores.read(copied)
    earlier.meta.run["hash"] = "0" * 64
    earlier.write(copied / "scores.parquet")
    assert "are of other outputs; run facedeblur score again" in told(lambda: table_of([Outputs.open(copied, made)]))


def test_pairs_that_cannot_be_had(opened: tuple[Set, list[Outputs]]) -> None:
    made, outputs = opened
    table = table_of(outputs)
    assert "did you mean 'worst'" in told(lambda: choose_pairs(made, ["worts"], by=table))
    assert "run facedeblur score" in told(lambda: choose_pairs(made, ["best"]))
    assert "only 25 scored pairs" in told(lambda: choose_pairs(made, ["worst:26"], by=table))
    assert "did you mean 'unsharp'" in told(lambda: table_of(outputs, "unsharpen"))
    assert "at least one pair" in told(lambda: collect(made, outputs, []))
    other = Scores.read(outputs[0].root)
    other.meta.set["hash"] = "b2" * 32
    assert "another set" in told(lambda: choose_pairs(made, ["best"], by=other))


@pytest.fixture
def board(scores_of: Make) -> Any:
    psnr = random_psnr(0)
    run = {"timings": {"mean_s": 0.01, "width": 128, "height": 128}, "device": "cpu"}
    slow = {"timings": {"mean_s": 0.5, "width": 128, "height": 128}, "device": "cpu"}
    perfect = np.where(np.arange(80) == 3, np.inf, psnr + 4)
    return gather(
        [
            scores_of("blurred", psnr),
            scores_of("a$x$", psnr + 1, run=run, status={5: "failed: x"}),
            scores_of("slow", psnr + 3, run=slow),
            scores_of("untimed", psnr - 1),
            scores_of("wiener", perfect, oracle=True, run=run),
        ]
    )


def test_kernel_sizes_have_means_and_intervals(board: Any) -> None:
    figure = kernel_size(board, width=3.5)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["slow", "a$x$", "blurred", "untimed", "wiener*"]
    method = next(method for method in board if method.label == "slow")
    sizes = method.scores.frame["kernel_size"]
    wanted = [method.values(board.headline)[sizes == size].mean() for size in sorted(set(sizes))]
    assert list(lines["slow"].get_ydata()) == pytest.approx(wanted)
    assert math.isinf(lines["wiener*"].get_ydata()[sorted(set(sizes)).index(13 + 2 * 3)])
    assert len(axes.collections) == 5 and axes.get_ylabel() == "PSNR (dB)"
    written = texts(figure)
    assert any("failed pairs, counted as 0 dB: a$x$ 1" in text and "true kernel" in text for text in written)
    assert any("95 % intervals from " in text and " faces x " in text and " kernels a size" in text for text in written)


def test_distributions_tell_what_is_not_on_the_axis(board: Any) -> None:
    figure = distribution(board)
    written = texts(figure)
    assert "1 failed" in written and "1 infinite" in written and "wiener*" in written


def test_run_times_have_a_front_and_name_who_has_none(board: Any) -> None:
    figure = runtime(board)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "seconds per image (128x128, cpu)"
    assert {"a$x$", "slow", "wiener*", "blurred", "Pareto front"} == {line.get_label() for line in axes.lines}
    assert any("no run time: untimed" in text for text in texts(figure))
    only = gather([method.scores for method in board if method.label in ("blurred", "untimed")])
    assert "no run has recorded its run time" in told(lambda: runtime(only))


def test_the_front_is_whom_nobody_of_the_same_machine_beats(scores_of: Make) -> None:
    def timed(name: str, psnr: float, seconds: float, device: str) -> Scores:
        return scores_of(name, np.full(20, psnr), run={"timings": {"mean_s": seconds}, "device": device})

    here = [timed("a", 20.0, 1.0, "cpu"), timed("b", 25.0, 2.0, "cpu"), timed("beaten", 24.0, 3.0, "cpu")]
    perfect = timed("perfect", math.inf, 9.0, "cpu")
    there = [timed("x", 26.0, 0.1, "cuda"), timed("y", 28.0, 0.2, "cuda")]
    assert fronts(runtime(gather([*here, *there]))) == [[(1.0, 20.0), (2.0, 25.0)], [(0.1, 26.0), (0.2, 28.0)]]
    figure = runtime(gather([*here, there[0], perfect]))
    assert fronts(figure) == [[(1.0, 20.0), (2.0, 25.0)]], "one alone is no line"
    assert any("infinite mean: perfect" in text for text in texts(figure))


def test_a_timed_method_without_a_mean_has_no_place(scores_of: Make) -> None:
    skin = Column("psnr-class[rgb,255,skin]", "PSNR skin", "dB", True, 0.0, partial=True)
    table = scores_of("a", np.full(20, math.nan), columns=(skin,), run={"timings": {"mean_s": 1.0}})
    assert fronts(runtime(gather([table]))) == []


def fronts(figure: Any) -> list[list[tuple[float, float]]]:
    """The stepped lines by their points."""
    lines = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    return [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in lines]


def recognition(method: str, shares: tuple[float, ...], **more: Any) -> Recognition:
    curve = Curve(100, 3, 0, shares)
    known: dict[str, Any] = {"oracle": False, "set_name": "s", "set_hash": "h", "run_hash": "r", "embedder": "e"}
    known |= {"distance": "l2", "n_gallery": 5, "gallery_left_out": 0, "n_identities": 5, "verification": None}
    clear = Curve(10, 0, 0, (1.0,) * len(shares))
    return Recognition(
        method=method, **{**known, **more}, curve=curve, clear=clear, leave_one_out=clear, rows=pd.DataFrame()
    )


def test_match_curves() -> None:
    figure = cmc([recognition("a", (0.5, 0.75, 0.9)), recognition("b", (0.6, 0.7, 0.8), oracle=True)], most=2)
    lines = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert lines == {"a": [50, 75], "b*": [60, 70], "sharp": [100, 100]}
    assert any("a 3, b 3" in text for text in texts(figure))
    said_ = told(lambda: cmc([recognition("a", (0.5,)), recognition("b", (0.5,), embedder="other")]))
    assert "embedder" in said_ and "other" in said_
    assert "no recognition tables" in told(lambda: cmc([]))
    two = cmc([recognition("a", (0.5, 0.75)), recognition("a", (0.6, 0.7), run_hash="other")]).axes[0].lines[:2]
    assert [line.get_label() for line in two] == ["a (run other)", "a (run r)"]
    assert two[0].get_color() != two[1].get_color()
    assert "each run once" in told(lambda: cmc([recognition("a", (0.5,))] * 2))


def parsing(method: str, hits: int, classes: tuple[str, ...] = HELEN) -> Parsing:
    rows: dict[str, Any] = {"index": [0], "pair_id": ["p"], "image_id": ["i"], "kernel_id": ["k"], "kernel_size": [13]}
    rows |= {"status": ["ok"]}
    rows |= {name: [[hits, 50, 50] * len(groups)] for name, groups in GROUPS.items()}
    return Parsing(method, False, "s", "h", "r", "parser", classes, rows=pd.DataFrame(rows))


def test_component_scores() -> None:
    figure = fscore([parsing("a", 50), parsing("b", 150)])
    lines = {line.get_label(): line for line in figure.axes[0].lines if not line.get_label().startswith("_")}
    assert list(lines) == ["b", "a"]
    assert list(lines["a"].get_xdata()) == pytest.approx([50.0] * 12)
    assert list(lines["b"].get_xdata()) == pytest.approx([75.0] * 12)
    assert [one.get_text() for one in figure.axes[0].get_yticklabels()][-1] == "mean"
    bald = tuple(name for name in HELEN if name != "hair")
    assert any("not parsed: hair" in text for text in texts(fscore([parsing("a", 50, bald)])))


def test_methods_look_different_and_the_same_in_every_figure() -> None:
    methods = [(f"m{place:02d}", place % 2 == 0) for place in range(20)] + [("blurred", False)]
    found = looks(methods)
    assert found == looks(methods[::-1])
    assert len({(one["color"], one["marker"]) for one in found.values()}) == 21
    assert found["blurred"]["color"] == GREY and found["m00"]["color"] == COLOURS[0]


def distance(one: str, other: str, turn: np.ndarray) -> float:
    """Difference of two colours in CIELAB as a colour-blind eye sees them."""
    from skimage.color import rgb2lab

    pair = np.array([matplotlib.colors.to_rgb(one), matplotlib.colors.to_rgb(other)])
    linear = np.where(pair <= 0.04045, pair / 12.92, ((pair + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ turn.T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


@pytest.mark.parametrize(
    "turn",
    [
        # Machado, Oliveira and Fernandes 2009, severity 1: protanopia and deuteranopia.
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ],
)
def test_colours_can_be_told_apart(turn: list[list[float]]) -> None:
    apart = [distance(one, other, np.array(turn)) for k, one in enumerate(COLOURS) for other in COLOURS[k + 1 :]]
    assert min(apart) > 8


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_same_figure_is_the_same_bytes(
    scores_of: Make, opened: tuple[Set, list[Outputs]], tmp_path: Path, suffix: str
) -> None:
    made, outputs = opened
    tables = [scores_of("a", random_psnr(0)), scores_of("<b>&", random_psnr(1))]
    sums = []
    for turn in range(2):
        with matplotlib.rc_context({"font.size": 20 + turn, "svg.hashsalt": f"{turn}", "savefig.dpi": 50 + turn}):
            grid = collect(made, outputs[:2], choose_pairs(made, ["worst"], by=table_of(outputs)))
            files = [save(distribution(gather(tables)), tmp_path / f"{turn}.{suffix}"),
                     save(draw(grid, insets=[(8, 8, 8, 8)])[0], tmp_path / f"grid{turn}.{suffix}")]  # fmt: skip
        sums.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert sums[0] == sums[1]
    data = files[0].read_bytes()
    assert data.startswith({"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}[suffix])
    assert b"/Type3" not in data and b"CreationDate" not in data and b"<dc:date>" not in data


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert ".pdf, .svg, .png" in told(lambda: check_suffix("x.jpg")) and "no suffix" in told(lambda: check_suffix("x"))


def test_without_kernels_there_is_no_plot_of_sizes(scores_of: Make) -> None:
    table = scores_of("a", random_psnr(0), columns=(Column("detection[x]", "Found", "fraction", True, 0.0),))
    table.frame["kernel_size"] = 0
    assert "the set has no kernels" in told(lambda: kernel_size(gather([table])))
    assert distribution(gather([table])).axes[0].get_xlabel() == "Found (%)"
