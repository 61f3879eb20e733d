"""Quality against run time: who is on the front, by a literal search, and that it is drawn there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.series import against_time, beyond, not_timed
from facedeblur.reports.page.gallery import Gallery
from facedeblur.reports.page.report import page
from facedeblur.reports.page.svg.axes import log_ticks
from facedeblur.reports.page.svg.scatter import draw_time

Make = Callable[..., Scores]


def timed(make: Make, name: str, psnr: float, seconds: float, *, oracle: bool = False, device: str = "cpu") -> Scores:
    noise = np.random.default_rng(len(name)).normal(0, 1, 40)
    run = {"timings": {"mean_s": seconds, "images": 9}, "device": device, "hash": name}
    return make(name, psnr + noise - noise.mean(), oracle=oracle, run=run)


def test_the_front_is_that_of_a_literal_search(scores_of: Make) -> None:
    rng = np.random.default_rng(3)
    known = {f"method {i:02d}": (float(rng.uniform(20, 30)), float(10 ** rng.uniform(-3, 1))) for i in range(14)}
    frame = against_time(gather([timed(scores_of, name, *at) for name, at in known.items()])).set_index("method")
    for name, (psnr, seconds) in known.items():
        beaten = any(p > psnr and s < seconds for other, (p, s) in known.items() if other != name)
        assert frame.loc[name, "front"] == (not beaten)
    assert 1 < frame["front"].sum() < 14


def test_machines_oracles_and_the_input_do_not_beat_each_other(scores_of: Make) -> None:
    tables = [
        timed(scores_of, "slow", 25, 2.0),
        timed(scores_of, "fast on another machine", 29, 0.01, device="cuda"),
        timed(scores_of, "knows the kernel", 33, 0.1, oracle=True),
        timed(scores_of, "blurred", 31, 1e-6),
        scores_of("untimed", np.full(40, 24.0)),
    ]
    board = gather(tables)
    frame = against_time(board).set_index("method")
    assert frame["front"].to_dict() == {"slow": True, "fast on another machine": True, "knows the kernel": False}
    assert not_timed(board) == ["untimed"]
    drawing = ET.fromstring(draw_time(frame.reset_index(), board.headline, level=31.0))
    assert len(drawing.findall(".//circle[@class='ring']")) == 2
    assert len(drawing.findall("path[@class='front']")) == 2 and "blurred input" in "".join(drawing.itertext())


def test_two_alike_are_both_on_the_front(scores_of: Make) -> None:
    frame = against_time(gather([timed(scores_of, "a", 25, 1.0), timed(scores_of, "b", 25, 1.0)]))
    assert frame["front"].all()


def test_marks_lie_where_the_numbers_are(scores_of: Make) -> None:
    rng = np.random.default_rng(0)
    tables = [timed(scores_of, f"m{i}", rng.uniform(20, 30), 10.0 ** rng.uniform(-4, 2)) for i in range(8)]
    board = gather(tables)
    frame = against_time(board)
    drawing = ET.fromstring(draw_time(frame, board.headline))
    hits = [hit for hit in drawing.iter("circle") if hit.get("class") == "hit"]
    across, up = np.array([(float(hit.get("cx", "")), float(hit.get("cy", ""))) for hit in hits]).T
    for drawn, true, sign in ((across, np.log10(frame["seconds"]), 1), (up, frame["mean"], -1)):
        slope = np.polyfit(true, drawn, 1)
        assert slope[0] * sign > 0 and np.abs(np.polyval(slope, true) - drawn).max() < 0.1
    names = [
        (float(one.get("x", "")), float(one.get("y", ""))) for one in drawing.iter("text") if one.get("class") == "name"
    ]
    assert len(set(names)) == 8 and not re.search(r"\b(nan|inf)\b", ET.tostring(drawing, "unicode"))


def test_an_infinite_mean_is_on_no_drawing_and_named(scores_of: Make) -> None:
    perfect = scores_of("perfect", np.full(40, np.inf), run={"timings": {"mean_s": 1.0}})
    board = gather([timed(scores_of, "a", 25, 1.0), perfect, scores_of("untimed", np.full(40, 24.0))])
    frame = against_time(board)
    assert beyond(frame) == ["perfect"] and not_timed(board) == ["untimed"]
    assert draw_time(frame, board.headline).count('class="hit"') == 1
    source = page(board, Gallery((), "", "", ()))
    assert "because the mean is infinite: perfect." in source
    assert "because no run time was recorded: untimed." in source


def test_nothing_timed_is_no_drawing(scores_of: Make) -> None:
    board = gather([scores_of("a", np.full(20, 25.0))])
    assert draw_time(against_time(board), board.headline) == ""


@pytest.mark.parametrize(("low", "high"), [(1e-4, 1e2), (0.002, 0.03), (0.5, 5.0), (3e-5, 3e-4)])
def test_log_ticks_are_inside_and_enough(low: float, high: float) -> None:
    found = log_ticks(low, high)
    assert 3 <= len(found) <= 8 and found == sorted(found)
    assert low * 0.99 <= found[0] and found[-1] <= high * 1.01
    assert all(f"{one:.0e}"[0] in "125" for one in found)
