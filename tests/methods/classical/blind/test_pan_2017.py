"""Learned data fitting: its filters by loops, and that their weights are those of the kernel step."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from facedeblur.methods.classical.blind import pan_2017
from facedeblur.methods.classical.blind.kernel_step import NormalEquations
from facedeblur.methods.classical.blind.scales import differences


def picture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Patches of constant grey in [0, 1], slightly blurred; float32."""
    rough = np.kron(np.random.default_rng(seed).random((shape[0] // 6 + 1, shape[1] // 6 + 1)), np.ones((6, 6)))
    return signal.convolve(rough[: shape[0], : shape[1]], np.ones((2, 2)) / 4, "same").astype(np.float32)


def test_responses_are_those_of_difference_filters() -> None:
    image = picture((14, 15))
    found = pan_2017.filtered(image, differences(image))
    assert found.shape == (6, 13, 14)
    masks = {
        0: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        1: [[0, 0, 0], [0, -1, 1], [0, 0, 0]],
        2: [[0, 0, 0], [0, -1, 0], [0, 1, 0]],
        3: [[0, 0, 0], [1, -2, 1], [0, 0, 0]],
        4: [[0, 1, 0], [0, -2, 0], [0, 1, 0]],
    }
    for which, mask in masks.items():
        expected = signal.correlate2d(image, np.array(mask), "valid")
        np.testing.assert_allclose(found[which, 1:, 1:], expected[:12, :13], atol=1e-6)
    # The mixed derivative is the mean of two differences of differences, one pixel apart.
    ramp = np.outer(np.arange(6.0), np.arange(7.0)).astype(np.float32)
    np.testing.assert_allclose(pan_2017.filtered(ramp, differences(ramp))[5, 1:, 1:], 1, atol=1e-6)


def test_weights_of_the_orders_are_those_of_the_normal_equations() -> None:
    blurred = picture((40, 44), seed=1)
    orders, size = (0.3, 2.0, 0.7), 5
    kernel = np.zeros((size, size))
    kernel[2, 1:4] = 1 / 3
    latent = pan_2017.FittedLatent(blurred, size, None, orders)
    whole = NormalEquations(latent.gradients(kernel), latent.blurred, size)
    other = pan_2017.FittedLatent(blurred, size, None, (1.0, 1.0, 1.0))
    responses = other.responses(kernel)
    each = [NormalEquations(responses[part], other.seen[part], size) for part in pan_2017.PARTS]
    for name in ("lags", "right"):
        expected = sum(weight * getattr(one, name) for weight, one in zip(orders, each, strict=True))
        np.testing.assert_allclose(getattr(whole, name), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("orders", "maps"), [((0.0, 1.0, 0.0), 2), ((0.1, 1.0, 0.0), 3), ((0.0, 1.0, 0.5), 5)])
def test_orders_without_weight_are_left_out(orders: tuple[float, float, float], maps: int) -> None:
    latent = pan_2017.FittedLatent(picture((30, 30)), 5, None, orders)
    assert latent.blurred.shape == (maps, 29, 29)
    assert latent.gradients(np.full((5, 5), 1 / 25)).shape == (maps, 29, 29)


def test_the_level_of_an_image_does_not_count() -> None:
    one, other = picture((30, 30)) * 0.5, picture((30, 30)) * 0.5 + np.float32(0.25)
    found = [pan_2017.FittedLatent(image, 5, None, (1.0, 1.0, 1.0)).blurred for image in (one, other)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_the_latent_of_the_next_scale_goes_on() -> None:
    first = pan_2017.FittedLatent(picture((30, 30)), 5, None)
    first.gradients(np.full((5, 5), 1 / 25))
    second = pan_2017.FittedLatent(picture((60, 60)), 9, first)
    assert second.weight == first.weight < pan_2017.WEIGHT
    assert second.salient is first.salient
