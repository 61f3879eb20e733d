"""Paper tables as text and files: CSV, Markdown, LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.atomic import replacing
from facedeblur.reports.paper_tables.build import PaperTable
from facedeblur.reports.paper_tables.latex import to_latex
from facedeblur.reports.paper_tables.markdown import to_markdown


def to_csv(tables: Sequence[PaperTable]) -> str:
    """Tidy CSV of one or more tables, one row a value; see `PaperTable.frame`."""
    import pandas as pd

    frame = pd.concat([table.frame() for table in tables], ignore_index=True)
    return str(frame.to_csv(index=False, lineterminator="\n"))


FORMATS: Mapping[str, tuple[str, Callable[[PaperTable], str]]] = {
    "csv": ("csv", lambda table: to_csv([table])),
    "markdown": ("md", to_markdown),
    "latex": ("tex", to_latex),
}
"""Format -> ending of the file, and what makes its text."""


def write(tables: Sequence[PaperTable], folder: str | Path, *, formats: Sequence[str] = tuple(FORMATS)) -> list[Path]:
    """Write every table to `folder` in every format, atomically: ``shen2020_table10.csv``, ``.md``, ``.tex``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        When a format is not known.
    """
    for name in formats:
        if name not in FORMATS:
            raise InputError(f"format '{name}'", expected=f"one of {', '.join(FORMATS)}", do=suggest(name, FORMATS))
    folder, made = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        for name in formats:
            ending, text = FORMATS[name]
            made.append(folder / f"{table.layout.name}.{ending}")
            with replacing(made[-1]) as temporary:
                Path(temporary).write_text(text(table), encoding="utf-8", newline="\n")
    return made
