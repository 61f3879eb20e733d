"""Adversarial losses by name: what a discriminator's scores of real and restored images cost either side.

Scores are a tensor of any shape, batch first (one number per image, or a map of patches), or several such tensors of a
discriminator with several heads (DeblurGAN-v2's patch and full image), whose losses are averaged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import make
from facedeblur.methods.training.losses.registry import ADVERSARIES

Scores: TypeAlias = Tensor | Sequence[Tensor]
Images: TypeAlias = Tensor | Sequence[Tensor]

_LEAST = 1e-8
"""Least probability under a logarithm."""


class Adversary(ABC):
    """The two objectives of an adversarial game.

    Attributes
    ----------
    critic_steps : int
        Steps of the discriminator for each of the generator, as published.
    generator_needs_real : bool
        Whether `generator_loss` reads the scores of real images; otherwise any will do.
    """

    critic_steps = 1
    generator_needs_real = False

    def generator_loss(self, real_scores: Scores | None, fake_scores: Scores) -> Tensor:
        """Loss of the generator, a scalar.

        Parameters
        ----------
        real_scores : Tensor or sequence of Tensor, optional
            Scores of sharp images; needed where `generator_needs_real`.
        fake_scores : Tensor or sequence of Tensor
            Scores of restored images, with their graph.
        """
        fakes = _several(fake_scores)
        if self.generator_needs_real and real_scores is None:
            raise InputError("the generator's loss needs real_scores")
        reals = fakes if real_scores is None else _several(real_scores)
        return _mean([self._generator(real, fake) for real, fake in _pairs(reals, fakes)])

    def discriminator_loss(self, real_scores: Scores, fake_scores: Scores) -> Tensor:
        """Loss of the discriminator, a scalar, without the gradient penalty.

        Parameters
        ----------
        real_scores, fake_scores : Tensor or sequence of Tensor
            Scores of sharp images and of restored ones (detached from the generator).
        """
        pairs = _pairs(_several(real_scores), _several(fake_scores))
        return _mean([self._discriminator(real, fake) for real, fake in pairs])

    def gradient_penalty(
        self, discriminator: Callable[..., Scores], real: Images, fake: Images, *,
        generator: torch.Generator | None = None,
    ) -> Tensor:  # fmt: skip
        """What is added to the discriminator's loss, weighted: 0 but for WGAN-GP.

        Parameters
        ----------
        discriminator : callable
            From images to scores; it is given several arguments where `real` and `fake` are several.
        real, fake : Tensor or sequence of Tensor
            (N, C, H, W) images of the same shapes.
        generator : torch.Generator, optional
            Of the CPU, where the random mixture comes from; torch's own without.
        """
        return torch.zeros((), device=_several(real)[0].device)

    @abstractmethod
    def _generator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    @abstractmethod
    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...


class Dcgan(Adversary):
    """Binary cross-entropy (Goodfellow et al. 2014; Radford et al. 2016).

    Discriminator: ``-E log D(y_GT) - E log(1 - D(y))``, SHEN eq. 9; generator: ``-log D(y)``, SHEN eq. 10.

    Parameters
    ----------
    logits : bool
        Whether scores are before the sigmoid; False: they are probabilities.
    """

    def __init__(self, *, logits: bool = True) -> None:
        self.logits = logits

    def _generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -self._log(fake).mean()

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        other = -fake if self.logits else 1 - fake
        return -self._log(real).mean() - self._log(other).mean()

    def _log(self, scores: Tensor) -> Tensor:
        """Logarithm of the probability."""
        return functional.logsigmoid(scores) if self.logits else scores.clamp(min=_LEAST).log()


class WganGp(Adversary):
    """Wasserstein distance with a gradient penalty (Gulrajani et al. 2017, eq. 3): LIN eqs. 5 and 7, DeblurGAN.

    Discriminator: ``E D(s^) - E D(s) + penalty E (||grad D(u)|| - 1)^2`` with u on the line between a real and a
    restored image; generator: ``-E D(s^)``. LIN's eq. 5 is the negative of the first; how it
    keeps D 1-Lipschitz is not stated, and the penalty, of DeblurGAN's weight, is our choice.

    Parameters
    ----------
    penalty : float
        Weight of the gradient penalty.
    """

    critic_steps = 5

    def __init__(self, *, penalty: float = 10.0) -> None:
        if penalty < 0:
            raise InputError("penalty of 'wgan-gp'", expected="0 or more", found=str(penalty))
        self.penalty = penalty

    def _generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def gradient_penalty(
        self, discriminator: Callable[..., Scores], real: Images, fake: Images, *,
        generator: torch.Generator | None = None,
    ) -> Tensor:  # fmt: skip
        """``penalty E (||grad D(u)||_2 - 1)^2``.

        One mixing ratio per image; D(u) is the mean of a map of patches, the norm is over
        everything that the discriminator is given of an image, and several heads are averaged.
        """
        reals, fakes = _several(real), _several(fake)
        if [one.shape for one in reals] != [one.shape for one in fakes]:
            raise InputError(
                "gradient penalty", expected=f"images {[tuple(one.shape) for one in reals]}",
                found=str([tuple(one.shape) for one in fakes]),
            )  # fmt: skip
        # Norms overflow in half precision, and the share must not depend on the device.
        with torch.autocast(reals[0].device.type, enabled=False):
            share = torch.rand(len(reals[0]), 1, 1, 1, generator=generator).to(reals[0].device)
            mixed = [_between(one, other, share) for one, other in zip(reals, fakes, strict=True)]
            penalties = [((_slope(scores, mixed) - 1) ** 2).mean() for scores in _several(discriminator(*mixed))]
        return self.penalty * _mean(penalties)


class RaganLs(Adversary):
    """Relativistic average least squares (Jolicoeur-Martineau 2019), as DeblurGAN-v2 has it (ICCV 2019, section 3.2).

    Discriminator: ``factor (E (D(x) - E D(y) - 1)^2 + E (D(y) - E D(x) + 1)^2)``; generator: the
    same with sharp x and restored y exchanged. The inner means are over the batch (the code's
    are over scores drawn from the last 50 batches).

    Parameters
    ----------
    factor : float
        A half in DeblurGAN-v2's code, whose weight of the adversarial term goes with it; the
        equation is printed without.
    """

    generator_needs_real = True

    def __init__(self, *, factor: float = 0.5) -> None:
        self.factor = factor

    def _generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._discriminator(fake, real)

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        sums = (real - fake.mean() - 1).square().mean() + (fake - real.mean() + 1).square().mean()
        return self.factor * sums


def make_adversary(name: str, options: Mapping[str, Any] | None = None) -> Adversary:
    """Make the adversarial loss called `name` with `options`.

    Raises
    ------
    InputError
        For an unknown name, an option that it does not have, or one of a wrong value.
    """
    adversary: Adversary = make(ADVERSARIES.get(name), options or {}, f"adversary '{name}'")
    return adversary


def _several(tensors: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _pairs(reals: list[Tensor], fakes: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    if len(reals) != len(fakes) or not fakes:
        raise InputError("scores", expected="as many heads for real as for restored images, at least one",
                         found=f"{len(reals)} and {len(fakes)}")  # fmt: skip
    # In mixed precision the means of squares overflow.
    return [(real.float(), fake.float()) for real, fake in zip(reals, fakes, strict=True)]


def _mean(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).mean()


def _between(real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    return (share * real.detach().float() + (1 - share) * fake.detach().float()).requires_grad_()


def _slope(scores: Tensor, images: list[Tensor]) -> Tensor:
    """Norm of the gradient of every image's mean score, (N,), differentiable."""
    total = scores.flatten(1).mean(1).sum() if scores.ndim > 1 else scores.sum()
    slopes = torch.autograd.grad(total, images, create_graph=True)
    square = torch.cat([slope.flatten(1) for slope in slopes], 1).square().sum(1)
    # The root has no derivative at 0, where a new discriminator may start.
    return (square + 1e-12).sqrt()
