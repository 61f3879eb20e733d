"""The rows of the leaderboard as the page writes them: every number printed, with what a script sorts it by."""

from __future__ import annotations

import math
from typing import Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports import text
from facedeblur.reports.board import Board
from facedeblur.reports.entry import Entry
from facedeblur.reports.grouping import groups
from facedeblur.reports.svg import style


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
