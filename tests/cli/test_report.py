"""``facedeblur leaderboard`` and ``facedeblur report`` from the command line."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.cli.display.leaderboard import print_board
from facedeblur.cli.main import main
from facedeblur.reports.leaderboard.board import boards
from facedeblur.reports.leaderboard.table import leaderboard

COLUMNS = (
    Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0),
    Column("detection[dlib-hog,up1]", "Face found (dlib-hog)", "fraction", True, 0.0),
)


def write(
    folder: Path,
    method: str,
    psnr: list[float],
    *,
    oracle: bool = False,
    set_hash: str = "a1" * 32,
    set_name: str = "tiny",
) -> Path:
    """An outputs folder that holds nothing but a score table."""
    n = len(psnr)
    frame = pd.DataFrame(
        {"index": range(n), "pair_id": [f"p{i}" for i in range(n)], "image_id": "a", "identity": "b", "role": "test"}
    )
    frame = frame.assign(kernel_id="k", kernel_size=13, status="ok", seconds=0.1, sha256="")
    frame.loc[np.isnan(psnr), "status"] = "failed: output missing"
    frame[COLUMNS[0].signature], frame[COLUMNS[1].signature] = psnr, [math.nan if math.isnan(p) else 1.0 for p in psnr]
    meta = ScoreMeta(
        set={"name": set_name, "hash": set_hash, "path": "../set"},
        run={"method": method, "oracle": oracle, "hash": method * 8, "path": "."},
        protocol="shen2020",
        columns=COLUMNS,
        unavailable=(("identity[facenet-vggface2,l2]", "no weights"),),
        extra=(),
        versions={},
    )
    folder.mkdir()
    Scores(frame, meta).write(folder / "scores.parquet")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    return [
        str(write(tmp_path / "a", "net[bold]", [24.0, 26.0, math.nan])),
        str(write(tmp_path / "b", "sharpen", [20.0, 20.0, 23.0])),
        str(write(tmp_path / "c", "wiener", [30.0, math.inf, 30.0], oracle=True)),
    ]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_table_is_plain_in_a_pipe(runs: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("leaderboard", *runs, "-o", str(tmp_path / "leaderboard.csv")) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "│" not in printed and "─" not in printed
    lines = [line.split() for line in printed.splitlines()]
    # Two values of 24 and 26 dB and a failure that counts as 0.
    assert ["1", "sharpen", "3/3", "21.00", "±1.41", "100.00", "±0.00", "—", "—", "—", "—"] in lines
    assert ["2", "net[bold]", "2/3", "16.67", "±11.81", "66.67", "±47.14", "—", "—", "—", "—"] in lines
    assert ["wiener", "(oracle)", "3/3", "∞", "±—", "100.00", "±0.00", "—", "—", "—", "—"] in lines
    assert "only 1 face and 1 kernel: intervals and significance tests need at least 5 faces and 5 kernels" in printed
    assert "net[bold]: 1 of 3 failed: output missing" in printed
    assert "wiener: 1 infinite value of PSNR" in printed
    assert "left out identity[facenet-vggface2,l2]: no weights" in printed
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open()))
    assert [row["method"] for row in rows] == ["sharpen", "net[bold]", "wiener"]
    assert (rows[1]["n"], rows[1]["failed"], rows[2]["psnr_mean"]) == ("3", "1", "inf")


def test_json_is_json(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("leaderboard", *runs, "--json") == 0

    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    rows = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert [row["rank"] for row in rows] == [1, 2, None]
    assert rows[0]["psnr[rgb,255]:mean"] == 21.0 and rows[2]["psnr[rgb,255]:mean"] == "inf"
    assert rows[2]["psnr[rgb,255]:std"] is None and rows[2]["oracle"] is True


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_number_is_cut_on_a_narrow_terminal(runs: list[str], width: int) -> None:
    stream = io.StringIO()
    made = boards(runs)
    console = Console(file=stream, force_terminal=True, width=width, no_color=True, highlight=False)
    print_board(leaderboard(made), made, console=console)
    printed = stream.getvalue()
    assert "…" not in printed
    for number in ("21.00", "16.67", "±1.41", "66.67", "3/3", "∞"):
        assert number in printed
    assert printed.count("sharpen") >= (2 if width == 60 else 1)


def test_the_report_is_one_file(runs: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "out" / "report.html"
    assert run("report", *runs, "-o", str(target)) == 0
    assert str(target) in capsys.readouterr().out
    assert [file.name for file in target.parent.iterdir()] == ["report.html"]
    source = target.read_text(encoding="utf-8")
    # The set is not there: said, not hidden.
    assert "No pictures" in source and "21.00" in source and "16.67" in source


def test_a_report_of_two_sets_opens_with_the_standing(runs: list[str], tmp_path: Path) -> None:
    other = write(tmp_path / "far", "sharpen", [30.0, 31.0, 32.0], set_hash="b2" * 32, set_name="other")
    target = tmp_path / "report.html"
    assert run("report", *runs, str(other), "-o", str(target), "--quiet") == 0
    source = target.read_text(encoding="utf-8")
    assert source.index('id="standing"') < source.index('id="set-tiny"') < source.index('id="set-other"')


@pytest.mark.parametrize("command", ["leaderboard", "report"])
def test_bad_input_is_one_line(
    runs: list[str], command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "result"
    other = str(write(tmp_path / "d", "far", [1.0, 2.0, 3.0], set_hash="b2" * 32))
    (tmp_path / "text.parquet").write_text("no table")
    for arguments, told in [
        ([str(tmp_path / "nowhere")], "nowhere"),
        ([str(tmp_path / "text.parquet")], "text.parquet"),
        ([runs[0], other], "b2b2b2b2b2"),
        ([runs[0], runs[0]], "each run once"),
    ]:
        assert run(command, *arguments, "-o", str(target)) == 2
        caught = capsys.readouterr()
        assert caught.err.count("\n") == 1 and told in caught.err and "Traceback" not in caught.err
    assert not target.exists()


def test_quiet_without_a_file_is_a_usage_error(runs: list[str]) -> None:
    assert run("leaderboard", *runs, "--quiet") == 2
