"""The page of several sets: the standing over them, then a part for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.over_sets import overview
from facedeblur.reports.leaderboard.strata import over_sets
from facedeblur.reports.page import figures
from facedeblur.reports.page import rows as standing_rows
from facedeblur.reports.page.gallery import BUDGET, FURTHER, Gallery, gallery
from facedeblur.reports.page.one_set import SCRIPTS, STYLES, document, fragment, of_board
from facedeblur.reports.page.provenance import report_command
from facedeblur.reports.page.svg.sets import draw_sets

LIMIT = 2_900_000
"""Bytes that the page may have; its pictures share what the rest of it leaves, and `gallery.BUDGET` at most."""

TILE = 450
"""Bytes that stand around a picture."""


def page_of_sets(boards: Sequence[Board], *, pairs: Sequence[str] = ()) -> str:
    """The whole page as HTML; everything that comes from a table is escaped.

    Parameters
    ----------
    boards : sequence of Board
        One a set, two or more.
    pairs : sequence of str
        Ids of pairs whose pictures are wanted, on whichever sets have them.

    Raises
    ------
    InputError
        When no set has a pair of a name in `pairs`, or jinja2 is not installed.
    """
    wanted = _wanted(boards, pairs)
    found = overview(boards)
    names, slugs = found.names, list(_slugs(found.names))
    parts = [
        of_board(board, at=f"{slug}_", name=name) for board, name, slug in zip(found.boards, names, slugs, strict=True)
    ]
    labels = [one.label for one in found.standings]
    whole = {
        "found": found,
        "title": standing_rows.title(names),
        "sets": list(zip(names, slugs, strict=True)),
        "finer": [(part["name"], slug) for part, slug in zip(parts, slugs, strict=True) if part["strata"]],
        "standing": standing_rows.standing(found),
        "verdict": standing_rows.verdict(found, [part["verdict"] for part in parts]),
        "drawing": draw_sets(found),
        "strata": figures.strata_tables(over_sets(found.boards, labels, found.leading.label), labels),
        "definitions": list(dict.fromkeys(one for part in parts for one in part["definitions"])),
        "unavailable": standing_rows.unavailable(found),
        "command": report_command(names),
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
    left = share = max(min(BUDGET, LIMIT - len(bare.encode())), 0)
    made = []
    for place, (board, named) in enumerate(zip(found.boards, wanted, strict=True)):
        # What a set does not need is for those after it.
        made.append(gallery(board, named=named, budget=left // (number - place), more=most, around=TILE))
        left -= made[-1].size(TILE)
    return written(made, share // number)


def _wanted(boards: Sequence[Board], pairs: Sequence[str]) -> list[list[str]]:
    """The pairs that are asked for, set by set."""
    known = [set(map(str, board.leader.scores.frame["pair_id"])) for board in boards]
    for name in pairs:
        if not any(name in ids for ids in known):
            every = sorted(set().union(*known))
            raise InputError(f"pair '{name}'", expected="one of any of the sets", do=suggest(name, every))
    return [[name for name in pairs if name in ids] for ids in known]


def _slugs(names: Sequence[str]) -> Iterator[str]:
    """Ids of the sets' parts: plain letters, none twice, and without the underscore that sections' ids go on with."""
    taken: set[str] = set()
    for name in names:
        slug = base = "set-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x")
        numbers = count(2)
        while slug in taken:
            slug = f"{base}-{next(numbers)}"
        taken.add(slug)
        yield slug
