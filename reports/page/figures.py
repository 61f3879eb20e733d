"""The figures of a report, each with the table of its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import Spread, reason
from facedeblur.reports import text
from facedeblur.reports.leaderboard import series
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.series import against_time, beyond, not_timed
from facedeblur.reports.leaderboard.significance import Pairwise, p_value
from facedeblur.reports.leaderboard.strata import Strata, Stratum
from facedeblur.reports.leaderboard.whole_sets import WholeSetScores, parsing_figures, recognition_figures
from facedeblur.reports.page.leaderboard import key
from facedeblur.reports.page.svg import curves, drawing, ridges, scatter

if TYPE_CHECKING:
    import pandas as pd


def kernel_size(board: Board) -> dict[str, Any]:
    """Quality over kernel size: ``lines``, ``panels`` and ``table``; empty where the set names no sizes."""
    frame, column = series.by_kernel_size(board), board.headline
    if not (frame["kernel_size"] > 0).any():
        return {}
    return {
        "lines": drawing.draw_kernel_size(frame, column),
        "panels": drawing.draw_spread(frame, column),
        "intervals": _any(frame),
        "table": _size_table(frame, column),
    }


def distribution(board: Board) -> dict[str, Any]:
    """How the headline metric is distributed: ``ridges`` and ``table``."""
    frame, column = series.distribution(board), board.headline
    return {"ridges": ridges.draw_distribution(frame, column), "table": _spread_table(frame, column)}


def speed(board: Board) -> dict[str, Any]:
    """Quality against run time: ``plot`` (empty where nothing was timed), ``table``, ``machines``, who is not in it."""
    frame, column = against_time(board), board.headline
    level = board.input.summary(column).mean if board.input else math.nan
    table = [
        {
            "method": row["method"],
            "seconds": text.seconds(row["seconds"]),
            "mean": text.value(row["mean"], column),
            "between": _between(row["low"], row["high"], column),
            "images": text.count(row["images"]) if row["images"] else text.NONE,
            "machine": row["machine"],
            "front": row["front"],
            "oracle": row["oracle"],
        }
        for row in frame.to_dict("records")
    ]
    machines = list(dict.fromkeys(frame["machine"]))
    plot = scatter.draw_time(frame, column, level=level)
    front = bool(frame["front"].any())
    absent = {"not_timed": not_timed(board), "beyond": beyond(frame)}
    return {
        "plot": plot, "table": table, "machines": machines, "front": front, "intervals": _any(frame), **absent
    }  # fmt: skip


def _any(frame: pd.DataFrame) -> bool:
    """Whether any of the rows has an interval."""
    return bool(frame["low"].notna().any())


def matrix(compared: Pairwise, column: Column) -> dict[str, Any]:
    """Every two methods: ``rows`` of cells in the order of ``methods``, and ``pairs`` one after another."""
    number = len(compared.methods)
    rows = [[_cell(compared, i, j, column) for j in range(number)] for i in range(number)]
    pairs = [rows[i][j] for i in range(number) for j in range(i + 1, number) if rows[i][j]]
    return {
        "methods": compared.methods,
        "rows": rows if compared.rows else [],
        "pairs": pairs if compared.rows else [],
        "tests": compared.tests,
        "why": compared.why,
    }


def _cell(compared: Pairwise, i: int, j: int, column: Column) -> dict[str, Any] | None:
    known = compared.contrast(i, j)
    if known is None:
        return None
    one, other = compared.methods[i].label, compared.methods[j].label
    said = {"better": f"{one} is better", "worse": f"{one} is worse", "open": "no significant difference"}[
        known.verdict
    ]
    amount = signed(known.difference, column)
    between = _between(known.low, known.high, column)
    unit = f" {text.unit(column)}" if text.unit(column) else ""
    title = (
        f"{one} − {other}: {amount}{unit}\n95 % interval {between}\np = {p_value(known.p)} (Holm), {said}\n"
        f"better on {text.count(known.wins)} of n = {text.count(known.n)} pairs"
    ).replace("p = <", "p <")
    return {
        "one": one,
        "other": other,
        "verdict": known.verdict,
        "said": said,
        "amount": amount,
        "between": between,
        "p": p_value(known.p),
        "wins": f"{100 * known.wins / known.n:.0f} %",
        "title": title,
    }


def signed(number: float, column: Column) -> str:
    """A difference with its sign."""
    shown = text.value(number, column)
    return shown if not number > 0 or float(shown.replace("∞", "inf")) == 0 else f"+{shown}"


def recognition(board: Board) -> list[dict[str, Any]]:
    """Cumulative match curves, one figure per definition: ``title``, ``plot``, ``table``, ``notes``."""
    return [_recognition(figure) for figure in recognition_figures(board)]


def _recognition(figure: WholeSetScores) -> dict[str, Any]:
    shown = sorted({int(rank) for rank in figure.frame["rank"]} & {1, 2, 3, 5, 10, 20})
    table = []
    for method, rows in figure.frame.groupby("method", sort=False):
        known = {int(row["rank"]): row for row in rows.to_dict("records")}
        cells = [(_percent(known[rank]["share"]), _ends(known[rank], curves.SHARE)) for rank in shown]
        one = rows.iloc[0]
        table.append((str(method), cells, text.count(int(one["probes"])), text.count(int(one["misses"]))))
    clear = {int(row["rank"]): row for row in figure.reference.to_dict("records")}
    if clear:
        sharp = clear[1]
        cells = [(_percent(clear[rank]["share"]), "") for rank in shown]
        table.append(("sharp images", cells, text.count(int(sharp["probes"])), text.count(int(sharp["misses"]))))
    plot = curves.draw_cmc(figure.frame, figure.reference)
    told = {"title": figure.title, "notes": figure.notes, "intervals": _any(figure.frame)}
    return {**told, "plot": plot, "ranks": shown, "table": table}


def parsing(board: Board) -> list[dict[str, Any]]:
    """F-scores by component, one figure per parser: ``title``, ``plot``, ``legend``, ``table``, ``notes``."""
    return [_parsing(figure) for figure in parsing_figures(board)]


def _parsing(figure: WholeSetScores) -> dict[str, Any]:
    components = list(dict.fromkeys(figure.frame["component"]))
    table = []
    for method, rows in figure.frame.groupby("method", sort=False):
        known = {row["component"]: row for row in rows.to_dict("records")}
        cells = [
            (text.value(known[part]["score"], curves.SCORE), _ends(known[part], curves.SCORE)) for part in components
        ]
        one = rows.iloc[0]
        table.append((str(method), cells, text.count(int(one["images"])), text.count(int(one["misses"]))))
    sharp = dict(zip(figure.reference["component"], figure.reference["score"], strict=True))
    if sharp:
        cells = [(text.value(sharp.get(part), curves.SCORE), "") for part in components]
        table.append(("sharp images", cells, "", ""))
    return {
        "title": figure.title,
        "plot": curves.draw_components(figure.frame, figure.reference),
        "legend": curves.legend(figure.frame),
        "intervals": _any(figure.frame),
        "components": [part.replace("-", " ") for part in components],
        "table": table,
        "notes": figure.notes,
    }


def strata_tables(found: Sequence[Strata], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Strata of the methods `labels`: ``title``, ``metric``, ``labels``, ``rows``, ``total``, ``cut``, ``ordered``.

    ``first`` is the direction in which a method's column is sorted first, empty where its values do not compare;
    ``faces`` says whether they are counted.
    """
    tables = []
    for one in found:
        columns = {row.column.signature: row.column for row in one.rows}
        (column, *others) = columns.values()
        first = "" if others else "ascending" if column.higher_is_better else "descending"
        rows = [_stratum(row, measured=bool(others)) for row in one.rows]
        tables.append(
            {
                "title": one.title,
                "labels": labels,
                "rows": rows,
                "total": one.total,
                "cut": one.cut,
                "first": first,
                "ordered": one.ordered,
                "metric": text.heading(column),
                "faces": any(row.faces for row in one.rows),
            }
        )
    return tables


