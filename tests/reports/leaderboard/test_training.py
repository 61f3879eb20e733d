"""Training data and licence on leaderboards, and the mark of a method that was trained on the set's collection."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.cli.display.leaderboard import print_board
from facedeblur.methods.nets.loading import SHIPPED
from facedeblur.reports.boards.shipped import read_board
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.files import read_leaderboard, to_csv, write_leaderboard
from facedeblur.reports.leaderboard.results import to_markdown
from facedeblur.reports.leaderboard.table import leaderboard
from facedeblur.reports.leaderboard.training import mark, notes
from facedeblur.reports.page.leaderboard import table

Make = Callable[..., Scores]
BASE = "fb6081a998c9e64ca3db3e792044da0adeb784c832b4c4531b3b589ec03a78a2"


def stated(trained_on: list[str], licence: str = "", told_by: str = "description") -> dict[str, Any]:
    return {"trained_on": trained_on, "licence": licence, "told_by": told_by}


@pytest.fixture
def tables(scores_of: Make) -> list[Scores]:
    """Five methods on faces of CelebAMask-HQ: the same data, a whole, others, known by the weights' hash, unknown."""
    runs = {
        "same": stated(["FFHQ", "CelebAMask-HQ"], "MIT"),
        "whole": stated(["CelebA"], told_by="name"),
        "other": stated(["GoPro"], "MIT (code)", "hash"),
        "earlier": {"weights": {"facedeblur-base.safetensors": BASE}},
        "unknown": {},
    }
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    made = [scores_of(name, psnr - at, run=run) for at, (name, run) in enumerate(runs.items())]
    of = {"sources": [{"folder": "faces", "licence": "", "collection": "celebamask: 8 photographs; licence: "}]}
    return [Scores(one.frame, replace(one.meta, set=one.meta.set | of)) for one in made]


def printed(frame: Any, *, width: int, terminal: bool) -> str:
    out = StringIO()
    print_board(frame, console=Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue()


def test_columns_and_overlap_of_each_method(tables: list[Scores]) -> None:
    rows = leaderboard(tables).set_index("method")
    assert rows["trained_on"].to_dict() == {
        "same": "FFHQ, CelebAMask-HQ", "whole": "CelebA", "other": "GoPro", "earlier": "CelebAMask-HQ", "unknown": "",
    }  # fmt: skip
    assert rows.loc["earlier", "licence"] == "non-commercial research only"
    assert rows.loc["earlier", "told_by"] == "hash"
    assert rows["overlap"].to_dict() == {
        "same": "CelebAMask-HQ", "whole": "CelebA, of which CelebAMask-HQ is a part", "other": "",
        "earlier": "CelebAMask-HQ", "unknown": "",
    }  # fmt: skip


def test_the_line_below_a_table_names_data_and_methods(tables: list[Scores]) -> None:
    rows = leaderboard(tables).to_dict("records")
    assert [mark(row) for row in rows] == ["†", "†", "", "†", ""]
    shared, named = notes(rows)
    assert shared.startswith(
        "† trained on CelebAMask-HQ, from which this set's photographs come (same, earlier); on CelebA, of which "
        "CelebAMask-HQ is a part, from which this set's photographs come (whole). "
    )
    assert "facedeblur check SET --against TRAINING_SET" in shared
    assert named == "trained on: only the name of the weight file tells it of whole"
    assert notes([row for row in rows if not row["overlap"]]) == []


def test_a_pipe_and_a_wide_terminal_show_the_columns_and_a_narrow_one_the_mark_alone(tables: list[Scores]) -> None:
    frame = leaderboard(tables)
    for width, terminal in ((80, False), (250, True)):
        shown = printed(frame, width=width, terminal=terminal)
        assert "trained on" in shown and "FFHQ, CelebAMask-HQ" in shown and "MIT (code)" in shown
        assert "same†" in shown and "other†" not in shown and "† trained on CelebAMask-HQ" in shown
    narrow = printed(frame, width=100, terminal=True)
    assert "FFHQ" not in narrow and "licence" not in narrow
    assert "same†" in narrow and "† trained on CelebAMask-HQ" in narrow


def test_columns_without_any_value_are_hidden_but_in_the_csv_file(scores_of: Make) -> None:
    frame = leaderboard([scores_of("a", [25.0] * 20), scores_of("b", [24.0] * 20)])
    assert "trained on" not in printed(frame, width=250, terminal=True)
    assert "trained on" not in to_markdown(frame)
    page = table(gather([scores_of("a", [25.0] * 20)]))
    assert "Trained on" not in [head["name"] for head in page["after"]] and page["notes"] == []
    assert to_csv(frame).splitlines()[0].endswith(",trained_on,licence,overlap")


def test_markdown_and_page_have_columns_mark_and_line(tables: list[Scores]) -> None:
    shown = to_markdown(leaderboard(tables))
    head = next(line for line in shown.splitlines() if line.startswith("| #"))
    assert head.endswith("| trained on | licence |")
    assert "| same† |" in shown and "\n\n† trained on CelebAMask-HQ, from which" in shown
    page = table(gather(tables))
    assert [head["name"] for head in page["after"]][-2:] == ["Trained on", "Licence"]
    assert [row["mark"] for row in page["parts"][0]["rows"]] == ["†", "†", "", "†", ""]
    assert page["notes"] == notes(leaderboard(tables).to_dict("records"))


def test_the_columns_are_read_back_from_the_json_file(tables: list[Scores], tmp_path: Path) -> None:
    frame = leaderboard(tables)
    _, file = write_leaderboard(frame, tmp_path / "board.csv")
    again = read_leaderboard(file)
    for name in ("trained_on", "licence", "told_by", "overlap"):
        assert again[name].tolist() == frame[name].tolist()
    assert json.loads(file.read_text(encoding="utf-8"))[0]["overlap"] == "CelebAMask-HQ"


def test_what_a_description_says_cannot_break_a_table(scores_of: Make) -> None:
    odd = stated(["a|b\n\x1b[31m<b>"], "<script>\n")
    shown = to_markdown(leaderboard([scores_of("x", [25.0] * 20, run=odd)]))
    row = next(line for line in shown.splitlines() if line.startswith("| 1 |"))
    assert "\x1b" not in shown and "<b>" not in row and "<script>" not in row and "a\\|b" in row


def test_networks_on_the_board_in_the_package_were_trained_on_other_photographs() -> None:
    assert (SHIPPED / "facedeblur-base.safetensors").is_file()
    rows = leaderboard(read_board("open")).set_index("method")
    assert rows.loc["facedeblur-base", "trained_on"] == "CelebAMask-HQ"
    assert rows.loc["maxim-gopro", "trained_on"] == "GoPro"
    assert not rows["overlap"].any()
