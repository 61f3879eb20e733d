"""``facedeblur tables``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from facedeblur.cli import options
from facedeblur.cli.display.terminal import in_parts, whole_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from facedeblur.reports.tables.cells import Cell
    from facedeblur.reports.tables.table import PaperTable

STYLES = ("", "bold green", "underline")
PLAIN = ("", "*", "+")


@options.command(
    examples="""
    # Print table 10 of Shen et al. 2020 with your own results
    facedeblur tables outputs/* --protocol shen2020 --table 10
    # Write all tables of a paper for LaTeX
    facedeblur tables outputs/* --protocol umsn --format latex -o tables/
    # Show what a paper prints, without results of your own
    facedeblur tables --protocol lin2020
    """
)
@click.argument("scores", metavar="[SCORES]...", nargs=-1, type=click.Path())
@click.option(
    "--protocol",
    metavar="PAPER",
    default="shen2020",
    help="Paper: shen2020, umsn, lin2020, dfpgnet or anand; levin2009 for results printed for Levin's set.",
)
@click.option(
    "--table",
    "numbers",
    metavar="NUMBER",
    multiple=True,
    show_default="all",
    help="Show only the table with this number, as the paper prints it (10, IV), or the numbers in the text of this "
    "section (2.1); repeatable.",
)
@click.option(
    "--dataset",
    "datasets",
    metavar="SET=NAME",
    multiple=True,
    show_default="by collection and recipe",
    help="Treat the set with this name or content hash as the paper's data set NAME, e.g. myset=Helen; repeatable.",
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    type=options.Output(file_okay=False),
    help="Write files to this folder instead of printing.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["csv", "markdown", "latex", "terminal"]),
    show_default="terminal; all others with --out",
    help="Format to print or, with --out, to write; repeatable.",
)
def tables(
    scores: tuple[str, ...],
    protocol: str,
    numbers: tuple[str, ...],
    datasets: tuple[str, ...],
    out: str | None,
    formats: tuple[str, ...],
) -> None:
    """Print the tables of a paper, with measured values next to the printed ones.

    SCORES are score tables or OUTPUTS folders, of any number of sets; results of `facedeblur recognise` and
    `facedeblur parse` are taken from the same folders. Files of `facedeblur confidence` can be given, too. Without
    SCORES only the printed values are shown.

    A set stands where its photographs and its recipe put it, whatever it is called; how it differs from the paper's
    set is stated below the table. Known misprints are marked. Printed and measured values are ranked separately; the
    table says why.
    """
    from facedeblur.reports.tables.files import FORMATS, to_csv, write
    from facedeblur.reports.tables.table import tables as compute

    named = {}
    for text in datasets:
        name, sign, dataset = text.rpartition("=")
        if not sign:
            raise click.UsageError(f"--dataset '{text}': expected SET=NAME, for instance myset=Helen")
        named[name] = dataset
    made = compute(scores, protocol=protocol, numbers=numbers, datasets=named)
    if out is not None:
        for file in write(made, out, formats=[name for name in formats if name in FORMATS] or tuple(FORMATS)):
            click.echo(str(file))
    for name in formats if out is None else ("terminal",) if "terminal" in formats else ():
        if name == "terminal":
            print_tables(made)
        elif name == "csv":
            click.echo(to_csv(made), nl=False)
        else:
            click.echo("\n".join(FORMATS[name][1](table) for table in made), nl=False)
    if out is None and not formats:
        print_tables(made)


def print_tables(tables: Sequence[PaperTable], *, console: Console | None = None) -> None:
    """Print tables to a console: in colours on a screen, as plain text in a pipe.

    On a terminal too narrow for all columns a table is printed in parts, each with the labels of its rows.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    for table in tables:
        plain = not console.is_terminal
        console.print(Text(f"{table.title}: {table.layout.caption}", style="bold"), soft_wrap=True)
        if plain:
            whole = _drawn(table, range(len(table.columns)), plain=True)
            # A pipe has no width, so nothing is wrapped.
            console.width = max(console.width, whole_width(whole, console))
            console.print(whole)
        else:
            for part in in_parts(len(table.columns), partial(_drawn, table, plain=False), console):
                console.print(part)
        legend = "* best, + second best" if plain else "bold: best, underlined: second best"
        ranked = any(cell.rank for row in table.grid for cell in row)
        for remark in (*table.remarks, *[legend] * ranked):
            console.print(Text(remark, style="dim"), soft_wrap=True)
        for mark, note in table.footnotes.texts:
            console.print(Text(f"[{mark}] {note}"), soft_wrap=True)
        console.print()


def _drawn(table: PaperTable, columns: Sequence[int], *, plain: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False)
    for heading in table.layout.stub:
        drawn.add_column(Text(heading), vertical="bottom", no_wrap=True)
    for at in columns:
        labels = [label for label in table.columns[at].labels if label]
        marks = _marked(table.footnotes.columns.get(at, ()))
        drawn.add_column(Text("\n".join(labels) + marks, justify="right"), justify="right", no_wrap=True)
    panel = ""
    for r, row in enumerate(table.rows):
        if table.panels[r] != panel:
            panel = table.panels[r]
            if r:
                drawn.add_section()
            drawn.add_row(Text(panel, style="italic"))
        stubs = [Text(label) for label in row.labels]
        stubs[-1 if row.labels[-1] else 0].append(_marked(table.footnotes.rows.get(r, ())), style="dim")
        drawn.add_row(*stubs, *(_cell(table.grid[r][c], table.footnotes.cells.get((r, c), ()), plain) for c in columns))
    return drawn


def _cell(cell: Cell, marks: tuple[str, ...], plain: bool) -> Text:
    from rich.text import Text

    main, spread = cell.parts
    text = Text(main, style="" if plain else STYLES[cell.rank])
    text.append(PLAIN[cell.rank] if plain else "")
    text.append(f" ± {spread}" if spread else "", style="not bold not underline default")
    return text.append(_marked(marks), style="dim not bold not underline default")


def _marked(marks: tuple[str, ...]) -> str:
    return f"[{','.join(marks)}]" if marks else ""
