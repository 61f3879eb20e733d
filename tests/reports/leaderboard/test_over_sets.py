"""Several sets in one report: the standing against a reckoning of its own, and the page as a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import boards
from facedeblur.reports.leaderboard.over_sets import overview
from facedeblur.reports.leaderboard.strata import over_sets
from facedeblur.reports.page import report as module
from facedeblur.reports.page.leaderboard import standing
from facedeblur.reports.page.report import page_of_sets, report
from facedeblur.reports.page.svg.sets import draw_sets

Make = Callable[..., Scores]
PSNR = "psnr[rgb,255]"
SECOND = "dark & <i>small</i>"
SLUG = "set-dark-i-small-i"


def on(table: Scores, name: str, digest: str, **more: Any) -> Scores:
    """The table as of another set."""
    return Scores(table.frame, replace(table.meta, set={**table.meta.set, "name": name, "hash": digest * 32}, **more))


def random_psnr(seed: int, gain: float = 0.0, n: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).normal(25 + gain, 3, n)


@pytest.fixture
def tables(scores_of: Make) -> list[Scores]:
    """Three sets; 'late' is not on the second, the oracle only on the first."""
    made = []
    for at, (name, digest) in enumerate([("one", "a1"), ("two", "b2"), ("three", "c3")]):
        for seed, (method, gain) in enumerate([("a", 1.0), ("b", (2.0, -2.0, 3.0)[at]), ("blurred", -3.0)]):
            made.append(on(scores_of(method, random_psnr(10 * at + seed, gain)), name, digest))
        if name != "two":
            made.append(on(scores_of("late", random_psnr(99, 9.0)), name, digest))
    made.append(on(scores_of("wiener", random_psnr(7, 8.0), oracle=True), "one", "a1"))
    return made


@pytest.fixture(scope="module")
def source(bench: Any, second: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = report([*bench.tables, *second.tables], tmp_path_factory.mktemp("sets") / "report.html")
    return path.read_text(encoding="utf-8")


def cells(source: str) -> dict[str, list[str]]:
    """Rows of the standing by method, as plain text."""
    table = source.partition('<table class="plain sortable standing">')[2].partition("</table>")[0]
    rows = {}
    for row in re.findall(r"<tr data-of=.*?</tr>", table, re.S):
        parts = re.findall(r"<t[dh].*?</t[dh]>", row, re.S)
        plain = [unescape(re.sub("<[^>]*>", " ", part)) for part in parts]
        rows[unescape(re.findall(r'data-of="(.*?)"', row)[0])] = [" ".join(one.split()) for one in plain]
    return rows


def test_the_mean_rank_over_sets_is_the_mean_of_the_sets_mean_ranks(tables: list[Scores]) -> None:
    found = overview(boards(tables))
    expected: dict[str, list[float]] = {}
    for board in boards(tables):
        ranked = [method for method in board if not method.oracle]
        ranks = []
        for column in board.columns:
            sign = -1 if column.higher_is_better else 1
            digits = {"dB": 2, "fraction": 4, "": 4}[column.unit]  # as they are printed, fractions in per cent
            ranks.append(rankdata([sign * round(method.values(column).mean(), digits) for method in ranked]))
        for method, rank in zip(ranked, np.mean(ranks, axis=0), strict=True):
            expected.setdefault(method.label, []).append(float(rank))
    by_label = {one.label: one for one in found.standings}
    assert {label for label, ranks in expected.items() if len(ranks) == 3} == {"a", "b", "blurred"}
    for label in ("a", "b", "blurred"):
        assert by_label[label].mean_rank == pytest.approx(np.mean(expected[label]))
    assert np.isnan(by_label["late"].mean_rank) and np.isnan(by_label["wiener"].mean_rank)
    assert [one.label for one in found.standings][-2:] == ["late", "wiener"]
    order = [one.mean_rank for one in found.standings[:3]]
    assert order == sorted(order)
    assert [rank is None for rank in by_label["late"].ranks] == [False, True, False]
    assert not found.leading.is_input and found.leading.mean_rank == min(order)


def test_a_method_has_one_colour_on_all_boards(tables: list[Scores]) -> None:
    found = overview(boards(tables))
    known: dict[str, set[int]] = {}
    for board in found.boards:
        for method in board:
            known.setdefault(method.label, set()).add(board.look(method))
    assert all(len(places) == 1 for places in known.values()) and len(set().union(*known.values())) == 5


def test_the_standing_shows_every_mean_with_its_interval_and_no_mean_over_sets(tables: list[Scores]) -> None:
    found = boards(tables)
    source = page_of_sets(found)
    rows = cells(source)
    assert list(rows) == [one.label for one in overview(found).standings]
    for at, board in enumerate(found):
        for method in board:
            cell = rows[method.label][2 + at]
            column, spread = board.headline, method.spread(board.headline).interval
            assert cell.startswith(text.value(method.summary(column).mean, column))
            assert spread is not None and text.between(spread.low, spread.high, column) in cell
            assert ("place" in cell) is not method.oracle
    assert (
        rows["late"][1] == "—" and rows["late"][3] == "—" and rows["wiener"][1:] == ["—", rows["wiener"][2], "—", "—"]
    )
    for label in ("a", "b", "blurred"):
        means = [
            method.values(method.meta.columns[0]).mean() for board in found for method in board if method.label == label
        ]
        assert len(means) == 3 and f">{np.mean(means):.2f}<" not in source
    plain = " ".join(re.sub("<[^>]*>", "", source).split())
    assert "Over the sets it is the mean of these, each set counting once, for methods that are on every set." in plain
    assert "Metrics: psnr[rgb,255], ssim[matlab3d,s1.5,w11], detection[dlib-hog]" in plain


def test_ids_are_unique_and_every_anchor_leads_somewhere(source: str) -> None:
    ids = re.findall(r'\bid="([^"]*)"', source)
    assert len(ids) == len(set(ids)) > 80
    anchors = re.findall(r'href="#([^"]*)"', source)
    assert set(anchors) <= set(ids) and {"standing", "set-tiny", SLUG, "sets-strata"} <= set(anchors)
    for name in re.findall(r'(?:\bfor|list|aria-labelledby)="([^"]*)"', source):
        assert set(name.split()) <= set(ids)
    assert len(re.findall(r'name="([^"]*)v-mode"', source)) == 2 * 3 and 'name="set-tiny_v-mode"' in source
    assert SECOND not in source and "dark &amp; &lt;i&gt;small" in source


def test_no_anchor_leads_to_a_section_that_is_not_there(scores_of: Make) -> None:
    bare = on(scores_of("net", random_psnr(0)), "without names", "a1")
    bare.frame["identity"], bare.frame["kernel_id"], bare.frame["kernel_size"] = None, "", 0
    source = page_of_sets(boards([bare, on(scores_of("net", random_psnr(1)), "named", "b2")]))
    ids = re.findall(r'\bid="([^"]*)"', source)
    assert "set-named_size" in ids and not {"set-without-names_size", "set-without-names_strata"} & set(ids)
    assert set(re.findall(r'href="#([^"]*)"', source)) <= set(ids)


@pytest.mark.parametrize(("mean", "told"), [(0.2, ""), (0.4, "0.1000 above the blurred input")])
def test_a_leader_worse_than_the_input_is_told_where_lower_is_better(scores_of: Make, mean: float, told: str) -> None:
    near = Column("lpips[alex,v0.1]", "LPIPS", "", False, 1.0)
    small = np.linspace(-0.01, 0.01, 80)
    made = [
        on(scores_of(name, small + level, columns=(near,)), where, where)
        for where in ("a1", "b2")
        for name, level in (("net", mean), ("blurred", 0.3))
    ]
    leads = page_of_sets(boards(made)).partition('<ul class="leads">')[2].partition("</ul>")[0]
    plain = " ".join(re.sub("<[^>]*>", "", leads).split())
    assert plain.count("the blurred input is significant") == 2
    assert plain.count(f", {told};") == 2 if told else "above the" not in plain and "below the" not in plain


def test_infinite_means_sort_as_infinite_and_no_rank_is_no_best(scores_of: Make) -> None:
    perfect = np.where(np.arange(80) == 5, np.inf, random_psnr(0))
    made = [on(scores_of("net", perfect), "a1", "a1"), on(scores_of("other", random_psnr(1)), "b2", "b2")]
    found = overview(boards(made))
    rows = [row for part in standing(found)["parts"] for row in part["rows"]]
    assert [row["best"] for row in rows] == [False, False], "neither is on both sets"
    strata = page_of_sets(boards(made)).partition('<section id="sets-strata"')[2].partition("</section>")[0]
    assert 'data-v="Infinity"' in strata and 'data-v="inf"' not in strata and 'data-v="nan"' not in strata


def test_a_set_is_drawn_whose_means_are_alike_to_rounding(scores_of: Make) -> None:
    values = {"a": 30.0, "b": np.nextafter(30.0, 31.0)}
    made = [on(scores_of(name, [value]), where, where) for where in ("a1", "b2") for name, value in values.items()]
    assert draw_sets(overview(boards(made))).count('class="mark"') == 4


def test_no_tick_of_the_drawing_stands_where_no_mean_can_be(scores_of: Make) -> None:
    found = Column("detection[x]", "Found", "fraction", True, 0.0, least=0.0, most=1.0)
    made = [on(scores_of("net", np.ones(80), columns=(found,)), where, where) for where in ("a1", "b2")]
    shown = [float(one) for one in re.findall(r'text-anchor="middle">([\d.]+)<', draw_sets(overview(boards(made))))]
    assert len(shown) > 2 and max(shown) == 100


def test_sets_of_one_slug_have_parts_of_their_own(scores_of: Make) -> None:
    names = ["A b", "a-b-3", "a-b", "???", "a b", "a-b-2"]
    tables = [on(scores_of("net", random_psnr(at)), name, f"{at}f") for at, name in enumerate(names)]
    source = page_of_sets(boards(tables))
    parts = re.findall(r'<section class="set" id="([^"]*)"', source)
    assert len(set(parts)) == 6 and "Face deblurring on 6 sets" in source
    ids = re.findall(r'\bid="([^"]*)"', source)
    assert len(ids) == len(set(ids))


def test_sets_of_different_metrics_are_not_put_in_one_order(scores_of: Make) -> None:
    other = Column("psnr-shift[rgb,255]", "PSNR shifted", "dB", True, 0.0)
    tables = [
        *(on(scores_of(name, random_psnr(at)), "one", "a1") for at, name in enumerate("ab")),
        *(on(scores_of(name, random_psnr(at + 5), columns=(other,)), "two", "b2") for at, name in enumerate("ab")),
    ]
    found = boards(tables)
    assert [len({row.column.signature for row in one.rows}) for one in over_sets(found, ["a", "b"], "a")] == [2, 2]
    source = page_of_sets(found)
    strata = source.partition('<section id="sets-strata"')[2].partition("</section>")[0]
    assert "sortable" not in strata and "one (PSNR ↑ dB)" in strata and "two (PSNR shifted ↑ dB)" in strata
    plain = " ".join(re.sub("<[^>]*>", "", source).split())
    assert "Metrics of one: psnr[rgb,255]" in plain and "Metrics of two: psnr-shift[rgb,255]." in plain
    assert "values of different metrics cannot be compared across rows" in plain


def test_strata_by_set_are_what_pandas_groups(tables: list[Scores]) -> None:
    found = over_sets(boards(tables), ["late", "a"], "a")
    assert [one.title for one in found] == ["Set", "Set and kernel size"]
    frames = {table.meta.set["name"]: table.frame for table in tables if table.meta.method == "a"}
    means = {name: frame[PSNR].mean() for name, frame in frames.items()}
    assert [row.name for row in found[0].rows] == sorted(means, key=lambda name: means[name])
    for row in found[0].rows:
        assert row.pairs == 80 and row.cells[1] is not None
        assert row.cells[1] == pytest.approx((means[row.name], frames[row.name][PSNR].std(ddof=0)))
        assert (row.cells[0] is None) == (row.name == "two")
    sizes = {
        f"{name}, {size} px": group.mean()
        for name, frame in frames.items()
        for size, group in frame.groupby("kernel_size")[PSNR]
    }
    assert {row.name: row.cells[1][0] for row in found[1].rows if row.cells[1]} == pytest.approx(sizes)
    few = over_sets(boards(tables), ["a"], "a", shown=3)[1]
    assert [row.name for row in few.rows] == [
        *sorted(sizes, key=lambda name: sizes[name])[:3],
        *sorted(sizes, key=lambda name: sizes[name])[-3:],
    ]
    assert few.total == 24 and few.cut == 3


def test_a_set_on_its_own_has_the_page_of_one_set(bench: Any, tmp_path: Path) -> None:
    source = report(boards(bench.tables), tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="leaderboard"' in source and "nav.sets" not in source and "standing" not in source.lower()


def test_commands_tell_the_sets_apart(source: str) -> None:
    plain = unescape(source)
    assert "facedeblur build tiny.toml --faces PHOTOS --seed 3 -o SETS/tiny" in plain
    assert f"facedeblur run unsharp SETS/'{SECOND}' -o OUTPUTS/'{SECOND}'/" in plain
    assert f"facedeblur report OUTPUTS/tiny/* OUTPUTS/'{SECOND}'/* -o report.html" in plain


def test_a_pair_that_is_asked_for_is_shown_on_the_set_that_has_it(bench: Any, second: Any, tmp_path: Path) -> None:
    tables = [*bench.tables, *second.tables]
    source = report(tables, tmp_path / "report.html", pairs=["face2_ker04_k9"]).read_text(encoding="utf-8")
    (part,) = re.findall(r'data-pair="face2_ker04_k9" data-group="(\w+)"', source)
    assert part == "chosen" and source.index("face2_ker04_k9") < source.index(f'id="{SLUG}"')
    with pytest.raises(InputError, match=r"face9_ker04_k9.*of the sets"):
        report(tables, tmp_path / "none.html", pairs=["face9_ker04_k9"])
    assert not (tmp_path / "none.html").exists()


@pytest.mark.parametrize("room", [110_000, 300_000])
def test_the_pictures_share_what_the_rest_leaves(
    bench: Any, second: Any, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = boards([*bench.tables, *second.tables])
    monkeypatch.setattr(module, "BUDGET", 0)
    bare = len(page_of_sets(found).encode())
    monkeypatch.setattr(module, "BUDGET", room * 2)
    monkeypatch.setattr(module, "LIMIT", bare + room)
    source = page_of_sets(found)
    assert bare + room / 3 < len(source.encode()) <= bare + room
    first, other = source.split(f'id="{SLUG}"')
    shares = [len("".join(re.findall(r'"data:image[^"]*"', part))) for part in (first, other)]
    assert min(shares) > 0 and shares[0] <= room / 2


def test_ten_methods_on_three_large_sets_stay_small(scores_of: Make) -> None:
    tables = []
    for at, name in enumerate(["one", "two", "three"]):
        for i in range(10):
            table = scores_of(
                f"method-{i}", random_psnr(10 * at + i, -i, 1_600), run={"timings": {"mean_s": 0.1 / (i + 1)}}
            )
            # The page of 16,000 pairs is as large: what grows with them is counted, not listed.
            table.frame["identity"] = table.frame["image_id"] = [f"person {n // 8}" for n in range(1_600)]
            table.frame["kernel_id"] = [f"ker{n % 8}" for n in range(1_600)]
            tables.append(on(table, name, f"{at}e"))
    assert len(page_of_sets(boards(tables)).encode()) < 3_000_000 - module.BUDGET
