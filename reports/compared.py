"""What a paper compares with, and where: its tables, figures and ablations, with what runs here."""

from __future__ import annotations

from dataclasses import dataclass

from facedeblur.benchmark.options import one_of
from facedeblur.reports.ablations.spec import ablations, load_ablations
from facedeblur.reports.figures.papers.spec import load_figures, papers
from facedeblur.reports.tables.published.compared import Compared, comparison
from facedeblur.reports.tables.published.values import published


@dataclass(frozen=True)
class Place:
    """A method of a paper's tables or figures.

    Attributes
    ----------
    method : Compared
    names : tuple of str
        As the paper prints it.
    tables, figures : tuple of str
        Where it is; tables as printed (``Table 10``), figures by number.
    """

    method: Compared
    names: tuple[str, ...]
    tables: tuple[str, ...]
    figures: tuple[str, ...]

    @property
    def where(self) -> str:
        """``Tables 9, 10; Figure 4``."""
        parts = []
        for section in (False, True):
            found = [one for one in self.tables if one.startswith("Section") == section]
            if found:
                kind, numbers = found[0].split()[0], ", ".join(one.split()[1] for one in found)
                parts.append(f"{kind}{'s' * (len(found) > 1)} {numbers}")
        if self.figures:
            parts.append(f"Figure{'s' * (len(self.figures) > 1)} {', '.join(self.figures)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Rows:
    """Rows that are no compared methods: names as printed, where they are, and what they are or what makes them."""

    names: tuple[str, ...]
    where: str
    what: str


def compared_in(paper: str) -> tuple[Place, ...]:
    """Return the methods that a paper names in its tables and figures.

    Parameters
    ----------
    paper : str
        ``shen2020``, ``umsn``, ``lin2020``, ``dfpgnet``, ``anand`` or ``zhang2024``.

    Raises
    ------
    InputError
        When there is no such paper.
    """
    found = []
    for one in comparison().of(paper):
        names = one.names(paper)
        tables = dict.fromkeys(
            value.table for value in published().values if value.document == paper and value.method in names
        )
        found.append(Place(one, names, tuple(tables), _figures(paper, one.name)))
    return tuple(found)


def other_rows(paper: str) -> tuple[Rows, ...]:
    """Return the rows of a paper's tables that are no compared methods, those of its ablations first.

    Raises
    ------
    InputError
        When there is no such paper.
    """
    one_of("paper", paper, published().sources)
    found = []
    if paper in ablations():
        for table in load_ablations(paper).table:
            labels = tuple(row.label for row in table.row)
            found.append(Rows(labels, f"Table {table.number}", f"facedeblur ablate {paper} --table {table.number}"))
    for one in comparison().other:
        if one.document == paper:
            values = (value for value in published().values if value.document == paper and value.method in one.names)
            found.append(Rows(one.names, ", ".join(dict.fromkeys(value.table for value in values)), one.what))
    return tuple(found)


def _figures(paper: str, name: str) -> tuple[str, ...]:
    """Numbers of the figures that show a method."""
    if paper not in papers():
        return ()
    known = load_figures(paper)
    slots = {slot.name for slot in known.slot if slot.compared == name}
    return tuple(one.number for one in known.figure if slots & set(one.slots))
