"""The rows of the leaderboard as the page writes them: every number printed, with what a script sorts it by.

The standing over several sets as the page writes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry
from facedeblur.reports.leaderboard.grouping import groups
from facedeblur.reports.leaderboard.over_sets import RULE, Overview, Place, Standing
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
    ranked = [_row(board, entry, place, best, letters) for place, entry in enumerate(board.ranked, start=1)]
    oracles = [_row(board, entry, None, best, letters) for entry in board if entry.oracle]
    return [{"oracle": oracle, "rows": rows} for oracle, rows in ((False, ranked), (True, oracles)) if rows]


def _row(
    board: Board,
    entry: Entry,
    place: int | None,
    best: dict[tuple[str, str], tuple[Entry, ...]],
    letters: dict[str, str],
) -> dict[str, Any]:
    ok = int(entry.ok.sum())
    return {
        "place": place,
        "letters": letters[entry.label],
        **style(board.place(entry)),
        "entry": entry,
        "ok": ok,
        "coverage": text.coverage(ok, entry.total),
        "cells": [_cell(entry, column, best) for column in board.columns],
        "seconds": entry.seconds_per_image,
        "timings": entry.timings,
        "size": entry.image_size,
        "device": entry.device,
        "precision": entry.precision,
        "parameters": entry.parameters,
        "bytes_fp32": entry.bytes_fp32,
        "bytes_weights": entry.bytes_weights,
        "peak": entry.peak_bytes,
        "peak_rule": (entry.meta.run.get("memory") or {}).get("rule", ""),
        "run": text.short(str(entry.meta.run.get("hash", "")), 8),
    }


def _cell(entry: Entry, column: Column, best: dict[tuple[str, str], tuple[Entry, ...]]) -> dict[str, Any]:
    if entry.column(column.signature) is None:
        return {"missing": True}
    result, spread = entry.summary(column), entry.spread(column)
    printed = {part: text.value(getattr(result, part), column) for part in ("mean", "std", "worst")}
    return {
        "missing": False,
        **printed,
        "between": text.between(spread.interval.low, spread.interval.high, column) if spread.interval else "",
        "basis": spread.interval.basis if spread.interval else "",
        "no_interval": spread.absent,
        "keys": {part: key(getattr(result, part)) for part in printed},
        "best": {part: entry in best[column.signature, part] for part in ("mean", "worst")},
        "failed": result.failed,
        "infinite": result.infinite,
    }


def key(number: float) -> str:
    """What a script sorts by: infinite values as JavaScript reads them, nothing for none."""
    if math.isnan(number):
        return ""
    return repr(float(number)).replace("inf", "Infinity")


LISTED = 3


def title(names: Sequence[str]) -> str:
    """The sets by name where they are few: ``a, b and c``; else how many."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= LISTED else f"{len(names)} sets"


def rank(number: float) -> str:
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
    entry = next(place.entry for place in one.places if place is not None)
    return {
        **style(found.palette.index(one.label)),
        "label": one.label,
        "oracle": one.oracle,
        "entry": entry,
        "mean_rank": rank(one.mean_rank),
        "key": key(one.mean_rank),
        "best": not math.isnan(one.mean_rank) and rank(one.mean_rank) == rank(best),
        "cells": [
            None if place is None else _standing_cell(board, place)
            for board, place in zip(found.boards, one.places, strict=True)
        ],
    }


def _standing_cell(board: Board, place: Place) -> dict[str, Any]:
    entry = place.entry
    column, spread, ok = board.headline, entry.spread(board.headline), int(entry.ok.sum())
    mean = entry.summary(column).mean
    return {
        "mean": text.value(mean, column),
        "key": key(mean),
        "best": entry in board.best(column),
        "between": text.between(spread.interval.low, spread.interval.high, column) if spread.interval else "",
        "no_interval": spread.absent,
        "rank": place.rank,
        "letters": place.letters,
        "mean_rank": "" if math.isnan(place.mean_rank) else rank(place.mean_rank),
        "short": "" if ok == entry.total else text.coverage(ok, entry.total),
    }


def _entered(found: Overview) -> list[dict[str, Any]]:
    """Metrics that enter the mean ranks, with the sets; those with the same metrics together."""
    told: dict[tuple[str, ...], list[str]] = {}
    for name, metrics in zip(found.names, found.ranked_in, strict=True):
        told.setdefault(metrics, []).append(name)
    return [{"metrics": metrics, "sets": [] if len(told) == 1 else names} for metrics, names in told.items()]


def verdict(found: Overview, verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Who has the best mean rank, and who leads on each set, by the sets' own ``verdict``."""
    ranked = [one for one in found.standings if not math.isnan(one.mean_rank)]
    methods = [one for one in ranked if not one.is_input]
    given = next((one for one in ranked if one.is_input), None)
    leader = methods[0] if methods else None
    runner = methods[1] if len(methods) > 1 else None
    return {
        "leader": leader,
        "mean_rank": rank(leader.mean_rank) if leader else "",
        "runner": runner and {"label": runner.label, "mean_rank": rank(runner.mean_rank)},
        "tied": bool(leader and runner and rank(leader.mean_rank) == rank(runner.mean_rank)),
        "input": rank(given.mean_rank) if given and leader else "",
        "number": "both" if len(found.boards) == 2 else f"all {len(found.boards)}",
        "sets": list(zip(found.boards, verdicts, strict=True)),
    }


def unavailable(found: Overview) -> list[tuple[str, tuple[str, ...]]]:
    """Why metrics were not computed, with the sets where that is not so on all."""
    told: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, board in zip(found.names, found.boards, strict=True):
        for one in board.unavailable:
            told.setdefault(one, []).append(name)
    return [
        (why if len(names) == len(found.boards) else f"{why} ({', '.join(names)})", metrics)
        for (why, metrics), names in told.items()
    ]
