"""Recognition and parsing of whole sets, as stored with the outputs of a board's methods, with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.faces.parsing import fscores
from facedeblur.benchmark.scoring.table import ScoreMeta, Scores
from facedeblur.benchmark.statistics.intervals import LEVEL, Spread, factors, spread, too_few
from facedeblur.benchmark.statistics.standard_error import crossing, standard_error
from facedeblur.benchmark.statistics.two_way_bootstrap import Interval
from facedeblur.benchmark.whole_set.parsing import NO_LABEL, SHARP_FILE, Parsing
from facedeblur.benchmark.whole_set.recognition import Recognition
from facedeblur.benchmark.whole_set.record import Record
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.series import bounds

if TYPE_CHECKING:
    import pandas as pd

RANKS = 20
"""Ranks that a curve shows."""

MARKED = (1, 3, 5, 10, 20)
"""Ranks with an interval."""

NOT_PARSED, NO_PIXEL = "the parser has no such class", "in no label, and found in no image"
"""Why a component has no F-score."""


@dataclass(frozen=True)
class WholeSetScores:
    """One test of several methods.

    Attributes
    ----------
    title : str
        What decided: embedder and distance, or parser.
    frame : pandas.DataFrame
    reference : pandas.DataFrame
        The sharp images in the same test; empty where that is not known.
    notes : tuple of str
        Methods that are not in it, and why.
    """

    title: str
    frame: pd.DataFrame
    reference: pd.DataFrame
    notes: tuple[str, ...]


def recognition_figures(board: Board) -> list[WholeSetScores]:
    """Cumulative match curves of the methods whose outputs hold ``recognition.parquet``, one figure per definition.

    Returns
    -------
    list of WholeSetScores
        ``frame``: one row per method and rank up to `RANKS`: ``look`` (its colour's number), ``method``,
        ``oracle``, ``rank``, ``share`` (of probes, in [0, 1]), ``low`` and ``high`` (95 % interval for unseen faces and
        kernels, at the ranks of `MARKED`, else NaN), ``basis``, ``absent``, ``probes``, ``misses``.
    """
    import pandas as pd

    figures = []
    for title, found, notes in _by_test(board, Recognition, _recognised):
        rows = [row for look, method, one in found for row in _curve(look, method, one)]
        first = found[0][2]
        ranks = _ranks(first)
        clear = pd.DataFrame(
            {
                "rank": ranks,
                "share": [first.clear.top(rank) for rank in ranks],
                "probes": first.clear.n_probes,
                "misses": first.clear.misses,
            }
        )
        figures.append(WholeSetScores(title, pd.DataFrame(rows), clear, notes))
    return figures


def parsing_figures(board: Board) -> list[WholeSetScores]:
    """F-scores by component of the methods whose outputs hold ``parsing.parquet``, one figure per parser.

    Returns
    -------
    list of WholeSetScores
        ``frame``: one row per method and component: ``look``, ``method``, ``oracle``, ``component``, ``score`` (of
        pixels pooled over the images, in [0, 1]; NaN if absent, and why in ``absent``), ``low``, ``high``
        (95 % interval for unseen faces and kernels), ``basis``, ``absent``, ``images``, ``misses``.
    """
    import pandas as pd

    figures = []
    for title, found, notes in _by_test(board, Parsing, lambda one: one.parser):
        rows = [row for look, method, one in found for row in _components(look, method, one)]
        sharp = _sharp(board, title)
        known = {} if sharp is None else sharp.scores()
        reference = pd.DataFrame({"component": list(known), "score": list(known.values())})
        figures.append(WholeSetScores(title, pd.DataFrame(rows), reference, notes))
    return figures


def _recognised(one: Recognition) -> str:
    return f"{one.embedder}, {one.distance}, {one.n_gallery:,} gallery images of {one.n_identities:,} people"


def _by_test(
    board: Board, kind: type[Record], define: Callable[[Any], str]
) -> list[tuple[str, list[tuple[int, MethodScores, Any]], tuple[str, ...]]]:
    """Records by definition, for numbers of differing definitions do not compare; none for a part of a set."""
    if board.part:
        return []
    groups: dict[str, list[tuple[int, MethodScores, Any]]] = {}
    absent: dict[str, str] = {}
    for method in board:
        if method.of_board:
            absent[method.label] = f"not in board '{method.of_board}'"
            continue
        file = method.outputs_folder / kind.file_name
        if not file.is_file():
            absent[method.label] = "not tested"
            continue
        try:
            one = kind.read(file)
        except InputError as error:
            absent[method.label] = f"{kind.file_name}: {error.reason}"
            continue
        if not of_scored(one, method.meta):
            absent[method.label] = "the test is of other outputs than were scored"
            continue
        groups.setdefault(define(one), []).append((board.look(method), method, one))
    made = []
    for title, found in groups.items():
        here = {method.label for _, method, _ in found}
        notes = [f"{label}: {why}" for label, why in absent.items()]
        notes += [f"{method.label}: tested by another definition" for method in board
                  if method.label not in here and method.label not in absent]  # fmt: skip
        made.append((title, found, tuple(notes)))
    return made


def of_scored(one: Record, meta: ScoreMeta) -> bool:
    """Whether a test of a whole set is of the very outputs that a score table is of.

    Parameters
    ----------
    one : Record
    meta : ScoreMeta
        Of the table. The files are compared where both know their hash.
    """
    run = meta.run
    same = one.set_hash == meta.set.get("hash") and one.run_hash == run.get("hash", "")
    return same and (not one.files_hash or not run.get("files") or one.files_hash == run["files"])


def _ranks(one: Recognition) -> list[int]:
    return list(range(1, max(1, min(RANKS, one.n_identities, len(one.cmc))) + 1))


def _curve(look: int, method: MethodScores, one: Recognition) -> list[dict[str, Any]]:
    faces, kernels = factors(Scores(one.rows, method.meta))
    reached = one.rows["rank"].to_numpy()
    rows = []
    for rank in _ranks(one):
        hit = ((reached > 0) & (reached <= rank)).astype(np.float64)
        known = bounds(spread(hit, faces, kernels, 0.0, 1.0) if rank in MARKED else Spread(None))
        rows.append(
            {
                "look": look,
                "method": method.label,
                "oracle": method.oracle,
                "rank": rank,
                "share": one.curve.top(rank),
                **known,
                "probes": one.n_probes,
                "misses": one.misses,
            }
        )
    return rows


def _components(look: int, method: MethodScores, one: Parsing) -> list[dict[str, Any]]:
    labelled = (one.rows["status"] != NO_LABEL).to_numpy()
    rows, counts = one.rows[labelled], one.counts()[labelled]
    known = method.scores.frame.set_index("pair_id")["identity"]
    faces, kernels = factors(Scores(rows.assign(identity=known.reindex(rows["pair_id"]).to_numpy()), method.meta))
    made, left_out = [], one.not_parsed()
    for at, (component, score) in enumerate(one.scores().items()):
        why = NOT_PARSED if component in left_out else NO_PIXEL if score != score else ""
        found = Spread(None, why) if why else pooled_spread(counts[:, at], faces, kernels)
        made.append(
            {
                "look": look,
                "method": method.label,
                "oracle": method.oracle,
                "component": component,
                "score": score,
                **bounds(found),
                "images": one.n_images,
                "misses": one.misses,
            }
        )
    return made


def _sharp(board: Board, parser: str) -> Parsing | None:
    """The sharp images by the same parser, which lie with one of the outputs."""
    for method in board:
        try:
            one = Parsing.read(method.outputs_folder / SHARP_FILE)
        except InputError:
            continue
        if one.parser == parser and one.set_hash == method.meta.set.get("hash"):
            return one
    return None


def pooled_spread(counts: np.ndarray, faces: np.ndarray, kernels: np.ndarray) -> Spread:
    """95 % interval of an F-score of pooled pixels for unseen faces and kernels, cut to [0, 1].

    The score is a ratio of sums, 2 TP over 2 TP + FP + FN; its error is that of the mean of its linear part (delta
    method), by `facedeblur.benchmark.statistics.standard_error.standard_error`; nothing is drawn.

    Parameters
    ----------
    counts : (N, 3) int
        TP, FP and FN of each image.
    faces, kernels : (N,)
        Names of its face and its kernel.
    """
    from scipy.special import stdtrit

    if not len(counts):
        return Spread(None, "no values")
    if few := too_few(faces, kernels):
        return Spread(None, few)
    hits, size = 2.0 * counts[:, 0], (2.0 * counts[:, 0] + counts[:, 1] + counts[:, 2])
    if not size.any():
        return Spread(None, "no values")
    score, crossed = float(fscores(counts[:, None])[0]), crossing(faces, kernels)
    found = standard_error((hits - score * size) / size.mean(), crossed)
    # The same score on every image, to rounding.
    if found.error < 1e-12:
        return Spread(None, "equal values")
    reach = float(stdtrit(found.freedom, (1 + LEVEL) / 2)) * found.error
    ends = Interval(score - reach, score + reach, LEVEL, 0, crossed.method, crossed.faces, crossed.kernels)
    return Spread(ends.within(0.0, 1.0))
