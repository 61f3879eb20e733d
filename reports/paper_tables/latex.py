"""A paper's table in LaTeX: one float that needs the packages booktabs and graphicx and nothing else."""

from __future__ import annotations

from itertools import groupby

from facedeblur.reports.paper_tables.build import PaperTable
from facedeblur.reports.paper_tables.cells import PLUS_MINUS, Cell

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "±": r"$\pm$", "×": r"$\times$", "∞": r"$\infty$", "−": r"$-$", "—": r"\textemdash{}",
    "–": r"\textendash{}",
    # At the start of a row these would be taken for options of the line before.
    "[": "{[}", "]": "{]}", "*": "{*}", '"': r"\char34{}", "`": r"\char96{}",
}  # fmt: skip
_NARROW = 9


def escape(text: str) -> str:
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
        rf"\caption{{{escape(table.layout.caption)} ({escape(table.title)}).}}",
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
        labels = ["" if repeated and at == 0 else escape(label) for at, label in enumerate(row.labels)]
        labels[-1 if labels[-1] else 0] += _marks(marks)
        cells = [_cell(cell, table.footnotes.cells.get((r, c), ())) for c, cell in enumerate(table.grid[r])]
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
    lines += [rf"{escape(remark)}\par" for remark in (*table.remarks, _LEGEND)]
    lines += [rf"{_marks((mark,))} {escape(text)}\par" for mark, text in table.footnotes.texts]
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
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
            at += width
        lines += [" & ".join(cells) + r" \\", " ".join(rules)]
    labels = [escape(column.labels[1] or column.labels[0]) for column in table.columns]
    labels = [label + _marks(table.footnotes.columns.get(c, ())) for c, label in enumerate(labels)]
    return [*lines, " & ".join([*map(escape, table.layout.stub), *labels]) + r" \\"]


def _panel(heading: str, width: int) -> str:
    return rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(heading)}}}}} \\"


def _cell(cell: Cell, marks: tuple[str, ...]) -> str:
    main, spread = cell.parts
    text = escape(main)
    if cell.rank:
        text = rf"\textbf{{{text}}}" if cell.rank == 1 else rf"\underline{{{text}}}"
    return text + (escape(PLUS_MINUS + spread) if spread else "") + _marks(marks)


def _marks(marks: tuple[str, ...]) -> str:
    return rf"$^{{\mathrm{{{','.join(marks)}}}}}$" if marks else ""
