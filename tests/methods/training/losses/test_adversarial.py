"""The adversarial losses against loops over the scores, and the gradient penalty against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.losses.adversarial import make_adversary
from facedeblur.methods.training.losses.registry import ADVERSARIES

RNG = np.random.default_rng(3)
REAL, FAKE = RNG.normal(0.3, 1, (3, 1, 2, 2)), RNG.normal(-0.2, 1, (3, 1, 2, 2))


def both(adversary, real=REAL, fake=FAKE) -> tuple[float, float]:
    """Generator's and discriminator's loss."""
    real, fake = torch.from_numpy(real), torch.from_numpy(fake)
    return float(adversary.generator_loss(real, fake)), float(adversary.discriminator_loss(real, fake))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_dcgan_is_shens_eqs_9_and_10():
    generator = discriminator = 0.0
    for r, f in zip(REAL.ravel(), FAKE.ravel(), strict=True):
        generator -= math.log(sigmoid(f)) / 12
        discriminator -= (math.log(sigmoid(r)) + math.log(1 - sigmoid(f))) / 12
    assert both(make_adversary("dcgan")) == pytest.approx((generator, discriminator), rel=1e-6)
    chances = both(make_adversary("dcgan", {"logits": False}), 1 / (1 + np.exp(-REAL)), 1 / (1 + np.exp(-FAKE)))
    assert chances == pytest.approx((generator, discriminator), rel=1e-6)
    certain = make_adversary("dcgan").generator_loss(None, torch.tensor([-200.0]))
    assert float(certain) == pytest.approx(200)


def test_wgan_is_lins_eq_5():
    wanted = (-sum(FAKE.ravel()) / 12, sum(FAKE.ravel()) / 12 - sum(REAL.ravel()) / 12)
    assert both(make_adversary("wgan-gp")) == pytest.approx(wanted, rel=1e-6)
    assert make_adversary("wgan-gp").critic_steps == 5


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_ragan_ls(factor):
    mean_real, mean_fake = sum(REAL.ravel()) / 12, sum(FAKE.ravel()) / 12
    generator = discriminator = 0.0
    for r, f in zip(REAL.ravel(), FAKE.ravel(), strict=True):
        discriminator += factor * ((r - mean_fake - 1) ** 2 + (f - mean_real + 1) ** 2) / 12
        generator += factor * ((f - mean_real - 1) ** 2 + (r - mean_fake + 1) ** 2) / 12
    assert both(make_adversary("ragan-ls", {"factor": factor})) == pytest.approx((generator, discriminator), rel=1e-6)
    with pytest.raises(InputError, match="real_scores"):
        make_adversary("ragan-ls").generator_loss(None, torch.zeros(2))


@pytest.mark.parametrize("name", ["dcgan", "wgan-gp", "ragan-ls"])
def test_several_heads_are_averaged_and_a_game_has_two_sides(name):
    adversary = make_adversary(name)
    patch, whole = torch.from_numpy(REAL), torch.from_numpy(REAL[:, 0, 0, 0])
    fakes = torch.from_numpy(FAKE), torch.from_numpy(FAKE[:, 0, 0, 0])
    for loss in (adversary.generator_loss, adversary.discriminator_loss):
        wanted = (loss(patch, fakes[0]) + loss(whole, fakes[1])) / 2
        assert float(loss([patch, whole], list(fakes))) == pytest.approx(float(wanted), rel=1e-6)
    with pytest.raises(InputError, match="as many heads"):
        adversary.discriminator_loss([patch, whole], patch)
    # Better restored images, to the discriminator: less for the generator, more for the discriminator.
    low, high = torch.full((4,), -0.5), torch.full((4,), 0.5)
    real = torch.full((4,), 0.7)
    assert adversary.generator_loss(real, high) < adversary.generator_loss(real, low)
    assert adversary.discriminator_loss(real, high) > adversary.discriminator_loss(real, low)


class Smooth(torch.nn.Module):
    """A nonlinear discriminator of patches; twice differentiable."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(channels, 4, 3, padding=1)
        self.last = torch.nn.Conv2d(4, 1, 3, stride=2)
        generator = torch.Generator().manual_seed(4)
        for weight in self.parameters():
            weight.data = 0.7 * torch.randn(weight.shape, generator=generator)

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(torch.cat(images, 1))))


