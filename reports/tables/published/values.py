"""Values that papers print, with their source, and notes on those that cannot be right.

The data are one CSV file per table in ``reports/tables/published`` (``document, table, method, dataset, metric,
condition, value, unit``; a value is kept as printed, so that its digits are known), the papers in
``sources.toml``, and what is known about single values in ``notes.toml``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import as_file, files
from io import StringIO

from facedeblur.benchmark.config import Record, read_toml, strict
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of

PACKAGE = "facedeblur.reports.tables.published"
COLUMNS = ("document", "table", "method", "dataset", "metric", "condition", "value", "unit")
UNITS = {"": 1.0, "dB": 1.0, "%": 0.01, "s": 1.0, "M": 1e6, "K": 1e3, "images": 1.0, "kernels": 1.0, "px": math.nan}
"""Units that occur, and what a printed number is multiplied by; resolutions are no numbers."""
FINDINGS = ("misprint", "contradiction", "condition")


@dataclass(frozen=True)
class Paper:
    """A paper: key, how it is called in a caption, and its citation."""

    document: str
    short: str
    citation: str


@dataclass(frozen=True)
class Note:
    """What a reader has to know about some values of one table.

    Attributes
    ----------
    document, table : str
    finding : {'misprint', 'contradiction', 'condition'}
        Digits, unit or row are wrong; another table or the text says otherwise; how a value came about.
    text : str
    methods, datasets, metrics, conditions : tuple of str
        The values it is about; an empty one matches all.
    """

    document: str
    table: str
    finding: str
    text: str
    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    def covers(self, value: Value) -> bool:
        """Whether it is about `value`."""
        wanted = ((self.methods, value.method), (self.datasets, value.dataset), (self.metrics, value.metric),
                  (self.conditions, value.condition))  # fmt: skip
        same = (self.document, self.table) == (value.document, value.table)
        return same and all(not some or one in some for some, one in wanted)


@dataclass(frozen=True)
class Value:
    """A printed value.

    Attributes
    ----------
    document, table : str
        Where it stands: ``shen2020``, ``Table 10``.
    method, dataset, metric, condition : str
        What it measures; `condition` is for instance ``kernel=13x13``.
    printed : str
        The digits as printed; empty where the paper has none.
    unit : str
        One of `UNITS`.
    notes : tuple of Note
    """

    document: str
    table: str
    method: str
    dataset: str
    metric: str
    condition: str
    printed: str
    unit: str
    notes: tuple[Note, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from all others."""
        return (self.document, self.table, self.method, self.dataset, self.metric, self.condition)

    @property
    def number(self) -> float:
        """The value: dB, seconds, a share in [0, 1], a count; NaN where none is printed."""
        return float(self.printed) * UNITS[self.unit] if self.printed and self.unit != "px" else math.nan

    @property
    def misprinted(self) -> bool:
        """Whether its digits, unit or row are known to be wrong."""
        return any(note.finding == "misprint" for note in self.notes)


@dataclass(frozen=True)
class Published:
    """All printed values, with the papers and notes."""

    values: tuple[Value, ...]
    sources: Mapping[str, Paper]
    notes: tuple[Note, ...]

    def table(self, document: str, table: str) -> tuple[Value, ...]:
        """Values of one table in printed order.

        Raises
        ------
        InputError
            When the paper, or its table, is missing.
        """
        found = tuple(value for value in self.values if (value.document, value.table) == (document, table))
        if not found:
            known = dict.fromkeys(f"{value.document}, {value.table}" for value in self.values)
            one_of("table", f"{document}, {table}", known)
        return found


@lru_cache(maxsize=1)
def published() -> Published:
    """Every printed value that ships with the package, checked."""
    folder = files(PACKAGE)
    sources = _read("sources.toml", "source", Paper)
    notes = _read("notes.toml", "note", Note)
    rows: list[Value] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".csv"):
            rows += parse(entry.read_text(encoding="utf-8"), entry.name)
    return assemble(rows, sources, notes)


def _read(name: str, key: str, kind: type[Record]) -> tuple[Record, ...]:
    with as_file(files(PACKAGE) / name) as path:
        contents, _ = read_toml(path)
    return tuple(strict(kind, entry, f"{name} [{at}]") for at, entry in enumerate(contents[key]))


def parse(text: str, where: str) -> list[Value]:
    """Read the rows of one file.

    Parameters
    ----------
    text : str
        CSV with the header `COLUMNS`.
    where : str
        Its name, for the error lines.

    Raises
    ------
    InputError
        When a row is not of that form, its unit is not known, or its value is not a number.
    """
    header, *lines = list(csv.reader(StringIO(text, newline="")))
    if tuple(header) != COLUMNS:
        raise InputError(where, expected=f"the columns {', '.join(COLUMNS)}", found=", ".join(header))
    made = []
    for number, line in enumerate(lines, start=2):
        at = f"{where}, line {number}"
        if len(line) != len(COLUMNS):
            raise InputError(at, expected=f"{len(COLUMNS)} fields", found=f"{len(line)}")
        value = Value(line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7])
        if value.unit not in UNITS:
            raise InputError(f"{at}: unit '{value.unit}'", expected=f"one of {', '.join(filter(None, UNITS))}, or none")
        try:
            fine = math.isfinite(value.number) or not value.printed or value.unit == "px"
        except ValueError:
            fine = False
        if not fine:
            raise InputError(f"{at}: value '{value.printed}'", expected="a number as printed, or nothing")
        made.append(value)
    return made


def assemble(values: Iterable[Value], sources: Sequence[Paper], notes: Sequence[Note]) -> Published:
    """Put the parts together; each value gets its notes.

    Raises
    ------
    InputError
        When a value is given twice or its paper is unknown, or a note is about nothing.
    """
    papers = {source.document: source for source in sources}
    known: dict[tuple[str, ...], Value] = {}
    used: set[int] = set()
    for value in values:
        name = ", ".join(part for part in value.key if part)
        one_of("paper", value.document, papers, of="sources.toml")
        if value.key in known:
            raise InputError(f"{name} has two values")
        about = [at for at, note in enumerate(notes) if note.covers(value)]
        used |= set(about)
        known[value.key] = replace(value, notes=tuple(notes[at] for at in about))
    for at, note in enumerate(notes):
        one_of("finding", note.finding, FINDINGS, of=f"note '{note.text[:40]}'")
        if at not in used:
            raise InputError(f"note '{note.text[:40]}' refers to no value", do="correct its lists")  # fmt: skip
    return Published(tuple(known.values()), papers, tuple(notes))
