"""Losses of numbers that describe an image."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.losses.base import make_loss


def test_divergence_is_torchs_from_the_standard_normal():
    torch.manual_seed(0)
    mean, logs = torch.randn(2, 3, 8, dtype=torch.float64)
    found = make_loss("normal-divergence")({"blur_mean": mean, "blur_log_variance": logs}, {})
    expected = kl_divergence(Normal(mean, (logs / 2).exp()), Normal(torch.zeros_like(mean), torch.ones_like(mean)))
    torch.testing.assert_close(found, expected.sum(1).mean())
    zeros = torch.zeros(2, 8)
    assert make_loss("normal-divergence")({"blur_mean": zeros, "blur_log_variance": zeros}, {}) == 0
    with pytest.raises(InputError, match="blur_log_variance"):
        make_loss("normal-divergence")({"blur_mean": mean}, {})


def test_two_outputs_are_compared():
    first, second = torch.rand(2, 4, 8)
    loss = make_loss("between-outputs", {"of": "a", "to": "b"})
    torch.testing.assert_close(loss({"a": first, "b": second}, {}), (first - second).abs().mean())
    with pytest.raises(InputError, match="'c'"):
        make_loss("between-outputs", {"of": "a", "to": "c"})({"a": first, "b": second}, {})
