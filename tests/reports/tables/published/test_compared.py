"""Every method that the papers name has an entry, and what an entry names exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import METHODS
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.reports.ablations.spec import ablations, load_ablations
from facedeblur.reports.figures.papers.spec import load_figures, papers
from facedeblur.reports.tables.published.compared import (
    Compared,
    Comparison,
    Measured,
    Other,
    Printed,
    checked,
    comparison,
)
from facedeblur.reports.tables.published.values import published

FOREIGN = Path(__file__).resolve().parents[4] / "examples" / "foreign"


def told(document: str) -> set[str]:
    """Names of a paper that are explained."""
    tables = load_ablations(document).table if document in ablations() else ()
    rows = {row.label for table in tables for row in table.row}
    others = {name for one in comparison().other if one.document == document for name in one.names}
    return {name for one in comparison().method for name in one.names(document)} | rows | others


@pytest.mark.parametrize("document", list(published().sources))
def test_every_method_in_the_printed_tables_has_an_entry(document):
    printed = {value.method for value in published().values if value.document == document} - {""}
    assert printed - told(document) == set()


def test_every_entry_is_of_a_table_or_a_figure():
    for one in comparison().method:
        for part in one.printed:
            values = {value.method for value in published().values if value.document == part.document}
            shown = {slot.compared for slot in load_figures(part.document).slot} if part.document in papers() else set()
            assert set(part.names) <= values or one.name in shown, (one.name, part)
    for other in comparison().other:
        assert set(other.names) <= {value.method for value in published().values if value.document == other.document}


def test_figures_name_entries_of_their_paper_and_run_what_these_run():
    for paper in papers():
        for slot in load_figures(paper).slot:
            if slot.compared:
                entry = comparison().by_name[slot.compared]
                assert entry.names(paper), (paper, slot.name)
                assert slot.run in (entry.runs, "deblurgan-keras")
            else:
                assert not slot.title.startswith(("Shan", "Cho", "Pan", "Tao", "Xu", "Nah")), (paper, slot.name)


def test_what_entries_name_exists():
    named = set()
    for one in comparison().method:
        assert not one.runs or one.runs in METHODS, one.name
        if one.runs in NETS and declared(one.runs).files:
            assert one.source, f"{one.name}: where its weights are from"
        if one.program:
            assert (FOREIGN / f"{one.program}.toml").is_file(), one.name
            assert not one.source or one.source in (FOREIGN / f"{one.program}.toml").read_text(), one.name
            named.add(one.program)
        readings = one.remark.startswith("our reading")
        assert not (one.runs and one.program) or readings, f"{one.name} runs here: its program is not needed"
        assert one.citation[-4:].isdigit(), one.name
    programs = (file for file in FOREIGN.glob("*.toml") if 'kind = "command"' in file.read_text())
    assert named == {file.stem for file in programs}


def test_every_paper_says_why_values_are_missing():
    assert {one.document for one in comparison().unmeasured} == set(published().sources)
    assert all(comparison().why(document) for document in published().sources)


def test_measured_values_are_of_methods_that_run_here():
    known = comparison().by_name
    assert {one.method for one in comparison().measured} == {"cho2009", "krishnan2011", "pan2016"}
    for one in comparison().measured:
        assert one.command.startswith(known[one.method].command), one.method
        assert known[one.method].names(one.document)
    (pan,) = comparison().measured_of("zhang2024", "pan2016")
    assert pan.values.startswith("30.22 dB, 0.880; 32.20 dB, 0.922 ")
    assert comparison().measured_of("lin2020", "pan2016") == ()
    with pytest.raises(InputError, match=r"method 'tao2019'.*did you mean 'tao2018'"):
        checked(Comparison(comparison().method, measured=(Measured("lin2020", "tao2019", "1 dB", "x"),)))


def test_every_method_of_a_paper_is_marked_as_running():
    """A method that is added needs its line; the rest are ours, oracles, and the port that an entry names."""
    run = {one.runs for one in comparison().method}
    ours = {name for name in METHODS if METHODS.get(name).__module__.startswith("facedeblur.")}
    assert ours - run == {
        "blurred", "unsharp", "wiener", "richardson-lucy", "krishnan-fergus-2009", "facedeblur-base", "lin2020-small",
        "deblurgan-keras",
    }  # fmt: skip


def test_origins_say_where_a_result_comes_from():
    known = comparison().by_name
    assert known["cho2009"].origin == "from its equations"
    assert known["zuo2016"].origin == "printed numbers only; no program is known to be published"
    assert known["zuo2016"].command == ""
    assert known["jin2018"].origin == (
        "network; weights: facedeblur train jin2018; our reading of its abstract; no program is known to be published"
    )
    assert known["jin2018"].command == "facedeblur run jin2018 SET -o OUTPUTS"
    assert known["zhong2013"].origin == (
        "from its equations; our reading: on the kernel estimation of Cho and Lee, with constants that we chose; its"
        " authors' program: examples/foreign/zhong2013.toml"
    )
    assert known["hradis2015"].origin == "its authors' program, http://www.fit.vutbr.cz/~ihradis/CNN-Deblur/"
    assert known["xu2018"].origin == (
        "network; weights: facedeblur train xu2018; our reading of its abstract; the authors' weights are not read; its"
        " authors' program: examples/foreign/xu2018.toml"
    )
    assert known["xu2018"].command == "facedeblur run xu2018 SET -o OUTPUTS"
    assert known["song2019"].origin.startswith("network; weights: facedeblur train song2019; our reading")
    assert known["umsn"].origin == (
        "network; weights: SMaps_Best.pth and Deblur_epoch*.pth of https://github.com/rajeevyasarla/UMSN-Face-Deblurring,"
        " or facedeblur train umsn"
    )


def test_entries_that_contradict_each_other_are_refused():
    one = Compared("a", "A, 2020", (Printed("umsn", ("Ours",)),))
    assert checked(Comparison((one,))).method == (one,)
    cases = [
        ((one, one), (), "'a' is given twice"),
        ((one, Compared("b", "B, 2020", (Printed("umsn", ("Ours",)),))), (), "'Ours' of umsn is given twice"),
        ((one,), (Other("umsn", ("Ours",), "ours"),), "'Ours' of umsn is given twice"),
        ((Compared("a", "A, 2020", (Printed("umns", ("Ours",)),)),), (), "did you mean 'umsn'"),
        ((Compared("a", "A, 2020", runs="cho-lee-2008"),), (), "did you mean 'cho-lee-2009'"),
    ]
    for methods, others, said in cases:
        with pytest.raises(InputError, match=said):
            checked(Comparison(methods, others))
    with pytest.raises(InputError, match="paper 'shen'"):
        comparison().of("shen")
