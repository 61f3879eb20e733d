"""The rows and values of a paper's table: printed and measured ones, and which of them are best."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from facedeblur.benchmark.scoring.agreement import short
from facedeblur.methods.confidence import Confidence
from facedeblur.reports.tables.layouts import Dataset, Layout, Measure, Subject
from facedeblur.reports.tables.measured import Absent, Run, confidences_of, measure
from facedeblur.reports.tables.measured import measure as measure_of
from facedeblur.reports.tables.published.values import Value
from facedeblur.reports.tables.sets import is_of
from facedeblur.reports.text import NONE, seconds

PUBLISHED, MEASURED = "published", "measured"
OURS = "Not in the paper."
PLUS_MINUS = " ± "


@dataclass(frozen=True)
class Item:
    """A subject of a table: one of the paper's, or a measured method with its run on each data set."""

    label: str
    kind: str
    subject: Subject | None = None
    runs: dict[Dataset, Run] = field(default_factory=dict)

    @property
    def ranked(self) -> bool:
        """Whether it can be best: not the sharp images, and not with the true kernel."""
        if self.subject is not None:
            return not self.subject.reference
        return not any(run.oracle or run.reference for run in self.runs.values())


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes
    ----------
    kind : {'published', 'measured', ''}
        Empty where there is nothing to show at all.
    text : str
        As shown, without footnote marks.
    value, spread : float
        The numbers, in the unit that is shown; NaN if absent.
    compared : tuple of str
        Signature and set: only cells where it is equal are ranked together. Empty: not ranked.
    rank : int
        1 is best, 2 second, 0 neither.
    notes : tuple of str
    signature, set_name, set_hash, run_hash : str
        Of a measured value.
    misprinted : bool
        True of a printed value that is known to be wrong.
    """

    kind: str = ""
    text: str = ""
    value: float = math.nan
    spread: float = math.nan
    compared: tuple[str, ...] = ()
    rank: int = 0
    notes: tuple[str, ...] = ()
    signature: str = ""
    set_name: str = ""
    set_hash: str = ""
    run_hash: str = ""
    misprinted: bool = False

    @property
    def parts(self) -> tuple[str, str]:
        """What stands before the plus-minus sign, and what behind it; empty if absent."""
        main, _, spread = self.text.partition(PLUS_MINUS)
        return main, spread


def cell_of(layout: Layout, values: Sequence[Value], item: Item, dataset: Dataset, measure: Measure) -> Cell:
    """Return the cell where a subject, a data set and a measure meet."""
    if item.subject is not None:
        return _published(layout, values, item.subject, dataset, measure)
    runs = list(item.runs.values()) if measure.per_method else [run for at, run in item.runs.items() if at == dataset]
    if not runs:
        return Cell(MEASURED, NONE, notes=(f"Not measured on a set of {dataset.label}: facedeblur score SET OUTPUTS.",))
    results = [(run, measure_of(run, measure.how, layout.document)) for run in runs]
    run, found = next((pair for pair in results if not isinstance(pair[1], Absent)), results[0])
    bare = Cell(MEASURED, NONE, set_name=run.set.name, set_hash=run.set.hash, run_hash=run.run_hash)
    if isinstance(found, Absent):
        return replace(bare, notes=(_sentence(found.why),))
    if found.text:
        return replace(bare, text=found.text, signature=found.signature)
    spread = found.spread if measure.spread else math.nan
    # Run times do not depend on what is in the images, but stand for one device and size.
    key = (found.signature, "" if measure.per_method else run.set.hash)
    return replace(
        bare, text=shown(measure, found.value, spread), value=found.value * measure.scale,
        spread=spread * measure.scale, compared=key if item.ranked and measure.better else (),
        notes=tuple(map(_sentence, found.notes)), signature=found.signature,
    )  # fmt: skip


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (not text.endswith("."))


def _published(
    layout: Layout, values: Sequence[Value], subject: Subject, dataset: Dataset, measure: Measure
) -> Cell:  # fmt: skip
    if dataset not in layout.datasets:
        return Cell()
    if measure.how.kind == "implementation":
        named = (value.condition for value in values if value.method == subject.method)
        return Cell(PUBLISHED, next(named, NONE))
    if not measure.metric:
        return Cell(PUBLISHED, NONE, notes=(OURS,))
    main, beside = (printed(values, subject, dataset, measure, name) for name in (measure.metric, measure.spread))
    if main is None:
        return Cell(PUBLISHED, NONE)
    texts = [one.printed for one in (main, beside) if one is not None and one.printed]
    notes = tuple(dict.fromkeys(note.text for one in (main, beside) if one is not None for note in one.notes))
    if not texts:
        return Cell(PUBLISHED, NONE, notes=notes)
    suffix = measure.suffix and (main.unit or measure.suffix)
    key: tuple[str, ...] = ("as printed",)
    if measure.stated and (measure.per_method or dataset.set_hash):
        key = (measure.stated, "" if measure.per_method else dataset.set_hash)
    return Cell(
        PUBLISHED, PLUS_MINUS.join(texts) + suffix, _in_unit(main, measure), _in_unit(beside, measure),
        key if measure.better and not subject.reference and not main.misprinted else (), notes=notes,
        signature=measure.stated, set_hash=dataset.set_hash, misprinted=main.misprinted,
    )  # fmt: skip


def _in_unit(value: Value | None, measure: Measure) -> float:
    """A printed number in the unit of the column: 558 K among millions is 0.558."""
    return math.nan if value is None else float(f"{value.number * measure.scale:.12g}")


def printed(
    values: Iterable[Value], subject: Subject, dataset: Dataset, measure: Measure, metric: str
) -> Value | None:  # fmt: skip
    """Return the printed value of a cell; None where the paper has none."""
    if not metric:
        return None
    condition = ";".join(filter(None, (measure.condition, subject.condition, dataset.condition)))
    name = "" if measure.per_method else dataset.name
    for value in values:
        if (value.method, value.dataset, value.metric) == (subject.method, name, metric) and (
            measure.condition == "*" or value.condition == condition
        ):
            return value
    return None


def shown(measure: Measure, value: float, spread: float = math.nan) -> str:
    """A measured value with the digits that the paper prints."""
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if measure.suffix == "M" and value < 1e5:
        return f"{value / 1e3:.0f}K" if value >= 500 else f"{value:.0f}"
    if measure.how.kind == "seconds" and value < 10.0**-measure.decimals:
        return seconds(value)
    text = f"{value * measure.scale:.{measure.decimals}f}"
    if not math.isnan(spread):
        text += f"{PLUS_MINUS}{spread * measure.scale:.{measure.decimals}f}"
    return text + measure.suffix


def ranks(cells: Sequence[Cell], *, better: str) -> list[int]:
    """1 for the best, 2 for the second best of the cells that may be compared, as they are shown; else 0.

    Cells that are shown alike share a rank. Where all are alike, or one stands alone, nothing is best.
    """
    made = [0] * len(cells)
    for key in {cell.compared for cell in cells if cell.compared}:
        group = [at for at, cell in enumerate(cells) if cell.compared == key and not math.isnan(cell.value)]
        values = {at: _as_shown(cells[at]) for at in group}
        order = sorted(set(values.values()), reverse=better == "higher")
        if len(order) > 1:
            for at, value in values.items():
                made[at] = {order[0]: 1, order[1]: 2}.get(value, 0)
    return made


def _as_shown(cell: Cell) -> float:
    text = cell.parts[0].rstrip("%M")
    try:
        return 0.0 if text.startswith("<") else float(text)
    except ValueError:  # infinite, or thousands
        return cell.value


def items_of(
    layout: Layout, runs: Sequence[Run], named: Mapping[str, str]
) -> tuple[list[Item], list[Dataset], list[str]]:
    """Subjects, data sets and remarks of a table.

    Parameters
    ----------
    layout : Layout
    runs : sequence of Run
    named : mapping
        Set hash -> label of the data set that it counts as, where the user says so.

    Returns
    -------
    list of Item, list of Dataset, list of str
        Places of the paper first, then one for every set that is none of them; what is not shown, in words.
    """
    items = [Item(subject.label, PUBLISHED, subject) for subject in layout.subjects]
    if all(one.how.kind == "printed" for one in layout.measures):
        runs = []
    if layout.split:
        runs = [run for run in runs if not isinstance(run.confidences, Absent)]
        return items + _parts(layout.split, runs), list(layout.datasets), _by_which(layout.split, runs)
    runs = [run for run in runs if isinstance(run.confidences, Absent)]
    # Of outputs that were not scored (a kept parsing) a table of scores would be a row of dashes.
    bare = [run for run in runs if run.scored is None and not _has_something(layout, run)]
    runs = [run for run in runs if run not in bare and (not run.reference or _has_something(layout, run))]
    unmeasured = [f"Not shown: '{run.method}', of which this table has nothing: {_why_absent(layout, run)}."
                  for run in bare if not run.reference]  # fmt: skip
    if len(layout.datasets) == 1:
        fitting = [run for run in runs if dataset_of(layout, run, named) is not None] or runs
        left = dict.fromkeys(run.set.name for run in runs if run not in fitting)
        remarks = [f"Not shown: what was measured on '{name}', which is not a set of {layout.datasets[0].label}."
                   for name in left]  # fmt: skip
        return items + _one_a_run(layout, fitting), list(layout.datasets), [*remarks, *unmeasured]
    datasets = list(layout.datasets)
    made: list[tuple[tuple[str, ...], Item]] = []
    for run in runs:
        dataset = dataset_of(layout, run, named)
        if dataset is None:
            dataset = Dataset(_own(layout, run))
            if dataset not in datasets:
                datasets.append(dataset)
        item = next((item for key, item in made if key == _settings(run) and dataset not in item.runs), None)
        if item is None:
            item = Item(_label(layout, run), MEASURED)
            made.append((_settings(run), item))
        item.runs[dataset] = run
    return items + _distinct([item for _, item in made]), datasets, unmeasured


MOST_ALONE = 4
"""Images of a table of confidences that are shown one by one; of more the means are shown."""


def _parts(split: str, runs: Sequence[Run]) -> list[Item]:
    """One item for each image, or for all if there are many, and each step or size that confidences are of."""
    made = []
    for run in runs:
        rows = confidences_of(run)
        if split == "kernel_size":
            rows = _trained_longest(rows)
        several = len({row.pair_id if split == "step" else row.image_id for row in rows})
        groups: dict[tuple[str, str, int], list[Confidence]] = {}
        for row in rows:
            groups.setdefault((_image(row, split, several), row.sha256, int(getattr(row, split))), []).append(row)
        order = {name: at for at, (name, _, _) in enumerate(groups)}
        for (image, sha, value), some in sorted(groups.items(), key=lambda one: (order[one[0][0]], one[0][2])):
            label = f"{image}, {_size(value) if split == 'kernel_size' else f'{value:,}'}"
            part = replace(run, run_hash=sha, confidences=tuple(some))
            made.append(Item(label, MEASURED, runs={Dataset("", ""): part}))
    return _distinct(made)


def _size(side: int) -> str:
    return f"{side}×{side}" if side else "unknown kernel"


def _trained_longest(rows: Sequence[Confidence]) -> tuple[Confidence, ...]:
    """The confidences at the end of the training, as the paper's by the size of the point spread function are."""
    last = max(rows, key=lambda row: row.step)
    return tuple(row for row in rows if (row.sha256, row.step) == (last.sha256, last.step))


