"""Files of a collection: links, and names as file systems and people write them."""

from __future__ import annotations

import os
import sys
import unicodedata

import pytest
from photo_trees import rows, tree

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.files import identity_of, image_ids
from facedeblur.generators.photos.opening import open_collection


def test_a_link_in_a_circle_ends(tmp_path):
    root = tree(tmp_path, "ann/1.jpg")
    (root / "ann" / "again").symlink_to(root)
    assert rows(open_collection(root)) == [("ann/1.jpg", "ann", "")]


def test_names_are_those_of_every_file_system(tmp_path):
    """Some write an accent as a character of its own, which sorts and counts otherwise."""
    found = []
    for form in ("NFC", "NFD"):
        names = [unicodedata.normalize(form, name) for name in ("caf\u00e9_0001.jpg", "caff_0001.jpg", "cafz_0001.jpg")]
        given = open_collection(tree(tmp_path / form, *names))
        found.append((image_ids([p.source for p in given.photographs]), [p.identity for p in given.photographs]))
    assert found[0] == found[1] and found[0][1] == ["caff", "cafz", "caf\u00e9"]
    assert identity_of(unicodedata.normalize("NFD", "caf\u00e9/1.png")) == "caf\u00e9"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_names_that_are_no_text_are_one_line(tmp_path):
    tree(tmp_path, "ann/1.jpg")
    (tmp_path / "ann" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    with pytest.raises(InputError, match=r"caf\\xe9\.jpg: expected file names in UTF-8, found another encoding"):
        open_collection(tmp_path)


def test_identities_and_names() -> None:
    assert identity_of("Abdullah_Gul/Abdullah_Gul_0001.jpg") == "Abdullah_Gul"
    assert identity_of("Abdullah_Gul_0001.jpg") == "Abdullah_Gul"
    assert identity_of("portrait.jpg") == "portrait" and identity_of("_12.png") == "_12"
    sources = ["A b/x.png", "A b/x.jpg", "A.png", "a.jpg", "me/me_1.png", "q/me/me_1.png", "q/r/..png"]
    names = image_ids(sources)
    assert names[0] == "A_b_x" and names[1] == "A_b_x-jpg" and names[3] == "a-jpg"
    assert names[4:6] == ["me_1", "q_me_1"]
    assert len({name.casefold() for name in names}) == len(sources)
    assert not any(set("/\\ ") & set(name) or name.startswith(".") for name in names)


def test_names_are_short_where_the_collection_knows_who() -> None:
    sources = ["img/000001.jpg", "img/000002.jpg", "other/000002.jpg", "set/001/neutral.jpg"]
    assert image_ids(sources, ["5", "6", "6", "001"]) == ["000001", "000002", "other_000002", "001_neutral"]
