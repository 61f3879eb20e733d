"""Optimisers, learning rates over a stage, and the moving average of weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import nn

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.methods.training.recipe import Optimiser, RateSchedule


def make_optimiser(what: Optimiser, net: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of the weights of `net` that require gradients.

    Parameters
    ----------
    what : Optimiser
        ``rates`` give parts of the network their own rate.
    net : nn.Module

    Raises
    ------
    InputError
        When nothing is to be trained, or a part is missing.
    """
    groups: list[dict[str, object]] = []
    taken: set[int] = set()
    for part, rate in [*what.rates.items(), ("", what.lr)]:
        weights = [w for w in part_of(net, part).parameters() if w.requires_grad and id(w) not in taken]
        taken.update(id(weight) for weight in weights)
        if weights:
            groups.append({"params": weights, "lr": float(rate), "full_rate": float(rate)})
    if not groups:
        raise InputError("the stage has no weights to train", do="name parts of the network in 'train'")
    if what.kind in ("adam", "adamw"):
        kind = torch.optim.Adam if what.kind == "adam" else torch.optim.AdamW
        betas = (float(what.betas[0]), float(what.betas[1]))
        return kind(groups, lr=what.lr, betas=betas, eps=what.eps, weight_decay=what.weight_decay)
    if what.kind == "rmsprop":
        return torch.optim.RMSprop(
            groups, lr=what.lr, alpha=what.alpha, eps=what.eps, weight_decay=what.weight_decay, momentum=what.momentum
        )
    return torch.optim.SGD(groups, lr=what.lr, momentum=what.momentum, weight_decay=what.weight_decay)


def part_of(net: nn.Module, part: str) -> nn.Module:
    """The submodule called `part`; the network itself for an empty name.

    Raises
    ------
    InputError
        When the network has no such part.
    """
    try:
        return net.get_submodule(part)
    except AttributeError as error:
        known = [str(name) for name in getattr(net, "parts", ())]
        raise InputError(f"network {type(net).__name__} has no part '{part}'", do=suggest(part, known)) from error


def choose_weights(net: nn.Module, train: Sequence[str], freeze: Sequence[str]) -> None:
    """Set the network to training, where only the parts of `train` (all where empty) less `freeze` change.

    What is frozen is in evaluation mode: its normalisation does not follow the batches. Parts that the network names
    in ``fixed`` never change.
    """
    net.train()
    net.requires_grad_(not train)
    if train:
        net.eval()
        for part in train:
            part_of(net, part).train().requires_grad_(True)
    for part in (*freeze, *getattr(net, "fixed", ())):
        part_of(net, part).eval().requires_grad_(False)


def share(schedule: RateSchedule, step: int, iterations: int) -> float:
    """The learning rate of a step, from 0, as a share of the full one.

    A function of the step alone: torch's schedulers count calls, and would add their counters to every checkpoint.
    """
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if schedule.kind in ("step", "pieces"):
        begun, piece = _piece(schedule, step)
        falls = 1 + (step - begun) // schedule.period if schedule.fall else 0
        return piece * max(0.0, 1 - schedule.fall * falls)
    if schedule.kind in ("linear", "polynomial"):
        left = 1 - max(0, step - schedule.hold) / max(1, iterations - schedule.hold)
        return schedule.floor + (1 - schedule.floor) * float(left**schedule.power)
    if schedule.kind == "cosine":
        gone = (step - schedule.warmup) / max(1, iterations - schedule.warmup)
        return schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * gone))
    return 1.0


def _piece(schedule: RateSchedule, step: int) -> tuple[int, float]:
    """The step at which the piece of a rate that `step` is in begins, and the share of the full rate there."""
    if schedule.kind == "step":
        number = step // schedule.every
        return number * schedule.every, float(schedule.factor**number)
    pieces = [(0, 1.0), *zip(schedule.at, schedule.shares, strict=True)]
    return max(piece for piece in pieces if piece[0] <= step)


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> float:
    """Give every group its full rate times `factor`; return the first one's."""
    for group in optimiser.param_groups:
        group["lr"] = group["full_rate"] * factor
    return float(optimiser.param_groups[0]["lr"])


class Average:
    """Moving average of a network's weights; its other tensors are those of the network.

    `torch.optim.swa_utils.AveragedModel` counts its updates in a tensor of its own, and begins with a copy of the
    weights after the first step. This one is given the step, so that a checkpoint needs no more than the weights to
    resume bit for bit, and begins with the weights of the stage before.

    Parameters
    ----------
    net : nn.Module
    decay : float
        From 0 to below 1; less at the beginning, ``(1 + step) / (10 + step)``.
    """

    def __init__(self, net: nn.Module, decay: float):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take the network's weights after step number `step`, from 0, into the average."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for mean, new in zip(self.net.parameters(), net.parameters(), strict=True):
            mean.lerp_(new, weight)
        for kept, now in zip(self.net.buffers(), net.buffers(), strict=True):
            kept.copy_(now)
