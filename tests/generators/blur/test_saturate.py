"""Saturation against a literal conversion to YCbCr and back."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.blur.saturate import saturate

# JPEG (JFIF 1.02) conversion matrices.
TO = np.array([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])


def literal(image: np.ndarray, gain: float) -> np.ndarray:
    ycc = image.astype(float) / 255 @ TO.T
    ycc[..., 0] = np.clip(ycc[..., 0] * gain, 0, 1)
    return np.floor(np.clip(ycc @ np.linalg.inv(TO).T, 0, 1) * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.5, 3.0])
def test_as_through_ycbcr(portrait, gain):
    difference = saturate(portrait, gain).astype(int) - literal(portrait, gain)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3


def test_a_gain_of_one_changes_nothing_and_more_saturates(portrait):
    assert np.array_equal(saturate(portrait, 1.0), portrait)
    assert (saturate(portrait, 1.5) == 255).mean() > (portrait == 255).mean() + 0.05


def test_unusable():
    with pytest.raises(InputError, match="uint8"):
        saturate(np.zeros((4, 4, 3)), 1.5)
    with pytest.raises(InputError, match="positive"):
        saturate(np.zeros((4, 4, 3), np.uint8), 0.0)
