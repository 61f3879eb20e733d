"""Tables of columns whose meaning stands in the code: those of a leaderboard."""

from __future__ import annotations

from docstrings import code, prose, table

from facedeblur.reports.leaderboard.columns import HEAD, PARTS, TAIL

FIELDS = {"head": HEAD, "parts": PARTS, "tail": TAIL}


def filled(markdown: str) -> str:
    """A page with ``<!-- leaderboard head -->`` and its like replaced by the tables."""
    for name, fields in FIELDS.items():
        place = f"<!-- leaderboard {name} -->"
        if place in markdown:
            rows = [(code(column), kind, prose(meaning)) for column, (kind, meaning) in fields.items()]
            markdown = markdown.replace(place, table(("column", "kind", "meaning"), rows))
    return markdown
