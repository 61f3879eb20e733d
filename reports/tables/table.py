"""A paper's table with printed rows, measured rows below them, footnotes and remarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import checked, one_of
from facedeblur.reports.tables.cells import MEASURED, Cell, Item, cell_of, items_of, ranks
from facedeblur.reports.tables.layouts import Dataset, Layout, Measure
from facedeblur.reports.tables.measured import ResultLike, Run, read_runs
from facedeblur.reports.tables.notes import Footnotes, measured_where, place_notes, why_apart
from facedeblur.reports.tables.papers.find import layouts
from facedeblur.reports.tables.published.values import published

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Header:
    """A row or a column: its labels, and what of subject, data set and measure it fixes."""

    labels: tuple[str, ...]
    item: Item | None = None
    dataset: Dataset | None = None
    measure: Measure | None = None


@dataclass(frozen=True, repr=False)
class PaperTable:
    """A filled table.

    Attributes
    ----------
    layout : Layout
    rows, columns : tuple of Header
    panels : tuple of str
        Heading of the panel that contains each row; empty for none.
    grid : tuple of tuple of Cell
    footnotes : Footnotes
    remarks : tuple of str
        Lines below the caption: sources, sets, why published and measured values are ranked apart.
    """

    layout: Layout
    rows: tuple[Header, ...]
    columns: tuple[Header, ...]
    panels: tuple[str, ...]
    grid: tuple[tuple[Cell, ...], ...]
    footnotes: Footnotes
    remarks: tuple[str, ...]

    @property
    def title(self) -> str:
        """``Shen et al. 2020, Table 10``."""
        return f"{published().sources[self.layout.document].short}, {self.layout.table}"

    def __repr__(self) -> str:
        return f"<PaperTable {self.title}: {self.layout.caption}>"

    def _repr_html_(self) -> str:
        heads = [*self.layout.stub, *(" ".join(filter(None, column.labels)) for column in self.columns)]
        rows = [[*row.labels, *(cell.text for cell in cells)] for row, cells in zip(self.rows, self.grid, strict=True)]
        return card(self.title, {"": self.layout.caption}, table=(heads, rows))

    def filled(self) -> Iterator[tuple[Cell, Item, Dataset, Measure]]:
        """Every cell that is not empty, with what it is of."""
        for row, cells in zip(self.rows, self.grid, strict=True):
            for column, cell in zip(self.columns, cells, strict=True):
                if cell.kind:
                    yield (cell, *_meet(self.layout, row, column))

    @property
    def frame(self) -> pd.DataFrame:
        """The table as tidy rows: one per value, with kind, signature, set and notes.

        Returns
        -------
        pandas.DataFrame
            ``document, table, kind, method, dataset, column, value, spread, shown, rank`` (``best``, ``second`` or
            empty, within values of one kind, signature and set), ``signature`` (empty where the paper states none),
            ``set, set_hash, run_hash, oracle, note``. Values as the paper's unit shows them: dB, per cent, seconds,
            millions of parameters.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for cell, item, dataset, measure in self.filled():
            rows.append({
                "document": self.layout.document, "table": self.layout.table, "kind": cell.kind, "method": item.label,
                "dataset": "" if measure.per_method else dataset.label,
                "column": " ".join(filter(None, (measure.group, measure.label))), "value": cell.value,
                "spread": cell.spread, "shown": cell.text, "rank": ("", "best", "second")[cell.rank],
                "signature": cell.signature, "set": cell.set_name, "set_hash": cell.set_hash,
                "run_hash": cell.run_hash, "oracle": any(run.oracle for run in item.runs.values()),
                "note": " ".join(cell.notes),
            })  # fmt: skip
        return pd.DataFrame(rows)


@checked
def tables(
    scores: ResultLike | Iterable[ResultLike] = (),
    *,
    protocol: str = "shen2020",
    numbers: Sequence[str] | str = (),
    datasets: Mapping[str, str] | None = None,
) -> list[PaperTable]:
    """Fill the tables of a paper.

    Parameters
    ----------
    scores : Scores, Confidences, path, or several of them
        Score tables, their files, or OUTPUTS folders, and tables of confidences; see `read_runs`. Without any, only
        printed values are shown.
    protocol : str
        The paper: shen2020, umsn, lin2020, dfpgnet, anand; levin2009 for what a later one prints of Levin's set.
    numbers : str or sequence of str
        Tables of it, ``10`` or ``IV``, or sections with numbers in the text, ``2.1``; by default all.
    datasets : mapping, optional
        Name of a set, or the start of its hash -> what the paper calls such a set (``Helen``). Without it a set stands
        where its collection or recipe says, else in a column or panel of its own.

    Raises
    ------
    InputError
        When a paper, table, set or data set is not known, or a result cannot be read.
    """
    chosen = layouts(protocol, numbers)
    runs = read_runs(scores)
    named = _named(dict(datasets or {}), runs, layouts(protocol))
    return [fill(layout, runs, named=named) for layout in chosen]


