"""Traits of faces: what tables may hold, and that a set has them without being another set."""

from __future__ import annotations

import json
import math

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.check import check
from facedeblur.benchmark.sets.set import Set
from facedeblur.benchmark.sets.traits import Traits, merged, read_traits, told

KNOWN = Traits(("Smiling", "yaw", "hat"), {"face0": ("1", "-12.5", "=red"), "face2": ("", "", ""), "other": ("0",) * 3})


def test_a_set_without_traits_is_the_set_it_was_before_there_were_any(toy):
    """Both hashes were taken from the program as it was before."""
    assert toy.content_hash == "9e3d6bf194da089390d6f9fed5a36b20d8636a7c0fd0b45bb16ab04361527efc"
    assert toy.info["identity"] == "b8b55dfb26967e3f39924d6c3a97b274618523cbeaf906fab540efbe48cffcd7"
    assert "traits" not in toy.info and not (toy.root / "traits.csv").exists() and toy.traits is None


def test_traits_are_in_a_set_and_not_in_its_content_hash(tmp_path, toy, fill_toy):
    made = fill_toy(tmp_path / "set", traits=KNOWN)
    assert made.content_hash == toy.content_hash and check(made) == []
    frame = made.traits
    assert frame.columns.tolist() == ["image_id", "Smiling", "yaw", "hat"]
    assert frame["image_id"].tolist() == ["face0", "face2"], "those of its images, and nobody else's"
    assert (frame["Smiling"][0], frame["yaw"][0], frame["hat"][0]) == (1.0, -12.5, "=red")
    assert math.isnan(frame["Smiling"][1]) and math.isnan(frame["yaw"][1]) and frame["hat"][1] is None
    assert b"'=red" in (made.root / "traits.csv").read_bytes(), "no spreadsheet executes it"
    with pytest.raises(InputError, match="or with other traits"):
        fill_toy(tmp_path / "set")


def test_an_interrupted_build_resumes_with_the_same_traits_only(tmp_path, fill_toy):
    assert fill_toy(tmp_path / "set", traits=KNOWN, stop_after=1) is None
    with pytest.raises(InputError, match="unfinished set of another name, photographs, recipe, seed, store or traits"):
        fill_toy(tmp_path / "set")
    assert fill_toy(tmp_path / "set", traits=KNOWN).traits["yaw"][0] == -12.5


def test_check_finds_traits_that_were_changed_lost_or_added(tmp_path, toy, fill_toy):
    made = fill_toy(tmp_path / "set", traits=KNOWN)
    file = made.root / "traits.csv"
    file.write_text(file.read_text().replace("-12.5", "12.5"))
    (problem,) = check(made.root)
    assert (problem.file, problem.problem) == ("traits.csv", "changed after the set was built")
    with pytest.raises(InputError, match=r"traits.csv: changed after the set was built; build the set again"):
        _ = Set.open(made.root).traits
    file.unlink()
    assert [(one.file, one.problem) for one in check(made.root)] == [("traits.csv", "missing")]
    (toy.root / "traits.csv").write_text("image_id,age\nface0,30\n")
    assert [(one.file, one.problem) for one in check(toy.root)] == [("traits.csv", "added after the set was built")]
    info = json.loads((toy.root / "set.json").read_text())
    (toy.root / "set.json").write_text(json.dumps({**info, "traits": {"sha256": 7}}))
    with pytest.raises(InputError, match=r"traits\.sha256"):
        Set.open(toy.root)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "line 1: expected a column 'image_id', found nothing"),
        ("file,yaw\na,1\n", "line 1: expected a column 'image_id', found file,yaw"),
        ("image_id;yaw\na;1\n", "found image_id;yaw"),
        ("image_id\na\n", "no trait besides the column 'image_id'"),
        ("image_id,\na,1\n", "trait 1 has no name"),
        ("image_id,age,age\na,1,1\n", "the column 'age' is there twice"),
        ("image_id,age\n", "no rows in this table"),
        ("image_id,age\na,1\n\nb,1,2\n", "line 4: expected 2 fields, found 3"),
        ("image_id,age\na,1\na,2\n", "line 3: 'a' is listed twice"),
        ("image_id,age\n,1\n", "line 2: the column 'image_id' is empty"),
        ("image_id,yaw\na,nan\n", "line 2: yaw: expected degrees from -180 to 180, or an empty field if not known"),
        ("image_id,pitch\na,left\n", "found 'left'"),
        ("image_id,roll\na,181\n", "found '181'"),
        ("image_id,age\na,1e999\n", "line 2: age: expected a finite number"),
        ("image_id,age\na,\x1b[31m\n", "a character that cannot be printed"),
        ('image_id,age\n"a,1\n', "cannot be read as a table of traits"),
        (b"image_id,age\na,\xff\n", "cannot be read as a table of traits"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path, table, said):
    file = tmp_path / "traits.csv"
    file.write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(InputError) as error:
        read_traits(file)
    assert said in str(error.value) and str(error.value).startswith(str(file)) and "\n" not in str(error.value)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    file = tmp_path / "traits.csv"
    file.write_bytes(b"\xef\xbb\xbf" + KNOWN.encoded())
    assert read_traits(file) == KNOWN
    file.write_text("hat, image_id ,yaw\nred,a,\n")
    assert read_traits(file) == Traits(("hat", "yaw"), {"a": ("red", "")})


def test_tables_are_put_together_by_face_and_trait():
    other = Traits(("yaw", "age"), {"face2": ("3", "40"), "new": ("", "50")})
    both = merged([KNOWN, Traits(("unused",), {}), other])
    assert both.names == ("Smiling", "yaw", "hat", "age")
    assert both.rows["face0"] == ("1", "-12.5", "=red", "") and both.rows["face2"] == ("", "3", "", "40")
    assert both.rows["new"] == ("", "", "", "50")
    assert told(both.to_frame(), 9) == ["traits of 4 of 9 photographs: Smiling, yaw, hat, age"]
    assert told(Traits(tuple("abcdef"), {"x": ("",) * 6}).to_frame(), 1) == [
        "traits of 1 of 1 photograph: a, b, c, d and 2 more"
    ]
    assert told(None, 9) == []
