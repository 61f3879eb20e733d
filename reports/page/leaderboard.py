"""The leaderboard of a set, and the standing over several, as the page's templates need them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.columns import BoardColumn, filled, metric_cells, shown_on
from facedeblur.reports.leaderboard.over_sets import RULE, Overview, SetRank, Standing
from facedeblur.reports.leaderboard.ranking import places
from facedeblur.reports.leaderboard.short_names import short_names
from facedeblur.reports.leaderboard.table import rows_of
from facedeblur.reports.leaderboard.training import mark, notes
from facedeblur.reports.page.svg.drawing import style


def heading(column: Column) -> dict[str, Any]:
    """Head of a metric's column."""
    name, _, inside = column.signature.partition("[")
    # Hashes of weights are given in full below; here the rest tells two columns apart.
    parts = [part.partition("@")[0] for part in inside.rstrip("]").split(",")] if inside else [name]
    return {
        # The provider in brackets is said again, as part of the signature, in the next line.
        "label": column.label.removesuffix(f"({parts[0]})").rstrip(),
        "unit": text.unit(column),
        "arrow": text.arrow(column),
        "better": "higher is better" if column.higher_is_better else "lower is better",
        "signature": column.signature,
        "parts": parts,
        "first": "descending" if column.higher_is_better else "ascending",
    }


def headings(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Heads of the metrics' columns, as `heading`, with different labels and a ``name`` for addresses and exports."""
    made, names = [heading(column) for column in columns], short_names(columns)
    shared = Counter(head["label"] for head in made)
    for column, head in zip(columns, made, strict=True):
        head["name"] = names[column.signature]
        if shared[head["label"]] > 1:
            head["label"] = column.label
    return made


def table(board: Board) -> dict[str, Any]:
    """The leaderboard of one set: ``before`` and ``after`` (columns next to the metrics) and ``parts`` of rows.

    The parts are the ranked methods and those with the true kernel.
    """
    rows = rows_of(board)
    before, after = (list(filled(columns, rows)) for columns in shown_on("page"))
    metrics = [metric_cells(rows, metric) for metric in board.columns]
    made = [
        {
            "method": method,
            "place": None,
            "letters": row["group"],
            **style(board.look(method)),
            "run": short(str(row["run_hash"]), 8),
            "whole": row["ok"] == row["pairs"],
            "mark": mark(row),
            "before": [cells[at] for _, cells in before],
            "cells": [cells[at] for cells in metrics],
            "after": [cells[at] for _, cells in after],
        }
        for at, (method, row) in enumerate(zip(board, rows, strict=True))
    ]
    ranked = [row for row in made if not row["method"].oracle]
    means = [row["method"].summary(board.headline).mean for row in ranked]
    for place, row in zip(places(means, board.headline), ranked, strict=True):
        row["place"] = place
    oracles = [row for row in made if row["method"].oracle]
    parts = [{"oracle": oracle, "rows": some} for oracle, some in ((False, ranked), (True, oracles)) if some]
    return {
        "before": [_head(one) for one, _ in before],
        "after": [_head(one) for one, _ in after],
        "parts": parts,
        "notes": notes(rows),
    }


def _head(column: BoardColumn) -> dict[str, str]:
    """Head of a column that is not a metric's; words without a key are not sorted."""
    assert column.shown is not None
    shown = column.shown
    sort = shown.key or ("" if column.kind == "text" else column.name)
    first = "ascending" if shown.ascending else "descending"
    kind = "words" if shown.roomy else ""
    return {"name": shown.page, "unit": shown.unit, "below": shown.below, "key": sort, "first": first, "kind": kind}


def key(number: float) -> str:
    """What a script sorts by: infinite values as JavaScript reads them, nothing for none."""
    if math.isnan(number):
        return ""
    return repr(float(number)).replace("inf", "Infinity")


def mean_rank(number: float) -> str:
    """A mean rank with two decimals."""
    return text.NONE if math.isnan(number) else f"{number:.2f}"


def standing(found: Overview) -> dict[str, Any]:
    """The table of methods and sets: ``heads``, ``parts`` (ranked, on some sets, oracles), ``rule``."""
    heads = [
        {
            **heading(board.headline),
            "pairs": board.part or f"{text.count(board.pairs)} pairs",
            "protocol": board.leader.meta.protocol,
        }
        for board in found.boards
    ]
    best = min((one.mean_rank for one in found.standings if not math.isnan(one.mean_rank)), default=math.nan)
    kinds = {
        "": [one for one in found.standings if not math.isnan(one.mean_rank)],
        "Not on every set: no mean rank": [
            one for one in found.standings if math.isnan(one.mean_rank) and not one.oracle
        ],
        "Given the true kernel: not ranked": [one for one in found.standings if one.oracle],
    }
    parts = [
        {"title": kind, "rows": [_standing_row(found, one, best) for one in some], "oracle": some[0].oracle}
        for kind, some in kinds.items()
        if some
    ]
    return {"heads": heads, "parts": parts, "rule": RULE, "entered": _entered(found)}


def _standing_row(found: Overview, one: Standing, best: float) -> dict[str, Any]:
    method = next(rank.method for rank in one.ranks if rank is not None)
    return {
        **style(found.palette.index(one.label)),
        "label": one.label,
        "oracle": one.oracle,
        "method": method,
        "mean_rank": mean_rank(one.mean_rank),
        "key": key(one.mean_rank),
        "best": not math.isnan(one.mean_rank) and mean_rank(one.mean_rank) == mean_rank(best),
        "cells": [
            None if rank is None else _standing_cell(board, rank)
            for board, rank in zip(found.boards, one.ranks, strict=True)
        ],
    }


def _standing_cell(board: Board, rank: SetRank) -> dict[str, Any]:
    method = rank.method
    column, spread, ok = board.headline, method.spread(board.headline), int(method.ok.sum())
    mean = method.summary(column).mean
    return {
        "mean": text.value(mean, column),
        "key": key(mean),
        "best": method in board.best(column),
        "between": text.between(spread.interval.low, spread.interval.high, column) if spread.interval else "",
        "rank": rank.rank,
        "letters": rank.letters,
        "mean_rank": "" if math.isnan(rank.mean_rank) else mean_rank(rank.mean_rank),
        "short": "" if ok == method.total else text.coverage(ok, method.total),
    }


def _entered(found: Overview) -> list[dict[str, Any]]:
    """Metrics that enter the mean ranks, with the sets; those with the same metrics together."""
    told: dict[tuple[str, ...], list[str]] = {}
    for name, metrics in zip(found.names, found.ranked_in, strict=True):
        told.setdefault(metrics, []).append(name)
    return [{"metrics": metrics, "sets": [] if len(told) == 1 else names} for metrics, names in told.items()]
