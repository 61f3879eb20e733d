"""The rows of the leaderboard as the page writes them: every number printed, with what a script sorts it by.

The standing over several sets as the page writes it.
"""

from __future__ import annotations

import math
from typing import Any

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.leaderboard.over_sets import RULE, Overview, Place, Standing
from facedeblur.reports.leaderboard.significance import groups
from facedeblur.reports.page.svg.drawing import style


def heading(column: Column) -> dict[str, Any]:
    """Head of a metric's column."""
    name, _, inside = column.signature.partition("[")
    # Hashes of weights stand in full below; here the rest tells two columns apart.
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


def parts(board: Board) -> list[dict[str, Any]]:
    """Table rows in two parts: ranked, and with the true kernel."""
    best = {
        (column.signature, part): board.best(column, part) for column in board.columns for part in ("mean", "worst")
    }
    letters = groups(board).letters
    ranked = [_row(board, method, place, best, letters) for place, method in enumerate(board.ranked, start=1)]
    oracles = [_row(board, method, None, best, letters) for method in board if method.oracle]
    return [{"oracle": oracle, "rows": rows} for oracle, rows in ((False, ranked), (True, oracles)) if rows]


def _row(
    board: Board,
    method: MethodScores,
    place: int | None,
    best: dict[tuple[str, str], tuple[MethodScores, ...]],
    letters: dict[str, str],
) -> dict[str, Any]:
    ok = int(method.ok.sum())
    return {
        "place": place,
        "letters": letters[method.label],
        **style(board.place(method)),
        "method": method,
        "ok": ok,
        "coverage": text.coverage(ok, method.total),
        "cells": [_cell(method, column, best) for column in board.columns],
        "seconds": method.seconds_per_image,
        "timings": method.timings,
        "size": method.image_size,
        "device": method.device,
        "precision": method.precision,
        "parameters": method.parameters,
        "bytes_fp32": method.bytes_fp32,
        "bytes_weights": method.bytes_weights,
        "peak": method.peak_bytes,
        "peak_rule": (method.meta.run.get("memory") or {}).get("rule", ""),
        "run": short(str(method.meta.run.get("hash", "")), 8),
    }


def _cell(
    method: MethodScores, column: Column, best: dict[tuple[str, str], tuple[MethodScores, ...]]
) -> dict[str, Any]:
    if method.column(column.signature) is None:
        return {"missing": True}
    result, spread = method.summary(column), method.spread(column)
    printed = {part: text.value(getattr(result, part), column) for part in ("mean", "std", "worst")}
    return {
        "missing": False,
        **printed,
        "between": text.between(spread.interval.low, spread.interval.high, column) if spread.interval else "",
        "basis": spread.interval.basis if spread.interval else "",
        "no_interval": spread.absent,
        "keys": {part: key(getattr(result, part)) for part in printed},
        "best": {part: method in best[column.signature, part] for part in ("mean", "worst")},
        "failed": result.failed,
        "infinite": result.infinite,
    }


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
        {**heading(board.headline), "pairs": text.count(board.leader.total), "protocol": board.leader.meta.protocol}
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
    method = next(place.method for place in one.places if place is not None)
    return {
        **style(found.palette.index(one.label)),
        "label": one.label,
        "oracle": one.oracle,
        "method": method,
        "mean_rank": mean_rank(one.mean_rank),
        "key": key(one.mean_rank),
        "best": not math.isnan(one.mean_rank) and mean_rank(one.mean_rank) == mean_rank(best),
        "cells": [
            None if place is None else _standing_cell(board, place)
            for board, place in zip(found.boards, one.places, strict=True)
        ],
    }


def _standing_cell(board: Board, place: Place) -> dict[str, Any]:
    method = place.method
    column, spread, ok = board.headline, method.spread(board.headline), int(method.ok.sum())
    mean = method.summary(column).mean
    return {
        "mean": text.value(mean, column),
        "key": key(mean),
        "best": method in board.best(column),
        "between": text.between(spread.interval.low, spread.interval.high, column) if spread.interval else "",
        "no_interval": spread.absent,
        "rank": place.rank,
        "letters": place.letters,
        "mean_rank": "" if math.isnan(place.mean_rank) else mean_rank(place.mean_rank),
        "short": "" if ok == method.total else text.coverage(ok, method.total),
    }


def _entered(found: Overview) -> list[dict[str, Any]]:
    """Metrics that enter the mean ranks, with the sets; those with the same metrics together."""
    told: dict[tuple[str, ...], list[str]] = {}
    for name, metrics in zip(found.names, found.ranked_in, strict=True):
        told.setdefault(metrics, []).append(name)
    return [{"metrics": metrics, "sets": [] if len(told) == 1 else names} for metrics, names in told.items()]
