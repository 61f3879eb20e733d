"""What a reader chooses is in the address; tables and figures can be saved; sets of too few faces show no intervals."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facedeblur.benchmark.files.tables import from_cell
from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.page.report import report

pytestmark = pytest.mark.browser

PSNR = "psnr[rgb,255]"


def saved(page: Any, button: Any) -> tuple[str, bytes]:
    """Name and content of the file that a button saves."""
    with page.expect_download() as started:
        button.click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def rows(page: Any) -> list[str]:
    every = page.locator(".board th.method[data-method]").filter(visible=True)
    return list(every.evaluate_all("all => all.map(one => one.dataset.method)"))


@pytest.fixture
def few_file(second: Any, tmp_path: Path) -> Path:
    """A report of a set of two faces and three kernels."""
    return report(second.tables, tmp_path / "few.html")


@pytest.fixture
def few(browser: Any, few_file: Path) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(few_file.as_uri())
    yield page
    page.close()


def test_the_table_is_quiet_until_more_is_asked_for(opened: Any) -> None:
    cell = opened.locator(".board td[data-mean]").first
    mean, std, interval = cell.inner_text().split("\n")
    assert re.fullmatch(r"\d+\.\d\d", mean) and std.startswith("±") and interval.startswith("[")
    for name in ("worst pair", "quantiles", "definitions"):
        opened.get_by_role("checkbox", name=name).check()
    assert "worst" in cell.inner_text() and cell.inner_text().count(",") == 3
    assert opened.locator(".board thead").get_by_text("rgb,255").is_visible()


def test_an_address_reproduces_the_view(opened: Any, browser: Any) -> None:
    opened.get_by_role("checkbox", name="worst pair").check()
    opened.get_by_label("Methods with").fill("SHARP un")
    opened.locator("summary", has_text="Columns").click()
    opened.locator("#columns").get_by_label("SSIM", exact=True).uncheck()
    opened.get_by_role("button", name="PSNR").click()
    opened.get_by_role("button", name="PSNR").click()
    opened.get_by_label("Sort metrics by").select_option("std")
    address = opened.url
    assert address.partition("#")[2] == "&show=worst&methods=SHARP+un&hide=ssim&sort=psnr%2Cascending&by=std"
    other = browser.new_page()
    other.goto(address)
    assert (
        other.get_by_role("checkbox", name="worst pair").is_checked()
        and not other.get_by_role("checkbox", name="quantiles").is_checked()
    )
    assert rows(other) == ["unsharp"] and other.get_by_label("Sort metrics by").input_value() == "std"
    assert other.locator(".board th[aria-sort]").get_attribute("data-key") == "m0"
    assert other.locator(".board th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert not other.locator(".board [data-name=ssim]").is_visible() and other.locator(".d-worst").first.is_visible()
    other.get_by_role("link", name="Run time").click()
    # A link to a section keeps the view; the page writes the address after the click has returned.
    other.wait_for_function("location.hash.startsWith('#time&show=worst')")
    other.get_by_role("checkbox", name="worst pair").uncheck()
    other.get_by_role("button", name="Clear").click()
    assert "show" not in other.url and "methods" not in other.url
    other.close()


def test_an_address_that_makes_no_sense_is_the_plain_view(browser: Any, report_file: Path) -> None:
    page = browser.new_page()
    page.goto(report_file.as_uri() + "#nowhere&sort=none,up&show=x&kind=y&hide=z&by=w")
    assert len(rows(page)) == 4 and page.locator(".board th[aria-sort]").get_attribute("data-key") == "place"
    page.close()


def test_sets_keep_their_views_apart(opened_sets: Any) -> None:
    opened_sets.locator("#set-tiny").get_by_role("checkbox", name="quantiles").check()
    assert opened_sets.url.endswith("#&set-tiny_show=quantiles")
    assert opened_sets.locator(".show-quantiles").count() == 1


def test_the_table_as_csv(opened: Any, rich: Any) -> None:
    button = opened.get_by_role("button", name="Save table as CSV")
    name, content = saved(opened, button)
    found = list(csv.DictReader(io.StringIO(content.decode())))
    assert name == "tiny-leaderboard.csv" and [row["method"] for row in found] == rows(opened)
    board = gather(rich.tables)
    for row, method in zip(found, board, strict=True):
        spread = method.spread(board.headline).interval
        assert spread is not None and float(row["psnr_low"]) == spread.low
        assert float(row["psnr_mean"]) == method.summary(board.headline).mean
        assert row["true_kernel"] == str(method.oracle).lower() and "psnr_worst" not in row
    opened.get_by_role("checkbox", name="worst pair").check()
    opened.locator("#filter-kind").select_option("oracle")
    (row,) = csv.DictReader(io.StringIO(saved(opened, button)[1].decode()))
    assert row["method"] == "wiener" and float(row["psnr_worst"]) > 0 and row["rank"] == ""


def test_a_name_that_is_a_formula_is_saved_as_text(browser: Any, scores_of: Any, tmp_path: Path) -> None:
    names = ["=1+1", "'-x", "net,1"]
    made = [scores_of(name, np.full(20, 25.0 - at)) for at, name in enumerate(names)]
    page = browser.new_page()
    page.goto(report(made, tmp_path / "formula.html").as_uri())
    content = saved(page, page.get_by_role("button", name="CSV"))[1].decode()
    found = list(csv.DictReader(io.StringIO(content)))
    assert [row["method"] for row in found] == ["'=1+1", "''-x", "net,1"]
    assert [from_cell(row["method"]) for row in found] == names and float(found[1]["psnr_mean"]) == 24
    page.close()


def test_an_address_with_choices_leads_to_its_section(browser: Any, report_file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(
        "window.replaced = 0; const own = history.replaceState.bind(history);"
        "history.replaceState = (...all) => { window.replaced += 1; own(...all); };"
    )
    page.goto(report_file.as_uri() + "#coverage&show=worst")
    assert page.locator("#viewer").is_visible()
    assert abs(page.locator("#coverage").evaluate("one => one.getBoundingClientRect().top")) < 60
    assert page.evaluate("window.replaced") == 0, "the address is the reader's already"
    page.close()


@pytest.mark.parametrize("figure", ["size", "distribution", "time", "recognition", "parsing"])
def test_figures_are_saved(opened: Any, figure: str) -> None:
    opened.emulate_media(color_scheme="dark")
    place = opened.locator(f"#{figure} .saves").first
    name, content = saved(opened, place.get_by_role("button", name="Save the figure as SVG"))
    assert name == f"tiny-{figure}.svg"
    drawing = ET.fromstring(content)
    shapes = [one for one in drawing.iter() if one.tag.endswith(("path", "text"))]
    words = " ".join("".join(one.itertext()) for one in drawing)
    assert len(shapes) > 10 and "unsharp" in words and b"var(" not in content and b"class=" not in content
    assert all(one.get("fill") for one in shapes), "no style sheet is needed"
    name, content = saved(opened, place.get_by_role("button", name="Save the figure as PNG"))
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert name.endswith(".png") and pixels.shape[1] > 2000
    assert (pixels[:5] == 255).all() and 5 < pixels.std() < 100, "drawn, and on white in the dark page too"


def test_a_figure_is_saved_without_the_methods_left_out(opened: Any) -> None:
    opened.get_by_label("Methods with").fill("unsharp")
    for kind in ("figure", "small figures"):
        button = opened.locator("#size").get_by_role("button", name=f"Save the {kind} as SVG")
        content = saved(opened, button)[1].decode()
        assert "unsharp" in content and "wiener" not in content


def test_too_few_faces_are_told_and_no_interval_is_shown(few: Any) -> None:
    for name in ("worst pair", "quantiles", "definitions"):
        few.get_by_role("checkbox", name=name).check()
    few.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    shown = " ".join(few.locator("body").inner_text().split())
    assert "only 2 faces and 3 kernels, too few for confidence intervals and significance tests" in shown
    assert "which need at least 5 faces and 5 kernels" in shown
    parts = few.locator("#leaderboard table, #size, #time").all_inner_texts()
    assert not any(re.search(r"\[[−\d]|95 % interval", part) for part in parts)
    assert few.locator(".whisker, .matrix, .letters, #certainty").count() == 0
    names = csv.DictReader(io.StringIO(saved(few, few.get_by_role("button", name="CSV"))[1].decode())).fieldnames
    assert names is not None and not [name for name in names if name.endswith(("_low", "_high"))]
