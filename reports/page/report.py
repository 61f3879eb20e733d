"""The report: one HTML file that opens offline, loads nothing from the network, and holds the whole comparison."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

from facedeblur.benchmark.files.atomic import write_text
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.statistics.intervals import ENOUGH
from facedeblur.reports import text
from facedeblur.reports.leaderboard import significance
from facedeblur.reports.leaderboard.board import Board, BoardsLike, boards, without_interval
from facedeblur.reports.leaderboard.over_sets import overview
from facedeblur.reports.leaderboard.strata import Strata, over_sets, strata
from facedeblur.reports.leaderboard.traits import by_traits
from facedeblur.reports.page import figures, leaderboard, provenance, verdict
from facedeblur.reports.page.gallery import BUDGET, FURTHER, Gallery, gallery
from facedeblur.reports.page.provenance import commands, report_command
from facedeblur.reports.page.svg import drawing
from facedeblur.reports.page.svg.sets import draw_sets

STYLES = ("style.css", "viewer.css")
SCRIPTS = ("address.js", "report.js", "figures.js", "save.js", "viewer.js")

LIMIT = 2_900_000
"""Bytes that the page may have; its pictures share what the rest of it leaves, and `gallery.BUDGET` at most."""

TILE = 450
"""Bytes of the page around one picture."""

VIEWER = 5_000
"""Bytes of the page around all pictures of one set: the viewer and its explanation."""


@checked
def report(
    scores: BoardsLike,
    path: str | Path = "report.html",
    *,
    pairs: Sequence[str] = (),
    by: Sequence[str] = (),
    common: bool = False,
) -> Path:
    """Write a self-contained HTML report, atomically.

    Parameters
    ----------
    scores : Scores, path, or several of them, or Board, or several
        Tables of one set or several, their files, or the outputs folders that hold them. Of several sets the page
        opens with the standing over them, and each has a part of its own. The pictures come from the sets and the
        outputs that the tables name, as seen from the tables' folders; where they are not found the report says so
        in their place. Recognition and parsing are shown where the outputs hold ``recognition.parquet`` and
        ``parsing.parquet``.
    path : path
        File to write.
    pairs : sequence of str
        Ids of pairs whose pictures are wanted, besides those that the report chooses itself.
    by : sequence of str
        Traits of the faces (`Set.traits`) by which the first metric is shown, too: ``yaw``, or ``yaw:20,45`` with the
        edges of bins.
    common : bool
        Compare the methods of a set on the pairs that all have, where some runs are on samples of it.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        When tables of one set do not fit together, two sets have one name, no set has a pair of a name in `pairs` or
        a trait in `by`, or jinja2 is not installed.

    Examples
    --------
    >>> import facedeblur as fd
    >>> page = fd.report(["outputs/blurred", "outputs/unsharp"], "report.html")
    >>> page.name, page.stat().st_size < 3_000_000
    ('report.html', True)
    """
    with only_writer(path):
        write_text(path, _made(boards(scores, common=common), pairs, by))
    return Path(path)


def _made(found: Sequence[Board], pairs: Sequence[str], by: Sequence[str]) -> str:
    """The page of one set or several as HTML."""
    if len(found) > 1:
        return page_of_sets(found, pairs, by)
    tables = by_traits(found, by)[0]  # before the pictures, which take longer
    return page(found[0], gallery(found[0], named=pairs), tables, by)


def page(board: Board, pictures: Gallery, traits: Sequence[Strata] = (), by: Sequence[str] = ()) -> str:
    """The page of one set as HTML, with strata by the traits `by`."""
    title = board.set.get("name") or "a set"
    shown = sections(board, traits=traits, by=by) | {"pictures": pictures, "budget": BUDGET, "most": FURTHER}
    return document("report.html.j2", title=title, **shown)


def sections(
    board: Board, *, at: str = "", name: str = "", traits: Sequence[Strata] = (), by: Sequence[str] = ()
) -> dict[str, Any]:
    """What the sections of one set are made of, without its pictures.

    Parameters
    ----------
    board : Board
    at : str
        What the ids of the sections begin with, where the page has several sets.
    name : str
        The set's name, where the sections have to say of which set they are.
    traits : sequence of Strata
        As `by_traits` gives them for the board.
    by : sequence of str
        What was asked for, for the command that makes the report again.
    """
    column, compared = board.headline, significance.pairwise(board)
    return {
        "at": at,
        "name": name,
        "stem": stem(str(board.set.get("name") or "set")),
        "of": f", {name}" if name else "",
        "h2": "h3" if name else "h2",
        "h3": "h4" if name else "h3",
        "board": board,
        "enough": ENOUGH,
        "headline": column,
        "columns": leaderboard.headings(board.columns),
        "table": leaderboard.table(board),
        "verdict": verdict.verdict(board, compared),
        "coverage": verdict.coverage(board),
        "no_interval": without_interval(board),
        "matrix": figures.matrix(compared, column),
        "size": figures.kernel_size(board),
        "spread": figures.distribution(board),
        "speed": figures.speed(board),
        "recognition": figures.recognition(board),
        "parsing": figures.parsing(board),
        "strata": figures.strata_tables(strata(board), [method.label for method in board]),
        "traits": figures.strata_tables(traits, [method.label for method in board]),
        "definitions": [(one.label, one.signature, provenance.define(one)) for one in board.columns],
        "unavailable": board.unavailable,
        "set_facts": provenance.set_facts(board),
        "runs": [(method, provenance.run_facts(method)) for method in board],
        "recipe": provenance.recipe_text(board),
        "commands": commands(board, among=name, by=by),
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
    return fragment(template, **inside, **what)


def fragment(template: str, **what: Any) -> str:
    """A part of a document; everything that comes from a table is escaped."""
    return drawing.render(template, **what, text=text, short=short, key=leaderboard.key)


def _integrity(content: str) -> str:
    """The hash by which the page's policy lets its own style and script through, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def page_of_sets(boards: Sequence[Board], pairs: Sequence[str] = (), by: Sequence[str] = ()) -> str:
    """The page of several sets as HTML: the methods over all sets, then a part for each.

    Parameters
    ----------
    boards : sequence of Board
        One per set, two or more.
    pairs : sequence of str
        Ids of pairs whose pictures are wanted, on whichever sets have them.
    by : sequence of str
        Traits by which the first metric of each set is shown, too.

    Raises
    ------
    InputError
        When no set has a pair of a name in `pairs` or a trait in `by`, or jinja2 is not installed.
    """
    wanted = _wanted(boards, pairs)
    found = overview(boards)
    names, slugs = found.names, list(_slugs(found.names))
    parts = [
        sections(board, at=f"{slug}_", name=name, traits=tables, by=by)
        for board, name, slug, tables in zip(found.boards, names, slugs, by_traits(found.boards, by), strict=True)
    ]
    labels = [one.label for one in found.standings]
    whole = {
        "found": found,
        "enough": ENOUGH,
        "title": verdict.title(names),
        "sets": list(zip(names, slugs, strict=True)),
        "finer": [(part["name"], slug) for part, slug in zip(parts, slugs, strict=True) if part["strata"]],
        "standing": leaderboard.standing(found),
        "verdict": verdict.verdict_over_sets(found, [part["verdict"] for part in parts]),
        "drawing": draw_sets(found),
        "strata": figures.strata_tables(over_sets(found.boards, labels, found.leading.label), labels),
        "definitions": list(dict.fromkeys(one for part in parts for one in part["definitions"])),
        "unavailable": verdict.unavailable(found),
        "command": report_command(found.boards, names, by),
    }
    number = len(parts)
    most = FURTHER // number

    def written(pictures: Sequence[Gallery], share: int) -> str:
        shown = [
            fragment("set.html.j2", **part, pictures=one, budget=share, most=most, number=place, sets=number)
            for place, (part, one) in enumerate(zip(parts, pictures, strict=True), start=1)
        ]
        styles, scripts = (*STYLES, "sets.css"), (*SCRIPTS, "sets.js")
        return document("sets.html.j2", styles=styles, scripts=scripts, parts=shown, **whole)

    bare = written([Gallery((), "", "", ())] * number, 0)
    left = share = max(min(BUDGET, LIMIT - len(bare.encode()) - VIEWER * number), 0)
    made = []
    for place, (board, named) in enumerate(zip(found.boards, wanted, strict=True)):
        # What a set does not need is for those after it.
        made.append(gallery(board, named=named, budget=left // (number - place), more=most, around=TILE))
        left -= made[-1].size(TILE)
    return written(made, share // number)


def _wanted(boards: Sequence[Board], pairs: Sequence[str]) -> list[list[str]]:
    """The pairs that are asked for, set by set."""
    known = [set(map(str, board.leader.scores.frame["pair_id"])) for board in boards]
    every = set().union(*known) if pairs else set()
    for name in pairs:
        if name not in every:
            one_of("pair", name, sorted(every), of="the sets")
    return [[name for name in pairs if name in ids] for ids in known]


def stem(name: str) -> str:
    """A name as part of a file name or an id: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


def _slugs(names: Sequence[str]) -> Iterator[str]:
    """Ids of the sets' parts: plain letters, none twice, and without the underscore that continues sections' ids."""
    taken: set[str] = set()
    for name in names:
        slug = base = f"set-{stem(name)}"
        numbers = count(2)
        while slug in taken:
            slug = f"{base}-{next(numbers)}"
        taken.add(slug)
        yield slug
