"""The report in a real browser: it sorts by mouse and keyboard, shows its pictures, and asks nothing of the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facedeblur.reports.html import report

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(bench.tables, tmp_path_factory.mktemp("browser") / "report.html")


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Any]:
    """The page, with what it complained about and asked for in ``page.trouble``."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda message: page.trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.trouble.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith(("file://", "data:")) or page.trouble.append(request.url))
    page.on("dialog", lambda dialog: page.trouble.append(f"dialog: {dialog.message}") or dialog.dismiss())
    page.goto(file.as_uri())
    yield page
    assert page.trouble == []
    context.close()


def methods(page: Any) -> list[str]:
    return list(
        page.locator(".board tbody:first-of-type th.method").evaluate_all("all => all.map(one => one.dataset.method)")
    )


def sorted_by(page: Any) -> list[str]:
    script = "all => all.map(one => one.dataset.key + ' ' + one.ariaSort)"
    return list(page.locator(".board thead th[aria-sort]").evaluate_all(script))


HOSTILE = "<script>alert(1)</script>"


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
    assert opened.locator("[role=status]").inner_text().startswith("Sorted by PSNR")
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


def test_metrics_sort_by_the_chosen_statistic(opened: Any) -> None:
    opened.get_by_label("worst pair").check()
    assert sorted_by(opened) == ["m0 descending"] and methods(opened) == ["unsharp", "blurred", HOSTILE]
    opened.get_by_label("standard deviation").check()
    assert methods(opened) == [HOSTILE, "blurred", "unsharp"]


def test_every_picture_is_there(opened: Any) -> None:
    sizes = opened.locator("img").evaluate_all("all => all.map(one => [one.naturalWidth, one.naturalHeight, one.alt])")
    assert len(sizes) >= 40
    assert all(width > 0 and height > 0 and alt for width, height, alt in sizes)
    assert opened.locator(".tile .why").count() == 2


def test_drawings_are_laid_out_and_told(opened: Any) -> None:
    for drawing in opened.locator("svg.plot").all():
        box = drawing.bounding_box()
        assert box["width"] > 100 and box["height"] > 60 and drawing.get_attribute("aria-label")
    assert opened.locator("svg .hit title").first.text_content()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_it_is_readable_in_light_dark_and_on_a_phone(
    browser: Any, file: Path, tmp_path: Path, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    low = page.evaluate(CONTRAST)
    assert low == [], "text with less contrast than 4.5 to 1"
    page.screenshot(path=tmp_path / f"report-{scheme}-{width}.png", full_page=True)
    assert (tmp_path / f"report-{scheme}-{width}.png").stat().st_size > 20_000
    context.close()


def test_it_is_whole_without_scripts(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".board tbody tr th.method").count() == 4
    assert page.locator(".board button").count() == 0 and not page.locator("#statistic").is_visible()
    context.close()


def test_it_prints(browser: Any, file: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
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
