"""Paper tables as CSV, Markdown (as GitHub shows it) and LaTeX (one float; needs booktabs and graphicx)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from facedeblur.benchmark.files.atomic import write_text
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.tables import frame_to_csv
from facedeblur.benchmark.options import one_of
from facedeblur.reports.tables.cells import PLUS_MINUS, Cell
from facedeblur.reports.tables.table import PaperTable


def to_csv(tables: Sequence[PaperTable]) -> str:
    """Tidy CSV of one or more tables, one row per value; see `PaperTable.frame`."""
    import pandas as pd

    frame = pd.concat([table.frame for table in tables], ignore_index=True)
    return frame_to_csv(frame)


_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "±": r"$\pm$", "×": r"$\times$", "∞": r"$\infty$", "−": r"$-$", "—": r"\textemdash{}",
    "–": r"\textendash{}",
    # At the start of a row these would be taken for options of the line before.
    "[": "{[}", "]": "{]}", "*": "{*}", '"': r"\char34{}", "`": r"\char96{}",
}  # fmt: skip
_NARROW = 9


def latex_escape(text: str) -> str:
    """Text that LaTeX sets as it stands here, on one line; what cannot be printed becomes a blank."""
    escaped = "".join(_SPECIAL.get(letter, letter if letter.isprintable() else " ") for letter in text)
    # Two hyphens would be set as a dash, two apostrophes as a quotation mark.
    return escaped.replace("--", "-{}-").replace("''", "'{}'")


def to_latex(table: PaperTable) -> str:
    """The table as a LaTeX fragment: ``\\begin{table*}`` to ``\\end{table*}``.

    Best values are bold, second ones underlined, printed and measured ones apart. What is wider than the line is
    scaled down to it.
    """
    stub, n = len(table.layout.stub), len(table.columns)
    lines = [
        r"% Needs \usepackage{booktabs,graphicx}; made by facedeblur tables.",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{latex_escape(table.layout.caption)} ({latex_escape(table.title)}).}}",
        rf"\label{{tab:{table.layout.name.replace('_', '-').replace('.', '-')}}}",
    ]
    if n + stub > _NARROW:
        lines += [r"\scriptsize", r"\setlength{\tabcolsep}{2.5pt}"]
    lines += [rf"\sbox0{{\begin{{tabular}}{{{'l' * stub}{'r' * n}}}", r"\toprule", *_head(table, stub), r"\midrule"]
    panel = table.panels[0]
    if panel:
        lines.append(_panel(panel, stub + n))
    for r, row in enumerate(table.rows):
        if table.panels[r] != panel:
            panel = table.panels[r]
            lines += [r"\midrule", _panel(panel, stub + n)]
        marks = table.footnotes.rows.get(r, ())
        repeated = stub > 1 and r > 0 and row.labels[0] == table.rows[r - 1].labels[0]
        labels = ["" if repeated and at == 0 else latex_escape(label) for at, label in enumerate(row.labels)]
        labels[-1 if labels[-1] else 0] += _latex_marks(marks)
        cells = [_latex_cell(cell, table.footnotes.cells.get((r, c), ())) for c, cell in enumerate(table.grid[r])]
        lines.append(" & ".join([*labels, *cells]) + r" \\")
    lines += [
        r"\bottomrule",
        r"\end{tabular}}",
        _FITTED,
        "",
        r"\smallskip",
        r"\begin{minipage}{\linewidth}",
        r"\footnotesize",
    ]
    lines += [rf"{latex_escape(remark)}\par" for remark in (*table.remarks, _LEGEND)]
    lines += [rf"{_latex_marks((mark,))} {latex_escape(text)}\par" for mark, text in table.footnotes.texts]
    text = "\n".join([*lines, r"\end{minipage}", r"\end{table*}", ""])
    return text if all(ord(letter) < 0x180 for letter in text) else text.replace("\n", f"\n{_OTHER_LETTERS}\n", 1)


_FITTED = r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi"
_OTHER_LETTERS = "% Some letters are not Latin: set with LuaLaTeX or XeLaTeX and a font that has them."
_LEGEND = "Bold: best; underlined: second best."


def _head(table: PaperTable, stub: int) -> list[str]:
    lines: list[str] = []
    groups = [column.labels[0] if column.labels[1] else "" for column in table.columns]
    if any(groups):
        cells, rules, at = [""] * stub, [], stub + 1
        for group, members in groupby(groups):
            width = len(list(members))
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex_escape(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
            at += width
        lines += [" & ".join(cells) + r" \\", " ".join(rules)]
    labels = [latex_escape(column.labels[1] or column.labels[0]) for column in table.columns]
    labels = [label + _latex_marks(table.footnotes.columns.get(c, ())) for c, label in enumerate(labels)]
    return [*lines, " & ".join([*map(latex_escape, table.layout.stub), *labels]) + r" \\"]


def _panel(heading: str, width: int) -> str:
    return rf"\multicolumn{{{width}}}{{l}}{{\textit{{{latex_escape(heading)}}}}} \\"


def _latex_cell(cell: Cell, marks: tuple[str, ...]) -> str:
    main, spread = cell.parts
    text = latex_escape(main)
    if cell.rank:
        text = rf"\textbf{{{text}}}" if cell.rank == 1 else rf"\underline{{{text}}}"
    return text + (latex_escape(PLUS_MINUS + spread) if spread else "") + _latex_marks(marks)


def _latex_marks(marks: tuple[str, ...]) -> str:
    return rf"$^{{\mathrm{{{','.join(marks)}}}}}$" if marks else ""


_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~#!])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown_escape(text: str) -> str:
    """Text that Markdown shows as it stands here, on one line; what cannot be printed becomes a blank."""
    plain = "".join(_ENTITIES.get(letter, letter if letter.isprintable() else " ") for letter in text)
    return _PUNCTUATION.sub(r"\\\1", plain)


def to_markdown(table: PaperTable) -> str:
    """The table with its heading, remarks and footnotes.

    Best values are bold, second ones underlined, printed and measured ones apart.
    """
    stub, n = len(table.layout.stub), len(table.columns)
    heads = [" ".join(filter(None, column.labels)) for column in table.columns]
    heads = [
        markdown_escape(head) + _markdown_marks(table.footnotes.columns.get(c, ())) for c, head in enumerate(heads)
    ]
    lines = [
        f"### {markdown_escape(table.title)}",
        "",
        f"{markdown_escape(table.layout.caption)}.",
        "",
        _line([*map(markdown_escape, table.layout.stub), *heads]),
        _line([*[":--"] * stub, *["--:"] * n]),
    ]
    panel = ""
    for r, row in enumerate(table.rows):
        if table.panels[r] != panel:
            panel = table.panels[r]
            lines.append(_line([f"**{markdown_escape(panel)}**", *[""] * (stub + n - 1)]))
        labels = [*map(markdown_escape, row.labels)]
        labels[-1 if labels[-1] else 0] += _markdown_marks(table.footnotes.rows.get(r, ()))
        lines.append(_line([*labels, *(
            _markdown_cell(cell, table.footnotes.cells.get((r, c), ())) for c, cell in enumerate(table.grid[r])
        )]))  # fmt: skip
    notes = [*map(markdown_escape, table.remarks), "**Best**, <u>second best</u>."]
    notes += [f"{_markdown_marks((mark,))} {markdown_escape(text)}" for mark, text in table.footnotes.texts]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell, marks: tuple[str, ...]) -> str:
    main, spread = cell.parts
    text = markdown_escape(main)
    if cell.rank:
        text = f"**{text}**" if cell.rank == 1 else f"<u>{text}</u>"
    return text + (markdown_escape(PLUS_MINUS + spread) if spread else "") + _markdown_marks(marks)


def _markdown_marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{','.join(marks)}</sup>" if marks else ""


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
        one_of("format", name, FORMATS)
    folder, made = Path(folder), []
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        for name in formats:
            ending, text = FORMATS[name]
            made.append(folder / f"{table.layout.name}.{ending}")
            with only_writer(made[-1]):
                write_text(made[-1], text(table))
    return made
