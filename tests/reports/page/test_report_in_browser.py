"""The report in a real browser: it sorts by mouse and keyboard, shows its pictures, and asks nothing of the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from facedeblur.reports.leaderboard.board import gather
from facedeblur.reports.page.gallery import Gallery
from facedeblur.reports.page.report import page

pytestmark = pytest.mark.browser


def methods(page: Any) -> list[str]:
    return list(
        page.locator(".board tbody:first-of-type th.method").evaluate_all("all => all.map(one => one.dataset.method)")
    )


def sorted_by(page: Any) -> list[str]:
    script = "all => all.map(one => one.dataset.key + ' ' + one.ariaSort)"
    return list(page.locator(".board thead th[aria-sort]").evaluate_all(script))


HOSTILE = "<script>alert(1)</script>"
FRAME = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
  setTimeout(done, 2000);
})"""


def test_it_opens_without_a_word_and_without_a_request(opened: Any) -> None:
    assert opened.title() == "Face deblurring on tiny"
    assert methods(opened) == ["blurred", "unsharp", HOSTILE]
    assert sorted_by(opened) == ["place ascending"]


def test_clicking_sorts_and_clicking_again_turns(opened: Any) -> None:
    psnr = opened.get_by_role("button", name="PSNR")
    psnr.click()
    assert sorted_by(opened) == ["m0 descending"] and methods(opened) == ["blurred", "unsharp", HOSTILE]
    psnr.click()
    assert sorted_by(opened) == ["m0 ascending"] and methods(opened) == [HOSTILE, "unsharp", "blurred"]
    assert opened.locator("#leaderboard [role=status]").inner_text().startswith("Sorted by PSNR")
    oracles = opened.locator("tbody.oracle tr")
    assert oracles.count() == 2 and "not ranked" in oracles.first.inner_text()


def test_the_keyboard_sorts_too(opened: Any) -> None:
    opened.get_by_role("button", name="Method").focus()
    opened.keyboard.press("Enter")
    assert sorted_by(opened) == ["method ascending"]
    assert methods(opened) == [HOSTILE, "blurred", "unsharp"]
    opened.keyboard.press("Space")
    assert sorted_by(opened) == ["method descending"]
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent").startswith("Coverage")


@pytest.mark.parametrize("part", ["worst", "std"])
def test_metrics_sort_by_the_chosen_statistic(opened: Any, rich: Any, part: str) -> None:
    opened.get_by_label("Sort metrics by").select_option(part)
    board = gather(rich.tables)
    wanted = sorted(board.ranked, key=lambda method: -getattr(method.summary(board.headline), part))
    assert sorted_by(opened) == ["m0 descending"] and methods(opened) == [method.label for method in wanted]


def test_every_picture_is_there(opened: Any) -> None:
    sizes = opened.locator("img").evaluate_all("all => all.map(one => [one.naturalWidth, one.naturalHeight, one.alt])")
    shown = [size for size in sizes if size[2]]
    assert len(shown) >= 40 and all(width > 0 and height > 0 for width, height, _ in shown)
    assert opened.locator(".tile .why").count() == 2


def test_drawings_are_laid_out_and_told(opened: Any) -> None:
    for drawing in opened.locator("svg.plot").all():
        box = drawing.bounding_box()
        assert box["width"] > 100 and box["height"] > 60 and drawing.get_attribute("aria-label")


def test_a_filter_hides_rows_and_dims_the_figures(opened: Any) -> None:
    box, kind = opened.get_by_label("Methods with"), opened.locator("#filter-kind")
    box.fill("SHARP un")
    assert visible(opened) == ["unsharp"] and opened.locator("#filter-count").inner_text() == "1 of 4 methods"
    assert not opened.locator("tr.part").is_visible()
    dim = "all => all.map(one => [one.dataset.of, one.classList.contains('off')])"
    series = dict(opened.locator("#size svg.lines .series").evaluate_all(dim))
    assert series == {"blurred": True, "unsharp": False, HOSTILE: True, "wiener": True}
    box.fill("")
    kind.select_option("oracle")
    assert visible(opened) == ["wiener"] and opened.locator("tr.part").is_visible()
    kind.select_option("whole")
    assert visible(opened) == ["blurred", "unsharp", "wiener"]
    opened.get_by_role("button", name="PSNR").click()
    assert visible(opened) == ["blurred", "unsharp", "wiener"], "a sorted table stays filtered"
    opened.get_by_role("button", name="Clear").click()
    assert len(visible(opened)) == 4 and opened.locator("#filter-count").inner_text() == ""


