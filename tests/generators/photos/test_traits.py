"""Traits as publishers state them and as users write them, for the photographs of any collection."""

from __future__ import annotations

import pytest
from photo_trees import tree

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.traits import Traits
from facedeblur.generators.photos.opening import open_collection, open_photographs
from facedeblur.generators.photos.specs import Selection
from facedeblur.generators.photos.traits import traits_of


@pytest.fixture
def faces(tmp_path):
    return tree(tmp_path / "faces", "a.jpg", "b.jpg", "sub/c.png")


@pytest.fixture
def hq(tmp_path):
    root = tree(tmp_path / "CelebAMask-HQ", *(f"CelebA-HQ-img/{n}.jpg" for n in (0, 1, 2001)))
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text(
        "30000\n5_o_Clock_Shadow Smiling\n0.jpg  -1  1\n1.jpg  1 -1\n2.jpg -1 -1\n"
    )
    (root / "CelebAMask-HQ-pose-anno.txt").write_text("30000\nYaw Pitch Raw\n0.jpg -3.25 1.5 0\n2001.jpg 31.5 2 -1\n")
    return root


def test_celebamask_says_attributes_and_pose(hq):
    found = traits_of(open_collection(hq))
    assert found.names == ("5_o_Clock_Shadow", "Smiling", "yaw", "pitch", "roll")
    assert found.rows == {
        "CelebA-HQ-img/0.jpg": ("0", "1", "-3.25", "1.5", "0"),
        "CelebA-HQ-img/1.jpg": ("1", "0", "", "", ""),
        "CelebA-HQ-img/2001.jpg": ("", "", "31.5", "2", "-1"),
    }


def test_celeba_says_attributes_as_text_or_as_kaggle_packs_them(celeba):
    assert not traits_of(open_collection(celeba))
    (celeba / "Anno" / "list_attr_celeba.txt").write_text("2\nMale Young\n000001.jpg -1 1\n000003.jpg 1 1\n")
    text = traits_of(open_collection(celeba))
    assert text.rows["Img/img_align_celeba/000001.jpg"] == ("0", "1") and len(text.rows) == 2
    (celeba / "Anno" / "list_attr_celeba.txt").unlink()
    (celeba / "list_attr_celeba.csv").write_text("image_id,Male,Young\n000001.jpg,-1,1\n000003.jpg,1,1\n")
    assert traits_of(open_collection(celeba)) == text
    only = traits_of(open_collection(f"celeba:{celeba}", Selection(match="000003*")))
    assert list(only.rows) == ["Img/img_align_celeba/000003.jpg"]


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ("2\nYaw Pitch Raw\n0.jpg nan 1 1\n", "0.jpg: yaw: expected degrees from -180 to 180"),
        ("2\nMale\n0.jpg 2\n", "0.jpg: expected 1 or -1, found '2'"),
        ("2\nMale\n0.jpg 1\n0.jpg 1\n", "0.jpg: listed twice"),
        ("2\nMale\n0.jpg 1\n1.jpg 1 1\n", "line '1.jpg 1 1': expected 2 fields, found 3"),
        ("2\nMale Young Old\n0.jpg 1\n", "expected 1 names in its heading, found 3"),
        ("2\nMale\n", "no rows below a heading"),
    ],
)
def test_a_list_that_is_damaged_is_refused(hq, lists, said):
    (hq / "CelebAMask-HQ-pose-anno.txt").write_text(lists)
    with pytest.raises(InputError, match=r"CelebAMask-HQ-pose-anno\.txt") as error:
        traits_of(open_collection(hq))
    assert said in str(error.value)


def test_a_table_next_to_the_photographs_of_any_folder(faces):
    (faces / "traits.csv").write_text("file,age,light\n./b.jpg,31,dark\nsub\\c.png,,\n")
    listed = open_photographs(faces)
    assert [one.source for one in listed.photographs] == ["a.jpg", "b.jpg", "sub/c.png"], "the table is no photograph"
    assert traits_of(listed) == Traits(("age", "light"), {"b.jpg": ("31", "dark"), "sub/c.png": ("", "")})
    assert list(traits_of(open_collection(faces, Selection(match="c.*"))).rows) == ["sub/c.png"]


def test_a_table_adds_to_what_the_publisher_says(hq):
    (hq / "traits.csv").write_text("file,age\nCelebA-HQ-img/1.jpg,31\n")
    found = traits_of(open_collection(hq))
    assert found.names[-1] == "age" and found.rows["CelebA-HQ-img/1.jpg"] == ("1", "0", "", "", "", "31")
    (hq / "traits.csv").write_text("file,Smiling\nCelebA-HQ-img/1.jpg,1\n")
    with pytest.raises(InputError, match=r"traits.csv: the collection has a trait 'Smiling', too; rename the column"):
        traits_of(open_collection(hq))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,age\nnobody.jpg,31\n", "'nobody.jpg' is not a file in"),
        ("file,age\na.jpg,31\n./a.jpg,32\n", "line 3: 'a.jpg' is listed twice"),
        ("name,age\na.jpg,31\n", "line 1: expected a column 'file', found name,age"),
        ("file,age\n../a.jpg,31\n", "found one that leaves it"),
    ],
)
def test_a_table_of_other_photographs_is_refused(faces, table, said):
    (faces / "traits.csv").write_text(table)
    with pytest.raises(InputError) as error:
        traits_of(open_photographs(faces))
    assert said in str(error.value)


def test_of_several_collections_each_says_its_own(faces, hq):
    (faces / "traits.csv").write_text("file,Smiling,age\na.jpg,0,31\n")
    found = traits_of(open_photographs([f"folder:{faces}", f"celebamask:{hq}"]))
    assert found.names == ("Smiling", "age", "5_o_Clock_Shadow", "yaw", "pitch", "roll")
    assert found.rows["folder/a.jpg"] == ("0", "31", "", "", "", "") and len(found.rows) == 4
    assert found.rows["celebamask/CelebA-HQ-img/0.jpg"] == ("1", "", "0", "-3.25", "1.5", "0")
