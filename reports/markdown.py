"""Markdown as GitHub and the Hugging Face Hub show it; names from outside are shown as they are and do nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from facedeblur.benchmark.files.tables import printable


def plain(text: str) -> str:
    r"""Return a text in which nothing is markup, in one line.

    Examples
    --------
    >>> from facedeblur.reports.markdown import plain
    >>> plain("a|b <i>")
    'a\\|b \\<i\\>'
    """
    return re.sub(r"([\\`*_\[\]<>|#~$&])", r"\\\1", " ".join(printable(text).split()))


def code(text: str) -> str:
    """Return a text as code within a line, also inside a table."""
    shown = " ".join(printable(text).split()).replace("|", "\\|")
    marks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{marks}{space}{shown}{space}{marks}"


def fenced(text: str, language: str = "") -> str:
    """Return a text as a block of code, with a fence that the text does not have."""
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{marks}{language}\n{text.rstrip()}\n{marks}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequence of str
        Markdown, one text per heading.
    right : sequence of int
        Columns aligned to the right.
    """
    line = ["---:" if at in right else "---" for at in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, line, *rows))
