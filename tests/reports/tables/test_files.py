"""Paper tables as LaTeX, Markdown and CSV: whole, and safe from the names that methods come with."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.generators.recipe import load_recipe
from facedeblur.reports.tables.files import latex_escape as latex_escape
from facedeblur.reports.tables.files import markdown_escape as markdown_escape
from facedeblur.reports.tables.files import to_latex, to_markdown, write
from facedeblur.reports.tables.table import PaperTable
from facedeblur.reports.tables.table import tables as paper_tables

HOSTILE = (
    "[x]", "*best*", r"\input{/etc/passwd}", "a_b & 50% #1 $x$ {", "<script>alert(1)</script>", "a|b",
    "two\nlines \\\\", "~^`--''\x1b[31m", r"\\[1cm] \hline", "% gone", "![x](http://example.com)",
)  # fmt: skip
PAPERS = ("shen2020", "umsn", "lin2020", "dfpgnet", "anand")


@pytest.fixture(scope="module")
def tables(scores_of: Callable[..., Scores]) -> list[PaperTable]:
    """Every table of every paper, with methods of hostile names on a Helen set and on one of their own."""
    sets = [{"name": name, "hash": name[0] * 64, "sources": [{"collection": collection}],
             "recipe": load_recipe("shen2020")[1]}
            for name, collection in (("hel|en_1", "helen: 3"), ("own & {set}", "folder: 3"))]  # fmt: skip
    made = [scores_of(name, [30.0 - at, 20.0], other={"set": known})
            for known in sets for at, name in enumerate(HOSTILE)]  # fmt: skip
    return [table for paper in PAPERS for table in paper_tables(made, protocol=paper)]


def braces(text: str) -> int:
    """Open minus closed braces that are not escaped; never below none."""
    depth = 0
    for mark in re.findall(r"\\.|[{}]", text, flags=re.DOTALL):
        depth += (mark == "{") - (mark == "}")
        assert depth >= 0
    return depth


KNOWN = {
    "begin", "end", "centering", "caption", "label", "scriptsize", "setlength", "tabcolsep", "toprule", "midrule",
    "bottomrule", "cmidrule", "multicolumn", "textit", "textbf", "underline", "pm", "times", "infty", "mathrm",
    "smallskip", "linewidth", "footnotesize", "par", "textbackslash", "textasciitilde", "textasciicircum", "textless",
    "textgreater", "textbar", "textemdash", "textendash", "char", "sbox", "usebox",
    "ifdim", "wd", "resizebox", "else", "fi",
}  # fmt: skip


def test_latex_has_its_structure_in_every_table(tables: list[PaperTable]):
    for table in tables:
        text = to_latex(table)
        assert text.startswith("% Needs \\usepackage{booktabs,graphicx}")
        body = text.split("\n", 1)[1]
        assert braces(body) == 0
        open_ones: list[str] = []
        for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", body):
            if what == "begin":
                open_ones.append(name)
            else:
                assert open_ones.pop() == name
        assert not open_ones
        assert set(re.findall(r"\\([A-Za-z]+)", body)) <= KNOWN
        # A letter that LaTeX reads as a command is escaped or ours.
        assert not re.search(r"(?<!\\)[%#~]", body)
        assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
        width = len(table.layout.stub) + len(table.columns)
        specification = re.search(r"\\begin\{tabular\}\{(l+r+)\}", body)
        assert specification is not None and len(specification[1]) == width
        inside = body[body.index("\\toprule") : body.index("\\bottomrule")]
        rows = [row.split("\n")[-1] for row in inside.split(r" \\" + "\n")[:-1]]
        # Heading (one line or two), panels, rows: every one has all columns.
        assert len(rows) >= len(table.rows) + 1
        for row in rows:
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            cells = len(re.split(r"(?<!\\)&", row))
            assert cells - len(spans) + sum(spans) == width, row
            # After the end of a line these would be its options.
            assert not re.match(r"\s*(\[|\*)", row)
        assert body.count("\\midrule") == 1 + sum(a != b for a, b in zip(table.panels, table.panels[1:], strict=False))


def test_latex_marks_best_and_second(tables: list[PaperTable]):
    ten = next(to_latex(table) for table in tables if table.layout.name == "shen2020_table10")
    ours = next(line for line in ten.splitlines() if line.startswith("Ours"))
    assert r"\textbf{25.91} $\pm$ 2.91$^{\mathrm{" in ours and r"\underline{12.46}" in ours
    assert r"\textit{Measured}" in ten and r"\cmidrule(lr){2-5} \cmidrule(lr){6-9}" in ten


def test_letters_that_pdflatex_does_not_know_are_announced(tables: list[PaperTable], scores_of: Callable[..., Scores]):
    assert not any("LuaLaTeX" in to_latex(table) for table in tables)
    (ten,) = paper_tables([scores_of("日本", [25.0, 24.0])], numbers=["10"])
    assert to_latex(ten).splitlines()[1].startswith("% Some letters are not Latin: set with LuaLaTeX")


def test_latex_compiles_where_there_is_an_engine(tables: list[PaperTable], tmp_path: Path):
    engine = next(filter(None, map(shutil.which, ("pdflatex", "tectonic", "xelatex", "lualatex"))), None)
    if engine is None:
        pytest.skip("no LaTeX engine is installed")
    head = (
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{textcomp}\n\\usepackage{booktabs,graphicx}\n"
    )
    whole = "\n\\clearpage\n".join(map(to_latex, tables))
    file = tmp_path / "tables.tex"
    file.write_text(f"{head}\\begin{{document}}\n{whole}\n\\end{{document}}\n", encoding="utf-8")
    options = [] if "tectonic" in engine else ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run([engine, *options, file.name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout, "every table is fitted to the line"


@pytest.mark.parametrize("name", HOSTILE)
def test_latex_names_read_back(name: str):
    text = latex_escape(name)
    for ours, theirs in (
        (r"\textbackslash{}", "\\"), (r"\textasciitilde{}", "~"), (r"\textasciicircum{}", "^"), (r"\textless{}", "<"),
        (r"\textgreater{}", ">"), (r"\textbar{}", "|"), (r"\char96{}", "`"), ("{[}", "["), ("{]}", "]"),
        ("{*}", "*"), ("-{}-", "--"), ("'{}'", "''"),
    ):  # fmt: skip
        text = text.replace(ours, f"\0{ord(theirs[0])};" * len(theirs))
    text = re.sub(r"\\([{}$&#%_])", lambda found: f"\0{ord(found[1])};", text)
    assert not re.search(r"[\\{}$&#%_~^\[\]*|<>`]", text)
    read = re.sub(r"\0(\d+);", lambda found: chr(int(found[1])), text)
    assert read == "".join(letter if letter.isprintable() else " " for letter in name)


def test_markdown_has_its_structure_in_every_table(tables: list[PaperTable]):
    for table in tables:
        text = to_markdown(table)
        width = len(table.layout.stub) + len(table.columns)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        changes = sum(a != b for a, b in zip(("", *table.panels), table.panels, strict=False))
        assert len(rows) == 2 + len(table.rows) + changes
        for row in rows:
            assert len(re.split(r"(?<!\\)\|", row)) == width + 2, row
        assert set(re.findall(r"<(\w+)", text)) <= {"u", "sup"}
        assert text.count("<u>") == text.count("</u>") and text.count("**") % 2 == 0
    ten = next(to_markdown(table) for table in tables if table.layout.name == "shen2020_table10")
    assert "| Ours | **25.91** ± 2.91<sup>" in ten and "<u>0.308</u>" in ten
    assert r"\[x\]" in ten and r"a\|b" in ten and "&lt;script&gt;" in ten


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_names_read_back(name: str):
    text = re.sub(r"\\(.)", r"\1", markdown_escape(name))
    for ours, theirs in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(ours, theirs)
    assert text == "".join(letter if letter.isprintable() else " " for letter in name)


def test_files_of_every_format(tables: list[PaperTable], tmp_path: Path):
    folder = tmp_path / "new" / "tables"
    made = write([one for one in tables if one.layout.name in ("shen2020_table3", "shen2020_table9")], folder)
    assert [file.name for file in made] == [
        f"shen2020_table{number}.{ending}" for number in (3, 9) for ending in ("csv", "md", "tex")
    ]
    assert sorted(folder.iterdir()) == sorted(made)
    with (folder / "shen2020_table9.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert sum(row["kind"] == "published" for row in rows) == 28 * 16
    measured = [row for row in rows if row["kind"] == "measured"]
    assert {row["set_hash"][0] for row in measured} == {"h", "o"} and all(row["method"] for row in measured)
    printed = [row for row in rows if (row["method"], row["dataset"], row["column"]) == ("Ours", "Helen", "13×13 PSNR")]
    assert [(row["value"], row["shown"], row["rank"]) for row in printed] == [("27.58", "27.58", "best")]
    with pytest.raises(InputError, match="latex"):
        write(tables, tmp_path, formats=["latexx"])
