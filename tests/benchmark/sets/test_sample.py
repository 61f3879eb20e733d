"""Samples of a set: nested, balanced, the same everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.sample import sample
from facedeblur.benchmark.sets.set import Image, Pair, Set

SIZES = (13, 15, 17, 19, 21, 23, 25, 27)


@dataclass
class Listed(Set):
    """A set of which only the tables exist."""

    rows: list[tuple[str, str, str, int]]
    named: bool = True
    info: dict[str, object] = field(default_factory=lambda: {"name": "listed"})

    @property
    def n_pairs(self) -> int:
        return len(self.rows)

    def pairs(self) -> Iterator[Pair]:
        for at, (_, image, kernel, size) in enumerate(self.rows):
            name = f"{image}_{kernel}_{size}"
            yield Pair(at, name, image, kernel, size, "uniform", "valid", 0.01, 1.0, 0, "", f"blur/{name}.png", "")

    def image_of(self, pair: Pair) -> Image:
        who = self.rows[pair.index][0] if self.named else ""
        return Image(pair.image_id, who, "test", "ok", 1, "", "", 1.0, 0, "", 128, 128, "", "")


def crossed(faces: int, photographs: int = 1, *, named: bool = True) -> Listed:
    """All faces x ten kernels of each of eight sizes."""
    rows = [
        (f"face{i}", f"face{i}_{photo}", f"ker{k:02d}", size)
        for i in range(faces)
        for photo in range(photographs)
        for k in range(10)
        for size in SIZES
    ]
    return Listed(rows, named)


@pytest.mark.parametrize("count", [1, 7, 8, 30, 37, 64, 100, 240])
def test_a_sample_is_spread_evenly(count):
    made = crossed(30)
    chosen = [made.rows[at] for at in sample(made, count)]
    assert len(chosen) == count
    for key, number in ((lambda row: row[0], 30), (lambda row: row[3], 8), (lambda row: row[2:], 80)):
        used = Counter(map(key, chosen))
        assert len(used) == min(count, number)
        # No two are used more than one time apart; kernels of a size may have to wait for a face.
        assert max(used.values()) - (min(used.values()) if len(used) == number else 0) <= (2 if number == 80 else 1)


def test_a_smaller_sample_is_part_of_a_larger_one():
    made = crossed(6, 2)
    found = [sample(made, count) for count in range(1, made.n_pairs + 1, 13)]
    assert all(small < large for small, large in pairwise(found))
    assert sample(made, made.n_pairs) == frozenset(range(made.n_pairs))


def test_photographs_of_a_face_take_turns_and_are_faces_where_nobody_is_named():
    made = crossed(5, 4)
    chosen = [made.rows[at] for at in sample(made, 20)]
    assert Counter(row[0] for row in chosen) == dict.fromkeys((f"face{i}" for i in range(5)), 4)
    assert len({row[1] for row in chosen}) == 20
    nobody = crossed(1, 10, named=False)
    assert len({nobody.rows[at][1] for at in sample(nobody, 10)}) == 10


def test_sizes_come_first_where_each_face_has_one_kernel():
    rows = [(f"face{i}", f"face{i}", f"ker{i}", 27 if i % 50 == 0 else 13) for i in range(100)]
    made = Listed(rows)
    assert Counter(rows[at][3] for at in sample(made, 4)) == {13: 2, 27: 2}


def test_the_choice_depends_on_the_names_of_pairs_not_on_their_order():
    made = crossed(8)
    backwards = Listed(made.rows[::-1])
    assert {made.rows[at] for at in sample(made, 50)} == {backwards.rows[at] for at in sample(backwards, 50)}


@pytest.mark.parametrize("count", [0, -1, 641])
def test_a_number_that_the_set_does_not_have_is_refused(count):
    with pytest.raises(InputError, match="sample: expected 1 to 640 pairs of 'listed'"):
        sample(crossed(8), count)
