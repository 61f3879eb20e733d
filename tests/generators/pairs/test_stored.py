"""Pairs of sets: each read as it is stored, in another order each lap, and mixed with virtual ones by their share."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.build import build
from facedeblur.generators.pairs.sharp_source import SharpArray, one_size, size_of
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.stored import Mixture, StoredPairs, StoredPlan, open_stored
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.video.frames import frames
from facedeblur.generators.video.spec import FrameSpec


@pytest.fixture
def videos(tmp_path: Path, portrait: np.ndarray) -> Set:
    """Four videos of four people, one of them larger, averaged; their roles are drawn."""
    for at, name in enumerate(("ann", "bo", "cy", "di")):
        side = 96 if name != "di" else 112
        for k in range(3):
            cut = portrait[60 : 60 + side, 40 + 9 * at + 3 * k : 140 + 9 * at + 3 * k]
            write_png(tmp_path / "videos" / name / f"{k}.png", np.ascontiguousarray(cut))
    spec = FrameSpec(length="all", template="none", detector="none", train_share=0.5)
    return frames(tmp_path / "videos", tmp_path / "videos-set", spec, seed=2, workers=1)


def test_every_pair_comes_once_a_lap_as_it_is_in_the_set(videos: Set) -> None:
    said: list[str] = []
    stored = open_stored([videos.root], seed=5, reporter=Reporter(say=said.append))
    assert said == [
        f"from set frames-all: 4 of 4 pairs, 4 faces of 4 identities; content hash {videos.content_hash[:16]}"
    ]
    laps = stored.only(range(4), repeats=3)
    seen = [[laps.make(laps.plan(i)).image_id for i in range(4 * lap, 4 * lap + 4)] for lap in range(3)]
    assert len(laps) == 12 and all(Counter(lap) == Counter(seen[0]) and len(set(lap)) == 4 for lap in seen)
    assert len(set(map(tuple, seen))) > 1
    for pair in videos.pairs():
        image = videos.images[pair.image_id]
        (made,) = (one for i in range(4) if (one := laps.make(laps.plan(i))).image_id == f"frames-all/{image.image_id}")
        np.testing.assert_array_equal(made.sharp, videos.sharp(image))
        np.testing.assert_array_equal(made.blurred, videos.blurred(pair))
        assert made.identity == image.identity and made.border == "frames"
    assert not one_size(stored.source) and stored.source.size == (96, 100)
    assert sorted(size_of(stored.source, i) for i in range(4)) == [(96, 100)] * 3 + [(112, 100)]
    assert [laps.size_of(laps.plan(i)) for i in range(4)] == [laps.make(laps.plan(i)).sharp.shape[:2] for i in range(4)]
    assert stored.radius == 0
    with pytest.raises(InputError, match="has no kernel, which this training needs"):
        stored.padded_kernel(stored.plan(0))
    with pytest.raises(InputError, match="has no label image"):
        stored.label(stored.plan(0))


def test_parts_of_sets_are_chosen_as_of_collections(videos: Set, tmp_path: Path) -> None:
    roles = Counter(image.role for image in videos.images.values())
    assert len(roles) == 2
    train = open_stored([f"{videos.root},train"])
    kept = {face.identity for face in train.source.faces}
    assert kept == {image.identity for image in videos.images.values() if image.role == "train"}
    assert "role train" in train.origin and train.lap == roles["train"]
    two, again, other = (open_stored([f"{videos.root},2"], seed=seed).described() for seed in (0, 0, 3))
    assert two == again != other and len(two[1]) == 2
    assert open_stored([f"{videos.root},50%"]).lap == 2
    for spec, line in (
        (f"{videos.root},probe", "expected pairs with role probe, found roles test, train"),
        (f"{videos.root},9", "expected 9 pairs, found 4; ask for fewer"),
        (f"lfw:{videos.root}", "a set has no layout to name"),
        (str(tmp_path / "videos"), "not a set"),
    ):
        with pytest.raises(InputError, match=line):
            open_stored([spec])
    with pytest.raises(InputError, match="set 'frames-all' is given twice"):
        open_stored([videos.root, videos.root])


def test_altered_pixels_are_refused(videos: Set, portrait: np.ndarray) -> None:
    stored = open_stored([videos.root])
    write_png(videos.root / next(videos.pairs()).blur, np.ascontiguousarray(portrait[:96, :100]))
    with pytest.raises(InputError, match="not those that the set was built with"):
        for index in range(4):
            stored.make(stored.plan(index))


def test_kernels_and_labels_of_a_set(tmp_path: Path, portrait: np.ndarray, small_recipe: Callable[..., Path]) -> None:
    write_png(tmp_path / "crops" / "a.png", portrait[40:168, 160:288])
    made = build(small_recipe(tmp_path), tmp_path / "crops", tmp_path / "set", workers=1)
    stored = open_stored([made.root])
    assert made.bank is not None and stored.lap == made.n_pairs
    for index in range(stored.lap):
        plan = stored.plan(index)
        pair = list(made.pairs())[plan.row]
        padded = stored.padded_kernel(plan)
        edge = (len(padded) - pair.kernel_size) // 2
        assert len(padded) == 2 * stored.radius + 1 == made.bank.sizes.max()
        np.testing.assert_array_equal(padded[edge : len(padded) - edge, edge : len(padded) - edge],
                                      made.bank.kernel(pair.kernel_id))  # fmt: skip


def mixture(stored: StoredPairs, portrait: np.ndarray, share: Fraction) -> Mixture:
    faces = SharpArray(np.stack([portrait[i : i + 64, 150 + i : 214 + i] for i in range(3)]))
    virtual = VirtualPairs(faces, PairSpec((5, 7), 4, border="reflect"), repeats=50, shuffle=True)
    return Mixture(virtual, stored.only(range(len(stored.source.faces)), repeats=100), share)


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(3, 10), Fraction(999, 1000)])
def test_every_beginning_holds_both_in_their_shares(videos: Set, portrait: np.ndarray, share: Fraction) -> None:
    mixed = mixture(open_stored([videos.root]), portrait, share)
    plans = [mixed.plan(index) for index in range(200)]
    kinds = [isinstance(plan, StoredPlan) for plan in plans]
    assert all(sum(kinds[:n]) == int(n * share) for n in range(200))
    # Each part is gone through in its own order, without a gap.
    for kind in (True, False):
        assert [plan.index for plan, one in zip(plans, kinds, strict=True) if one is kind] == list(
            range(kinds.count(kind))
        )
    assert (int(len(mixed) * share) <= len(mixed.stored)) and len(mixed) - int(len(mixed) * share) <= len(mixed.virtual)
    assert len(mixed.source.faces) == 3 + 4 and mixed.source.size == (64, 64)
    for plan in plans[:20]:
        assert mixed.make(plan).sharp.shape[:2] == mixed.size_of(plan)
    np.testing.assert_array_equal(mixed.source.read(3), mixed.stored.source.read(0))
    with pytest.raises(InputError, match="train without --pairs"):
        mixed.sketch(next(plan for plan in plans if isinstance(plan, StoredPlan)))


def test_two_sets_of_one_name_are_told_apart(videos: Set, tmp_path: Path) -> None:
    spec = FrameSpec(length=2, stride=1, template="none", detector="none")
    frames(tmp_path / "videos", tmp_path / "two", spec, name="frames-all", workers=1)
    with pytest.raises(InputError, match="another set is called 'frames-all', too; build it under --name"):
        open_stored([videos.root, tmp_path / "two"])
    frames(tmp_path / "videos", tmp_path / "other", spec, name="windows", workers=1)
    both = open_stored([videos.root, tmp_path / "other"])
    with (tmp_path / "other" / "manifest.csv").open(encoding="utf-8") as stream:
        assert both.lap == 4 + len(list(csv.DictReader(stream)))
    assert len({face.image_id for face in both.source.faces}) == len(both.source.faces)