def penalty_by_differences(net: Smooth, real, fake, share, weight) -> float:
    """Every derivative of every image's mean score by central differences, in float64."""
    net, total = net.double(), 0.0
    for n in range(len(real)):
        mixed = share[n] * real[n] + (1 - share[n]) * fake[n]
        square = 0.0
        for at in np.ndindex(*mixed.shape):
            step = np.zeros_like(mixed)
            step[at] = 1e-5
            with torch.no_grad():
                ends = [float(net(torch.from_numpy((mixed + s)[None])).mean()) for s in (step, -step)]
            square += ((ends[0] - ends[1]) / 2e-5) ** 2
        total += (math.sqrt(square) - 1) ** 2 / len(real)
    return weight * total


def test_gradient_penalty():
    real, fake = RNG.random((2, 3, 6, 6)), RNG.random((2, 3, 6, 6))
    share = torch.rand(2, 1, 1, 1, generator=torch.Generator().manual_seed(7)).double().numpy()
    wanted = penalty_by_differences(Smooth(), real, fake, share, 10.0)
    net, adversary = Smooth(), make_adversary("wgan-gp")
    tensors = torch.from_numpy(real).float(), torch.from_numpy(fake).float()
    found = adversary.gradient_penalty(net, *tensors, generator=torch.Generator().manual_seed(7))
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-4)
    found.backward()
    assert net.first.weight.grad.abs().sum() > 0
    twice = make_adversary("wgan-gp", {"penalty": 20})
    again = twice.gradient_penalty(net, *tensors, generator=torch.Generator().manual_seed(7))
    assert float(again.detach()) == pytest.approx(2 * wanted, rel=1e-4)


def test_gradient_penalty_of_a_discriminator_of_two_images():
    net, adversary = Smooth(channels=4), make_adversary("wgan-gp")
    one, other = torch.from_numpy(RNG.random((2, 2, 4, 6, 6))).float()
    whole = adversary.gradient_penalty(net, one, other, generator=torch.Generator().manual_seed(1))
    parts = adversary.gradient_penalty(
        net, [one[:, :3], one[:, 3:]], [other[:, :3], other[:, 3:]], generator=torch.Generator().manual_seed(1)
    )
    assert float(parts.detach()) == pytest.approx(float(whole.detach()), rel=1e-6)
    flat = adversary.gradient_penalty(lambda images: 0 * images.sum((1, 2, 3)), one, other)
    assert float(flat.detach()) == pytest.approx(10, rel=1e-4)


def test_only_wgan_gp_penalises():
    for name in ("dcgan", "ragan-ls"):
        none = make_adversary(name).gradient_penalty(Smooth(), torch.rand(1, 3, 6, 6), torch.rand(1, 3, 6, 6))
        assert float(none) == 0
    assert set(ADVERSARIES) >= {"dcgan", "wgan-gp", "ragan-ls"}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("wgan", {}, "did you mean 'wgan-gp'"),
        ("wgan-gp", {"penality": 1}, "did you mean 'penalty'"),
        ("wgan-gp", {"penalty": -1}, "0 or more"),
        ("dcgan", {"penalty": 1}, "expected one of logits"),
    ],
)
def test_wrong_options_are_told(name, options, words):
    with pytest.raises(InputError, match=words):
        make_adversary(name, options)


def test_a_penalty_wants_images_of_one_shape():
    with pytest.raises(InputError, match="gradient penalty"):
        make_adversary("wgan-gp").gradient_penalty(Smooth(), torch.zeros(1, 3, 6, 6), torch.zeros(1, 3, 4, 4))
