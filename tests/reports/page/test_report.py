"""The report as a file: one, offline, escaped, complete without scripts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.page.gallery import BUDGET, Gallery
from facedeblur.reports.page.report import page, report

Make = Callable[..., Scores]
VOID = {"meta", "img", "input", "wbr", "br", "hr", "link"}
HOSTILE = "<script>alert(1)</script>"
TOO_FEW = "The set has {}: too few for confidence intervals and significance tests, which need at least 5 faces and 5"


class Reader(HTMLParser):
    """Collects elements, attributes and text, and checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.cells: list[list[str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data
        if not {"script", "style"} & set(self.open):
            self.text.append(data)


def read(source: str) -> Reader:
    reader = Reader()
    reader.feed(source)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def source(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = report(bench.tables, tmp_path_factory.mktemp("page") / "report.html")
    return path.read_text(encoding="utf-8")


def test_names_from_outside_stay_text(source: str) -> None:
    assert HOSTILE not in source and "<b>out of memory</b>" not in source and "weights <missing>" not in source
    reader = read(source)
    shown = "".join(reader.text)
    for name in (HOSTILE, "<b>out of memory</b>", "weights <missing>", "stray & lost.png"):
        assert name in shown
    assert sum(tag == "script" for tag, _ in reader.elements) == 1


def test_nothing_is_fetched(source: str) -> None:
    reader = read(source)
    for tag, attributes in reader.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name, value in attributes.items():
            if name in {"src", "href", "xlink:href", "srcset", "action", "poster"}:
                assert value.startswith(("#", "data:image/")), (tag, name, value[:60])
            assert not name.startswith("on") and name != "style"
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|https?://", source)


def test_the_policy_lets_only_the_own_script_and_style_through(source: str) -> None:
    reader = read(source)
    policy = next(a["content"] for tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for tag in ("script", "style"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", source, re.S)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_table_is_whole_without_scripts(source: str, bench: Any) -> None:
    board = gather(bench.tables)
    rows = {cells[1].split("run")[0].strip(): cells for cells in read(source).cells if len(cells) == 11}
    for method in board:
        mark = "input" if method.is_input else "true kernel" if method.oracle else ""
        cells = rows[f"{method.label} {mark}".strip()]
        for column, cell in zip(board.columns, cells[3:7], strict=True):
            result = method.summary(column)
            factor, digits = {"dB": (1, 2), "fraction": (100, 2), "": (1, 4)}[column.unit]
            for number in (result.mean, result.std, result.worst):
                assert f"{number * factor:.{digits}f}".replace("-", "−") in cell
            spread = method.spread(column).interval
            assert spread is None or text.between(spread.low, spread.high, column) in cell
        assert cells[2].replace("\u200b", "") == f"{method.ok.sum()}/25"
        assert cells[7].startswith("0.00200")
    shown = " ".join("".join(read(source).text).split())
    assert "95 % interval of the mean for unseen faces and kernels, based on 5 faces x 5 kernels" in shown
    assert 'title="95 % interval from 5 faces x 5 kernels"' in source


def test_time_size_and_memory_are_told_apart(scores_of: Make) -> None:
    timings = {"mean_s": 0.0125, "median_s": 0.012, "std_s": 0.0011, "images": 9, "width": 240, "height": 200}
    run = {
        "timings": {**timings, "rule": "nine images"}, "parameters": 8_061_411, "bytes_fp32": 32_245_644,
        "bytes_weights": 14_800_000, "memory": {"rule": "on the GPU", "peak_bytes": 250_000_000}, "device": "cuda",
        "precision": "fp16",
    }  # fmt: skip
    board = gather([scores_of("net", np.full(20, 25.0), run=run), scores_of("other", np.full(20, 24.0))])
    rows = {
        cells[1].split("run")[0]: cells for cells in read(page(board, Gallery((), "", "", ()))).cells if len(cells) > 9
    }
    assert rows["net"][7] == "0.01250.0120 ±\u202f0.00110240×200cuda fp16"
    assert rows["net"][8:] == ["8.06 M", "32.2 MB14.8 MB", "250 MB"]
    assert rows["other"][7:] == ["—"] * 4


def test_an_interval_that_is_absent_is_told(scores_of: Make) -> None:
    table = scores_of("net", np.full(20, 25.0))
    table.frame["kernel_id"], table.frame["kernel_size"] = "k", 13
    reader = read(page(gather([table]), Gallery((), "", "", ())))
    assert TOO_FEW.format("only 2 faces and 1 kernel") in " ".join("".join(reader.text).split())
    assert not any("[" in cell for cells in reader.cells for cell in cells)


def test_the_best_is_bold_and_oracles_are_not_ranked(source: str) -> None:
    body = source.partition("<tbody>")[2].partition("</table>")[0]
    ranked, _, oracles = body.partition('<tbody class="oracle">')
    assert ranked.count("<b>") >= 4 and "<b>" not in oracles
    assert "wiener" in oracles and "wiener" not in ranked and "not ranked" in oracles
    assert '<td class="place" data-place="">' in oracles


def test_coverage_failures_and_what_was_left_out_are_told(source: str) -> None:
    shown = " ".join("".join(read(source).text).split())
    assert "23 of 25 outputs scored" in shown and "2 failed: <b>out of memory</b>" in shown
    assert "identity[facenet-vggface2,l2]" in shown and "psnr[rgb,255]" in shown
    assert "1 file that is not an output of this set, not counted: stray & lost.png" in shown


def test_provenance_lets_a_reader_start_again(source: str, bench: Any) -> None:
    board = gather(bench.tables)
    shown = "".join(read(source).text)
    assert board.set["hash"] in shown and board.set["recipe"].strip() in shown
    for method in board:
        assert str(method.meta.run["hash"]) in shown
    assert "facedeblur build tiny.toml --faces PHOTOS --seed 3 -o SET" in shown
    assert "facedeblur run '<script>alert(1)</script>' SET -o OUTPUTS/" in shown
    assert "--protocol shen2020" in shown


def test_the_same_tables_make_the_same_file(bench: Any, tmp_path: Path) -> None:
    first, second = (report(bench.tables, tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_ten_methods_on_sixteen_thousand_pairs_stay_small(scores_of: Make) -> None:
    rng, tables = np.random.default_rng(0), []
    for i in range(10):
        table = scores_of(f"method-{i}", rng.normal(25 - i, 3, 16_000), run={"timings": {"mean_s": 0.1 / (i + 1)}})
        # 200 faces x 80 kernels, as of Shen et al.
        table.frame["identity"] = table.frame["image_id"] = [f"person {n // 80}" for n in range(16_000)]
        table.frame["kernel_id"] = [f"ker{n % 80}" for n in range(16_000)]
        tables.append(table)
    # Pictures have a budget of their own, which test_gallery holds them to.
    assert len(page(gather(tables), Gallery((), "method-0", "", ())).encode()) + BUDGET < 2_700_000


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"net": 24.0, "next": 23.0, "blurred": 20.0},
            [
                "net has the highest mean PSNR of 2 methods, 24.00 dB: 1.00 dB above next, the next best",
                "and 4.00 dB above the blurred input",
            ],
        ),
        ({"net": 19.0, "blurred": 20.0}, ["net reaches a mean PSNR of 19.00 dB", "1.00 dB below the blurred input"]),
        ({"blurred": 20.0}, ["blurred reaches a mean PSNR of 20.00 dB"]),
    ],
)
def test_the_first_sentence_says_who_wins_and_by_how_much(
    scores_of: Make, tables: dict[str, float], told: list[str]
) -> None:
    board = gather([scores_of(name, np.full(20, value)) for name, value in tables.items()])
    shown = " ".join("".join(read(page(board, Gallery((), "", "", ("no pictures here",)))).text).split())
    for part in told:
        assert part in shown
    assert "no pictures here" in shown


def test_why_nothing_is_tested_is_told(scores_of: Make) -> None:
    alone = page(gather([scores_of("a", [25.0])]), Gallery((), "", "", ()))
    two = page(gather([scores_of("a", [25.0]), scores_of("b", [24.0])]), Gallery((), "", "", ()))
    for shown in (alone, two):
        assert TOO_FEW.format("only 1 face and 1 kernel") in " ".join("".join(read(shown).text).split())


def test_the_number_of_tests_is_that_of_holm(scores_of: Make) -> None:
    psnr = np.random.default_rng(0).normal(25, 3, 80)
    perfect = np.where(np.arange(80) == 5, np.inf, psnr)
    board = gather([scores_of("a", psnr), scores_of("b", psnr - 4), scores_of("perfect", perfect)])
    shown = " ".join("".join(read(page(board, Gallery((), "", "", ()))).text).split())
    assert "corrected by Holm for 1 test)" in shown


def test_only_oracles_are_no_ranking(scores_of: Make) -> None:
    board = gather([scores_of("wiener", np.full(20, 28.0), oracle=True), scores_of("blurred", np.full(20, 20.0))])
    shown = " ".join("".join(read(page(board, Gallery((), "", "", ()))).text).split())
    assert "wiener reaches a mean PSNR of 28.00 dB, 8.00 dB above the blurred input" in shown
    assert "nothing is ranked" in shown


def test_everything_failed_is_still_a_report(scores_of: Make, tmp_path: Path) -> None:
    table = scores_of("a", np.full(16, 20.0), status=dict.fromkeys(range(16), "failed: crashed"))
    source = report([table], tmp_path / "report.html").read_text(encoding="utf-8")
    shown = " ".join("".join(read(source).text).split())
    assert "16 failed: crashed" in shown and "0/\u200b16" in shown and "No pictures" in shown


def test_a_refused_board_writes_nothing(scores_of: Make, tmp_path: Path) -> None:
    tables = [scores_of("a", [20.0]), scores_of("b", [20.0], set_hash="b2" * 32)]
    with pytest.raises(InputError):
        report(tables, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_traits_are_shown_where_they_are_asked_for(report_file: Path, source: str) -> None:
    assert 'id="traits"' not in source
    page = report_file.read_text(encoding="utf-8")
    assert (
        HOSTILE not in page and "--by yaw --by &#39;&lt;script&gt;alert(1)&lt;/script&gt;&#39; -o report.html" in page
    )
    reader = Reader()
    reader.feed(page[page.index('<section id="traits"') : page.index('<section id="pictures"')])
    rows = {cells[0]: cells for cells in reader.cells}
    assert [rows[name][1:3] for name in ("|yaw| < 15°", "15° ≤ |yaw| < 30°", "|yaw| ≥ 30°", "1", "0")] == [
        ["1", "5"], ["1", "5"], ["1", "5"], ["2", "10"], ["1", "5"]
    ]  # fmt: skip
    assert [cells[1:3] for cells in reader.cells if cells[0] == "unknown"] == [["2", "10"]] * 2
    assert "no interval" in rows["1"][3]
