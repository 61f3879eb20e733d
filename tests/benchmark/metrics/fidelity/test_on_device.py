"""PSNR and SSIM by torch: the values of the compiled loops, one image at a time or many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.metrics.fidelity import on_device
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import DEFINITIONS, SPACES

SAME = "cpu:0"
"""The processor as torch also calls it, so that the code of other devices runs there."""


@pytest.fixture(scope="module")
def pair(portrait: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sharp image, weak to strong noise on it, its negative and black, (7, 70, 61, 3); and the sharp one."""
    sharp, rng = portrait[60:130, 180:241], np.random.default_rng(0)
    noisy = [np.clip(sharp + rng.normal(0, sigma, sharp.shape), 0, 255).round() for sigma in (0, 0.3, 3, 30, 100)]
    return np.stack([*noisy, 255 - sharp, np.zeros_like(sharp)]).astype(np.uint8), np.ascontiguousarray(sharp)


@pytest.mark.parametrize("at_once", [1, 2**23])
@pytest.mark.parametrize("space", [*SPACES, "rgb,cap48"])
def test_psnr_is_the_same_bits(pair, space: str, at_once: int, monkeypatch):
    monkeypatch.setattr(on_device, "_AT_ONCE", at_once)
    one = metric(f"psnr[{space}]")
    values = one.on(SAME).measure(*pair, None)
    assert values.tolist() == one.measure(*pair, None).tolist()
    assert values[0] == (48 if "cap" in space else math.inf)


@pytest.mark.parametrize("at_once", [1, 2**23])
@pytest.mark.parametrize("definition", DEFINITIONS)
def test_ssim_differs_by_its_bound_at_most(pair, definition: str, at_once: int, monkeypatch):
    monkeypatch.setattr(on_device, "_AT_ONCE", at_once)
    one = metric(f"ssim[{definition}]")
    values = one.on(SAME).measure(*pair, None)
    np.testing.assert_allclose(values, one.measure(*pair, None), rtol=0, atol=one.device_bound)
    assert values[0] == 1


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_images_are_checked_as_on_the_processor(pair, name: str):
    restored, sharp = pair
    one = metric(name).on(SAME)
    assert (one.device, str(one.signature)) == (SAME, str(metric(name).signature)), "the definition stays"
    with pytest.raises(InputError, match="the shape of the sharp image"):
        one.measure(restored[:, :-1], sharp, None)
    if name == "ssim":
        with pytest.raises(InputError, match="at least 11x11"):
            one.measure(restored[:, :10], sharp[:10], None)


def test_a_metric_without_a_device_stays_where_it_is():
    one = metric("psnr-crop")
    assert one.on(SAME) is one