def _by_which(split: str, runs: Sequence[Run]) -> list[str]:
    """Which of the weights are shown, where it is not all."""
    lines = []
    for run in runs if split == "kernel_size" else ():
        last = _trained_longest(confidences_of(run))[0]
        after = f", trained for {last.step:,} steps" if last.step else ""
        lines.append(f"Weights of {run.method}: {last.weights}{after}.")
    return lines


def _image(row: Confidence, split: str, several: int) -> str:
    """What a row of a table of confidences is of."""
    if several > MOST_ALONE:
        return f"All {several:,} {'pairs' if split == 'step' else 'images'}"
    return row.pair_id if split == "step" else row.image_id


def _has_something(layout: Layout, run: Run) -> bool:
    return any(not isinstance(measure(run, one.how), Absent) for one in layout.measures)


def _why_absent(layout: Layout, run: Run) -> str:
    """Why the first column has no value of a run that has none at all."""
    reasons = (measure(run, one.how, layout.document) for one in layout.measures)
    return next(reason.why for reason in reasons if isinstance(reason, Absent))


def dataset_of(layout: Layout, run: Run, named: Mapping[str, str]) -> Dataset | None:
    """Return the paper's data set that a measured set counts as, None for none of them."""
    if run.set.hash in named:
        return next((dataset for dataset in layout.datasets if dataset.label == named[run.set.hash]), None)
    return next((dataset for dataset in layout.datasets if is_of(run.set, dataset)), None)


def _own(layout: Layout, run: Run) -> str:
    name = f"{run.set.name} ({short(run.set.hash)})"
    # Of single images a set has the mean as well.
    return f"mean of {name}" if layout.rows == ("subject", "dataset") else name


def _one_a_run(layout: Layout, runs: Sequence[Run]) -> list[Item]:
    several = len({run.set.hash for run in runs}) > 1
    alike = Counter((run.method, run.set.hash, run.run_hash) for run in runs)
    made = []
    for run in runs:
        label = _label(layout, run) + (f", {run.set.name}" if several else "")
        if alike[run.method, run.set.hash, run.run_hash] > 1 and run.parser is not None:
            label += f", {run.parser}"
        made.append(Item(label, MEASURED, runs={layout.datasets[0]: run}))
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
