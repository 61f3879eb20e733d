"""Who cannot see, point or tell colours apart can read the report: axe-core where it is there, and rules of our own."""

from __future__ import annotations

from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, either_file: Any, scheme: str) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page = browser.new_page(color_scheme=scheme)
    page.goto(either_file.as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.evaluate(source)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    told = [(one["id"], node["html"][:120]) for one in found["violations"] for node in one["nodes"]]
    assert len(found["passes"]) > 30 and told == []
    page.close()


def test_everything_has_a_name(either: Any) -> None:
    assert either.evaluate(NAMELESS) == []


def test_headings_go_down_one_step_at_a_time(either: Any) -> None:
    levels = either.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_figure_has_its_numbers_in_a_table(either: Any) -> None:
    for figure in either.locator("figure:has(> .chart)").all():
        # Below the figure; only the standing over sets has its table above.
        assert figure.evaluate(BESIDE)
        section = figure.evaluate("one => one.closest('section').querySelectorAll('table caption').length")
        assert section >= 1


def test_series_differ_without_colour(opened: Any) -> None:
    marks = opened.locator("#size svg.lines .series").evaluate_all(MARKS)
    assert len(marks) == len(set(marks)) == 4


def test_every_control_is_reached_by_tab_and_shows_it(either: Any) -> None:
    wanted = either.evaluate(CONTROLS)
    either.locator(".skip").focus()
    reached, without = 0, []
    for _ in range(wanted + 60):
        either.keyboard.press("Tab")
        name, outline = either.evaluate(FOCUSED)
        if name == "BODY":
            break
        reached += 1
        if outline == "none":
            without.append(name)
    # Of the buttons of a choice one is reached by tab, the others by the arrow keys.
    radios = either.locator("input[type=radio]:visible").count()
    assert reached >= wanted - radios and without == []


BESIDE = """one => (one.nextElementSibling ?? one.previousElementSibling)
  .matches("details, .notice, .wide:has(.standing)")"""

MARKS = """all => all.map((one) => one.querySelector(".mark").getAttribute("d")
  + getComputedStyle(one.querySelector(".line")).strokeDasharray)"""

CONTROLS = """[...document.querySelectorAll("button, select, input, summary, [tabindex]")]
  .filter((one) => one.checkVisibility() && !one.disabled).length"""

FOCUSED = """(() => {
  const one = document.activeElement;
  return [one === document.body ? "BODY" : one.tagName + " " + one.id, getComputedStyle(one).outlineStyle];
})()"""

# Pictures without words, controls without a label, and drawings without a description.
NAMELESS = """() => {
  const bad = [];
  for (const one of document.querySelectorAll("img")) {
    if (!one.hasAttribute("alt") || (one.checkVisibility() && !one.alt)) bad.push("img " + one.id);
  }
  for (const one of document.querySelectorAll("button, select, input")) {
    const labelled = [...(one.labels ?? [])].some((label) => label.textContent.trim());
    const named = labelled || one.ariaLabel || one.textContent.trim() || one.querySelector("img[alt]");
    if (!named) bad.push(one.tagName + " " + one.id);
  }
  for (const one of document.querySelectorAll("svg")) {
    const told = one.getAttribute("role") === "img" && one.ariaLabel;
    if (one.getAttribute("aria-hidden") !== "true" && !told) bad.push("svg " + one.className.baseVal);
  }
  for (const one of document.querySelectorAll("table")) {
    const scoped = [...one.querySelectorAll("th")].every((head) => head.scope);
    if (!one.caption || !scoped) bad.push("table " + one.className);
  }
  return bad;
}"""
