"""What each term of SHEN's objective has of the gradient: none may be too small to have an effect."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from facedeblur.methods.nets.base import make_discriminator, make_network
from facedeblur.methods.training.losses.adversarial import make_adversary
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.recipe import load_train_recipe

LEAST = 1e-3
"""Least share of a term in the sum of the norms of the gradients of all terms that judge the same image."""

# Where the parts of a face are on 128x128: (top, left, height, width), of brows, eyes, nose, lips and mouth.
PARTS = [
    (45, 30, 4, 20), (45, 78, 4, 20), (52, 32, 7, 16), (52, 80, 7, 16), (55, 55, 30, 18), (92, 46, 5, 36),
    (97, 50, 4, 28), (101, 46, 6, 36),
]  # fmt: skip


@pytest.fixture(scope="module")
def batch():
    draws = torch.Generator().manual_seed(0)
    rough = functional.interpolate(torch.rand(4, 3, 16, 16, generator=draws), size=128, mode="bicubic")
    sharp = (rough + 0.1 * torch.randn(4, 3, 128, 128, generator=draws)).clamp(0, 1)
    labels = torch.ones(4, 128, 128, dtype=torch.long)
    for label, (top, left, height, width) in enumerate(PARTS, 2):
        labels[:, top : top + height, left : left + width] = label
    blurred = functional.avg_pool2d(functional.pad(sharp, (6,) * 4, mode="reflect"), 13, 1)
    return {"sharp": sharp, "blurred": blurred, "labels": labels}


def shares(stage, batch) -> dict[tuple[str, str], float]:
    """(output, term) -> share of the gradient at that output, which is the blurred image as of a network at its start.

    The parsing loss is weighed where it meets the content loss: at the coarse image.
    """
    torch.manual_seed(0)
    net = make_network("shen2020", width=8, parser_width=8, resblocks=1)
    at = {name: batch["blurred"].clone().requires_grad_() for name in ("restored", "coarse")}
    outputs = at | {"parsing": net.parser(at["coarse"])}
    norms: dict[tuple[str, str], float] = {}

    def weigh(output: str, name: str, loss: torch.Tensor) -> None:
        (gradient,) = torch.autograd.grad(loss, at[output])
        norms[output, name] = float(gradient.flatten(1).norm(dim=1).mean())

    for term in stage.losses:
        of = "coarse" if term.name == "parsing" else term.options.get("of", "restored")
        if of in at:
            small = {"weights": "random", "widths": [16, 32, 64, 64, 64]} if term.name == "perceptual" else {}
            weigh(of, term.name, term.weight * make_loss(term.name, term.options | small)(outputs, batch))
    rival = stage.adversary
    judge = make_discriminator(rival.discriminator, width=16)
    game = make_adversary(rival.kind, rival.options)
    weigh("restored", "adversary", rival.weight * game.generator_loss(None, judge(outputs["restored"])))
    return {
        key: norm / sum(other for (output, _), other in norms.items() if output == key[0])
        for key, norm in norms.items()
    }


@pytest.mark.parametrize(("name", "stage"), [("shen2018", "deblur"), ("shen2020", "fine"), ("shen2020", "joint")])
def test_no_term_is_too_small_to_have_an_effect(name, stage, batch):
    recipe = load_train_recipe(name)
    (place,) = recipe.chosen(stage)
    found = shares(recipe.stage[place], batch)
    judged = {"l1", "local-structural", "perceptual", "adversary"}
    assert {term for output, term in found if output == "restored"} == judged
    assert min(found.values()) >= LEAST, found
    # With sums over the image this does not hold: the adversarial loss knows no pixels.
    losses = tuple(replace(term, options=term.options | {"reduction": "sum"}) for term in recipe.stage[place].losses)
    assert shares(replace(recipe.stage[place], losses=losses), batch)["restored", "adversary"] < LEAST / 100
