"""The report: one HTML file that opens offline, asks nothing of the network, and holds the whole comparison."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.atomic import write_text
from facedeblur.benchmark.scores import Column, Scores
from facedeblur.reports import plots, provenance, svg, text
from facedeblur.reports.board import Board, Entry, gather
from facedeblur.reports.gallery import Gallery, gallery


def report(scores: Board | Sequence[Scores | str | Path], path: str | Path) -> Path:
    """Write a self-contained HTML report, atomically.

    Parameters
    ----------
    scores : sequence of Scores or path, or Board
        Tables of one set, their files, or the outputs folders that hold them. The pictures come from
        the set and the outputs that the tables name, as seen from the tables' folders; where they are
        not found the report says so in their place.
    path : path
        File to write.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        When tables do not fit together, or jinja2 is not installed.
    """
    board = scores if isinstance(scores, Board) else gather(scores)
    write_text(path, page(board, gallery(board)))
    return Path(path)


def page(board: Board, pictures: Gallery) -> str:
    """The whole page as HTML; everything that comes from a table is escaped."""
    environment = svg.environment()
    folder = files("facedeblur.reports.templates")
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("style.css", "report.js"))
    by_size, spread = plots.by_kernel_size(board), plots.distribution(board)
    column = board.headline
    return environment.get_template("report.html.j2").render(
        style=style,
        script=script,
        style_hash=_integrity(style),
        script_hash=_integrity(script),
        board=board,
        headline=column,
        columns=[_heading(one) for one in board.columns],
        parts=_parts(board),
        verdict=_verdict(board),
        coverage=_coverage(board),
        lines=svg.draw_kernel_size(by_size, column),
        panels=svg.draw_spread(by_size, column),
        ridges=svg.draw_distribution(spread, column),
        size_table=_size_table(by_size, column),
        spread_table=_spread_table(spread, column),
        pictures=pictures,
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


def _heading(column: Column) -> dict[str, Any]:
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


def _parts(board: Board) -> list[dict[str, Any]]:
    """Table rows in two groups: ranked, and with the true kernel."""
    best = {
        (column.signature, part): board.best(column, part) for column in board.columns for part in ("mean", "worst")
    }
    ranked = [_row(board, entry, place, best) for place, entry in enumerate(board.ranked, start=1)]
    oracles = [_row(board, entry, None, best) for entry in board if entry.oracle]
    return [{"oracle": oracle, "rows": rows} for oracle, rows in ((False, ranked), (True, oracles)) if rows]


def _row(
    board: Board, entry: Entry, place: int | None, best: dict[tuple[str, str], tuple[Entry, ...]]
) -> dict[str, Any]:
    ok = int(entry.ok.sum())
    return {
        "place": place,
        "entry": entry,
        "ok": ok,
        "coverage": text.coverage(ok, entry.total),
        "cells": [_cell(entry, column, best) for column in board.columns],
        "seconds": entry.seconds_per_image,
        "device": entry.device,
        "parameters": entry.parameters,
        "bytes": entry.bytes,
        "run": text.short(str(entry.meta.run.get("hash", "")), 8),
    }


def _cell(entry: Entry, column: Column, best: dict[tuple[str, str], tuple[Entry, ...]]) -> dict[str, Any]:
    if entry.column(column.signature) is None:
        return {"missing": True}
    result = entry.summary(column)
    printed = {part: text.value(getattr(result, part), column) for part in ("mean", "std", "worst")}
    return {
        "missing": False,
        **printed,
        "keys": {part: _key(getattr(result, part)) for part in printed},
        "best": {part: entry in best[column.signature, part] for part in ("mean", "worst")},
        "failed": result.failed,
        "infinite": result.infinite,
    }


def _key(number: float) -> str:
    """What a script sorts by: infinite values as JavaScript reads them, nothing for none."""
    if math.isnan(number):
        return ""
    return repr(float(number)).replace("inf", "Infinity")


def _verdict(board: Board) -> dict[str, Any]:
    """Who leads, by how much over the next and over the input."""
    column, leader = board.headline, board.leader
    # The input is the ground that methods stand on, not one of the contestants.
    contestants = [entry for entry in board.ranked if not entry.is_input]
    runner = contestants[1] if len(contestants) > 1 else None

    def gap(other: Entry | None) -> dict[str, Any] | None:
        if other is None or other is leader:
            return None
        difference = leader.summary(column).mean - other.summary(column).mean
        if not math.isfinite(difference):
            return None
        amount = _measured(abs(difference), column)
        return {"label": other.label, "amount": amount, "above": difference >= 0}

    return {
        "leader": leader,
        "mean": _measured(leader.summary(column).mean, column),
        "runner": gap(runner),
        "input": gap(board.input),
        "contestants": len(contestants),
        "oracles": sum(entry.oracle for entry in board),
    }


def _measured(number: float, column: Column) -> str:
    """A value with its unit, which never stands on another line."""
    return "\N{NO-BREAK SPACE}".join(part for part in (text.value(number, column), text.unit(column)) if part)


def _coverage(board: Board) -> list[dict[str, Any]]:
    """For every method what could not be scored, why, and what else was found."""
    rows = []
    for entry in board:
        holes = []
        for column in entry.meta.columns:
            empty = int(np.isnan(entry.values(column, filled=False)[entry.ok]).sum())
            if empty and not column.partial:
                holes.append((column.label, column.signature, empty))
        ok = int(entry.ok.sum())
        whole = ok == entry.total and not holes
        infinite = [(column.label, n) for column in entry.meta.columns if (n := entry.summary(column).infinite)]
        rows.append(
            {
                "entry": entry,
                "ok": ok,
                "whole": whole,
                "clean": whole and not infinite and not entry.meta.extra,
                "failures": entry.failures,
                "holes": holes,
                "infinite": infinite,
                "extra": entry.meta.extra,
            }
        )
    return rows


def _size_table(frame: Any, column: Column) -> dict[str, Any]:
    sizes = sorted(set(frame["kernel_size"]))
    rows = []
    for method, group in frame.groupby("method", sort=False):
        known = {row["kernel_size"]: row for row in group.to_dict("records")}
        cells = [
            (text.value(known[size]["mean"], column), text.value(known[size]["std"], column)) if size in known else None
            for size in sizes
        ]
        rows.append((method, cells))
    return {"sizes": sizes, "rows": rows}


def _spread_table(frame: Any, column: Column) -> list[tuple[str, list[str], int, int]]:
    parts = ("least", "q25", "median", "q75", "most")
    return [
        (row["method"], [text.value(row[part], column) for part in parts], row["failed"], row["infinite"])
        for row in frame.to_dict("records")
    ]
