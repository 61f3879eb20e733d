"""The plots' numbers against pandas, and the drawings as XML."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.statistics.two_way_bootstrap import interval
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.series import by_kernel_size, distribution
from facedeblur.reports.page.figures import kernel_size
from facedeblur.reports.page.svg.axes import Axes, ticks
from facedeblur.reports.page.svg.drawing import draw_kernel_size, draw_spread
from facedeblur.reports.page.svg.ridges import draw_distribution

PSNR = "psnr[rgb,255]"
Make = Callable[..., Scores]


def random_psnr(seed: int, n: int = 160) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, n)


def test_quality_over_kernel_size_is_what_pandas_groups(scores_of: Make) -> None:
    table = scores_of("a", random_psnr(0), status={3: "failed: hung", 11: "failed: hung"})
    found = by_kernel_size(gather([table])).set_index("kernel_size")
    groups = table.frame.assign(**{PSNR: table.frame[PSNR].fillna(0.0)}).groupby("kernel_size")[PSNR]
    assert list(found.index) == [13, 15, 17, 19, 21, 23, 25, 27]
    np.testing.assert_allclose(found["mean"], groups.mean(), atol=1e-12)
    np.testing.assert_allclose(found["std"], groups.std(ddof=0), atol=1e-12)
    for share, name in ((0.25, "q25"), (0.5, "median"), (0.75, "q75")):
        np.testing.assert_allclose(found[name], groups.quantile(share), atol=1e-12)
    assert found.loc[19, "failed"] == 2 and found["pairs"].sum() == 160


def test_intervals_are_those_of_the_size_by_itself(scores_of: Make) -> None:
    table = scores_of("a", random_psnr(0), status={3: "failed: hung"})
    found = by_kernel_size(gather([table])).set_index("kernel_size")
    here = table.frame[table.frame["kernel_size"] == 19]
    bounds = interval(here[PSNR].fillna(0.0).to_numpy(), here["identity"].to_numpy(), here["kernel_id"].to_numpy())
    assert found.loc[19, ["low", "high"]].tolist() == pytest.approx([bounds.low, bounds.high], abs=1e-9)
    assert found.loc[19, "basis"] == bounds.basis
    table.frame["kernel_id"] = "one"
    alone = by_kernel_size(gather([table]))
    assert alone["low"].isna().all() and set(alone["absent"]) == {"only 1 kernel"}


def test_every_pair_is_in_a_bin_or_counted_beside(scores_of: Make) -> None:
    psnr = random_psnr(1)
    psnr[[2, 9]] = np.inf
    board = gather([scores_of("a", psnr, status={5: "failed: hung"}), scores_of("b", psnr - 8)])
    found = distribution(board, bins=20).set_index("method")
    for method, failed in (("a", 1), ("b", 0)):
        row = found.loc[method]
        assert row["counts"].sum() + row["failed"] + row["infinite"] == 160
        assert (row["failed"], row["infinite"]) == (failed, 2)
    finite = np.delete(psnr, [2, 5, 9])
    np.testing.assert_array_equal(found.loc["a", "counts"], np.histogram(finite, found.loc["a", "edges"])[0])
    assert found.loc["a", "median"] == np.median(np.delete(psnr, 5))
    assert found.loc["b", "tail"] == pytest.approx(np.sort(psnr)[:8].mean() - 8, abs=1e-12), "eight of 160 are 5 %"
    assert found.loc["b", "q05"] == pytest.approx(np.sort(psnr)[7:9] @ [0.05, 0.95] - 8, abs=1e-12)


def parse(drawing: str) -> ET.Element:
    """The drawing as XML: it does not parse unless every name in it is escaped."""
    return ET.fromstring(drawing)


def test_lines_lie_where_the_numbers_are(scores_of: Make) -> None:
    board = gather([scores_of("high", random_psnr(0) + 6), scores_of("low", random_psnr(1))])
    frame = by_kernel_size(board)
    groups = parse(draw_kernel_size(frame, board.headline)).findall("g")
    for group, (_, rows) in zip(groups, frame.groupby("method", sort=False), strict=True):
        across, up = np.array([(float(h.get("cx", "")), float(h.get("cy", ""))) for h in group.iter("circle")]).T
        # Both axes are linear: drawn and true coordinates are one straight line, upside down for the values.
        assert np.corrcoef(across, rows["kernel_size"])[0, 1] == pytest.approx(1, abs=1e-6)
        slope = np.polyfit(rows["mean"], up, 1)
        assert slope[0] < 0 and np.abs(np.polyval(slope, rows["mean"]) - up).max() < 0.1
        whiskers = [one.get("d", "") for one in group.findall("path[@class='whisker']")]
        tops, feet = np.array([re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", one)[0] for one in whiskers], float).T
        np.testing.assert_allclose(tops, np.polyval(slope, rows["high"]), atol=1)
        np.testing.assert_allclose(feet, np.polyval(slope, rows["low"]), atol=1)
    titles = [title.text or "" for title in groups[0].iter("title")]
    assert any(f"{frame['mean'].iloc[0]:.2f} dB" in title and "13 px" in title for title in titles)


def test_names_at_the_line_ends_never_touch(scores_of: Make) -> None:
    board = gather([scores_of(f"method {i}", random_psnr(0) + 1e-3 * i) for i in range(12)])
    drawing = parse(draw_kernel_size(by_kernel_size(board), board.headline))
    names = sorted(float(text.get("y", "")) for text in drawing.iter("text") if text.get("class") == "name")
    assert len(names) == 12 and np.diff(names).min() >= 14.9
    assert names[0] > 0 and names[-1] < float(drawing.get("viewBox", "").split()[3])


def test_methods_differ_without_colour(scores_of: Make) -> None:
    tables = [scores_of(f"m{i}", random_psnr(i), oracle=i == 3) for i in range(5)]
    panels = draw_spread(by_kernel_size(gather(tables)), gather(tables).headline)
    assert len({panel["marker"] for panel in panels}) == 5
    assert ["oracle" in panel["svg"] for panel in panels] == [False] * 4 + [True]
    for panel in panels:
        band = parse(panel["svg"]).find(".//path[@class='band']")
        assert band is not None and len(re.findall("[ML]", band.get("d", ""))) == 16


def hostile(make: Make) -> list[Scores]:
    return [make('<script>alert("1")</script> & co', random_psnr(0))]


def all_failed(make: Make) -> list[Scores]:
    return [make("a", random_psnr(0, 16), status=dict.fromkeys(range(16), "failed: x"))]


def all_infinite(make: Make) -> list[Scores]:
    return [make("a", np.full(16, np.inf)), make("b", random_psnr(0, 16))]


def one_pair(make: Make) -> list[Scores]:
    return [make("a", [25.0])]


def constant(make: Make) -> list[Scores]:
    return [make("a", np.full(16, 25.0))]


def alike_to_rounding(make: Make) -> list[Scores]:
    return [make("a", [30.0]), make("b", [np.nextafter(30.0, 31.0)])]


def many(make: Make) -> list[Scores]:
    return [make(f"method number {i} with a long name", random_psnr(i)) for i in range(30)]


@pytest.mark.parametrize("case", [hostile, all_failed, all_infinite, one_pair, constant, alike_to_rounding, many])
def test_odd_boards_are_drawn(scores_of: Make, case: Callable[[Make], list[Scores]]) -> None:
    board = gather(case(scores_of))
    frame = by_kernel_size(board)
    drawings = [draw_kernel_size(frame, board.headline), draw_distribution(distribution(board), board.headline)]
    drawings += [panel["svg"] for panel in draw_spread(frame, board.headline)]
    for drawing in drawings:
        assert parse(drawing).tag == "svg"
        assert not re.search(r"\b(nan|inf)\b", re.sub(r"<title>.*?</title>", "", drawing))


def test_an_infinite_mean_is_drawn_at_the_edge_and_named(scores_of: Make) -> None:
    board = gather(all_infinite(scores_of))
    drawing = draw_kernel_size(by_kernel_size(board), board.headline)
    assert drawing.count("M-4 2L0-4L4 2") == 8 and "mean ∞ dB" in drawing
    assert "16 infinite" in draw_distribution(distribution(board), board.headline)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (15.3, 39.1), (-38.242, -38.150), (0.61, 0.93), (0, 9e5)])
@pytest.mark.parametrize("about", [4, 6, 8])
def test_ticks_are_round_and_inside(low: float, high: float, about: int) -> None:
    found = ticks(low, high, about=about)
    assert 2 <= len(found) <= 2.5 * about
    assert low - 1e-9 <= found[0] and found[-1] <= high + 1e-9
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert f"{steps[0]:.1e}"[:3] in {"1.0", "2.0", "5.0"}


@pytest.mark.parametrize(("low", "high"), [(0.98, 1.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (0.2, 0.7)])
def test_no_tick_stands_where_no_mean_can_be(low: float, high: float) -> None:
    box, column = (
        Axes(200, 100, left=0, right=0, top=0, bottom=0),
        Column("a", "A", "fraction", True, 0.0, False, 0, 1),
    )
    shown = [float(level["text"]) for level in box.fit([low, high], column)]
    assert len(shown) >= 2 and 0 <= shown[0] <= shown[-1] <= 100
    assert len(box.fit([low, high], replace(column, least=-math.inf, most=math.inf))) >= len(shown)


def test_a_class_that_is_in_no_picture_has_no_lines(scores_of: Make) -> None:
    skin = Column("psnr-class[rgb,255,skin]", "PSNR skin", "dB", True, 0.0, partial=True)
    board = gather([scores_of("a", np.full(16, math.nan), columns=(skin,))])
    assert by_kernel_size(board).empty and kernel_size(board) == {}


def test_frames_are_plain_tables(scores_of: Make) -> None:
    board = gather([scores_of("a", random_psnr(0))])
    assert isinstance(by_kernel_size(board), pd.DataFrame) and isinstance(distribution(board), pd.DataFrame)
