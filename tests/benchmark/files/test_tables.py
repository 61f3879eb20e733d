"""Tables that spreadsheets can open, and that read back as they were written."""

from __future__ import annotations

import ast
import csv
import io
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.files.tables import (
    csv_line,
    frame_to_csv,
    from_cell,
    from_line,
    read_rows,
    to_cell,
    to_line,
    write_rows,
)

ROOT = Path(__file__).parents[3]
ATTACKS = ["=1+1", "+1+cmd", "-2+3", "@SUM(A1)", "\tx", "\r=1", '=HYPERLINK("http://x","y")', "-a.png", "'=1", "''@"]


@dataclass(frozen=True)
class Row:
    name: str
    count: int
    share: float


@pytest.mark.parametrize("text", ATTACKS)
def test_a_formula_is_not_executed_and_reads_back(tmp_path, text):
    assert to_cell(text) == f"'{text}" and from_cell(to_cell(text)) == text
    write_rows(tmp_path / "a.csv", Row, [Row(text, -3, -0.5)])
    assert list(read_rows(tmp_path / "a.csv", Row)) == [Row(text, -3, -0.5)]
    assert from_line(to_line(Row(text, -3, -0.5)), Row) == Row(text, -3, -0.5)
    (cells,) = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_bytes().decode(), newline="")))[1:]
    assert cells == [f"'{text}", "-3", "-0.5"]


@pytest.mark.parametrize("text", ["-1", "+1.5", "-.5e-3", "-0.51 1.2 -70.3", "-inf", "'quoted", "a=1", "", "1"])
def test_numbers_and_plain_text_stay(text):
    assert to_cell(text) == text and from_cell(text) == text


@pytest.mark.parametrize("value", [-1, -0.5, None, True, np.float64(-2)])
def test_other_values_stay(value):
    assert to_cell(value) is value


def test_every_text_comes_back():
    for length in range(5):
        for letters in itertools.product("'=+-@\t\r1.a ", repeat=length):
            text = "".join(letters)
            cell = to_cell(text)
            assert from_cell(cell) == text
            assert cell[:1] not in ("=", "@", "\t", "\r")


def test_frames_are_written_alike():
    frame = pd.DataFrame({"=name": ["=1", "b", None], "value": [-1.5, np.nan, 2.0], "count": [-1, 2, 3]})
    assert frame_to_csv(frame) == "'=name,value,count\n'=1,-1.5,-1\nb,,2\n,2.0,3\n"
    twice = pd.DataFrame([["=1", "=2"]], columns=["a", "a"])
    assert frame_to_csv(twice) == "a,a\n'=1,'=2\n"
    assert csv_line(["=a", -1, "b,c"]) == '\'=a,-1,"b,c"\n'


def test_there_is_one_writer_of_csv():
    """Only logs of a training, which hold numbers, are written otherwise: they grow while programs read them."""
    logs = {"methods/training/loop.py", "methods/training/face_parser.py", "benchmark/files/tables.py"}
    found = set()
    for floor in ("benchmark", "generators", "methods", "reports", "cli"):
        for file in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                    ("csv.writer", "csv.DictWriter", ".to_csv")
                ):
                    found.add(file.relative_to(ROOT).as_posix())
    assert found <= logs
