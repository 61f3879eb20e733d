"""Who is who where no publisher says it: rules, guesses that look wrong, and what the summary says."""

from __future__ import annotations

import pytest
from photo_trees import tree
from refusals import told

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.identities import by_rule, check_guess
from facedeblur.generators.photos.opening import open_collection, open_photographs
from facedeblur.generators.photos.specs import Selection

SOURCES = ["a/ann_0001.jpg", "a/ann_0002.jpg", "b/bob-7.png"]


@pytest.mark.parametrize(
    ("rule", "people"),
    [
        ("each", ["a_ann_0001", "a_ann_0002", "b_bob-7"]),
        ("folder", ["a", "a", "b"]),
        ("name", ["ann", "ann", "bob-7"]),
        ("^([a-z]+)", ["ann", "ann", "bob"]),
        ("^(.)/", ["a", "a", "b"]),
    ],
)
def test_rules(rule, people):
    assert list(by_rule(SOURCES, rule, "here").values()) == people


def test_a_rule_that_does_not_fit():
    refused = told(lambda: by_rule(SOURCES, "([a-z]+)_", "here"))
    assert "1 of 3 photographs in here do not match it (b/bob-7.png)" in refused
    assert "are in no folder" in told(lambda: by_rule(["a.jpg"], "folder", "here"))
    assert "expected one group ( ), the identity, found 2" in told(lambda: Selection(identity="(a)(b)"))
    assert "not a regular expression" in told(lambda: Selection(identity="(a"))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([f"{i // 6 * 1000:05d}/{i:05d}.jpg" for i in range(12)], "2 identities, and '00000' does not look"),
        ([f"{'train' if i % 2 else 'val'}/{i}.jpg" for i in range(12)], "'train' does not look like a person"),
        ([f"IMG_{i:04d}.jpg" for i in range(12)], "1 identity, and 'IMG' would have 12 of them"),
        ([f"ann/{i}.jpg" for i in range(7)] + ["bob/1.jpg"], "'ann' would have 7 of them"),
    ],
)
def test_a_guess_that_looks_wrong_stops(tmp_path, files, why):
    root = tree(tmp_path / "photos", *files)
    # Both ways of listing: as a collection, and every file of a folder.
    for opening in (open_collection, open_photographs):
        with pytest.raises(InputError, match=f"the names of its {len(files)} photographs suggest .*{why}.*--identity"):
            opening(str(root))
        each = opening(str(root), Selection(identity="each"))
        assert len({one.identity for one in each.photographs}) == len(files)
    with pytest.raises(InputError, match=r"--identity"):
        open_collection(str(root), Selection(limit=2))


def test_a_named_layout_and_a_list_are_no_guess(tmp_path):
    root = tree(tmp_path / "photos", *(f"{person:03d}/{n}.jpg" for person in range(3) for n in range(2)))
    named = open_collection(f"people:{root}")
    assert {one.identity for one in named.photographs} == {"000", "001", "002"}
    listed = tmp_path / "list.csv"
    lines = "".join(f"{one.source},x{n % 2},test,ok\n" for n, one in enumerate(named.photographs))
    listed.write_text("source,identity,role,status\n" + lines)
    assert {one.identity for one in open_collection(str(root), Selection(listed=listed)).photographs} == {"x0", "x1"}


def test_people_by_folder_and_by_name_need_no_rule(tmp_path):
    check_guess({"ann/1.jpg": "ann", "ann/2.jpg": "ann", "bob/1.jpg": "bob", "bob/2.jpg": "bob"}, "here")
    check_guess({f"{n:05d}.jpg": f"{n:05d}" for n in range(9)}, "each its own")
    check_guess({"a_1.jpg": "a", "a_2.jpg": "a"}, "too few to tell")


def test_the_summary_says_how_identities_were_found(tmp_path):
    root = tree(tmp_path / "photos", "ann_0001.jpg", "ann_0002.jpg", "bob_0001.jpg", "bob_0002.jpg", "cy_0001.jpg")
    guessed = open_collection(str(root)).describe()
    assert "5 photographs, 3 identities (guessed from names; the largest, 'ann', has 2)" in guessed
    ruled = open_collection(str(root), Selection(identity="^(.)")).describe()
    assert "3 identities (by '^(.)'; the largest, 'a', has 2)" in ruled


def test_a_rule_for_a_known_collection_is_refused(celeba):
    with pytest.raises(InputError, match=r"identity 'each': the identities of celeba: .* are known; leave out"):
        open_collection(str(celeba), Selection(identity="each"))
