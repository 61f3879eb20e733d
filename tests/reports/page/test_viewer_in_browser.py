"""The viewer in a real browser: the slider by mouse and keys, zoom, the difference map, and which pairs it knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facedeblur.benchmark.sets.set import Set

FRAME = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
  setTimeout(done, 2000);
})"""

pytestmark = pytest.mark.browser


def cut(page: Any) -> float:
    """How much of the left picture is cut off at its right, in per cent."""
    style = page.locator("#v-over").evaluate("one => getComputedStyle(one).clipPath")
    return float(style.split()[1].rstrip("%px)"))


def test_the_divider_follows_the_mouse(opened: Any) -> None:
    layers = opened.locator(".stage:not(.second) .layers")
    layers.scroll_into_view_if_needed()
    assert cut(opened) == 50
    box = layers.bounding_box()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 60, steps=3)
    opened.mouse.up()
    assert cut(opened) == pytest.approx(80, abs=1) and opened.locator("#v-slider").input_value() == "20"
    opened.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 60)
    assert cut(opened) == pytest.approx(80, abs=1), "only while the button is down"


def test_the_divider_follows_the_keys(opened: Any) -> None:
    slider = opened.locator("#v-slider")
    slider.focus()
    for _ in range(3):
        opened.keyboard.press("ArrowRight")
    assert cut(opened) == 47 and "53 % blurred" in slider.get_attribute("aria-valuetext")
    opened.keyboard.press("Home")
    assert cut(opened) == 100


def test_zoom_by_slider_and_keys_keeps_the_middle(opened: Any) -> None:
    stage, layers = opened.locator(".stage").first, opened.locator(".layers").first
    width = layers.bounding_box()["width"]
    stage.focus()
    opened.keyboard.press("+")
    assert layers.bounding_box()["width"] == pytest.approx(2 * width, abs=1)
    assert opened.locator("#v-factor").inner_text() == "2×"
    left, shown = stage.evaluate("one => [one.scrollLeft, one.clientWidth]")
    assert left + shown / 2 == pytest.approx(width, rel=0.05)
    opened.keyboard.press("-")
    assert layers.bounding_box()["width"] == pytest.approx(width, abs=1)


def test_the_difference_map_is_the_difference(opened: Any, rich: Any) -> None:
    opened.locator("#v-right").select_option("sharp")
    opened.get_by_role("radio", name="difference").check()
    caption = opened.locator(".v-caption")
    caption.get_by_text("Mean absolute difference").wait_for()
    made = Set.open(rich.set)
    pair = next(one for one in made.pairs() if one.pair_id == opened.locator("#v-pair").input_value())
    sharp, blurred = made.sharp(made.images[pair.image_id]).astype(float), made.blurred(pair).astype(float)
    assert f"difference {np.abs(sharp - blurred).mean():.1f} grey levels" in caption.inner_text()
    script = "one => [...one.getContext('2d').getImageData(0, 0, 64, 64).data].filter((_, at) => at % 4 === 0)"
    red = np.array(opened.locator("#v-canvas").evaluate(script)).reshape(64, 64)
    # Red rises along the scale, so that the order of differences is that of the colours.
    order = np.corrcoef(red.ravel(), np.minimum(np.abs(sharp - blurred).mean(axis=2), 64).ravel())[0, 1]
    assert order > 0.9 and opened.locator(".ramp").is_visible()


def test_side_by_side_scrolls_together(opened: Any) -> None:
    opened.get_by_role("radio", name="side by side").check()
    opened.locator("#v-zoom").fill("4")
    first, second = opened.locator(".stage").first, opened.locator(".stage.second")
    assert second.is_visible() and not opened.locator("#v-slider").is_visible()
    first.evaluate("one => { one.scrollTop = 77; }")
    opened.evaluate(FRAME)
    assert second.evaluate("one => one.scrollTop") == 77


def test_any_embedded_pair_by_id_and_no_other(opened: Any) -> None:
    every = opened.locator(".pair").evaluate_all("all => all.map(one => one.dataset.pair)")
    assert len(every) == 25 and opened.locator("#v-pair option").count() == 25
    box = opened.locator("#v-id")
    box.fill(every[-1])
    box.press("Enter")
    assert opened.locator("#v-pair").input_value() == every[-1]
    assert every[-1] in opened.locator("#v-over").get_attribute("alt")
    box.fill("face7_ker99")
    box.press("Enter")
    assert "face7_ker99 is not in this file" in opened.locator(".v-caption").inner_text()
    assert opened.locator("#v-pair").input_value() == every[-1]
    opened.get_by_role("button", name="Next").click()
    assert opened.locator("#v-pair").input_value() == opened.locator("#v-pair option").first.get_attribute("value")


def test_a_picture_opens_in_the_viewer_by_key(opened: Any) -> None:
    tile = opened.locator(".pair").nth(2).locator("button.open").nth(1)
    tile.focus()
    opened.keyboard.press("Enter")
    shown = opened.locator(".pair").nth(2).get_attribute("data-pair")
    assert opened.locator("#v-pair").input_value() == shown and opened.locator("#v-left").input_value() == "unsharp"
    assert opened.evaluate("document.activeElement.id") == "v-slider"


def test_kernels_true_and_estimated(opened: Any) -> None:
    opened.locator("#v-left").select_option("unsharp")
    opened.locator("#v-right").select_option("sharp")
    left, right = opened.locator(".kernels figure").nth(0), opened.locator(".kernels figure").nth(1)
    assert "kernel estimated by unsharp" in left.inner_text() and not right.is_visible()
    opened.locator("#v-right").select_option("blurred")
    assert "true kernel" in right.inner_text() and right.is_visible()
    opened.get_by_label("kernels", exact=True).uncheck()
    assert not left.is_visible() and not right.is_visible()
