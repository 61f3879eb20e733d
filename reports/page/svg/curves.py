"""Drawing the tests of whole sets: cumulative match curves, and F-scores by component."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.page.svg.axes import Axes, dodge, path, spread_labels, whisker
from facedeblur.reports.page.svg.drawing import clip, ends, render, style
from facedeblur.reports.text import count, value

if TYPE_CHECKING:
    import pandas as pd

SHARE = Column("share", "Share of probes", "fraction", True, 0.0, least=0.0, most=1.0)
SCORE = Column("fscore", "F-score", "", True, 0.0, least=0.0, most=1.0)


def draw_cmc(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Share of probes recognised within the first k ranks, all methods in one drawing.

    Parameters
    ----------
    frame, reference : DataFrame
        From `facedeblur.reports.leaderboard.whole_sets.recognition_figures`.
    """
    box = Axes(760, max(340, 80 + 15 * frame["method"].nunique()), left=44, right=172, top=26, bottom=42)
    ranks = sorted({int(rank) for rank in frame["rank"]})
    width = (box.x1 - box.x0 - 40) / max(ranks[-1] - 1, 1)
    box.across = {rank: box.x0 + 20 + (rank - 1) * width for rank in ranks}
    numbers = [float(v) for name in ("share", "low", "high") for v in frame[name]]
    levels = box.fit([*numbers, *map(float, reference["share"])], SHARE)
    shifts = dodge(frame["method"].nunique(), box)
    series: list[dict[str, Any]] = []
    for at, (method, rows) in enumerate(frame.groupby("method", sort=False)):
        points = [_rank(row, box, shifts[at]) for row in rows.to_dict("records")]
        series.append(
            {
                **style(int(rows["look"].iloc[0])),
                "method": str(method),
                "name": clip(str(method)),
                "oracle": bool(rows["oracle"].iloc[0]),
                "points": points,
                "path": path([(point["x"], point["y"]) for point in points]),
                "end": points[-1],
            }
        )
    clear = [_clear(row, box) for row in reference.to_dict("records")]
    named: list[dict[str, Any]] = [*series, {"end": clear[-1]}] if clear else series
    spread_labels(named, box)
    return render(
        "cmc.svg.j2",
        box=box,
        series=series,
        levels=levels,
        ranks=[(rank, box.across[rank]) for rank in ranks if rank == 1 or rank % 5 == 0 or ranks[-1] <= 10],
        clear=clear,
        clear_path=path([(point["x"], point["y"]) for point in clear]),
        clear_y=named[-1]["label_y"],
    )


def _rank(row: Mapping[Any, Any], box: Axes, shift: float) -> dict[str, Any]:
    missed = f", {count(row['misses'])} without a face" if row["misses"] else ""
    interval = f"\n{ends(row, SHARE)}" if not math.isnan(row["low"]) or row["absent"] else ""
    title = (
        f"{row['method']}, within rank {row['rank']}: {value(row['share'], SHARE)} %{interval}\n"
        f"n = {count(row['probes'])} probes{missed}"
    )
    marked = bool(interval)
    at = {"x": box.across[row["rank"]] + shift, "y": box.up(row["share"])}
    return {**at, "title": title, "marked": marked, **whisker(row, box)}


def _clear(row: Mapping[Any, Any], box: Axes) -> dict[str, Any]:
    title = (
        f"sharp images, within rank {row['rank']}: {value(row['share'], SHARE)} %\nn = {count(row['probes'])} images"
    )
    return {"x": box.across[row["rank"]], "y": box.up(row["share"]), "title": title}


def draw_components(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """F-score of every component of a face, the methods' marks one under another.

    Parameters
    ----------
    frame, reference : DataFrame
        From `facedeblur.reports.leaderboard.whole_sets.parsing_figures`.
    """
    components = list(dict.fromkeys(frame["component"]))
    methods = list(dict.fromkeys(frame["method"]))
    step = 14 + 9 * len(methods)
    box = Axes(760, 34 + step * len(components) + 44, left=112, right=20, top=8, bottom=44)
    known = [float(v) for name in ("score", "low") for v in frame[name] if v == v]
    low = max(math.floor(10 * min([*known, 0.9]) - 1e-9), 0) / 10

    def across(number: float) -> float:
        return box.x0 + 8 + (number - low) / (1 - low) * (box.x1 - box.x0 - 16)

    sharp = dict(zip(reference["component"], reference["score"], strict=True))
    rows = []
    for at, component in enumerate(components):
        top = box.y0 + step * at
        here = frame[frame["component"] == component].to_dict("records")
        marks = [
            _component(row, across, top + 12 + 9 * place)
            for place, row in enumerate(here)
            if row["score"] == row["score"]
        ]
        ceiling = sharp.get(component, math.nan)
        rows.append(
            {
                "name": component.replace("-", " "),
                "top": top,
                "middle": top + step / 2,
                "marks": marks,
                "absent": "" if marks else here[0]["absent"],
                "sharp": across(ceiling) if ceiling == ceiling else None,
                "sharp_title": f"sharp images, {component}: {value(ceiling, SCORE)}",
            }
        )
    box.y1 = box.y0 + step * len(components)
    box.height = box.y1 + box.bottom
    levels = [(f"{level / 10:.1f}", across(level / 10)) for level in range(round(low * 10), 11)]
    return render("components.svg.j2", box=box, rows=rows, levels=levels, step=step)


def _component(row: Mapping[Any, Any], across: Any, y: float) -> dict[str, Any]:
    missed = f", {count(row['misses'])} of them missed" if row["misses"] else ""
    title = (
        f"{row['method']}, {row['component'].replace('-', ' ')}: F = {value(row['score'], SCORE)}\n"
        f"{ends(row, SCORE)}\nn = {count(row['images'])} images{missed}"
    )
    known = row["low"] == row["low"]
    return {
        **style(row["look"]),
        "method": row["method"],
        "oracle": row["oracle"],
        "x": across(row["score"]),
        "y": y,
        "from": across(row["low"]) if known else None,
        "to": across(row["high"]) if known else None,
        "title": title,
    }


def legend(frame: pd.DataFrame) -> Sequence[dict[str, Any]]:
    """Methods of a drawing with their marks, for the line above it."""
    rows = frame.drop_duplicates("method").to_dict("records")
    return [{**style(int(row["look"])), "method": row["method"], "oracle": bool(row["oracle"])} for row in rows]
