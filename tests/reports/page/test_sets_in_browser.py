"""The report of several sets in a real browser: the bar of sets, parts that keep to themselves, no scripts needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SECOND = "dark & <i>small</i>"
SLUG = "set-dark-i-small-i"
FRAME = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
  setTimeout(done, 2000);
})"""
METHODS = "all => all.map(one => one.dataset.v ?? one.dataset.method)"


def current(page: Any) -> list[str]:
    return list(page.locator("nav.sets [aria-current]").all_inner_texts())


def top_of(page: Any, name: str) -> float:
    """Where an element begins, below the lower edge of the bar."""
    bar = page.locator("nav.sets").bounding_box()
    return float(page.locator(f"#{name}").bounding_box()["y"] - bar["y"] - bar["height"])


def settle(page: Any, anchor: str = "") -> None:
    """Wait for a jump to `anchor`, where there is one, and for what a scrolling sets going."""
    if anchor:
        page.wait_for_function("wanted => location.hash === '#' + wanted", arg=anchor)
    page.evaluate(FRAME)


def test_it_opens_with_the_standing(opened_sets: Any) -> None:
    assert opened_sets.title() == f"Face deblurring on tiny and {SECOND}"
    assert opened_sets.locator("main > section").first.get_attribute("id") == "standing"
    assert opened_sets.locator("nav.sets a").all_inner_texts() == ["All sets", "tiny", SECOND, "Definitions"]
    assert current(opened_sets) == ["All sets"]
    assert opened_sets.locator(".set").evaluate_all("all => all.map(one => one.id)") == ["set-tiny", SLUG]


def test_the_bar_leads_to_a_set_by_key(opened_sets: Any) -> None:
    link = opened_sets.locator("nav.sets a", has_text=SECOND)
    link.focus()
    opened_sets.keyboard.press("Enter")
    settle(opened_sets, SLUG)
    assert current(opened_sets) == [SECOND]
    assert -1 <= top_of(opened_sets, SLUG) < 60, "below the bar, not under it"
    opened_sets.keyboard.press("Tab")
    assert opened_sets.evaluate("document.activeElement.closest('.set').id") == SLUG, "reading goes on there"
    box = opened_sets.evaluate("document.activeElement.getBoundingClientRect().top")
    assert box > opened_sets.locator("nav.sets").bounding_box()["height"]


def test_the_bar_leads_to_the_same_section_of_another_set(opened_sets: Any) -> None:
    opened_sets.evaluate("document.getElementById('set-tiny_pictures').scrollIntoView()")
    settle(opened_sets)
    assert current(opened_sets) == ["tiny"]
    link = opened_sets.locator("nav.sets a", has_text=SECOND)
    assert link.get_attribute("title") == f"Images {SECOND}"
    # The mouse itself: a click of the library may scroll the page before, and then another section is meant.
    box = link.bounding_box()
    opened_sets.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(opened_sets, f"{SLUG}_pictures")
    assert current(opened_sets) == [SECOND]
    assert -1 <= top_of(opened_sets, f"{SLUG}_pictures") < 60
    # A section that the other set has not: to its beginning.
    opened_sets.evaluate("document.getElementById('set-tiny_recognition').scrollIntoView()")
    settle(opened_sets)
    assert link.get_attribute("href") == f"#{SLUG}" and link.get_attribute("title") == ""


def test_without_scripts_the_bar_still_leads(browser: Any, sets_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sets_file.as_uri())
    page.locator("nav.sets a", has_text=SECOND).click()
    page.wait_for_url(f"**/*#{SLUG}")
    assert -1 <= top_of(page, SLUG) < 60
    assert page.locator(".standing tbody th[data-v]").count() == 4
    assert page.locator(".board").count() == 2
    assert page.locator("button:visible, select:visible, input:visible").count() == 0
    context.close()


def test_the_standing_sorts_and_oracles_stay_below(opened_sets: Any) -> None:
    names = opened_sets.locator(".standing tbody th[data-v]")
    assert names.evaluate_all(METHODS) == ["blurred", "unsharp", "<script>alert(1)</script>", "wiener"]
    opened_sets.locator(".standing").get_by_role("button", name="Method").click()
    opened_sets.locator(".standing").get_by_role("button", name="Method").click()
    assert names.evaluate_all(METHODS) == ["unsharp", "blurred", "<script>alert(1)</script>", "wiener"]
    assert opened_sets.locator(".standing [aria-sort]").get_attribute("aria-sort") == "descending"
    opened_sets.locator(".standing").get_by_role("button", name="tiny").click()
    means = opened_sets.locator(".standing tbody:first-of-type tr").evaluate_all(
        "all => all.map(one => Number(one.cells[2].dataset.v))"
    )
    assert means == sorted(means, reverse=True)


def test_a_filter_holds_for_its_own_set(opened_sets: Any) -> None:
    first, other = opened_sets.locator("#set-tiny"), opened_sets.locator(f"#{SLUG}")
    first.get_by_label("Methods with").fill("unsharp")
    assert first.locator(".board th.method[data-method]:visible").evaluate_all(METHODS) == ["unsharp"]
    assert first.locator("#set-tiny_size .series.off").count() > 0
    assert other.locator(".off").count() == 0 and other.locator(".board tr:visible th.method").count() == 4
    other.get_by_role("button", name="PSNR").click()
    assert first.locator(".board th[aria-sort]").get_attribute("data-key") == "place"
    assert other.locator(".board th[aria-sort]").get_attribute("data-key") == "m0"


def test_every_set_has_a_viewer_of_its_own_pairs(opened_sets: Any) -> None:
    first, other = (opened_sets.locator(f"#{name}") for name in ("set-tiny", SLUG))
    for part in (first, other):
        known = part.locator(".pair").evaluate_all("all => all.map(one => one.dataset.pair)")
        options = part.locator(".viewer select").first.locator("option").evaluate_all("all => all.map(o => o.value)")
        assert sorted(known) == sorted(options) and len(known) >= 6
    shown = first.locator(".v-caption").inner_text()
    other.get_by_role("radio", name="difference").check()
    other.locator(".v-caption").get_by_text("Mean absolute difference").wait_for()
    assert first.locator(".v-caption").inner_text() == shown
    assert first.get_by_role("radio", name="slider").is_checked()


def test_a_method_looks_the_same_in_every_set(opened_sets: Any) -> None:
    look = """all => all.map(one => [one.dataset.of,
      getComputedStyle(one).getPropertyValue('--c') + one.querySelector('.mark').getAttribute('d')])"""
    drawn = opened_sets.locator("svg.lines [data-of], #standing svg [data-of], svg.ridges [data-of]").evaluate_all(look)
    looks: dict[str, set[str]] = {}
    for method, found in drawn:
        looks.setdefault(method, set()).add(found)
    assert len(looks) == 4 and all(len(found) == 1 for found in looks.values())
    assert len(set().union(*looks.values())) == 4


def test_the_figure_of_the_sets_says_its_numbers(opened_sets: Any) -> None:
    opened_sets.locator("#standing .chart").focus()
    opened_sets.keyboard.press("ArrowRight")
    tip = opened_sets.locator(".tip")
    tip.get_by_text("blurred on tiny").wait_for()
    assert "n = 25 pairs" in tip.inner_text() and "95 % interval" in tip.inner_text()
