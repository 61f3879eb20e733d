"""Batches of two blurred images: what is in them, the same from a device, and data that have no two."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
import train_parts as parts

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.pairs.stored import Mixture
from facedeblur.methods.training.data.batches import Places, batches
from facedeblur.methods.training.data.observations import ObservedExamples, observed
from facedeblur.methods.training.data.pairs import divide

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pairs():
    return divide(parts.virtual()).train


def batch_of(examples, **given):
    return next(batches(examples, Places(3, start=5), CPU, loaders=0, **given))


def test_a_batch_has_two_images_and_no_sharp_one(pairs):
    batch = batch_of(ObservedExamples(pairs, kernels=True, proxies=True))
    sides = [f"{side}{name}" for side in ("", "second_") for name in ("blurred", "edge", "kernels", "proxy_kernels")]
    assert {*batch} == {"index", *sides}
    assert batch["blurred"].shape == batch["second_blurred"].shape == (3, 3, 32, 32)
    assert batch["blurred"].dtype == torch.float32 and 0 <= batch["blurred"].min() < batch["blurred"].max() <= 1
    assert batch["kernels"].shape == batch["second_proxy_kernels"].shape == (3, 7, 7)
    assert not batch["edge"].any() and not batch["second_edge"].any()
    plan = observed(pairs).plan(5)
    np.testing.assert_array_equal(
        (batch["second_blurred"][0] * 255).byte().permute(1, 2, 0), pairs.make(plan.second).blurred
    )
    np.testing.assert_allclose(batch["second_kernels"][0], pairs.padded_kernel(plan.second), atol=1e-7)
    assert {*batch_of(ObservedExamples(pairs))} == {"index", "blurred", "edge", "second_blurred", "second_edge"}


@pytest.mark.parametrize("crop", [None, (16, 16)])
def test_a_device_makes_the_same_bytes(pairs, crop):
    examples = ObservedExamples(pairs, crop=crop, kernels=True, proxies=True)
    here, there = (batch_of(examples, on_device=on_device) for on_device in (False, True))
    assert examples.on_device and here.keys() == there.keys()
    assert all(torch.equal(here[name], there[name]) for name in here)


def test_crops_are_of_one_place_and_their_borders_do_not_count(pairs):
    whole, cut = ObservedExamples(pairs), ObservedExamples(pairs, crop=(16, 16))
    places = []
    for index in (0, len(pairs.source.faces)):
        crops, images = cut[index], whole[index]
        where = [
            (y, x) for y in range(17) for x in range(17)
            if np.array_equal(images["blurred"][:, y : y + 16, x : x + 16], crops["blurred"])
        ]  # fmt: skip
        ((y, x),) = where
        np.testing.assert_array_equal(images["second_blurred"][:, y : y + 16, x : x + 16], crops["second_blurred"])
        assert crops["edge"] in (2, 3)
        places.append((y, x))
    assert places[0] != places[1]  # another one in every lap


def test_faces_in_front_of_their_surroundings_count_within_the_radius():
    valid = divide(parts.virtual()).train
    valid.spec = replace(valid.spec, border="replicate")
    item = ObservedExamples(valid)[0]
    assert item["edge"] in (2, 3)


def test_photographs_and_sets_at_once_are_refused(pairs):
    mixed = Mixture.__new__(Mixture)
    mixed.share = Fraction(1, 2)
    with pytest.raises(InputError, match="photographs and sets cannot both give two blurred images of each face; give"):
        observed(mixed)
