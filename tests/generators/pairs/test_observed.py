"""Two blurred images of a face: other kernels and noise, fixed for a photograph, a function of seed and index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.blur.degrade import degrade
from facedeblur.generators.build import build
from facedeblur.generators.pairs.observed import Observations
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.stored import open_stored
from facedeblur.generators.pairs.virtual import VirtualPairs

SPEC = PairSpec((5, 7), 4, border="reflect")
FACES = 6


@pytest.fixture
def virtual(portrait: np.ndarray) -> Callable[..., VirtualPairs]:
    faces = SharpArray(np.stack([portrait[i : i + 64, 150 + i : 214 + i] for i in range(FACES)]))
    return lambda spec=SPEC, seed=3: VirtualPairs(faces, spec, repeats=50, shuffle=True, seed=seed)


def both(seen: Observations, index: int) -> list[np.ndarray]:
    plan = seen.plan(index)
    return [seen.pairs.make(one).blurred for one in (plan.first, plan.second)]  # type: ignore[union-attr]


def test_every_face_comes_once_a_lap_and_keeps_its_two_images(virtual: Callable[..., VirtualPairs]) -> None:
    seen = Observations(virtual())
    kept: dict[int, list[np.ndarray]] = {}
    orders = []
    for lap in range(3):
        order = []
        for index in range(FACES * lap, FACES * (lap + 1)):
            plan = seen.plan(index)
            assert plan.first.image == plan.second.image and plan.first.number != plan.second.number
            assert (plan.first.size, plan.first.kernel) != (plan.second.size, plan.second.kernel)
            images = both(seen, index)
            np.testing.assert_array_equal(images, kept.setdefault(plan.first.image, images))
            order.append(plan.first.image)
        assert sorted(order) == list(range(FACES))
        orders.append(order)
    assert orders[0] != orders[1] or orders[1] != orders[2]
    kernels = {(plan.size, plan.kernel) for i in range(FACES) for plan in (seen.plan(i).first, seen.plan(i).second)}
    assert len(kernels) > 4  # of 8


def test_an_item_depends_on_seed_and_index_alone(virtual: Callable[..., VirtualPairs]) -> None:
    seen, again, other = Observations(virtual()), Observations(virtual()), Observations(virtual(seed=4))
    for index in (17, 2, 170):
        np.testing.assert_array_equal(both(seen, index), both(again, index))
        assert [one.kernel for one in seen.plan(index).proxies] == [one.kernel for one in again.plan(index).proxies]
    faces = [{one.plan(i).first.image: (one.plan(i).first.size, one.plan(i).first.kernel) for i in range(FACES)}
             for one in (seen, other)]  # fmt: skip
    assert faces[0] != faces[1]
    drawn = [tuple((one.size, one.kernel) for one in seen.plan(index).proxies) for index in range(40)]
    assert len(set(drawn)) > 20 and len({one for two in drawn for one in two}) == 8


def test_images_are_the_face_by_their_kernels_with_noise_of_their_own(virtual: Callable[..., VirtualPairs]) -> None:
    pairs = virtual()
    plan = Observations(pairs).plan(5)
    for one in (plan.first, plan.second):
        wanted = degrade(
            pairs.source.read(one.image), pairs.kernel(one.size, one.kernel), noise=SPEC.noise, seed=3,
            index=one.number, border="reflect",
        )  # fmt: skip
        np.testing.assert_array_equal(pairs.make(one).blurred, wanted)
    # By one kernel the images would differ by their noise: sqrt(2) times 2.55 grey levels.
    alike = replace(plan.second, size=plan.first.size, kernel=plan.first.kernel)
    noise = pairs.make(plan.first).blurred.astype(float) - pairs.make(alike).blurred
    assert 0.9 < noise.std() / (2.55 * 2**0.5) < 1.1


def test_an_augmentation_is_that_of_both(virtual: Callable[..., VirtualPairs]) -> None:
    pairs = virtual(replace(SPEC, augment="shen"))
    plan = Observations(pairs).plan(1)
    np.testing.assert_array_equal(pairs.make(plan.first).sharp, pairs.make(plan.second).sharp)
    assert plan.first.augmentation is not None


def test_one_kernel_is_refused(virtual: Callable[..., VirtualPairs]) -> None:
    with pytest.raises(InputError, match="two blurred images of each face: expected 2 kernels or more, found 1"):
        Observations(virtual(replace(SPEC, sizes=(5,), per_size=1)))


def test_blurs_of_a_set_are_observations_of_its_faces(
    tmp_path: Path, portrait: np.ndarray, small_recipe: Callable[..., Path]
) -> None:
    for i in range(2):
        write_png(tmp_path / "crops" / f"{i}.png", portrait[40 + i : 168 + i, 160:288])
    made = build(small_recipe(tmp_path), tmp_path / "crops", tmp_path / "set", workers=1)
    stored = open_stored([made.root], seed=1)
    laps = stored.only(range(2), repeats=5)
    seen = Observations(laps)
    firsts, pairs = [], list(made.pairs())
    for index in range(stored.lap):
        plan = seen.plan(index)
        first, second = (pairs[one.row] for one in (plan.first, plan.second))
        assert first.image_id == second.image_id and first.kernel_id != second.kernel_id
        np.testing.assert_array_equal(laps.make(plan.second).blurred, made.blurred(second))
        assert seen.edge(plan.second, whole=True) == (0 if second.border == "reflect" else second.kernel_size // 2)
        assert seen.edge(plan.second, whole=False) == second.kernel_size // 2
        assert [one.row for one in plan.proxies] == [one.row for one in Observations(laps).plan(index).proxies]
        assert all(laps.padded_kernel(one).sum() == pytest.approx(1) for one in plan.proxies)
        firsts.append(plan.first.row)
    assert sorted(firsts) == list(range(stored.lap))
    with pytest.raises(InputError, match="2 of 2 faces of the sets have one kernel only, such as small/0"):
        lone = [next(row for row in range(stored.lap) if stored.face_of(row) == face) for face in range(2)]
        Observations(type(stored)(stored._faces, [stored._pairs[row] for row in lone]))
