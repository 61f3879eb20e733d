"""Recognition and parsing beside the tables: read, checked, and the interval of a pooled F-score by simulation."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Recognition
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.whole_sets import parsing_figures, pooled_spread, recognition_figures
from facedeblur.reports.page.report import report
from facedeblur.reports.page.svg.curves import draw_cmc, draw_components


@pytest.fixture
def copy(rich: Any, tmp_path: Path) -> dict[str, Path]:
    """The outputs folders, somewhere else."""
    shutil.copytree(rich.set.parent, tmp_path / "copy")
    return {method: tmp_path / "copy" / folder.name for method, folder in rich.outputs.items()}


def test_curves_are_those_of_the_ranks(rich: Any) -> None:
    board = gather(rich.tables)
    (figure,) = recognition_figures(board)
    assert "net@0, l2, 24 gallery images of 12 people" in figure.title and figure.notes == ()
    for method, rows in figure.frame.groupby("method"):
        ranks = Recognition.read(rich.outputs[str(method)]).rows["rank"].to_numpy()
        expected = [np.mean((ranks > 0) & (ranks <= k)) for k in rows["rank"]]
        np.testing.assert_allclose(rows["share"], expected, atol=1e-12)
        assert list(rows["rank"]) == list(range(1, 13)) and set(rows["misses"]) == {1}
        marked = rows[rows["low"].notna()]
        assert set(marked["rank"]) <= {1, 3, 5, 10} and (marked["low"] <= marked["share"]).all()
        assert marked["low"].min() >= 0 and marked["high"].max() <= 1
    drawing = ET.fromstring(draw_cmc(figure.frame, figure.reference))
    assert len(drawing.findall("g")) == 5 and "sharp images" in "".join(drawing.itertext())


def test_scores_are_those_of_the_records(rich: Any) -> None:
    (figure,) = parsing_figures(gather(rich.tables))
    for method, rows in figure.frame.groupby("method"):
        record = Parsing.read(rich.outputs[str(method)])
        np.testing.assert_array_equal(rows["score"], list(record.scores().values()))
        assert list(rows["component"]) == [name.replace(" ", "-") for name in HELEN]
        assert set(rows["images"]) == {24} and set(rows["misses"]) == {1}
        known = rows[rows["score"].notna()]
        assert len(known) == 10 and (known["low"] < known["score"]).all() and (known["score"] < known["high"]).all()
    assert len(figure.reference) == 11
    drawing = ET.fromstring(draw_components(figure.frame, figure.reference))
    assert "no such class" in "".join(drawing.itertext())


def test_a_component_that_is_nowhere_is_not_laid_to_the_parser(copy: dict[str, Path]) -> None:
    at = 3 * HELEN.index("inner mouth")
    for folder in copy.values():
        record = Parsing.read(folder)
        gone = [[*counts[:at], 0, 0, 0, *counts[at + 3 :]] for counts in record.rows["helen11"]]
        replace(record, rows=record.rows.assign(helen11=gone)).write(folder / "parsing.parquet")
    (figure,) = parsing_figures(gather(list(copy.values())))
    why = figure.frame.drop_duplicates("component").set_index("component")["absent"]
    assert why["inner-mouth"] == "in no label, and found in no image" and why["hair"] == "the parser has no such class"
    shown = "".join(ET.fromstring(draw_components(figure.frame, figure.reference)).itertext())
    assert shown.count("no such class") == shown.count("in no label") == 1


def test_other_definitions_are_figures_of_their_own(copy: dict[str, Path], rich: Any) -> None:
    replace(Recognition.read(copy["unsharp"]), embedder="other@1").write(copy["unsharp"] / "recognition.parquet")
    first, second = recognition_figures(gather(list(copy.values())))
    assert set(second.frame["method"]) == {"unsharp"} and "unsharp" not in set(first.frame["method"])
    assert "unsharp: tested by another definition" in first.notes


def test_records_of_other_outputs_are_left_out_and_named(copy: dict[str, Path]) -> None:
    shutil.copy(copy["wiener"] / "recognition.parquet", copy["unsharp"] / "recognition.parquet")
    (copy["blurred"] / "recognition.parquet").unlink()
    whole = (copy["wiener"] / "recognition.parquet").read_bytes()
    (copy["wiener"] / "recognition.parquet").write_bytes(whole[: len(whole) // 2])
    (figure,) = recognition_figures(gather(list(copy.values())))
    assert len(set(figure.frame["method"])) == 1
    notes = " ".join(figure.notes)
    assert "unsharp: the test is of other outputs than were scored" in notes and "blurred: not tested" in notes
    assert "wiener: recognition.parquet: cannot be read as a recognition table" in notes
    source = report(list(copy.values()), copy["unsharp"].parent / "r.html").read_text(encoding="utf-8")
    assert "Not in this figure: blurred: not tested." in source


def test_nothing_beside_is_no_section(bench: Any, tmp_path: Path) -> None:
    assert recognition_figures(gather(bench.tables)) == [] and parsing_figures(gather(bench.tables)) == []
    source = report(bench.tables, tmp_path / "r.html").read_text(encoding="utf-8")
    assert 'id="recognition"' not in source and 'id="parsing"' not in source


def test_the_interval_of_a_pooled_score_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    faces, kernels = np.repeat(np.arange(20), 8), np.tile(np.arange(8), 20)

    def draw() -> np.ndarray:
        rate = np.clip(0.8 + rng.normal(0, 0.05, 20)[faces] + rng.normal(0, 0.03, 8)[kernels], 0.05, 0.99)
        hits = rng.binomial(400, rate)
        return np.stack([hits, rng.poisson(40, 160), 400 - hits], axis=1)

    truth = 2 * 0.8 * 400 / (2 * 0.8 * 400 + 40 + 0.2 * 400)
    held = 0
    for _ in range(200):
        found = pooled_spread(draw(), faces, kernels).interval
        assert found is not None and found.basis == "20 faces x 8 kernels"
        held += found.low <= truth <= found.high
    assert 176 <= held <= 199


def test_an_interval_that_there_is_not_says_why() -> None:
    two, other = np.divmod(np.arange(25), 5)
    counts = np.ones((25, 3), int)
    assert pooled_spread(counts, two * 0, other).absent == "only 1 face"
    assert pooled_spread(counts, two, other % 4).absent == "only 4 kernels"
    assert pooled_spread(counts * 0, two, other).absent == "no values"
    assert pooled_spread(counts[:0], two[:0], two[:0]).absent == "no values"
    assert pooled_spread(counts * [1, 0, 0], two, other).absent == "equal values", "every image has F = 1"
    faces, kernels = np.divmod(np.arange(25), 5)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alike = rng.integers(1, 500, 3) * rng.integers(1, 9, (25, 1))
        assert pooled_spread(alike, faces, kernels).absent == "equal values", "one F on images of many sizes"


def test_the_interval_of_a_pooled_score_of_few_faces_ends_at_one() -> None:
    faces, kernels = np.divmod(np.arange(25), 5)
    missed = np.where(faces == 4, 900, 0)
    found = pooled_spread(np.stack([np.full(25, 400), missed, kernels], axis=1), faces, kernels).interval
    assert found is not None and 0 <= found.low < found.high == 1 and found.basis == "5 faces x 5 kernels"
