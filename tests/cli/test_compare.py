"""``facedeblur compare`` from the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
from facedeblur.benchmark.statistics.comparison import compare as compute
from facedeblur.cli.compare import _print, compare

PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
EXTRA = Column("detection[dlib-hog,up1]", "Face found", "fraction", True, 0.0)


def write(
    folder: Path, method: str, psnr: np.ndarray, *, set_hash: str = "a1" * 32, columns: tuple[Column, ...] = (PSNR,)
) -> str:
    """An outputs folder with a score table of six faces x five kernels."""
    face, kernel = np.divmod(np.arange(psnr.size), 5)
    frame = pd.DataFrame({"index": range(psnr.size), "pair_id": [f"p{i}" for i in range(psnr.size)]})
    frame = frame.assign(image_id=[f"a{i}" for i in face], identity=[f"b{i}" for i in face], role="test")
    frame = frame.assign(kernel_id=[f"k{i}" for i in kernel], kernel_size=13, status="ok", seconds=0.1, sha256="")
    frame.loc[np.isnan(psnr), "status"] = "failed: output missing"
    for column in columns:
        frame[column.signature] = psnr
    meta = ScoreMeta(
        {"name": "tiny", "hash": set_hash, "path": "../set"},
        {"method": method, "hash": method * 8, "path": "."},
        "shen2020",
        columns,
        (),
        (),
        {},
    )
    folder.mkdir()
    Scores(frame, meta).write(folder / "scores.parquet")
    return str(folder)


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    base = rng.normal(24, 2, 30)
    better = base + 1 + rng.normal(0, 0.2, 30)
    better[4] = base[4]
    failing = base.copy()
    failing[7] = np.nan
    return [
        write(tmp_path / "net", "net", better, columns=(PSNR, EXTRA)),
        write(tmp_path / "sharpen", "sharpen", base),
        write(tmp_path / "failing", "failing", failing),
    ]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(compare, list(arguments))


def test_the_table(runs: list[str]) -> None:
    shown = invoke(runs[0], runs[1])
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0] == "A = net, B = sharpen: 30 pairs, 6 faces x 5 kernels"
    cells = lines[2].split()
    assert cells[0] == PSNR.signature and cells[-1] == "A" and cells[-4:-1] == ["29", "1", "0"]
    assert float(cells[1]) - float(cells[2]) == pytest.approx(float(cells[3]), abs=2e-4)
    assert float(cells[4]) < float(cells[3]) < float(cells[6])
    assert "p-values are corrected for 1 metric; values that differ by at most 1e-06 are a tie" in lines[3]
    assert lines[4] == "left out detection[dlib-hog,up1]: not in 'sharpen'"
    turned = invoke(runs[1], runs[0]).output.splitlines()[2].split()
    assert turned[-1] == "B" and float(turned[3]) == -float(cells[3])


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_terminal_gets_every_number(runs: list[str], width: int) -> None:
    stream = io.StringIO()
    found = compute([runs[0]], baseline=runs[1])
    _print(found, console=Console(file=stream, force_terminal=True, width=width, no_color=True, highlight=False))
    printed = stream.getvalue()
    row = found.rows[0]
    for number in (f"{row.mean:.4f}", f"{row.low:+.4f} .. {row.high:+.4f}", "< 0.0001", "29", "better"):
        assert number in printed
    assert "psnr[rgb" in printed, "brackets are no markup"


@pytest.mark.parametrize("terminal", [False, True])
def test_too_few_faces_are_told_and_nothing_is_tested(tmp_path: Path, terminal: bool) -> None:
    psnr = np.random.default_rng(0).normal(24, 2, 10)
    runs = [write(tmp_path / "one", "one", psnr + 3), write(tmp_path / "two", "two", psnr)]
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120, no_color=True, highlight=False)
    _print(compute([runs[0]], baseline=runs[1]), console=console)
    printed = stream.getvalue() if terminal else invoke(*runs).output
    assert "no intervals and no tests: only 2 faces; at least 5 faces and 5 kernels are needed" in printed
    assert "+3.0000" in printed and "10" in printed
    assert not any(word in printed for word in ("Holm", "% interval", "better", " .. ", "nan"))
    found = json.loads(invoke(*runs, "--json").output)
    assert found["too_few"] == "only 2 faces" and found["comparisons"][0]["p"] is None


def test_failures_are_told(runs: list[str]) -> None:
    assert "psnr[rgb,255]: 1 of 30 pairs failed in B" in invoke(runs[1], runs[2]).output


def test_json_is_json(runs: list[str]) -> None:
    found = json.loads(invoke(runs[0], runs[1], "--json", "--draws", "500", "--seed", "3", "--level", "0.9").output)
    assert (found["faces"], found["kernels"], found["draws"], found["seed"]) == (6, 5, 500, 3)
    (row,) = found["comparisons"]
    assert row["method"] == "net" and row["better"] == "net" and row["level"] == 0.9
    assert row["low"] < row["difference"] < row["high"] and row["p"] == row["p_holm"] < 1e-3
    assert found["left_out"] == {EXTRA.signature: "not in 'sharpen'"}


def test_infinite_values_are_json_too(tmp_path: Path, runs: list[str]) -> None:
    values = np.full(30, 20.0)
    values[0] = np.inf
    perfect = write(tmp_path / "perfect", "perfect", values)
    (row,) = json.loads(invoke(perfect, runs[1], "--json").output)["comparisons"]
    assert (row["mean"], row["difference"], row["low"], row["p"]) == ("inf", "inf", None, None)
    assert "1 infinite differences" in invoke(perfect, runs[1]).output


def test_a_class_that_is_in_no_picture_is_left_out_and_told(tmp_path: Path) -> None:
    hair = Column("psnr-class[rgb,255,masked,umsn4,hair]", "PSNR hair", "dB", True, 0.0, partial=True)
    values = np.random.default_rng(0).normal(24, 2, 30)
    made = [write(tmp_path / name, name, values + at, columns=(PSNR, hair)) for at, name in enumerate("ab")]
    for folder in made:
        table = Scores.read(folder)
        Scores(table.frame.assign(**{hair.signature: np.nan}), table.meta).write(Path(folder) / "scores.parquet")
    shown = invoke(*made)
    assert shown.exit_code == 0, shown.exception
    assert f"left out {hair.signature}: no pair has it" in shown.output and "corrected for 1 metric;" in shown.output
    only = invoke(*made, "--metric", hair.signature)
    assert isinstance(only.exception, InputError)


def test_p_is_corrected_for_what_is_tested(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(24, 2, 30)
    made = [write(tmp_path / name, name, values + at, columns=(PSNR, EXTRA)) for at, name in enumerate("ab")]
    table = Scores.read(made[0])
    frame = table.frame.copy()
    frame.loc[3, PSNR.signature] = np.inf
    Scores(frame, table.meta).write(Path(made[0]) / "scores.parquet")
    assert "p-values are corrected for 1 metric;" in invoke(*made).output


def test_bad_input(runs: list[str], tmp_path: Path) -> None:
    far = write(tmp_path / "far", "far", np.zeros(30), set_hash="b2" * 32)
    for arguments, told in [
        ((runs[0], far), "b2b2b2b2b2"),
        ((runs[0], runs[0]), "the same run"),
        ((runs[0], str(tmp_path / "nowhere")), "nowhere"),
        ((runs[0], runs[1], "--metric", "psnr[rgb]"), "did you mean 'psnr[rgb,255]'"),
        ((runs[0], runs[1], "--draws", "5"), "draws"),
    ]:
        shown = invoke(*arguments)
        assert isinstance(shown.exception, InputError)
        assert told in str(shown.exception) and "\n" not in str(shown.exception)


def test_every_two_of_several_runs_are_compared_by_the_first_metric(runs):
    result = CliRunner().invoke(compare, runs)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    pairs = [tuple(line[:2]) for line in lines if line and line[0] in ("net", "sharpen", "failing") and len(line) > 8]
    assert pairs == [("net", "sharpen"), ("net", "failing"), ("sharpen", "failing")]
    assert "p-values are corrected for 3 tests" in result.output
    assert "1 of 30 pairs failed in failing" in result.output
    found = compute(runs)
    assert {row.metric for row in found.rows} == {"psnr[rgb,255]"}
    by_two = [compute(one, baseline=other, metrics=["psnr[rgb,255]"]).rows[0] for one, other in
              ((runs[0], runs[1]), (runs[0], runs[2]), (runs[1], runs[2]))]  # fmt: skip
    assert [row.p for row in found.rows] == [row.p for row in by_two]
    assert all(one.p_holm >= other.p_holm for one, other in zip(found.rows, by_two, strict=True))
