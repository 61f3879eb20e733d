"""``facedeblur leaderboard`` with several sets, boards that stand and other formats."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.cli.display.leaderboard import print_board
from facedeblur.cli.leaderboard import leaderboard
from facedeblur.reports.leaderboard.board import Board, boards
from facedeblur.reports.leaderboard.table import leaderboard as compute

COLUMNS = (Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0), Column("identity[x,l2]", "Distance", "", False, 2.0))


def write(folder: Path, method: str, gain: float, name: str = "near", **run: Any) -> str:
    """A score table of six faces x five kernels."""
    psnr = np.random.default_rng(0).normal(24, 2, 30) + gain
    face, kernel = np.divmod(np.arange(30), 5)
    frame = pd.DataFrame({"index": range(30), "pair_id": [f"p{i}" for i in range(30)]})
    frame = frame.assign(image_id=[f"a{i}" for i in face], identity=[f"b{i}" for i in face], role="test")
    frame = frame.assign(kernel_id=[f"k{i}" for i in kernel], kernel_size=13, status="ok", seconds=0.1, sha256="")
    frame = frame.assign(**{COLUMNS[0].signature: psnr, COLUMNS[1].signature: 1.5 - psnr / 40})
    set_ = {"name": name, "hash": name * 8, "path": "../set"}
    meta = ScoreMeta(set_, {"method": method, "hash": f"{method}-1", "path": ".", **run}, "p", COLUMNS, (), (), {})
    folder.mkdir(parents=True)
    Scores(frame, meta).write(folder / "scores.parquet")
    return str(folder)


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    return [
        write(tmp_path / "1", "net", 2.0),
        write(tmp_path / "2", "sharpen", 0.0),
        write(tmp_path / "3", "net", 1.0, "far"),
        write(tmp_path / "4", "sharpen", 3.0, "far"),
        write(tmp_path / "5", "wiener", 9.0, "far", oracle=True),
    ]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(leaderboard, list(arguments))


def test_one_table_a_set(runs: list[str]) -> None:
    shown = invoke(*runs)
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines()]
    near, far = (
        lines.index(["near", "(nearnearne),", "protocol", "p"]),
        lines.index(["far", "(farfarfarf),", "protocol", "p"]),
    )
    rows = {(line[0], line[1], at > far) for at, line in enumerate(lines) if len(line) > 5 and "30/30" in line}
    assert near < far
    assert rows == {("1", "net", False), ("2", "sharpen", False), ("1", "sharpen", True), ("2", "net", True),
                    ("wiener", "(oracle)", True)}  # fmt: skip
    (first,) = [line for line in lines[near:far] if line[:2] == ["1", "net"]]
    assert first[2] == "a" and first[8] == "1.50", "group, mean rank over the sets"
    for told in (
        "share a letter do not differ significantly in PSNR (p ≥ 0.05, Holm)",
        "mean rank: over the metrics of each set, then over the 2 sets; 1 is best",
        "intervals generalise to unseen faces and kernels, from 6 faces x 5 kernels",
    ):
        assert told in shown.output


@pytest.mark.parametrize("width", [60, 90, 140])
def test_a_terminal_gets_every_number(runs: list[str], width: int) -> None:
    stream = io.StringIO()
    made = boards(runs)
    print_board(compute(made), made, console=Console(file=stream, force_terminal=True, width=width, no_color=True))
    printed = stream.getvalue()
    assert "…" not in printed and printed.count("1.50") >= 4 and printed.count("30/30") == 5


def both(board: str) -> tuple[bytes, bytes]:
    return Path(board).read_bytes(), Path(board).with_suffix(".json").read_bytes()


def test_a_board_grows(runs: list[str], tmp_path: Path) -> None:
    board = str(tmp_path / "site" / "board.csv")
    for some in (runs[:1], runs[1:3], runs[3:]):
        assert invoke(*some, "--into", board, "--quiet").output == ""
    at_once = json.loads(invoke(*runs, "--json").output)
    grown = json.loads(invoke(board, "--json").output)
    assert [{**row, "scores": ""} for row in grown] == [{**row, "scores": ""} for row in at_once]
    assert invoke(board, "--format", "csv").output == Path(board).read_text()
    assert json.loads(invoke(board.replace(".csv", ".json"), "--json").output) == grown
    assert "1  sharpen" in invoke(board).output, "a board can be looked at"


def test_another_run_needs_replace(runs: list[str], tmp_path: Path) -> None:
    board = str(tmp_path / "board.csv")
    invoke(*runs, "--into", board)
    before = both(board)
    again = write(tmp_path / "6", "net", 5.0, hash="net-2")
    refused = invoke(again, "--into", board)
    assert isinstance(refused.exception, InputError) and "--replace" in str(refused.exception)
    assert both(board) == before
    assert invoke(again, "--into", board, "--replace", "--quiet").exit_code == 0
    rows = [row for row in json.loads(both(board)[1]) if row["method"] == "net"]
    assert [row["run_hash"] for row in rows] == ["net-2", "net-1"]
    other = write(tmp_path / "7", "late", 0.0)
    table = Scores.read(other)
    table.meta.set["hash"] = "changed"
    Scores(table.frame, table.meta).write(Path(other) / "scores.parquet")
    refused = invoke(other, "--into", board, "--replace")
    assert isinstance(refused.exception, InputError) and "another set 'near'" in str(refused.exception)


def test_two_files_are_written_and_named(runs: list[str], tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    for option in ("-o", "--into"):
        shown = invoke(*runs, option, str(board))
        assert f"{board}: " in shown.output and f"{tmp_path / 'board.json'}: " in shown.output
    printed = CliRunner().invoke(leaderboard, [*runs, "-o", str(board), "--json"])
    assert len(json.loads(printed.stdout)) == 5 and "board.json" in printed.stderr
    read = pd.read_csv(board)
    assert list(read["method"]) == ["net", "sharpen", "sharpen", "net", "wiener"]
    assert list(read["set"]) == ["near"] * 2 + ["far"] * 3 and list(read["n"]) == [30] * 5


def test_a_csv_file_alone_is_not_a_leaderboard(runs: list[str], tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    invoke(*runs[:1], "--into", str(board))
    csv_alone = board.read_bytes()
    (tmp_path / "board.json").unlink()
    for arguments in ([str(board)], [*runs[1:], "--into", str(board)]):
        refused = invoke(*arguments)
        assert isinstance(refused.exception, InputError) and "without board.json" in str(refused.exception)
        assert board.read_bytes() == csv_alone and not (tmp_path / "board.json").exists()


def test_the_json_file_alone_is_enough(runs: list[str], tmp_path: Path) -> None:
    board = tmp_path / "board.csv"
    invoke(*runs[:1], "--into", str(board))
    board.unlink()
    assert invoke(*runs[1:], "--into", str(board), "--quiet").exit_code == 0
    assert len(pd.read_csv(board)) == 5


def test_files_of_every_format(runs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert invoke(*runs, "-o", str(out / "b.json"), "--format", "json", "--quiet").exit_code == 0
    assert [row["rank"] for row in json.loads((out / "b.json").read_text())] == [1, 2, 1, 2, None]
    assert invoke(*runs, "-o", str(out / "cards"), "--format", "model-index", "--quiet").exit_code == 0
    assert sorted(path.name for path in (out / "cards").iterdir()) == ["net.md", "sharpen.md", "wiener.md"]
    printed = invoke(*runs, "--format", "model-index").output
    assert printed.count("model-index:") == 3 and printed.count("revision: far") == 3


def test_wrong_usage(runs: list[str], tmp_path: Path) -> None:
    assert "--quiet needs" in invoke(runs[0], "--quiet").output
    assert "--replace needs --into" in invoke(runs[0], "--replace").output
    for arguments, told in [((str(tmp_path / "no.csv"),), "not found"), ((runs[0], runs[0]), "each run once")]:
        shown = invoke(*arguments)
        assert isinstance(shown.exception, InputError) and told in str(shown.exception)


def test_strata_by_traits(runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = invoke(runs[0], "--by", "yaw")
    assert isinstance(lost.exception, InputError) and "expected a set" in str(lost.exception), "no set, no traits"
    yaw = pd.DataFrame({"image_id": ["a0", "a1"], "yaw": [-40.0, 3.0]})
    monkeypatch.setattr(
        Board, "open_set", lambda board: SimpleNamespace(traits=yaw if board.set["name"] == "near" else None)
    )
    out = tmp_path / "board.csv"
    shown = invoke(*runs[:4], "--by", "yaw", "-o", str(out))
    assert shown.exit_code == 0, shown.output
    tables = shown.output.split("PSNR ↑ dB by yaw\n")
    assert tables[0].splitlines()[-1].startswith("near (nearnear"), "each table says of which set it is"
    near, far = ([line.split() for line in table.splitlines()] for table in tables[1:])
    assert near[0] == ["yaw", "faces", "pairs", "net", "sharpen"]
    assert [" ".join(line).partition(" ±")[0].rpartition(" ")[0] for line in near[1:4:2]] == [
        "|yaw| < 15° 1 5", "|yaw| ≥ 30° 1 5"
    ]  # fmt: skip
    assert " ".join(near[2]) == "15° ≤ |yaw| < 30° 0 0 — —"
    assert near[4][:3] == ["unknown", "4", "20"]
    assert far[1][:3] == ["unknown", "6", "30"], "the other set has no traits"
    assert "an interval needs at least 5 faces and 5 kernels in the stratum" in shown.output
    table = pd.read_csv(tmp_path / "board-traits.csv")
    assert table["pairs"].sum() == 2 * 30 * 2 and "board-traits.csv: one row per set" in shown.output
    for words, said in (
        (("--by", "yaw", "--json"), "leave out --json and --format"),
        (("--by", "yaw", "--format", "csv"), "leave out --json and --format"),
    ):
        assert said in invoke(runs[0], *words).output
    assert "a leaderboard does not have the pairs" in invoke(str(out), "--by", "yaw").output
