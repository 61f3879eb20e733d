"""Which subjects a table has: the paper's, then the measured methods, each with its run in every place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from facedeblur.reports.tables.cells import MEASURED, PUBLISHED, Item
from facedeblur.reports.tables.layout import Layout, Place
from facedeblur.reports.tables.measured import measure
from facedeblur.reports.tables.runs import Absent, Run
from facedeblur.reports.text import short


def items_of(
    layout: Layout, runs: Sequence[Run], named: Mapping[str, str]
) -> tuple[list[Item], list[Place], list[str]]:
    """Subjects, places and remarks of a table.

    Parameters
    ----------
    layout : Layout
    runs : sequence of Run
    named : mapping
        Set hash -> label of the place that it stands in, where the user says so.

    Returns
    -------
    list of Item, list of Place, list of str
        Places of the paper first, then one for every set that is none of them; what is not shown, in words.
    """
    items = [Item(subject.label, PUBLISHED, subject) for subject in layout.subjects]
    runs = [run for run in runs if not run.reference or _has_something(layout, run)]
    if len(layout.places) == 1:
        fitting = [run for run in runs if place_of(layout, run, named) is not None] or runs
        left = dict.fromkeys(run.set.name for run in runs if run not in fitting)
        remarks = [f"Not shown: what was measured on '{name}', which is no set of {layout.places[0].label}."
                   for name in left]  # fmt: skip
        return items + _one_a_run(layout, fitting), list(layout.places), remarks
    places = list(layout.places)
    made: list[tuple[tuple[str, ...], Item]] = []
    for run in runs:
        place = place_of(layout, run, named)
        if place is None:
            place = Place(_own(layout, run))
            if place not in places:
                places.append(place)
        item = next((item for key, item in made if key == _settings(run) and place not in item.runs), None)
        if item is None:
            item = Item(_label(layout, run), MEASURED)
            made.append((_settings(run), item))
        item.runs[place] = run
    return items + _distinct([item for _, item in made]), places, []


def _has_something(layout: Layout, run: Run) -> bool:
    return any(not isinstance(measure(run, one.how), Absent) for one in layout.measures)


def place_of(layout: Layout, run: Run, named: Mapping[str, str]) -> Place | None:
    """Return the paper's place that a set stands in, None for none of them."""
    if run.set.hash in named:
        return next((place for place in layout.places if place.label == named[run.set.hash]), None)
    for place in layout.places:
        known = bool(place.set_hash) and place.set_hash == run.set.hash
        if known or run.set.collection in place.collections or run.set.recipe in place.recipes:
            return place
    return None


def _own(layout: Layout, run: Run) -> str:
    name = f"{run.set.name} ({short(run.set.hash)})"
    # Of single images a set has the mean beside them.
    return f"mean of {name}" if layout.rows == ("subject", "place") else name


def _one_a_run(layout: Layout, runs: Sequence[Run]) -> list[Item]:
    several = len({run.set.hash for run in runs}) > 1
    made = []
    for run in runs:
        label = _label(layout, run) + (f", {run.set.name}" if several else "")
        made.append(Item(label, MEASURED, runs={layout.places[0]: run}))
    return _distinct(made)


def _label(layout: Layout, run: Run) -> str:
    if run.reference:
        alone = any(one.how.kind == "recognition" for one in layout.measures)
        return f"{run.method}, each among all others" if alone else run.method
    return f"{run.method} (oracle)" if run.oracle else run.method


def _settings(run: Run) -> tuple[str, ...]:
    """What makes two runs on different sets the same method."""
    return (run.method, str(run.oracle), *(str(run.info.get(key)) for key in ("version", "options", "weights", "code")))


def _distinct(items: Sequence[Item]) -> list[Item]:
    """The same items, with the runs' hashes in the labels that would be alike."""
    labels = Counter(item.label for item in items)
    return [
        item if labels[item.label] == 1
        else replace(item, label=f"{item.label} (run {', '.join(short(run.run_hash) for run in item.runs.values())})")
        for item in items
    ]  # fmt: skip