def kept(otherwise: Path) -> Path:
    """Where pictures of pages go: to FACEDEBLUR_SCREENSHOTS, so that someone can look at them."""
    folder = Path(os.environ.get("FACEDEBLUR_SCREENSHOTS") or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def visible(page: Any) -> list[str]:
    return list(
        page.locator(".board th.method:visible[data-method]").evaluate_all("all => all.map(one => one.dataset.method)")
    )


def test_strata_sort(opened: Any) -> None:
    table = opened.locator("#strata table").first
    names = "all => all.map(one => one.dataset.v)"
    first = table.locator("tbody th").evaluate_all(names)
    table.get_by_role("button", name="unsharp").click()
    assert table.locator("tbody th").evaluate_all(names) == first, "hardest first, as it was"
    table.get_by_role("button", name="unsharp").click()
    assert table.locator("tbody th").evaluate_all(names) == first[::-1]
    assert table.locator("th[aria-sort=descending]").count() == 1


@pytest.mark.parametrize("figure", ["size", "distribution", "time", "recognition", "parsing"])
def test_a_figure_says_its_numbers_under_the_pointer(opened: Any, figure: str) -> None:
    tip = opened.locator(".tip")
    assert not tip.is_visible()
    hit = opened.locator(f"#{figure} .chart .series:not(.sharp) .hit").first
    hit.scroll_into_view_if_needed()
    # What the scrolling says comes a frame later, and hides the numbers.
    opened.evaluate(FRAME)
    middle = hit.bounding_box()
    opened.mouse.move(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    assert tip.is_visible()
    told = tip.inner_text()
    assert "n = " in told and (figure == "distribution" or "interval" in told)
    place, mark = tip.bounding_box(), hit.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= 1280
    assert place["y"] + place["height"] <= mark["y"] or place["y"] >= mark["y"] + mark["height"], "it hides the mark"
    opened.mouse.move(2, 2)
    assert not tip.is_visible()


def test_the_matrix_says_its_numbers_under_the_pointer(opened: Any) -> None:
    opened.locator(".matrix td.worse, .matrix td.better, .matrix td.open").first.hover()
    told = opened.locator(".tip").inner_text()
    assert "95 % interval [" in told and "(Holm)" in told and "of n = 25 pairs" in told


def test_arrow_keys_step_through_a_figure(opened: Any) -> None:
    opened.locator("#size .chart").focus()
    tip = opened.locator(".tip")
    for key, told in (("ArrowRight", "blurred, 5 px"), ("ArrowRight", "blurred, 9 px"), ("ArrowDown", "unsharp, 9 px")):
        opened.keyboard.press(key)
        tip.get_by_text(told).wait_for()
        assert told in opened.locator("body > .live").inner_text()
    opened.keyboard.press("Escape")
    assert not tip.is_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_it_is_readable_in_light_dark_and_on_a_phone(
    browser: Any, either_file: Path, tmp_path: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(either_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    low = page.evaluate(CONTRAST)
    assert low == [], "text with less contrast than 4.5 to 1"
    shot = kept(tmp_path) / f"{either_file.stem}-{scheme}-{width}.png"
    page.screenshot(path=shot, full_page=True)
    assert shot.stat().st_size > 20_000
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_names_of_any_length_are_broken(browser: Any, scores_of: Any, tmp_path: Path, width: int) -> None:
    tables = [scores_of(letter * 200, [value, value + 3] * 20) for letter, value in (("m", 24.0), ("n", 21.0))]
    for table in tables:
        table.frame["identity"] = "person" * 20 + table.frame["identity"]
    file = tmp_path / "long.html"
    file.write_text(page(gather(tables), Gallery((), "", "", ())), encoding="utf-8")
    opened = browser.new_page(viewport={"width": width, "height": 900})
    opened.goto(file.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.locator("#strata tbody th").first.bounding_box()["width"] > 100, "not one letter a line"
    opened.close()


def test_it_is_whole_without_scripts(browser: Any, report_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report_file.as_uri())
    assert page.locator(".board tbody tr th.method").count() == 4
    assert page.locator("button:visible, select:visible, input:visible").count() == 0
    assert page.locator(".plot .hit title").count() > 50, "the browser's own tips"
    context.close()


def test_it_prints(browser: Any, either_file: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(either_file.as_uri())
    pdf = page.pdf(prefer_css_page_size=True, path=kept(tmp_path) / f"{either_file.stem}.pdf")
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
    page.emulate_media(media="print")
    assert not page.locator(".viewer, .filter, .choice, nav").filter(visible=True).count()
    page.close()


# Luminance contrast of every text that is shown, against the page's or its own background (WCAG 2, 1.4.3).
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    if (one.closest("script, title") || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(parse(one.closest("svg") ? style.fill : style.color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([one.className.baseVal ?? one.className, one.textContent.slice(0, 20), ratio.toFixed(2)]);
  }
  return low;
}"""
