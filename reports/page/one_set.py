"""The page of one set: what its templates are given, and how they are put into one document."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from facedeblur.reports import text
from facedeblur.reports.leaderboard import significance
from facedeblur.reports.leaderboard.board import Board, without_interval
from facedeblur.reports.leaderboard.strata import strata
from facedeblur.reports.page import figures, provenance, rows, verdict
from facedeblur.reports.page.gallery import BUDGET, FURTHER, Gallery
from facedeblur.reports.page.provenance import commands
from facedeblur.reports.page.svg import drawing

STYLES = ("style.css", "viewer.css")
SCRIPTS = ("report.js", "figures.js", "viewer.js")


def page(board: Board, pictures: Gallery) -> str:
    """The whole page as HTML; everything that comes from a table is escaped."""
    title = board.set.get("name") or "a set"
    shown = of_board(board) | {"pictures": pictures, "budget": BUDGET, "most": FURTHER}
    return document("report.html.j2", title=title, **shown)


def of_board(board: Board, *, at: str = "", name: str = "") -> dict[str, Any]:
    """What the sections of one set are made of, without its pictures.

    Parameters
    ----------
    board : Board
    at : str
        What the ids of the sections begin with, where the page has several sets.
    name : str
        The set's name, where the sections have to say of which set they are.
    """
    column, compared = board.headline, significance.pairwise(board)
    return {
        "at": at,
        "name": name,
        "of": f", {name}" if name else "",
        "h2": "h3" if name else "h2",
        "h3": "h4" if name else "h3",
        "board": board,
        "headline": column,
        "columns": [rows.heading(one) for one in board.columns],
        "parts": rows.parts(board),
        "verdict": verdict.verdict(board, compared),
        "coverage": verdict.coverage(board),
        "no_interval": without_interval(board),
        "matrix": figures.matrix(compared, column),
        "size": figures.kernel_size(board),
        "spread": figures.distribution(board),
        "speed": figures.speed(board),
        "recognition": figures.recognition(board),
        "parsing": figures.parsing(board),
        "strata": figures.strata_tables(strata(board), [entry.label for entry in board]),
        "definitions": [(one.label, one.signature, provenance.define(one)) for one in board.columns],
        "unavailable": board.unavailable,
        "set_facts": provenance.set_facts(board),
        "runs": [(entry, provenance.run_facts(entry)) for entry in board],
        "recipe": provenance.recipe_text(board),
        "commands": commands(board, among=name),
    }


def document(
    template: str, *, styles: tuple[str, ...] = STYLES, scripts: tuple[str, ...] = SCRIPTS, **what: Any
) -> str:
    """A whole document, with its style and script inside and a policy that lets no other through."""
    folder = files("facedeblur.reports.page.templates")
    style, script = (
        "\n".join((folder / name).read_text(encoding="utf-8") for name in names) for names in (styles, scripts)
    )
    inside = {"style": style, "script": script, "style_hash": _integrity(style), "script_hash": _integrity(script)}
    return drawing.environment().get_template(template).render(**inside, **what, text=text)


def fragment(template: str, **what: Any) -> str:
    """A part of a document."""
    return drawing.render(template, **what, text=text)


def _integrity(content: str) -> str:
    """The hash by which the page's policy lets its own style and script through, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
