"""Data sets: their names, and which share photographs."""

from __future__ import annotations

import pytest

from facedeblur.benchmark.sets.set import collections_of
from facedeblur.generators.given.layout import LAYOUTS as GIVEN
from facedeblur.generators.photos.opening import COLLECTIONS
from facedeblur.methods.weight_cards.data_sets import (
    LAYOUTS,
    data_sets,
    of_collections,
    of_set,
    overlaps_of,
    usual_name,
)


def test_every_collection_and_layout_of_pairs_is_a_data_set_or_a_mere_layout():
    ours = [name for registry in (COLLECTIONS, GIVEN) for name in registry
            if registry.get(name).__module__.startswith("facedeblur.generators")]  # fmt: skip
    known = {name for one in data_sets().values() for name in one.collections} | LAYOUTS
    assert [name for name in ours if name not in known] == []


def test_collections_are_read_off_the_sources_of_a_set():
    sources = [
        {"folder": "a", "licence": "x", "collection": "celebamask: 600 photographs, 2 labels; licence: x"},
        {"folder": "b", "licence": "x", "collection": "helen and lfw: 20 photographs"},
        {"folder": "c", "licence": "x", "collection": "gopro"},
        {"folder": "d", "licence": "x", "collection": ""},
        {"folder": "e", "licence": "x"},
        {"folder": "f", "licence": "x", "collection": "celebamask: 7 photographs"},
    ]
    assert collections_of(sources) == ("celebamask", "helen", "lfw", "gopro")
    assert of_set({"sources": sources}) == ("CelebAMask-HQ", "Helen", "LFW", "GoPro")
    assert of_set({"sources": [{"collection": "folder: 9 photographs"}]}) == ()
    assert of_set({"sources": None}) == of_set({}) == ()


def test_names_are_recognised_in_other_spellings_and_kept_if_they_are_unknown():
    assert [usual_name(name) for name in ("celeba-hq", "GOPRO_Large", "gopro-gamma", "My own photographs")] == [
        "CelebA-HQ", "GoPro", "GoPro", "My own photographs",
    ]  # fmt: skip
    assert of_collections(["people", "celebamask", "mine"]) == ("CelebAMask-HQ", "mine")


@pytest.mark.parametrize(
    ("trained", "tested", "how"),
    [
        ("CelebAMask-HQ", "celebamask", "same"),
        ("CelebA", "celebamask", "whole"),
        ("celebahq", "CelebA", "part"),
        ("CelebAMask-HQ", "CelebA", "part"),
        ("My faces", "my-faces", "same"),
        ("CelebA", "LFW", None),
        ("Helen", "CelebA", None),
    ],
)
def test_which_data_sets_share_photographs(trained, tested, how):
    assert [one.how for one in overlaps_of([trained], [tested])] == ([how] if how else [])


def test_an_overlap_in_words():
    same, whole, part = (overlaps_of([one], [other])[0].told for one, other in (
        ("GoPro", "gopro"), ("CelebA", "CelebAMask-HQ"), ("CelebAMask-HQ", "CelebA"),
    ))  # fmt: skip
    assert same == "GoPro"
    assert whole == "CelebA, of which CelebAMask-HQ is a part"
    assert part == "CelebAMask-HQ, a part of CelebA"
