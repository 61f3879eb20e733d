"""The report: one HTML file that opens offline, asks nothing of the network, and holds the whole comparison."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from facedeblur.benchmark.atomic import write_text
from facedeblur.benchmark.scores import Scores
from facedeblur.reports import figures, provenance, rows, significance, svg, text, verdict
from facedeblur.reports.board import Board, gather, without_interval
from facedeblur.reports.gallery import BUDGET, FURTHER, Gallery, gallery


def report(scores: Board | Sequence[Scores | str | Path], path: str | Path, *, pairs: Sequence[str] = ()) -> Path:
    """Write a self-contained HTML report, atomically.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board
        Tables of one set, their files, or the outputs folders that hold them. The pictures come from
        the set and the outputs that the tables name, as seen from the tables' folders; where they are
        not found the report says so in their place. Recognition and parsing are shown where the outputs
        hold ``recognition.parquet`` and ``parsing.parquet``.
    path : path
        File to write.
    pairs : sequence of str
        Ids of pairs whose pictures are wanted, besides those that the report chooses itself.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        When tables do not fit together, have no pair of a name in `pairs`, or jinja2 is not installed.
    """
    board = scores if isinstance(scores, Board) else gather(scores)
    write_text(path, page(board, gallery(board, named=pairs)))
    return Path(path)


def page(board: Board, pictures: Gallery) -> str:
    """The whole page as HTML; everything that comes from a table is escaped."""
    environment = svg.environment()
    folder = files("facedeblur.reports.templates")
    style, script = (
        "\n".join((folder / name).read_text(encoding="utf-8") for name in names)
        for names in (("style.css", "viewer.css"), ("report.js", "figures.js", "viewer.js"))
    )
    column, compared = board.headline, significance.pairwise(board)
    return environment.get_template("report.html.j2").render(
        style=style,
        script=script,
        style_hash=_integrity(style),
        script_hash=_integrity(script),
        board=board,
        headline=column,
        columns=[rows.heading(one) for one in board.columns],
        parts=rows.parts(board),
        verdict=verdict.verdict(board, compared),
        coverage=verdict.coverage(board),
        no_interval=without_interval(board),
        matrix=figures.matrix(compared, column),
        size=figures.kernel_size(board),
        spread=figures.distribution(board),
        speed=figures.speed(board),
        recognition=figures.recognition(board),
        parsing=figures.parsing(board),
        strata=figures.strata_tables(board),
        pictures=pictures,
        budget=BUDGET,
        most=FURTHER,
        definitions=[(one.label, one.signature, provenance.define(one)) for one in board.columns],
        unavailable=board.unavailable,
        set_facts=provenance.set_facts(board),
        runs=[(entry, provenance.run_facts(entry)) for entry in board],
        recipe=provenance.recipe_text(board),
        commands=provenance.commands(board),
        text=text,
    )


def _integrity(content: str) -> str:
    """The hash by which the page's policy lets its own style and script through, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
