"""A paper's table in Markdown, as GitHub shows it."""

from __future__ import annotations

import re

from facedeblur.reports.paper_tables.build import PaperTable
from facedeblur.reports.paper_tables.cells import PLUS_MINUS, Cell

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~#!])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text that Markdown shows as it stands here, on one line; what cannot be printed becomes a blank."""
    plain = "".join(_ENTITIES.get(letter, letter if letter.isprintable() else " ") for letter in text)
    return _PUNCTUATION.sub(r"\\\1", plain)


def to_markdown(table: PaperTable) -> str:
    """The table with its heading, remarks and footnotes.

    Best values are bold, second ones underlined, printed and measured ones apart.
    """
    stub, n = len(table.layout.stub), len(table.columns)
    heads = [" ".join(filter(None, column.labels)) for column in table.columns]
    heads = [escape(head) + _marks(table.footnotes.columns.get(c, ())) for c, head in enumerate(heads)]
    lines = [
        f"### {escape(table.title)}",
        "",
        f"{escape(table.layout.caption)}.",
        "",
        _line([*map(escape, table.layout.stub), *heads]),
        _line([*[":--"] * stub, *["--:"] * n]),
    ]
    panel = ""
    for r, row in enumerate(table.rows):
        if table.panels[r] != panel:
            panel = table.panels[r]
            lines.append(_line([f"**{escape(panel)}**", *[""] * (stub + n - 1)]))
        labels = [*map(escape, row.labels)]
        labels[-1 if labels[-1] else 0] += _marks(table.footnotes.rows.get(r, ()))
        lines.append(_line([*labels, *(
            _cell(cell, table.footnotes.cells.get((r, c), ())) for c, cell in enumerate(table.grid[r])
        )]))  # fmt: skip
    notes = [*map(escape, table.remarks), "**Best**, <u>second best</u>."]
    notes += [f"{_marks((mark,))} {escape(text)}" for mark, text in table.footnotes.texts]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, marks: tuple[str, ...]) -> str:
    main, spread = cell.parts
    text = escape(main)
    if cell.rank:
        text = f"**{text}**" if cell.rank == 1 else f"<u>{text}</u>"
    return text + (escape(PLUS_MINUS + spread) if spread else "") + _marks(marks)


def _marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{','.join(marks)}</sup>" if marks else ""
