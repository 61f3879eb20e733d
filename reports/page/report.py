"""The report: one HTML file that opens offline, asks nothing of the network, and holds the whole comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facedeblur.benchmark.files.atomic import write_text
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.leaderboard.board import Board, boards
from facedeblur.reports.page.gallery import gallery
from facedeblur.reports.page.one_set import page
from facedeblur.reports.page.several_sets import page_of_sets


def report(
    scores: Board | Sequence[Board] | Sequence[Scores | str | Path], path: str | Path, *, pairs: Sequence[str] = ()
) -> Path:
    """Write a self-contained HTML report, atomically.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board, or sequence of Board
        Tables of one set or several, their files, or the outputs folders that hold them. Of several sets the page
        opens with the standing over them, and each has a part of its own. The pictures come from the sets and the
        outputs that the tables name, as seen from the tables' folders; where they are not found the report says so
        in their place. Recognition and parsing are shown where the outputs hold ``recognition.parquet`` and
        ``parsing.parquet``.
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
        When tables of one set do not fit together, two sets have one name, no set has a pair of a name in `pairs`,
        or jinja2 is not installed.
    """
    found = boards(scores)
    several = len(found) > 1
    made = page_of_sets(found, pairs=pairs) if several else page(found[0], gallery(found[0], named=pairs))
    write_text(path, made)
    return Path(path)