def _named(datasets: dict[str, str], runs: Sequence[Run], chosen: Sequence[Layout]) -> dict[str, str]:
    """Set hash -> label of the data set, as the user has it."""
    known = {one.label.lower(): one.label for layout in chosen for one in layout.datasets if one.label}
    named = {}
    for name, dataset in datasets.items():
        hashes = {run.set.hash for run in runs if run.set.name == name or run.set.hash.startswith(name)}
        if not hashes or not name:
            one_of("set", name, {run.set.name: None for run in runs})
        if dataset.lower() not in known:
            one_of("data set", dataset, known.values())
        named.update(dict.fromkeys(hashes, known[dataset.lower()]))
    return named


def fill(layout: Layout, runs: Sequence[Run], *, named: Mapping[str, str] | None = None) -> PaperTable:
    """Fill one table; `named` says which data set a measured set (by its hash) counts as."""
    values = published().table(layout.document, layout.table)
    items, datasets, left_out = items_of(layout, runs, named or {})
    rows, columns = (list(_slots(axes, layout, items, datasets)) for axes in (layout.rows, layout.columns))
    grid = [[cell_of(layout, values, *_meet(layout, row, column)) for column in columns] for row in rows]
    lines: dict[tuple[Dataset, Measure], list[tuple[int, int]]] = {}
    for r, row in enumerate(rows):
        for c, column in enumerate(columns):
            _, dataset, measure = _meet(layout, row, column)
            lines.setdefault((dataset, measure), []).append((r, c))
    for (_, measure), line in lines.items():
        for (r, c), rank in zip(line, ranks([grid[r][c] for r, c in line], better=measure.better), strict=True):
            grid[r][c] = replace(grid[r][c], rank=rank)
    footnotes = place_notes(grid)
    citation = published().sources[layout.document].citation
    compared = [(measure, dataset, [grid[r][c] for r, c in line]) for (dataset, measure), line in lines.items()]
    remarks = [f"Printed values: {citation}, {layout.table}.", *measured_where(layout, items, named or {}), *left_out]
    remarks += [*why_apart(compared), *footnotes.remarks]
    return PaperTable(layout, tuple(rows), tuple(columns), tuple(_panels(layout, rows, items)),
                      tuple(map(tuple, grid)), footnotes, tuple(remarks))  # fmt: skip


def _slots(
    axes: tuple[str, ...], layout: Layout, items: Sequence[Item], datasets: Sequence[Dataset]
) -> Iterator[Header]:
    """The rows or columns that a sequence of axes makes."""
    if axes == ("subject",):
        both = Counter(item.kind for item in items)
        for item in items:
            group = item.kind.capitalize() if len(both) > 1 else ""
            yield Header((item.label,) if layout.rows == axes else (group, item.label), item=item)
    elif axes == ("measure",):
        for measure in layout.measures:
            yield Header((measure.label,) if layout.rows == axes else (measure.group, measure.label), measure=measure)
    elif axes == ("dataset",):
        for dataset in datasets:
            yield Header((dataset.label,), item=items[0], dataset=dataset)
    elif axes == ("dataset", "measure"):
        for dataset in datasets:
            for measure in layout.measures:
                if not measure.per_method:
                    yield Header((dataset.label, measure.label), dataset=dataset, measure=measure)
        for measure in layout.measures:
            if measure.per_method:
                yield Header((measure.label, ""), dataset=layout.datasets[0], measure=measure)
    else:
        pairs = [(item, dataset) for dataset in datasets for item in items]
        if axes[0] == "subject":
            pairs = [(item, dataset) for item in items for dataset in datasets]
        for item, dataset in pairs:
            # Nothing printed of other sets than the paper's; measured methods only where they ran.
            if dataset in (layout.datasets if item.subject is not None else item.runs):
                yield Header(
                    (item.label,) if layout.panels else (item.label, dataset.label), item=item, dataset=dataset
                )


def _meet(layout: Layout, row: Header, column: Header) -> tuple[Item, Dataset, Measure]:
    item, dataset = row.item or column.item, row.dataset or column.dataset or layout.datasets[0]
    measure = row.measure or column.measure
    assert item is not None and measure is not None
    return item, dataset, measure


def _panels(layout: Layout, rows: Sequence[Header], items: Sequence[Item]) -> Iterator[str]:
    """Heading of each row's panel."""
    measured = any(item.kind == MEASURED for item in items)
    for row in rows:
        kind = row.item.kind if row.item is not None and measured else ""
        dataset = row.dataset.label if layout.panels and row.dataset is not None else ""
        yield ", ".join(filter(None, (dataset, kind))) if dataset else kind.capitalize()
