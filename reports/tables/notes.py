"""Notes below a paper's table: footnotes of single values, the sets measured on, and why values are ranked apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.benchmark.words import many
from facedeblur.reports.tables.cells import MEASURED, PUBLISHED, Cell, Item, dataset_of
from facedeblur.reports.tables.layouts import Dataset, Layout, Measure
from facedeblur.reports.tables.sets import differences

Position = tuple[int, int]


@dataclass(frozen=True)
class Footnotes:
    """Marks and their texts.

    Attributes
    ----------
    texts : tuple of (str, str)
        Mark and note, in reading order.
    remarks : tuple of str
        Notes that hold for everything published, or everything measured.
    columns, rows : dict
        Marks at a heading, by its place.
    cells : dict
        Marks at a cell, by row and column.
    """

    texts: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    columns: dict[int, tuple[str, ...]]
    rows: dict[int, tuple[str, ...]]
    cells: dict[Position, tuple[str, ...]]


def place_notes(grid: Sequence[Sequence[Cell]]) -> Footnotes:
    """Give every note of a grid of cells one mark."""
    positions = {
        kind: {(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell.kind == kind}
        for kind in (PUBLISHED, MEASURED)
    }
    where: dict[tuple[str, str], set[Position]] = {}
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            for note in cell.notes:
                where.setdefault((cell.kind, note), set()).add((r, c))
    remarks: list[str] = []
    placed: list[tuple[Position, int, Set[Position] | Set[int], str]] = []
    for (kind, note), found in where.items():
        told = f"Published values: {note}" if kind == PUBLISHED and positions[MEASURED] else note
        if found == positions[kind] and len(found) > 1:
            remarks.append(told)
            continue
        for axis in (1, 0):
            lines = _lines(found, positions, kind, axis)
            if lines:
                mixed = any(position[axis] in lines for position in positions[_other(kind)])
                placed.append(((0, 0) if axis else (min(lines) + 1, -1), axis, lines, told if mixed else note))
                break
        else:
            placed.append((min((r + 1, c) for r, c in found), 2, found, note))
    texts: list[tuple[str, str]] = []
    marks: list[dict[object, tuple[str, ...]]] = [{}, {}, {}]
    for at, (_, axis, spots, note) in enumerate(sorted(placed, key=lambda one: one[0])):
        mark = _letters(at)
        texts.append((mark, note))
        for spot in spots:
            marks[axis][spot] = (*marks[axis].get(spot, ()), mark)
    return Footnotes(tuple(texts), tuple(remarks), marks[1], marks[0], marks[2])  # type: ignore[arg-type]


def _lines(found: set[Position], positions: dict[str, set[Position]], kind: str, axis: int) -> set[int]:
    """Rows (axis 0) or columns (axis 1) that `found` covers wholly and that cover it, or empty.

    What is missing among measured values is marked at its dashes if there are printed ones in the same row.
    """
    lines = {position[axis] for position in found}
    whole = {position for position in positions[kind] if position[axis] in lines}
    if whole != found or len(found) == len(lines):
        return set()
    mixed = any(position[axis] in lines for position in positions[_other(kind)])
    return set() if mixed and kind == MEASURED else lines


def _other(kind: str) -> str:
    return MEASURED if kind == PUBLISHED else PUBLISHED


def _letters(at: int) -> str:
    """A, b, ... z, aa, ab, ... in lower case."""
    text = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


MISPRINTS = "Printed values that are known misprints are not ranked."


def measured_where(layout: Layout, items: Sequence[Item], named: Mapping[str, str]) -> list[str]:
    """One line per set that something was measured on, or what to do if nothing was."""
    sets = {}
    for item in items:
        for dataset, run in item.runs.items():
            pairs = f", {many(run.scored.total, 'pair')}" if run.scored is not None and not run.reference else ""
            if (dataset, run.set.hash) not in sets or pairs:
                sets[dataset, run.set.hash] = (dataset, run, pairs)
    if all(one.how.kind == "printed" for one in layout.measures):
        why = list(dict.fromkeys(one.how.name for one in layout.measures))
        return [f"Printed only: {_and(why)}."]
    if not sets and layout.split:
        return ["Nothing measured: facedeblur confidence SET WEIGHTS... -o TABLE.csv, and give that table."]
    if not sets:
        return ["Nothing measured: give score tables to facedeblur tables."]
    lines = []
    for dataset, run, pairs in sets.values():
        line = f"Measured on set '{run.set.name}', hash {short(run.set.hash)}{pairs}"
        # Tests of a whole set know no more of it than its name.
        bare = run.scored is None and not (run.set.collections or run.set.recipe)
        if bare and any(one.label for one in layout.datasets):
            line += f", as {dataset.label}" if dataset.label and dataset_of(layout, run, named) is not None else ""
            line += "; its photographs and recipe are known only from scored outputs: facedeblur score SET OUTPUTS"
        elif dataset_of(layout, run, named) is not None:
            line += f", as {dataset.label}" if dataset.label else ""
            other = differences(run.set, dataset)
            line += f", but with {_and(other)}" if other and dataset.label else ""
            if dataset.recipes and not dataset.faces and run.set.faces:
                line += f"; its faces are {run.set.faces:,}, the paper's number is not on record"
        elif layout.rows == ("subject", "dataset"):
            line += ", the mean of all; the paper's are single images"
        elif any(one.label for one in layout.datasets):
            near = min(layout.datasets, key=lambda one: len(differences(run.set, one)))
            line += f", none of the paper's sets ({', '.join(one.label for one in layout.datasets)})"
            line += f": compared with {near.label} it has {_and(differences(run.set, near))}"
        lines.append(f"{line}.")
    makers = dict.fromkeys(maker for _, run, _ in sets.values() for maker in run.set.labellers)
    if makers and any(_needs_labels(one) for one in layout.measures):
        lines.append(f"Where the classes are is not annotated: their labels were made by {_and(makers)}.")
    return lines


def _needs_labels(measure: Measure) -> bool:
    """Whether a measured value depends on the labels of a set."""
    by_class = measure.how.kind == "scores" and measure.how.name.partition("[")[0].endswith("-class")
    return by_class or measure.how.kind in ("parsing", "labels")


def why_apart(compared: Iterable[tuple[Measure, Dataset, Sequence[Cell]]]) -> list[str]:
    """Why published and measured values are ranked apart, as one line; none where nothing is, or they share a rank.

    Parameters
    ----------
    compared : iterable of (Measure, Dataset, sequence of Cell)
        The cells that stand for one measure on one data set.
    """
    sets: dict[str, dict[str, None]] = {}
    machines: dict[str, None] = {}
    definitions: dict[tuple[str, str], dict[str, None]] = {}
    misprints = False
    for measure, dataset, cells in compared:
        printed = [cell for cell in cells if cell.kind == PUBLISHED and cell.text]
        ours = [cell for cell in cells if cell.kind == MEASURED and cell.signature]
        if not measure.better:
            continue
        misprints |= any(cell.misprinted for cell in printed)
        for cell in ours:
            if printed and not measure.per_method and (not dataset.set_hash or cell.set_hash != dataset.set_hash):
                theirs = f"is {short(dataset.set_hash)}" if dataset.set_hash else "has no hash on record"
                sets.setdefault(f"the paper's set ({dataset.label}) {theirs}", {})[short(cell.set_hash)] = None
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
