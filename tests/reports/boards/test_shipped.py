"""Boards: many methods in one file, read back and put next to others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.statistics.comparison import TIE, compare
from facedeblur.cli.board import board as board_command
from facedeblur.reports.boards.shipped import of_board, read_board, with_board, write_board
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.leaderboard.table import leaderboard
from facedeblur.reports.page.report import report

BASE = np.random.default_rng(5).normal(25, 2, 100)


@pytest.fixture
def tables(scores_of):
    perfect = BASE.copy()
    perfect[3] = np.inf
    return [scores_of("net", perfect), scores_of("blurred", BASE - 2, status={7: "failed: output missing"})]


@pytest.fixture
def file(tables, tmp_path):
    return write_board(tables, tmp_path / "small.parquet")


def test_a_board_reads_back_to_less_than_a_tie(tables, file):
    found = {table.meta.method: table for table in read_board(file)}
    assert set(found) == {"net", "blurred"}
    for table in tables:
        read = found[table.meta.method]
        for column in table.meta.columns:
            one, other = table.values(column.signature), read.values(column.signature)
            np.testing.assert_allclose(one, other, rtol=0, atol=TIE / 2)
        for name in ("pair_id", "identity", "kernel_id", "kernel_size", "status"):
            assert table.frame[name].tolist() == read.frame[name].tolist()
        assert read.meta.columns == table.meta.columns
        assert read.meta.run["board"] == "small"
        assert "path" not in read.meta.run


def test_methods_of_a_board_are_ranked_and_tested_with_others(file, scores_of, tmp_path):
    mine = scores_of("mine", BASE + 3)
    board = gather(with_board(mine, file))
    assert [method.label for method in board if method.of_board] == ["net", "blurred"]
    assert board.of_boards == {"small": ["net", "blurred"]}
    frame = leaderboard(with_board(mine, file))
    assert set(frame["method"]) == {"mine", "net", "blurred"}
    found = compare(mine, baseline=of_board(with_board(mine, file)), metrics=["psnr[rgb,255]"])
    assert [(row.method, row.baseline) for row in found.rows] == [("mine", "net"), ("mine", "blurred")]
    page = report(with_board(mine, file), tmp_path / "report.html").read_text()
    assert "From board small: net, blurred." in page
    assert "--with small" in page


def test_a_run_that_is_on_the_board_is_shown_once(tables, file):
    found = with_board(tables[0], file)
    assert [(table.meta.method, bool(table.meta.run.get("board"))) for table in found] == [
        ("net", False),
        ("blurred", True),
    ]


def test_another_set_protocol_or_definition_is_refused(file, scores_of):
    with pytest.raises(InputError, match=r"board '.*small.parquet': expected scores on its set 'tiny' \(a1a1a1a1a1\)"):
        with_board(scores_of("mine", BASE, set_hash="b2" * 32), file)
    with pytest.raises(InputError, match=r"expected protocol 'shen2020' as in board .*, found 'umsn'"):
        with_board(scores_of("mine", BASE, other={"protocol": "umsn"}), file)
    columns = gather(read_board(file)).columns
    other = (replace(columns[0], signature="psnr[y,255]"), *columns[1:])
    with pytest.raises(InputError, match=r"psnr\[y,255\]"):
        gather(with_board(scores_of("mine", BASE, columns=other), file))


def test_a_sample_is_compared_on_its_pairs(file, scores_of):
    whole = scores_of("slow", BASE + 1)
    run = {**whole.meta.run, "sample": {"pairs": 30, "of": 100}}
    some = Scores(whole.frame.iloc[:30].reset_index(drop=True), replace(whole.meta, run=run))
    with pytest.raises(InputError, match="--common"):
        gather(with_board(some, file))
    assert gather(with_board(some, file), common=True).part == "30 of the set's 100 pairs"


def test_a_board_with_a_sample_is_compared_on_its_pairs(tables, scores_of, tmp_path):
    whole = scores_of("slow", BASE + 1)
    run = {**whole.meta.run, "sample": {"pairs": 30, "of": 100}}
    some = Scores(whole.frame.iloc[10:40].reset_index(drop=True), replace(whole.meta, run=run))
    file = write_board([some, *tables], tmp_path / "mixed.parquet")
    found = {table.meta.method: table for table in read_board(file)}
    assert len(found["slow"].frame) == 30 and len(found["net"].frame) == 100
    assert found["slow"].frame["pair_id"].tolist() == some.frame["pair_id"].tolist()
    np.testing.assert_allclose(found["slow"].values("psnr[rgb,255]"), some.values("psnr[rgb,255]"), atol=TIE / 2)
    # Without being asked to: a mean over 30 pairs does not stand next to one over 100.
    board = gather(with_board(scores_of("mine", BASE + 3), file))
    assert board.part == "30 of the set's 100 pairs"
    assert {len(method.scores.frame) for method in board} == {30}


def test_what_is_no_board_is_refused(tables, tmp_path):
    with pytest.raises(InputError, match="unknown board 'nosuch'"):
        read_board("nosuch")
    with pytest.raises(InputError, match=r"absent\.parquet"):
        read_board(tmp_path / "absent.parquet")
    tables[0].write(tmp_path / "scores.parquet")
    with pytest.raises(InputError, match="expected a board, found another kind of Parquet file"):
        read_board(tmp_path / "scores.parquet")
    with pytest.raises(InputError, match=r"ends in \.parquet"):
        write_board(tables, tmp_path / "board.csv")
    other = Scores(tables[1].frame, replace(tables[1].meta, protocol="umsn"))
    with pytest.raises(InputError, match="expected protocol"):
        write_board([tables[0], other], tmp_path / "board.parquet")
    assert not (tmp_path / "board.parquet").exists()


def test_the_command_writes_a_board(tables, tmp_path):
    folders = []
    for table in tables:
        folders.append(tmp_path / table.meta.method)
        folders[-1].mkdir()
        table.write(folders[-1] / "scores.parquet")
    out = CliRunner().invoke(board_command, [*map(str, folders), "-o", str(tmp_path / "b.parquet")])
    assert out.exit_code == 0
    assert "b.parquet: 2 methods" in out.output
    assert len(read_board(tmp_path / "b.parquet")) == 2


def test_a_method_is_added_to_a_board_without_the_outputs_of_the_others(tables, file, scores_of, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    scores_of("mine", BASE + 3).write(mine / "scores.parquet")
    out = CliRunner().invoke(board_command, [str(mine), "--with", str(file), "-o", str(file)])
    assert out.exit_code == 0 and "small.parquet: 3 methods" in out.output
    found = {table.meta.method: table for table in read_board(file)}
    assert list(found) == ["mine", "net", "blurred"]
    before = read_board(write_board(tables, tmp_path / "small2.parquet"))
    for table in before:
        after = found[table.meta.method]
        assert after.frame.equals(table.frame)
        assert {**after.meta.run, "board": ""} == {**table.meta.run, "board": ""}
