"""What users write for a collection: name, folder, and what is used of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.specs import Wanted, parse_spec


def test_words_after_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("A,2000").mkdir()
    Path("B").mkdir()
    assert parse_spec("helen:B") == Wanted("helen", Path("B"))
    assert parse_spec("helen:B,2000") == Wanted("helen", Path("B"), number=2000)
    assert parse_spec("B, train, 25%") == Wanted("auto", Path("B"), role="train", share=0.25)
    assert parse_spec("A,2000") == Wanted("auto", Path("A,2000")), "a folder with that name"
    assert parse_spec("A,2000,5") == Wanted("auto", Path("A,2000"), number=5)
    assert parse_spec(Path("B,7")) == Wanted("auto", Path("B,7")), "a Path has no words"
    assert parse_spec("C,7") == Wanted("auto", Path("C"), number=7)
    assert parse_spec("C,D") == Wanted("auto", Path("C,D")), "missing, and its name has a comma"
    assert parse_spec("helen:B").everything and not parse_spec("B,train").everything


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("B,2k", r"expected a number from 1, a share such as 50%, or a role \(test, .*\) after the comma, found '2k'"),
        ("B,0", "found '0'"),
        ("B,101%", "found '101%'"),
        ("B,0%", "found '0%'"),
        ("B,5,50%", "two words say which photographs are used"),
        ("B,test,train", "two words"),
        ("lfw:", "the folder is missing; write NAME:FOLDER"),
        ("lfw:,5", "the folder is missing"),
        ("", "has an empty name"),
        (",5", "has an empty name"),
    ],
)
def test_what_cannot_be_read(tmp_path, monkeypatch, spec, said):
    monkeypatch.chdir(tmp_path)
    Path("B").mkdir()
    with pytest.raises(InputError, match=said):
        parse_spec(spec)


def test_how_many_are_drawn():
    assert Wanted("auto", Path("B")).count_of(7) == 7
    assert Wanted("auto", Path("B"), share=0.5).count_of(9) == 4
    assert Wanted("auto", Path("B"), share=0.01).count_of(9) == 1
    assert Wanted("auto", Path("B"), number=9).count_of(9) == 9
    with pytest.raises(InputError, match="B: expected 10 photographs with role test, found 9; ask for fewer"):
        Wanted("auto", Path("B"), role="test", number=10).count_of(9)
