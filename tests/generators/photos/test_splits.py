"""Splits: nobody on two sides, nobody moved by others, everybody accounted for."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from dataclasses import replace

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.photos.collection import Photograph
from facedeblur.generators.photos.files import unit_of
from facedeblur.generators.photos.lists import Choice
from facedeblur.generators.photos.opening import open_collection
from facedeblur.generators.photos.splits import probe_gallery, role_of, split, tally


def crowd(people: int, each: int = 1) -> list[Photograph]:
    return [Photograph(f"p{n}/p{n}_{m:04}.jpg", f"p{n}") for n in range(people) for m in range(each)]


def roles(choices: list[Choice]) -> dict[str, str]:
    return {choice.source: choice.role for choice in choices}


def test_the_number_is_53_bits_of_a_sha256():
    digest = hashlib.sha256(b"7\x1fsplit\x1fAnn").hexdigest()
    assert unit_of(7, "split", "Ann") == (int(digest, 16) >> (256 - 53)) / 2**53
    assert unit_of(7, "split", unicodedata.normalize("NFD", "Ångström")) == unit_of(7, "split", "Ångström")


def test_the_share_is_met_and_identities_stay_together():
    choices = split(crowd(4000, 2), seed=1)
    sides: dict[str, set[str]] = {}
    for choice in choices:
        sides.setdefault(choice.identity, set()).add(choice.role)
    assert all(len(side) == 1 for side in sides.values())
    test = sum(side == {"test"} for side in sides.values())
    assert abs(test - 1200) < 4 * (4000 * 0.3 * 0.7) ** 0.5
    assert [choice.source for choice in choices] == sorted(choice.source for choice in choices)


def test_adding_and_removing_moves_nobody():
    small, large = roles(split(crowd(60), seed=5)), roles(split([*crowd(200, 3), Photograph("x.jpg", "new")], seed=5))
    assert all(large[source] == role for source, role in small.items())
    assert roles(split(crowd(60)[::-1], seed=5)) == small
    assert roles(split(crowd(60), seed=6)) != small
    # A larger share only moves people from training to test.
    wider = roles(split(crowd(60), seed=5, test_share=0.5))
    assert all(wider[source] == "test" for source, role in small.items() if role == "test")
    assert role_of("p3", seed=5) == small["p3/p3_0000.jpg"]


def test_what_cannot_be_split():
    with pytest.raises(InputError, match=r"split of 1 identities, seed 0: no identity is left for \w+"):
        split(crowd(1))
    for share in (0, 1, -0.1):
        with pytest.raises(InputError, match="between 0 and 1"):
            split(crowd(9), test_share=share)
    for seed in (-1, 0.5, True):
        with pytest.raises(InputError, match="integer of at least 0"):
            split(crowd(9), seed=seed)
    with pytest.raises(InputError, match="split of 0 identities"):
        split([Photograph("a.jpg", ""), Photograph("b.jpg", " ")])


def test_every_photograph_and_every_empty_folder_has_a_row(tmp_path):
    for photograph in crowd(20, 2):
        (tmp_path / photograph.source).parent.mkdir(exist_ok=True)
        (tmp_path / photograph.source).touch()
    (tmp_path / "nobody").mkdir()
    found = open_collection(tmp_path)
    found = replace(found, photographs=(*found.photographs, Photograph("stray.jpg", "")))
    choices = split(found)
    assert len(choices) == 42
    assert [c for c in choices if c.status != "ok"] == [
        Choice("stray.jpg", "", "", "no identity"), Choice("", "nobody", "", "no photograph")
    ]  # fmt: skip
    counts = tally(choices)
    assert counts["no photograph"] == (0, 1) and counts["no identity"] == (1, 1)
    assert counts["train"][0] + counts["test"][0] == 40 and counts["train"][1] + counts["test"][1] == 20


def test_one_probe_and_nine_of_a_gallery():
    photographs = [*crowd(30, 10), *(Photograph(f"q/{n:02}.jpg", "q") for n in range(14))]
    photographs += [Photograph("lone/1.jpg", "lone"), *(Photograph(f"few/{n}.jpg", "few") for n in range(9))]
    choices = probe_gallery(photographs, seed=2)
    assert tally(choices) == {
        "probe": (31, 31), "gallery": (279, 31), "not chosen": (4, 1), "too few photographs": (9, 1),
        "no gallery": (1, 1),
    }  # fmt: skip
    per_person = Counter((choice.identity, choice.role) for choice in choices if choice.role)
    assert all(per_person[f"p{n}", "probe"] == 1 and per_person[f"p{n}", "gallery"] == 9 for n in range(30))
    # Which photograph is the probe is a matter of chance, not of its place.
    assert len({c.source[-8:] for c in choices if c.role == "probe"}) > 5
    assert roles(probe_gallery(photographs, seed=3)) != roles(choices)


def test_other_people_change_no_probe_and_an_earlier_list_holds():
    before = probe_gallery(crowd(5, 12), seed=1)
    others = roles(probe_gallery(crowd(9, 12), seed=1))
    assert all(others[choice.source] == choice.role for choice in before)
    more = [*crowd(5, 12), *(Photograph(f"p{n}/new_{m}.jpg", f"p{n}") for n in range(5) for m in range(20))]
    moved, kept = roles(probe_gallery(more, seed=1)), roles(probe_gallery(more, seed=1, keep=before))
    chosen = [choice for choice in before if choice.role]
    assert all(kept[choice.source] == choice.role for choice in chosen)
    assert any(moved[choice.source] != choice.role for choice in chosen)


def test_probes_without_gallery_are_refused():
    with pytest.raises(InputError, match=r"expected 1 \+ 9 photographs of at least one of them, found at most 3"):
        probe_gallery(crowd(4, 3))
    with pytest.raises(InputError, match="gallery: expected at least 1"):
        probe_gallery(crowd(4, 3), gallery=0)
    assert tally(probe_gallery(crowd(4, 3), gallery=2))["gallery"] == (8, 4)


def test_lfw_gives_shens_recognition_test(shared_data):
    found = open_collection(shared_data / "lfw")
    assert tally(probe_gallery(found)) == {"probe": (100, 100), "gallery": (900, 100)}
    counts = tally(split(found))
    assert counts["train"][1] + counts["test"][1] == 100 and 18 <= counts["test"][1] <= 42
    london = open_collection(shared_data / "london")
    assert tally(probe_gallery(london, gallery=1)) == {"probe": (62, 62), "gallery": (62, 62)}
