"""Markdown shows names from outside as they are."""

from __future__ import annotations

import pytest

from facedeblur.reports.markdown import code, fenced, plain, table


@pytest.mark.parametrize(
    "text", ["a|b", "<script>", "*x*", "[a](b)", "`x`", "a\nb", "x_y_z", "# h", "\\", "\x1b[1m", "&lt;", "1. x", "- x"]
)
def test_nothing_is_markup(text: str) -> None:
    """The parser of rich, another's, finds one text in a cell."""
    markdown_it = pytest.importorskip("markdown_it")
    cell = f"| h |\n| --- |\n| {plain(text)} |\n"
    (*_, inline) = [one for one in markdown_it.MarkdownIt().enable("table").parse(cell) if one.type == "inline"]
    assert {one.type for one in inline.children} <= {"text", "text_special"}
    assert "".join(one.content for one in inline.children) == " ".join(text.replace("\x1b", " ").split())


def test_code_with_marks() -> None:
    assert [code(text) for text in ("a", "a`b", "`", "a|b")] == ["`a`", "``a`b``", "`` ` ``", "`a\\|b`"]


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("x\n", "toml") == "```toml\nx\n```"
    assert fenced("````\nx") == "`````\n````\nx\n`````"


def test_a_table() -> None:
    assert table(["a", "b"], [["1", "2"]], right=[1]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
