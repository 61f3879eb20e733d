"""Where values were measured, and why printed and measured ones do not share a ranking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from facedeblur.reports.tables.cells import MEASURED, PUBLISHED, Cell, Item
from facedeblur.reports.tables.items import place_of
from facedeblur.reports.tables.layout import Layout, Measure, Place
from facedeblur.reports.text import short

MISPRINTS = "Printed values that are known misprints are not ranked."


def measured_where(layout: Layout, items: Sequence[Item], named: Mapping[str, str]) -> list[str]:
    """One line a set that something was measured on, or what to do where there is none."""
    sets = {}
    for item in items:
        for place, run in item.runs.items():
            pairs = f", {run.entry.total:,} pairs" if run.entry is not None else ""
            if (place, run.set.hash) not in sets or pairs:
                sets[place, run.set.hash] = (place, run, pairs)
    if not sets:
        return ["Nothing measured: give score tables to facedeblur tables."]
    lines = []
    for place, run, pairs in sets.values():
        line = f"Measured on set '{run.set.name}', hash {short(run.set.hash)}{pairs}"
        if place_of(layout, run, named) is not None:
            line += f", as {place.label}" if place.label else ""
        elif layout.rows == ("subject", "place"):
            line += ", the mean of all; the paper's are single images"
        elif any(one.label for one in layout.places):
            line += f", none of the paper's sets ({', '.join(one.label for one in layout.places)})"
        lines.append(f"{line}.")
    return lines


def why_apart(compared: Iterable[tuple[Measure, Place, Sequence[Cell]]]) -> list[str]:
    """Why published and measured values are ranked apart, as one line; none where nothing is, or they share a rank.

    Parameters
    ----------
    compared : iterable of (Measure, Place, sequence of Cell)
        The cells that stand for one measure in one place.
    """
    sets: dict[str, dict[str, None]] = {}
    machines: dict[str, None] = {}
    definitions: dict[tuple[str, str], dict[str, None]] = {}
    misprints = False
    for measure, place, cells in compared:
        printed = [cell for cell in cells if cell.kind == PUBLISHED and cell.text]
        ours = [cell for cell in cells if cell.kind == MEASURED and cell.signature]
        if not measure.better:
            continue
        misprints |= any(cell.misprinted for cell in printed)
        for cell in ours:
            if printed and not measure.placeless and (not place.set_hash or cell.set_hash != place.set_hash):
                theirs = f"is {short(place.set_hash)}" if place.set_hash else "has no hash on record"
                sets.setdefault(f"the paper's set ({place.label}) {theirs}", {})[short(cell.set_hash)] = None
            if measure.how.kind == "seconds":
                machines[cell.signature] = None
            elif cell.signature != measure.stated:
                theirs = measure.stated or "not defined in the paper"
                definitions.setdefault((theirs, cell.signature), {})[_shared_name(measure)] = None
    reasons = [f"{theirs}, measured on {_and(hashes)}" for theirs, hashes in sets.items()]
    alike: dict[tuple[str, ...], list[str]] = {}
    for (theirs, signature), named in definitions.items():
        alike.setdefault((theirs, *named), []).append(signature)
    for (theirs, *labels), signatures in alike.items():
        reasons.append(f"{_and(labels)} {'are' if len(labels) > 1 else 'is'} {theirs}, measured as {_and(signatures)}")
    if machines:
        reasons.append(f"run times are of other machines, measured as {_and(machines)}")
    lines = [f"Published and measured values are ranked apart: {'; '.join(reasons)}."] if reasons else []
    return [*lines, *[MISPRINTS] * misprints]


def _and(names: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _shared_name(measure: Measure) -> str:
    """Return PSNR for the average and the worst PSNR."""
    return measure.label.removeprefix("Average ").removeprefix("Worst ")
