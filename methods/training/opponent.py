"""The discriminator beside the network: its own steps, and its judgement as a loss of the network."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from facedeblur.methods.nets.base import DISCRIMINATORS, make_discriminator
from facedeblur.methods.training.losses.adversarial import Scores, make_adversary
from facedeblur.methods.training.losses.content import fetch, fetch_target
from facedeblur.methods.training.optimisers import make_optimiser

if TYPE_CHECKING:
    from facedeblur.methods.training.engine import Engine
    from facedeblur.methods.training.recipe import Adversary


class Opponent:
    """A discriminator in training.

    Parameters
    ----------
    what : Adversary
    engine : Engine
        On whose device it is put.
    size : (height, width), optional
        Of what is trained on: of a discriminator with a setting ``size``, that is the side unless `what` has it.
    """

    def __init__(self, what: Adversary, engine: Engine, *, size: tuple[int, int] | None = None):
        self.what, self.engine = what, engine
        self.game = make_adversary(what.kind, what.options)
        self.steps = what.critic_steps or self.game.critic_steps
        config: dict[str, Any] = dict(what.config)
        sized = "size" in inspect.signature(DISCRIMINATORS.get(what.discriminator)).parameters
        if size is not None and size[0] == size[1] and sized:
            config.setdefault("size", size[0])
        self.net = make_discriminator(what.discriminator, **config)
        engine.place(self.net)
        self.net.train()
        self.optimiser = make_optimiser(what.optimiser, self.net)
        self.scaler = engine.new_scaler()

    def learn(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], *, draws: torch.Generator | None = None
    ) -> float:
        """Take its steps on one batch; return its loss, the mean over them.

        Parameters
        ----------
        outputs, batch : mapping of Tensor
            What the network made, and of what; the names of `of` and `target` are judged.
        draws : torch.Generator, optional
            Of the CPU, where a gradient penalty draws from.
        """
        fake = [fetch(outputs, name, "network output").detach() for name in self.what.of]
        real = self._real(batch)
        total = 0.0
        self.net.requires_grad_(True)
        for _ in range(self.steps):
            self.optimiser.zero_grad(set_to_none=True)
            with self.engine.autocast():
                loss = self.game.discriminator_loss(self._judge(real), self._judge(fake))
            loss = loss + self.game.gradient_penalty(self.net, real, fake, generator=draws)
            self.engine.backward(loss, self.scaler)
            self.engine.step(self.optimiser, self.net.parameters(), 0.0, self.scaler)
            total += float(loss.detach())
        self.net.requires_grad_(False)
        return total / self.steps

    def loss(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The adversarial loss of the network, before its weight."""
        fake = self._judge([fetch(outputs, name, "network output") for name in self.what.of])
        if not self.game.generator_needs_real:
            return self.game.generator_loss(None, fake)
        with torch.no_grad():
            real = self._judge(self._real(batch))
        return self.game.generator_loss(real, fake)

    def _real(self, batch: Mapping[str, Tensor]) -> list[Tensor]:
        return [fetch_target(batch, name, "bicubic").detach() for name in self.what.target]

    def _judge(self, pictures: list[Tensor]) -> Scores:
        scores: Scores = self.net(*pictures)
        return scores
