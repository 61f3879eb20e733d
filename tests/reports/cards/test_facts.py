"""What a card says of a set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from facedeblur.benchmark.sets.set import Set
from facedeblur.reports.cards import facts as cards
from facedeblur.reports.cards.facts import Facts, Publisher, size_category
from facedeblur.reports.cards.licence import Licence, sources


def facts_of(the_set: Set, **given: bool) -> Facts:
    found = Facts(the_set, Licence("cc0-1.0", "x"), sources(the_set.info), Publisher(), given.get("images", True))
    for image, pairs in the_set.by_image():
        found.count(image, pairs)
    return found


@pytest.mark.parametrize(
    ("pairs", "category"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (16_000, "10K<n<100K"), (20_000_000, "10M<n<100M")],
)
def test_size_categories(pairs: int, category: str) -> None:
    assert size_category(pairs) == category


def test_counts_are_those_of_the_tables(tiny: Set) -> None:
    found = facts_of(tiny)
    assert (found.faces, len(found.identities), dict(found.roles)) == (3, 3, {"test": 6})
    assert dict(found.sizes) == {(24, 24): 3} and dict(found.kernel_sizes) == {5: 6}
    assert found.summary == ("6 pairs of a blurred and a sharp face: 3 faces of 3 identities, blurred by 2 kernels.")
    assert found.title == "tiny (Tiny)" and found.made_by == "facedeblur 0.1.0"
    assert "1 photograph of 4 was left out" in " ".join(cards.collection(found))


def test_training_and_test_are_told_apart(tiny: Set) -> None:
    found = facts_of(tiny)
    assert found.split == "test" and "Do not train on it" in " ".join(cards.limits(found))
    image, pairs = next(tiny.by_image())
    training = Facts(tiny, found.licence, [], Publisher(), True)
    training.count(replace(image, role="train"), pairs)
    assert training.split == "train" and "Do not train on it" not in " ".join(cards.limits(training))
    assert cards.uses(training)[0].startswith("Training of methods")


def test_what_is_not_in_a_set_is_not_said(tiny: Set, small_set: Callable[..., Set], tmp_path: Path) -> None:
    assert not [line for line in cards.preparation(facts_of(tiny)) if "label" in line]
    labelled = facts_of(small_set(tmp_path / "labelled", labels=True))
    assert "3 faces have a label image with 11 classes: background, skin" in " ".join(cards.preparation(labelled))
    blind = facts_of(small_set(tmp_path / "real", reference=False, recipe="no [toml"))
    assert blind.summary.startswith("6 pairs without a sharp original") and blind.of.recipe == {}


def test_labels_of_a_parser_are_told_apart(small_set: Callable[..., Set], tmp_path: Path) -> None:
    source = {"licence": "CC0 1.0", "collection": "c: 3 photographs; licence: CC0 1.0; pseudo-labels by net@1"}
    found = facts_of(small_set(tmp_path / "set", labels=True, sources=(source,)))
    assert cards.labelled_by(found) == ["net@1"]
    assert "not drawn by people: net@1." in " ".join(cards.preparation(found))


def test_lost_photographs_are_said_where_there_are_some(tiny: Set) -> None:
    assert any("without a detectable face" in line for line in cards.biases(facts_of(tiny)))
