"""Losses of two blurred images: zero at the true image, and each term against a loop or a formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.losses.observations import blurred_by

SIZE, SIDE = 24, 7


@pytest.fixture
def known():
    """A batch of three faces without noise, and the sharp images as the outputs."""
    torch.manual_seed(0)
    sharp = torch.rand(3, 3, SIZE, SIZE)
    batch = {}
    for side in ("", "second_"):
        kernels = torch.rand(3, SIDE, SIDE) ** 4
        kernels = kernels / kernels.sum((1, 2), keepdim=True)
        batch |= {f"{side}kernels": kernels, f"{side}edge": torch.zeros(3, dtype=torch.long)}
        batch[f"{side}blurred"] = torch.from_numpy(reflected(sharp.numpy(), kernels.numpy()))
    return batch, {"restored": sharp, "second_restored": sharp.clone()}


def reflected(images, kernels):
    """scipy's convolution, mirrored at the middle of the edge pixels."""
    couples = zip(images, kernels, strict=True)
    return np.stack([[convolve(plane, kernel, mode="mirror") for plane in image] for image, kernel in couples])


def test_blur_is_scipys_convolution_mirrored_at_the_border():
    torch.manual_seed(1)
    images, kernels = torch.rand(2, 3, 20, 31), torch.rand(2, 5, 5)
    torch.testing.assert_close(
        blurred_by(images, kernels), torch.from_numpy(reflected(images.numpy(), kernels.numpy()))
    )
    with pytest.raises(InputError, match="kernels of 41x41: expected smaller than the images, found 31x20"):
        blurred_by(images, torch.rand(2, 41, 41))


def test_gradient_of_the_blur_is_that_of_differences():
    torch.manual_seed(2)
    images, kernels = torch.rand(1, 1, 6, 7, requires_grad=True), torch.rand(1, 3, 3)
    weights = torch.rand(1, 1, 6, 7)
    (blurred_by(images, kernels) * weights).sum().backward()
    # The blur is linear: its derivatives are the blurred unit images.
    units = torch.eye(42).reshape(42, 1, 6, 7)
    wanted = (blurred_by(units, kernels.expand(42, -1, -1)) * weights).sum((1, 2, 3)).reshape(6, 7)
    torch.testing.assert_close(images.grad[0, 0], wanted)


@pytest.mark.parametrize("name", ["swap", "self-measurement"])
def test_loss_is_zero_at_the_true_image_and_nowhere_near_it_at_the_blurred_one(name, known):
    batch, outputs = known
    assert make_loss(name)(outputs, batch) < 1e-6
    blurred = {f"{side}restored": batch[f"{side}blurred"] for side in ("", "second_")}
    assert make_loss(name)(blurred, batch) > 1e-2


def test_swap_takes_the_kernel_of_the_other_image(known):
    batch, outputs = known
    outputs = {key: value + 0.1 * torch.rand_like(value) for key, value in outputs.items()}
    first, second = (
        torch.from_numpy(reflected(outputs[name].numpy(), batch[kernels].numpy())) - batch[blurred]
        for name, kernels, blurred in (
            ("restored", "second_kernels", "second_blurred"), ("second_restored", "kernels", "blurred")
        )
    )  # fmt: skip
    torch.testing.assert_close(make_loss("swap")(outputs, batch), first.abs().mean() + second.abs().mean())
    own = [
        torch.from_numpy(reflected(outputs[f"{side}restored"].numpy(), batch[f"{side}kernels"].numpy()))
        - batch[f"{side}blurred"]
        for side in ("", "second_")
    ]
    torch.testing.assert_close(make_loss("self-measurement")(outputs, batch), own[0].abs().mean() + own[1].abs().mean())


def test_pixels_near_the_border_do_not_count_where_the_blur_there_is_unknown(known):
    batch, outputs = known
    around = batch["blurred"].clone()
    around[1, :, :3] += 1
    around[1, :, :, -3:] += 1
    disturbed = batch | {"blurred": around}
    assert make_loss("swap")(outputs, disturbed) > 1e-2
    assert make_loss("swap")(outputs, disturbed | {"edge": torch.tensor([0, 3, 0])}) < 1e-6
    assert make_loss("swap")(outputs, disturbed | {"edge": torch.tensor([0, 2, 0])}) > 1e-2


def test_estimated_kernels_stand_for_the_true_ones_without_gradient(known):
    batch, outputs = known
    kernels = {name: batch.pop(f"{name}s").requires_grad_() for name in ("kernel", "second_kernel")}
    images = {name: (value + 0.1).requires_grad_() for name, value in outputs.items()}
    with pytest.raises(InputError, match="kernels"):
        make_loss("swap")(images, batch)
    loss = make_loss("swap", {"kernels": "estimated"})
    assert loss(outputs | kernels, batch) < 1e-6
    loss(images | kernels, batch).backward()
    assert all(one.grad is None for one in kernels.values()) and all(one.grad.any() for one in images.values())
    with pytest.raises(InputError, match="kernels 'guessed': expected one of true, estimated"):
        make_loss("swap", {"kernels": "guessed"})


def test_proxies_are_compared_with_estimates_that_get_no_gradient():
    torch.manual_seed(3)
    images = {
        f"{side}{which}restored": torch.rand(2, 3, 8, 8, requires_grad=True)
        for side in ("", "second_") for which in ("", "proxy_")
    }  # fmt: skip
    loss = make_loss("proxy")(images, {})
    errors = [(images[f"{side}proxy_restored"] - images[f"{side}restored"]).abs().mean() for side in ("", "second_")]
    torch.testing.assert_close(loss, errors[0] + errors[1])
    loss.backward()
    assert images["restored"].grad is None and images["second_proxy_restored"].grad.any()


def test_kernels_of_proxies_are_padded_to_the_estimates():
    torch.manual_seed(4)
    true = {f"{side}proxy_kernels": torch.rand(2, 5, 5) for side in ("", "second_")}
    found = {f"{side}proxy_kernel": torch.rand(2, 9, 9) for side in ("", "second_")}
    outputs = found | {"restored": torch.zeros(2, 3, 8, 8)}
    wanted = 0.0
    for side in ("", "second_"):
        difference = found[f"{side}proxy_kernel"].clone()
        difference[:, 2:7, 2:7] -= true[f"{side}proxy_kernels"]
        wanted = wanted + difference.abs().mean()
    torch.testing.assert_close(make_loss("proxy-kernel")(outputs, true), wanted)
    with pytest.raises(InputError, match="estimated kernels of 5x5: expected 9x9 or more"):
        make_loss("proxy-kernel")(
            {f"{side}proxy_kernel": true[f"{side}proxy_kernels"] for side in ("", "second_")}
            | outputs
            | {f"{side}proxy_kernel": torch.rand(2, 5, 5) for side in ("", "second_")},
            {f"{side}proxy_kernels": torch.rand(2, 9, 9) for side in ("", "second_")},
        )
