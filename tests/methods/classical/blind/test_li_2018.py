"""The classifier as a prior: the half-step, its limits, and a kernel that is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from blurred_pictures import pictures, stroke
from scipy import signal
from skimage import data

from facedeblur.methods.classical.blind import blur_network, li_2018
from facedeblur.methods.classical.blind.blur_network import BlurClassifier
from facedeblur.methods.classical.blind.li_2018 import sharpened


@pytest.fixture(scope="module")
def small() -> BlurClassifier:
    """A narrow classifier of random weights, in double precision."""
    torch.manual_seed(0)
    return BlurClassifier(width=4).double()


def test_half_step_follows_autograd_and_lowers_what_it_minimises(small: BlurClassifier) -> None:
    image, price, prior = np.random.default_rng(1).random((16, 16)) * 0.5 + 0.25, 0.5, 2e-3
    given = torch.from_numpy(image).requires_grad_()

    def cost(u: torch.Tensor) -> torch.Tensor:
        return price * ((u - torch.from_numpy(image)) ** 2).sum() + prior * image.size * torch.sigmoid(
            small(u[None, None])
        )

    (slope,) = torch.autograd.grad(cost(given).sum(), given)
    found = sharpened(image, price, prior, small)
    np.testing.assert_allclose(found, image - slope.numpy() / (2 * price), atol=1e-12)
    assert np.abs(found - image).max() > 1e-4
    with torch.no_grad():
        assert float(cost(torch.from_numpy(found))) < float(cost(torch.from_numpy(image)))


def test_small_images_are_left_and_values_stay_in_range(small: BlurClassifier) -> None:
    tiny = np.random.default_rng(0).random((7, 20))
    np.testing.assert_array_equal(sharpened(tiny, 0.1, 1.0, small), tiny)
    found = sharpened(np.random.default_rng(0).random((16, 16)), 1e-6, 1.0, small)
    assert found.min() == 0 and found.max() == 1


def test_a_known_kernel_is_found_and_the_image_restored() -> None:
    sharp = data.astronaut()[40:232, 130:322].reshape(96, 2, 96, 2, 3).mean(axis=(1, 3)) / 255
    true = stroke(7, 0.9)
    wide = np.stack([signal.fftconvolve(sharp[..., c], true, "valid") for c in range(3)], axis=2)
    blurred = np.clip(wide + np.random.default_rng(0).normal(0, 0.003, wide.shape), 0, 1).astype(np.float32)
    method = li_2018.Li2018(size=9)
    (restored,) = method.restore(blurred[None])
    (kernel,) = method.estimated_kernels
    cross = signal.correlate(kernel, true, "full").max() / np.sqrt((kernel**2).sum() * (true**2).sum())
    assert cross > 0.8
    inside = np.s_[8:-8, 8:-8]
    truth = sharp[3:-3, 3:-3]
    errors = [min(((np.roll(one, at, (0, 1)) - truth)[inside] ** 2).mean() for at in np.ndindex(3, 3))
              for one in (np.roll(image, (-1, -1), (0, 1)) for image in (blurred, restored))]  # fmt: skip
    assert errors[1] < 0.8 * errors[0]


def test_the_latent_of_the_next_scale_goes_on(monkeypatch: pytest.MonkeyPatch, small: BlurClassifier) -> None:
    monkeypatch.setattr(blur_network, "classifier", lambda: small)
    first = li_2018.DiscriminativeLatent(pictures()[0][:40, :40], 5, None)
    found = first.gradients(np.full((5, 5), 1 / 25))
    assert found.shape == (2, 39, 39) and np.isfinite(found).all()
    second = li_2018.DiscriminativeLatent(pictures()[0][:60, :60], 9, first)
    assert (second.weight, second.prior) == (first.weight, first.prior)
    assert second.weight < li_2018.GRADIENT and second.prior < li_2018.PRIOR
    assert second.salient is first.salient
