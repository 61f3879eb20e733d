"""Collections that are opened, recognised and selected from."""

from __future__ import annotations

import pytest
from photo_trees import rows, tree

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.lists import Choice, write_list
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.specs import Selection


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="did you mean 'celeba'"):
        open_collection(f"celebba:{tmp_path}")
    with pytest.raises(InputError, match="no image"):
        open_collection(tmp_path)
    with pytest.raises(InputError, match="the folder is missing; write NAME:FOLDER"):
        open_collection("lfw:")
    file = tree(tmp_path, "a.jpg") / "a.jpg"
    with pytest.raises(InputError, match="a file"):
        open_collection(file)


def test_filters(celeba):
    assert [r[1] for r in rows(open_collection(celeba, Selection(roles=["test"])))] == ["1", "2"]
    assert len(open_collection(celeba, Selection("00000[12].jpg")).photographs) == 2
    assert len(open_collection(celeba, Selection("Img/*3.jpg")).photographs) == 1
    assert len(open_collection(celeba, Selection(limit=2)).photographs) == 2
    with pytest.raises(InputError, match=r"role gallery, found none among 5 \(roles: 2 none, 2 test, 1 train\)"):
        open_collection(celeba, Selection(roles=["gallery"]))
    with pytest.raises(InputError, match="did you mean 'test'"):
        open_collection(celeba, Selection(roles=["tests"]))
    with pytest.raises(InputError, match="at least 1"):
        open_collection(celeba, Selection(limit=0))
    with pytest.raises(InputError, match="people: expected at least 1, found 0"):
        open_collection(celeba, Selection(people=0))


@pytest.fixture
def other(tmp_path):
    """People of the names 1 and ann; 1 is also the name of somebody of CelebA."""
    return tree(tmp_path / "other", *(f"{person}/{person}_000{n}.jpg" for person in ("1", "ann") for n in (1, 2, 3)))


def test_several_collections_are_one(celeba, other):
    found = open_collection([celeba, f"people:{other}"])
    assert [one.source for one in found.photographs] == [
        *(f"celeba/Img/img_align_celeba/00000{n}.jpg" for n in range(1, 6)),
        *(f"people/{person}/{person}_000{n}.jpg" for person in ("1", "ann") for n in (1, 2, 3)),
    ]
    assert [one.identity for one in found.photographs] == [
        "0", "celeba_1", "celeba_1", "2", "", "people_1", "people_1", "people_1", "ann", "ann", "ann"
    ], "only a name that two collections have is changed"  # fmt: skip
    assert [one.role for one in found.photographs][:3] == ["train", "", "test"]
    assert found.file(found.photographs[5].source) == other / "1" / "1_0001.jpg"
    assert found.file(found.photographs[0].source) == celeba / "Img" / "img_align_celeba" / "000001.jpg"
    assert [rows(one) for one in found.each()][1][0] == ("1/1_0001.jpg", "people_1", "")
    assert [line.partition(",")[0] for line in found.describe().splitlines()] == [
        "celeba: 5 photographs", "people: 6 photographs"
    ]  # fmt: skip
    turned = open_collection([f"people:{other}", celeba])
    assert turned.photographs == found.photographs, "the order in which they are given does not matter"


def test_two_folders_of_one_kind(tmp_path, other):
    more = tree(tmp_path / "more", "ann/ann_0001.jpg", "bob/bob_0001.jpg")
    (more / "cleo").mkdir()
    found = open_collection([f"people:{other}", f"people:{more}"])
    assert [one.source for one in found.photographs][-2:] == ["people-2/ann/ann_0001.jpg", "people-2/bob/bob_0001.jpg"]
    assert {one.identity for one in found.photographs} == {"1", "ann", "bob"}, "the same name is the same person"
    assert found.empty_folders() == ["people-2/cleo"]


def test_numbers_and_shares_are_drawn_by_seed(celeba, other):
    def drawn(*specs: str, seed: int = 0, **how: object) -> list[str]:
        return [one.source for one in open_collection(specs, Selection(**how), seed=seed).photographs]  # type: ignore

    some = drawn(f"people:{other},2", str(celeba))
    assert len(some) == 7 and sum(source.startswith("people") for source in some) == 2
    assert some == drawn(f"people:{other},2", str(celeba)), "the same each time"
    alone = drawn(f"people:{other},2")
    assert [f"people/{source}" for source in alone] == [s for s in some if s.startswith("people")], (
        "alone as in company"
    )
    assert len({tuple(drawn(f"people:{other},2", seed=seed)) for seed in range(20)}) > 5
    assert set(drawn(f"people:{other},2")) < set(drawn(f"people:{other},3")), "a larger number holds the smaller one"
    assert len(drawn(f"people:{other},50%")) == 3
    assert len(drawn(f"{celeba},test,1")) == 1 and len(drawn(f"{celeba},test")) == 2
    found = open_collection(f"people:{other},2", seed=3)
    assert found.describe().startswith("people: 2 photographs (drawn from 6 with seed 3), ")


def test_one_photograph_each(celeba, other):
    def people(*specs: str, number: int, seed: int = 0) -> list[tuple[str, str]]:
        found = open_collection(specs, Selection(people=number), seed=seed)
        return [(one.identity, one.source) for one in found.photographs]

    found = people(f"people:{other}", number=2)
    assert [identity for identity, _ in found] == ["1", "ann"]
    assert len({tuple(people(f"people:{other}", number=2, seed=seed)) for seed in range(20)}) > 3
    assert {people(f"people:{other}", number=1, seed=seed)[0][0] for seed in range(20)} == {"1", "ann"}
    assert len(people(str(celeba), f"people:{other}", number=5)) == 5
    with pytest.raises(InputError, match="people: expected 4, one photograph each, found 3 people in 5 photographs"):
        people(str(celeba), number=4)  # nobody knows whom the fifth photograph shows


def test_several_that_cannot_be_put_together(tmp_path, celeba, other):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no images in this folder"):
        open_collection([str(celeba), str(tmp_path / "empty")])
    with pytest.raises(InputError, match="other: expected 7 photographs, found 6; ask for fewer"):
        open_collection([str(celeba), f"people:{other},7"])
    with pytest.raises(InputError, match=r"people: .*other: expected photographs of role test, found none among 6"):
        open_collection([str(celeba), f"people:{other}"], Selection(roles=("test",)))
    with pytest.raises(InputError, match="seed: expected an integer of at least 0"):
        open_collection([f"people:{other},2"], seed=-1)
    with pytest.raises(InputError, match="the folder of photographs is missing"):
        open_collection([])


def test_a_list_of_several(tmp_path, celeba, other):
    both = [str(celeba), f"people:{other}"]
    whole = open_collection(both)
    chosen = [whole.photographs[at] for at in (2, 5)]
    write_list(tmp_path / "list.csv", [Choice(one.source, one.identity, "test", "ok") for one in chosen])
    found = open_collection(both, Selection(listed=tmp_path / "list.csv", roles=("test",)))
    assert rows(found) == [(one.source, one.identity, "test") for one in chosen]
    with pytest.raises(InputError, match=r"1 of 2 photographs are not in celeba: .* and people: .*other \("):
        write_list(
            tmp_path / "list.csv", [Choice("people/9.jpg", "9", "", "ok"), Choice(chosen[0].source, "1", "", "ok")]
        )
        open_collection(both, Selection(listed=tmp_path / "list.csv"))
