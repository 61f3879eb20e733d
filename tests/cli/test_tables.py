"""``facedeblur tables`` from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.cli.tables import print_tables
from facedeblur.cli.tables import tables as tables_command
from facedeblur.reports.tables.table import tables as compute

PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)


@pytest.fixture
def outputs(tmp_path: Path) -> str:
    """An outputs folder that holds nothing but two scores."""
    frame = pd.DataFrame({"index": [0, 1], "pair_id": ["p", "q"], "image_id": "a", "identity": "b", "role": "test"})
    frame = frame.assign(
        kernel_id="k", kernel_size=13, status="ok", seconds=0.1, sha256="", **{PSNR.signature: [30, 40.0]}
    )
    meta = ScoreMeta(
        set={"name": "tiny", "hash": "a1" * 32, "path": "."}, run={"method": "net[bold]", "hash": "r", "path": "."},
        protocol="shen2020", columns=(PSNR,), unavailable=(), extra=(), versions={},
    )  # fmt: skip
    folder = tmp_path / "net"
    folder.mkdir()
    Scores(frame, meta).write(folder / "scores.parquet")
    return str(folder)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(tables_command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_plain_in_a_pipe(outputs: str):
    printed = run(outputs, "--table", "10", "--dataset", "tiny=Helen")
    assert "\x1b" not in printed and "│" not in printed and "─" not in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["net[bold]", "35.00", "±", "5.00", "30.00"] in [line[:5] for line in lines]
    ours = next(line for line in lines if line[:1] == ["Ours"])
    assert ours[1].startswith("25.91*") and "[f]" in ours[3]
    assert "* best, + second best" in printed and "ranked apart" in printed
    assert "[d] A zero lost" in printed and "Not measured on a set of CelebA" in printed


def test_without_scores_the_printed_values_stand_alone():
    printed = run("--protocol", "umsn")
    assert all(f"Table {number}:" in printed for number in ("I", "II", "III", "IV", "V"))
    assert "Nothing measured" in printed and "Measured\n" not in printed


@pytest.mark.parametrize(("name", "sign"), [("csv", "document,table,kind"), ("markdown", "| Method |"),
                                            ("latex", "\\begin{table*}")])  # fmt: skip
def test_other_formats_are_printed(outputs: str, name: str, sign: str):
    printed = run(outputs, "--table", "9", "--table", "10", "--format", name)
    assert sign in printed and printed.count("document,table,kind") == (name == "csv")
    assert ("Table 9" in printed) and ("Table 10" in printed)


def test_files_are_written(outputs: str, tmp_path: Path):
    printed = run(outputs, "--table", "10", "-o", str(tmp_path / "made"))
    files = [tmp_path / "made" / f"shen2020_table10.{ending}" for ending in ("csv", "md", "tex")]
    assert printed.split() == [str(file) for file in files] and all(file.is_file() for file in files)
    run(outputs, "--table", "12", "-o", str(tmp_path / "one"), "--format", "latex")
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["shen2020_table12.tex"]


def test_a_narrow_terminal_gets_the_table_in_parts(outputs: str):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, highlight=False)
    print_tables(compute([outputs], numbers=["9"]), console=console)
    printed = screen.getvalue()
    assert printed.count("Krishnan et al. (2011)") > 2 and printed.count("27×27") == 2
    assert "\x1b[1;32m27.58" in printed and "\x1b[4m27.15" in printed
    assert "net[bold]" in printed


def test_bad_input_is_one_line(outputs: str):
    for arguments, says in (
        (["--table", "13"], "table '13'"),
        (["--protocol", "shen"], "shen2020"),
        ([outputs, "--dataset", "tiny=Hellen"], "Helen"),
        (["nowhere"], "score table"),
    ):
        done = CliRunner().invoke(tables_command, arguments)
        assert isinstance(done.exception, InputError) and says in str(done.exception), done.output
    done = CliRunner().invoke(tables_command, ["--dataset", "tiny"])
    assert done.exit_code == 2 and "SET=NAME" in done.output
