"""Losses that a scaler multiplies against the underflow of half precision: the steps are those without it."""

from __future__ import annotations

from contextlib import nullcontext

import torch
import train_parts as parts

from facedeblur.methods.nets.base import make_network
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.stage import StageRun


class Scaled(Engine):
    """Scales losses as ``16-mixed`` does, and computes in float32, which a processor can."""

    def __init__(self):
        super().__init__(Hardware("cpu"))
        self.precision = "16-mixed"

    def autocast(self):
        return nullcontext()


def batch(seed: int) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return {name: torch.rand(2, 3, 16, 16, generator=draws) for name in ("blurred", "sharp")}


def run_of(engine: Engine, *, rival: bool = True) -> StageRun:
    stage = parts.plain(accumulate=2, adversary=parts.rival() if rival else None)
    torch.manual_seed(0)
    return StageRun(stage, make_network("test-small", bare=True), engine)


def test_steps_of_the_discriminator_leave_the_networks_scale_alone():
    plain, scaled = run_of(Engine(Hardware("cpu"))), run_of(Scaled())
    assert plain.scaler is None and scaled.scaler is not scaled.opponent.scaler
    # Doubles after each of its steps, of which two fall between the first batch and the network's step.
    scaled.opponent.scaler.set_growth_interval(1)
    for number in range(3):
        for run in (plain, scaled):
            run.step(number, iter([batch(2 * number), batch(2 * number + 1)]))
    assert scaled.opponent.scaler.get_scale() > scaled.scaler.get_scale() == 2.0**12
    for one, other in ((plain.net, scaled.net), (plain.opponent.net, scaled.opponent.net)):
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_a_gradient_that_overflows_skips_the_step_and_lowers_the_scale():
    run = run_of(Scaled(), rival=False)
    run.step(0, iter([batch(0), batch(1)]))
    before = [weight.clone() for weight in run.net.parameters()]
    run.scaler.update(2.0**120)
    bright = {name: 1e20 * images for name, images in batch(2).items()}
    assert not run.step(1, iter([bright, bright]))["gradient"] < float("inf")
    assert all(torch.equal(one, other) for one, other in zip(before, run.net.parameters(), strict=True))
    assert run.scaler.get_scale() == 2.0**119


def test_both_scales_go_on():
    run = run_of(Scaled())
    run.opponent.scaler.set_growth_interval(1)
    run.step(0, iter([batch(0), batch(1)]))
    _, header = run.state()
    assert header["scaler"]["scale"] == 2.0**12 and header["critic scaler"]["scale"] > 2.0**12
