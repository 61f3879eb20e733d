"""Where the compared methods of a paper are printed."""

from __future__ import annotations

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.compared import compared_in, other_rows


def test_places_are_tables_sections_and_figures():
    umsn = {place.method.name: place.where for place in compared_in("umsn")}
    assert umsn["song2019"] == "Section IV.B; Figures 1, 10, 13"
    assert umsn["xu2013"] == "Tables III, IV, V; Figure 9"
    assert umsn["shan2008"] == "Table III"
    shown = {place.method.name: place for place in compared_in("dfpgnet")}
    # In no table of the supplement.
    assert (shown["zhang2019"].tables, shown["zhang2019"].figures) == ((), ("4",))
    assert all(place.where for paper in ("shen2020", "lin2020", "anand") for place in compared_in(paper))


def test_other_rows_say_what_they_are():
    rows = {row.names[0]: (row.where, row.what) for row in other_rows("shen2020")}
    assert rows["G"] == ("Table 2", "facedeblur ablate shen2020 --table 2")
    assert rows["Clear images"][0] == "Table 11"
    assert [row.where for row in other_rows("zhang2024")] == ["Table 11"]
    with pytest.raises(InputError, match="paper 'shen'"):
        other_rows("shen")