def _stratum(row: Stratum, *, measured: bool) -> dict[str, Any]:
    """A row as the page writes it; with the name of its metric where that is not the same in all."""
    column = row.column
    cells = []
    for cell, spread in zip(row.cells, row.spreads or [Spread(None)] * len(row.cells), strict=True):
        ends = spread.interval
        cells.append(
            cell
            and {
                "mean": text.value(cell[0], column),
                "std": text.value(cell[1], column),
                "key": key(cell[0]),
                "between": text.between(ends.low, ends.high, column) if ends else "",
                "absent": reason(spread.absent),
            }
        )
    name = f"{row.name} ({text.heading(column)})" if measured else row.name
    return {"name": name, "faces": row.faces, "pairs": row.pairs, "cells": cells}


def _percent(share: float) -> str:
    return text.value(share, curves.SHARE)


def _ends(row: Any, column: Column) -> str:
    return "" if math.isnan(row["low"]) else text.between(row["low"], row["high"], column)


def _between(low: float, high: float, column: Column) -> str:
    return text.NONE if math.isnan(low) or math.isnan(high) else text.between(low, high, column)


def _size_table(frame: Any, column: Column) -> dict[str, Any]:
    sizes = sorted(set(frame["kernel_size"]))
    rows = []
    for method, group in frame.groupby("method", sort=False):
        known = {row["kernel_size"]: row for row in group.to_dict("records")}
        cells = [
            {
                "mean": text.value(known[size]["mean"], column),
                "between": _ends(known[size], column),
                "std": text.value(known[size]["std"], column),
                "pairs": text.count(known[size]["pairs"]),
            }
            if size in known
            else None
            for size in sizes
        ]
        rows.append((method, cells))
    return {"sizes": sizes, "rows": rows}


def _spread_table(frame: Any, column: Column) -> list[tuple[str, list[str], int, int]]:
    parts = ("tail", "least", "q05", "q25", "median", "q75", "q95", "most")
    return [
        (row["method"], [text.value(row[part], column) for part in parts], row["failed"], row["infinite"])
        for row in frame.to_dict("records")
    ]
