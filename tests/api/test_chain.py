"""Objects and paths do the same, one run in is one result out, and every result shows itself in a notebook."""

from __future__ import annotations

import os
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest

import facedeblur as fd
from facedeblur.benchmark.sets.check import check


def test_objects_and_paths_are_the_same_to_every_function(chain):
    made, run = str(chain.made.root), chain.unsharp
    assert os.fspath(chain.made) == made and fd.read_set(chain.made).content_hash == chain.made.content_hash
    frames = [
        fd.score(one, other, metrics=["psnr", "ssim"], workers=1).frame
        for one in (chain.made, made)
        for other in (run, run.root, str(run.root))
    ]
    for frame in frames:
        pd.testing.assert_frame_equal(frame, chain.scores[1].frame)
    assert check(chain.made) == check(made) == []
    again = fd.run("unsharp", made, str(run.root), workers=1)
    assert again.run_hash == run.run_hash


def test_a_set_that_was_built_anew_is_not_mixed_with_the_old_one(chain, tmp_path, small_recipe):
    faces = chain.folder / "faces"
    old = fd.build(small_recipe(tmp_path), faces, tmp_path / "set", workers=1)
    (tmp_path / "set").rename(tmp_path / "old")
    fd.build(small_recipe(tmp_path), faces, tmp_path / "set", seed=1, workers=1)
    with pytest.raises(fd.InputError, match="was replaced by another set after it was opened"):
        fd.run("blurred", old, tmp_path / "out", workers=1)
    run = fd.run("blurred", fd.read_set(tmp_path / "set"), tmp_path / "out", workers=1)
    with pytest.raises(fd.InputError, match="belong to another set"):
        fd.score(tmp_path / "old", run, workers=1)


def test_one_run_gives_one_result_and_several_a_list(chain):
    one = fd.score(chain.made, chain.blurred, metrics=["psnr"], workers=1)
    assert isinstance(one, fd.Scores)
    many = fd.score(chain.made, (chain.blurred,), metrics=["psnr"], workers=1)
    assert [type(table) for table in many] == [fd.Scores]
    pd.testing.assert_frame_equal(one.frame, many[0].frame)


def test_scores_are_ranked_compared_and_reported_as_objects_or_outputs(chain, tmp_path):
    pytest.importorskip("jinja2")
    by_object, by_path = fd.leaderboard(chain.scores), fd.leaderboard([chain.blurred, str(chain.unsharp.root)])
    pd.testing.assert_frame_equal(by_object, by_path)
    assert list(by_object["method"]) == ["unsharp", "blurred"]
    found = fd.compare(chain.unsharp, baseline=chain.scores[0])
    assert {row.better for row in found.rows} <= {"unsharp", "blurred", ""} and len(found.rows) == 2
    page = fd.report(chain.scores, tmp_path / "report.html")
    assert "unsharp" in page.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Checks that every element is closed, and collects text and pictures."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag, attrs):
        self.pictures += tag == "img"
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def shown(result: object) -> Reader:
    reader = Reader()
    html = result._repr_html_()
    reader.feed(html)
    assert not reader.open and len(html) < 200_000
    return reader


def test_results_show_themselves(chain):
    the_set, outputs, scores = shown(chain.made), shown(chain.blurred), shown(chain.scores[0])
    assert (the_set.pictures, outputs.pictures) == (2, 3)
    assert "Set small" in the_set.text and "4 of 4 pairs" in outputs.text
    mean = chain.scores[0].frame["psnr[rgb,255]"].mean()
    assert "psnr[rgb,255]" in scores.text and f"{mean:.4f}" in scores.text


def test_kernels_show_one_of_each_size():
    bank = fd.kernels("13,27", per_size=2)
    reader = shown(bank)
    assert reader.pictures == 2 and "Bank of 4 kernels" in reader.text and "13, 27" in reader.text
    assert repr(bank) == "<Bank of 4 kernels of size 13 to 27>"


def test_a_leaderboard_shows_means_with_intervals_and_stays_a_table(chain):
    board = fd.leaderboard(chain.scores)
    assert isinstance(board, pd.DataFrame) and type(board[["rank", "method"]]) is pd.DataFrame
    text = shown(board).text
    assert "Leaderboard of small" in text and "PSNR ↑ dB" in text and "4/4" in text
    assert text.index("unsharp") < text.index("blurred")
    mean = f"{board['psnr[rgb,255]:mean'][0]:.2f}"
    assert any(cell.startswith(mean) for cell in text)


def test_a_comparison_shows_which_is_better(chain):
    found = fd.compare(chain.scores[1], baseline=chain.scores[0])
    assert list(found.frame["metric"]) == ["psnr[rgb,255]", "ssim[matlab3d,s1.5,w11]"]
    assert list(found.frame["better"]) == [row.better for row in found.rows]
    text = shown(found).text
    assert "Comparison with blurred" in text and f"{found.rows[0].difference:+.4f}" in text


def test_a_table_of_a_paper_shows_printed_and_measured_values(chain):
    (table,) = fd.tables(chain.unsharp, protocol="shen2020", numbers=["10"])
    text = shown(table).text
    assert (
        table.title in text
        and "unsharp" in text
        and {cell.text for row in table.grid for cell in row if cell.text} <= {*text}
    )


def test_names_from_outside_are_escaped(chain, tmp_path):
    folder = tmp_path / "<i>net"
    shutil.copytree(chain.unsharp, folder, ignore=shutil.ignore_patterns("*.json", "*.csv", "*.parquet"))
    scores = fd.score(chain.made, folder, metrics=["psnr"], workers=1)
    outputs = fd.Outputs.open(folder, chain.made)
    for result in (outputs, scores, fd.leaderboard(scores), fd.compare(scores, baseline=chain.scores[0])):
        html = result._repr_html_()
        assert "&lt;i&gt;net" in html and "<i>" not in html


def test_results_print_in_one_line(chain):
    compared, tables = fd.compare(chain.scores[1], baseline=chain.scores[0]), fd.tables(protocol="shen2020")
    for result in (chain.made, chain.blurred, *chain.scores, compared, *tables):
        assert re.fullmatch(r"<\w+ .*>", repr(result)) and str(result) == repr(result)
    assert "4 pairs" in repr(chain.made) and "unsharp on small" in repr(chain.unsharp)


def test_damaged_pictures_do_not_keep_a_set_from_showing_itself(chain, tmp_path, small_recipe):
    made = fd.build(small_recipe(tmp_path), chain.folder / "faces", tmp_path / "set", workers=1)
    for file in (tmp_path / "set" / "blur").iterdir():
        file.write_bytes(b"no picture")
    assert shown(made).pictures == 1
