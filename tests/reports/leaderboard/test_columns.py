"""One list of columns: both files, the schema, the page and the terminal are made from it."""

from __future__ import annotations

import io
import json
import runpy
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.cli.display.leaderboard import print_board
from facedeblur.reports.leaderboard import columns
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.columns import (
    COLUMNS,
    BoardColumn,
    Shown,
    columns_in_file,
    csv_columns,
    schema,
    sections,
    shown_on,
)
from facedeblur.reports.leaderboard.files import read_leaderboard, to_json, write_leaderboard
from facedeblur.reports.leaderboard.table import leaderboard
from facedeblur.reports.page.report import report

Make = Callable[..., Scores]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "my_column.py"


@pytest.fixture
def tables(scores_of: Make) -> list[Scores]:
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    timed = {"timings": {"mean_s": 0.25, "images": 9}}
    return [scores_of("fast", psnr, run=timed), scores_of("untimed", psnr - 1)]


@pytest.fixture
def example() -> Iterator[None]:
    """The list with the column of the page in docs/extend."""
    before = list(COLUMNS)
    runpy.run_path(str(EXAMPLE))
    yield
    COLUMNS[:] = before


def terminal(tables: list[Scores]) -> str:
    console = Console(file=io.StringIO(), width=300)
    print_board(leaderboard(tables), [gather(tables)], console=console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_a_new_column_is_in_file_schema_page_and_terminal(tables: list[Scores], example: None, tmp_path: Path) -> None:
    frame = leaderboard(tables)
    assert frame.columns[-1] == "images_per_second"
    assert frame["images_per_second"][0] == 4 and np.isnan(frame["images_per_second"][1])
    write_leaderboard(frame, tmp_path / "board.csv")
    pd.testing.assert_frame_equal(read_leaderboard(tmp_path / "board.csv"), frame, check_exact=True)
    for_people = pd.read_csv(tmp_path / "board.csv")
    assert for_people.columns[-1] == "images_per_second" and for_people["images_per_second"][0] == 4
    assert [row["images_per_second"] for row in json.loads(to_json(frame))] == [4, None]
    row = schema()["$defs"]["row"]
    assert (
        row["required"][-1] == "images_per_second"
        and "per second" in row["properties"][row["required"][-1]]["description"]
    )
    page = report(tables, tmp_path / "report.html").read_text(encoding="utf-8")
    head = '<th scope="col" data-key="images_per_second" data-first="descending"><span class="head">Speed '
    assert head + '<span class="unit">1/s</span></span></th>' in page
    assert '<td data-images_per_second="4.0">4</td>' in page and '<td data-images_per_second="">—</td>' in page
    assert "images/s" in terminal(tables)


def test_without_it_nothing_of_it_is_there(tables: list[Scores], tmp_path: Path) -> None:
    assert "images_per_second" not in leaderboard(tables).columns
    assert "images/s" not in terminal(tables)
    assert "images_per_second" not in report(tables, tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [("text", "a/b", "a/b"), ("flag", True, "yes"), ("count", 12345, "12,345"), ("number", 0.123456, "0.1235"),
     ("number", float("nan"), "—"), ("count", None, "—")],
)  # fmt: skip
def test_values_are_printed_by_their_kind(kind: Any, value: Any, text: str) -> None:
    assert BoardColumn("new", kind, "new", shown=Shown("New", "new")).cell({"new": value}).text == text


def test_a_part_of_every_metric_comes_with_each(tables: list[Scores], monkeypatch: pytest.MonkeyPatch) -> None:
    place = next(at for at, column in enumerate(COLUMNS) if column.name == "worst")
    best = BoardColumn("best", "number", "best pair", lambda one: one.summary.best, per_metric=True, csv="best")
    monkeypatch.setattr(columns, "COLUMNS", [*COLUMNS[:place], best, *COLUMNS[place:]])
    frame = leaderboard(tables)
    for metric in tables[0].meta.columns:
        values = tables[0].frame[metric.signature]
        wanted = values.max() if metric.higher_is_better else values.min()
        assert frame.set_index("method").loc["fast", f"{metric.signature}:best"] == wanted
    assert csv_columns({"psnr[rgb,255]": "psnr"})["psnr_best"] == "psnr[rgb,255]:best"
    assert any(name.endswith(":best$") for name in schema()["$defs"]["row"]["patternProperties"])


def test_the_list_is_sound() -> None:
    assert max(Counter(column.name for column in COLUMNS).values()) == 1
    before, parts, after = sections()
    assert all(part.per_metric for part in parts) and not any(one.per_metric for one in (*before, *after))
    assert [*columns_in_file(["m"])] == [
        *(c.name for c in before),
        *(f"m:{c.name}" for c in parts),
        *(c.name for c in after),
    ]
    for where in ("page", "terminal"):
        keys = [one.shown.key or one.name for side in shown_on(where) for one in side if one.shown]  # type: ignore[arg-type]
        assert keys and max(Counter(keys).values()) == 1


def test_the_shipped_schema_is_that_of_the_list() -> None:
    shipped = files("facedeblur.reports.leaderboard") / "schema" / "leaderboard.schema.json"
    assert shipped.read_text("utf-8") == json.dumps(schema(), indent=1) + "\n"


def test_the_files_have_the_columns_of_the_list(tables: list[Scores], tmp_path: Path) -> None:
    csv, json_ = write_leaderboard(leaderboard(tables), tmp_path / "board.csv")
    assert list(json.loads(json_.read_text())[0]) == [
        *columns_in_file([one.signature for one in tables[0].meta.columns])
    ]
    parts = ["mean", "std", "low", "high", "worst"]
    assert csv.read_text().splitlines()[0].split(",") == [
        *["rank", "method", "set", "group", "n", "n_set", "failed", "oracle"],
        *[f"{metric}_{part}" for metric in ("psnr", "ssim", "detection", "identity") for part in parts],
        *["mean_rank", "seconds", "device", "precision", "parameters", "mb_fp32", "mb_weights", "peak_memory_mb"],
        *["trained_on", "licence", "overlap"],
    ]
