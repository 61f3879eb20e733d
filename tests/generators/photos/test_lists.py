"""Image lists, and tables of publishers."""

from __future__ import annotations

import pytest
from photo_trees import rows

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.lists import Choice, read_list, table_of, write_list
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection


def test_an_image_list_decides(tmp_path, celeba):
    sources = [photograph.source for photograph in open_collection(celeba).photographs]
    choices = [
        Choice(sources[3], "9", "probe", "ok"),
        Choice(sources[0], "9", "gallery", "ok"),
        Choice(sources[1], "", "", "no identity"),
    ]
    write_list(tmp_path / "list.csv", choices)
    assert read_list(tmp_path / "list.csv") == choices
    found = open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    assert rows(found) == [(sources[0], "9", "gallery"), (sources[3], "9", "probe")]
    assert found.photographs[0].points  # what the publisher says of it stays
    write_list(tmp_path / "list.csv", [Choice(sources[3].replace("/", "\\"), "9", "probe", "ok")])
    assert rows(open_collection(celeba, Selection(listed=tmp_path / "list.csv"))) == [(sources[3], "9", "probe")]
    write_list(tmp_path / "list.csv", [choices[0], Choice(f"./{sources[3]}", "9", "gallery", "ok")])
    with pytest.raises(InputError, match=rf"photograph '{sources[3]}' is listed twice"):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    write_list(tmp_path / "list.csv", [Choice("gone.jpg", "9", "probe", "ok")])
    with pytest.raises(InputError, match=r"1 of 1 photographs are not in .* \(gone.jpg, "):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))
    write_list(tmp_path / "list.csv", [Choice(sources[0], "9", "prob", "ok")])
    with pytest.raises(InputError, match="did you mean 'probe'"):
        open_collection(celeba, Selection(listed=tmp_path / "list.csv"))


def test_tables_are_read_strictly(tmp_path):
    (tmp_path / "t.txt").write_text("2\na.jpg 1\nb.jpg 2 3\n")
    with pytest.raises(InputError, match="expected 2 fields, found 3"):
        table_of(tmp_path / "t.txt", 2)
    (tmp_path / "t.txt").write_text("nothing here\n")
    with pytest.raises(InputError, match="no rows of 2 fields in it"):
        table_of(tmp_path / "t.txt", 2)
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a UTF-8 text file"):
        table_of(tmp_path / "t.txt", 2)
