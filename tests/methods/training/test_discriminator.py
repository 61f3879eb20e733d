"""A discriminator that two stages in a row have is one discriminator, with one optimiser."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import train_parts as parts

from facedeblur.methods.training.checkpoint import read_checkpoint

SLOW = 1e-12
"""A rate at which six steps change nothing that can be seen."""


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return parts.write_faces(tmp_path_factory.mktemp("photographs") / "faces")


def stages(**second):
    """Two stages; the second hardly changes its discriminator."""
    rival = parts.rival()
    slow = replace(rival, optimiser=replace(rival.optimiser, lr=SLOW), **second)
    return parts.plain("first", adversary=rival), parts.plain("second", adversary=slow)


def ends(out):
    one, two = (read_checkpoint(out / "checkpoints" / f"{name}.safetensors") for name in ("1-first", "2-second"))
    return one, two, all(
        torch.allclose(value, two.part("discriminator")[key], atol=1e-6)
        for key, value in one.part("discriminator").items()
    )  # fmt: skip


def test_weights_and_optimiser_are_carried_to_the_next_stage(faces, tmp_path):
    parts.train(parts.recipe(faces, *stages()), faces, tmp_path / "out")
    one, two, same = ends(tmp_path / "out")
    assert same
    # Two steps of the critic for each of six: its optimiser has counted those of both stages.
    assert [float(each.part("critic")["0.step"]) for each in (one, two)] == [12, 24]
    assert [each.header["critic"]["groups"][0]["full_rate"] for each in (one, two)] == [1e-3, SLOW]


def test_a_stage_that_is_stopped_at_its_first_step_has_it_as_well(faces, tmp_path):
    recipe = parts.recipe(faces, *stages())
    parts.train(recipe, faces, tmp_path / "out", stop_after=7)
    parts.train(recipe, faces, tmp_path / "out")
    parts.train(recipe, faces, tmp_path / "whole")
    for name in ("discriminator", "network"):
        one, two = (ends(tmp_path / out)[1].part(name) for out in ("out", "whole"))
        assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_checkpoint_that_is_begun_with_brings_its_discriminator(faces, tmp_path):
    first, second = stages()
    parts.train(parts.recipe(faces, first), faces, tmp_path / "first")
    begin = tmp_path / "first" / "checkpoints" / "1-first.safetensors"
    parts.train(parts.recipe(faces, first, second), faces, tmp_path / "out", stage="second", begin=begin)
    mine = read_checkpoint(tmp_path / "out" / "checkpoints" / "2-second.safetensors").part("discriminator")
    assert all(
        torch.allclose(value, mine[key], atol=1e-6)
        for key, value in read_checkpoint(begin).part("discriminator").items()
    )


def test_another_discriminator_starts_anew(faces, tmp_path):
    config = {"discriminator": "patchgan", "config": {"width": 4, "layers": 1}}
    parts.train(parts.recipe(faces, *stages(**config)), faces, tmp_path / "out")
    assert set(ends_of(tmp_path / "out", 1)) != set(ends_of(tmp_path / "out", 2))


def ends_of(out, place):
    return read_checkpoint(next((out / "checkpoints").glob(f"{place}-*"))).part("discriminator")
