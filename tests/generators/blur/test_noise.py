"""Laws of noise: what they draw, alike everywhere, and how another one is entered."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.registry import Registry
from facedeblur.generators.blur import noise as noises
from facedeblur.generators.blur.degrade import degrade, degrade_many
from facedeblur.generators.blur.noise import NOISES, Noise, NoiseLaw, Shape
from facedeblur.generators.blur.nonuniform import degrade_nonuniform
from facedeblur.generators.random.philox import normals, uniforms

POINT = np.ones((1, 1))


def test_gaussian_noise_is_the_normals_of_its_pair() -> None:
    drawn = Noise(0.1).draw(3, 2**40, (5, 7, 3))
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn.ravel(), normals(3, 2**40, 105))


def test_uniform_noise_is_the_uniforms_of_its_pair() -> None:
    drawn = Noise(0.1, "uniform").draw(3, 9, (5, 7, 3))
    assert drawn.dtype == np.float64
    assert np.array_equal(drawn.ravel(), uniforms(3, 9, 105))
    many = Noise(1, "uniform").draw(0, 0, (100, 100, 3))
    assert 0 < many.min() < 1e-3
    assert 1 - 1e-3 < many.max() < 1
    assert many.mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
def test_a_device_draws_the_same_bits(kind: str) -> None:
    noise, indices = Noise(0.1, kind), [0, 2**40, 2**64 - 1]
    drawn = noise.draw_on("cpu", 5, indices, (9, 8, 3))
    assert np.array_equal(drawn.numpy(), np.stack([noise.draw(5, index, (9, 8, 3)) for index in indices]))
    still = Noise(0, kind).draw_on("cpu", 5, indices, (9, 8, 3))
    assert still.shape == (3, 9, 8, 3)
    assert not torch.any(still)


def test_a_law_of_ones_own_reaches_every_kind_of_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ramp(NoiseLaw):
        """From 0 to 1 along the columns."""

        def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
            return np.broadcast_to(np.linspace(0, 1, shape[1])[:, None], shape)

    known: Registry[type[NoiseLaw]] = Registry("noise")
    monkeypatch.setattr(noises, "NOISES", known)
    known.add("ramp", Ramp)
    ramp, flat = Noise(0.2, "ramp"), np.full((6, 52, 3), 100, np.uint8)
    wanted = np.broadcast_to(100 + np.arange(52)[:, None], flat.shape)
    assert np.array_equal(degrade(flat, POINT, noise=ramp, seed=0, index=0), wanted)
    assert np.array_equal(degrade(flat[..., 0], POINT, noise=ramp, seed=0, index=0), wanted[..., 0])
    still = np.zeros((1, 6))
    assert np.array_equal(degrade_nonuniform(flat, [still], noise=ramp, seed=0, indices=[0])[0], wanted)
    assert np.array_equal(ramp.draw_on("cpu", 0, [0, 1], (6, 52, 3))[1].numpy(), ramp.draw(0, 1, (6, 52, 3)))


def test_uniform_noise_on_a_kernel_is_that_of_float64() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 44, 3)).astype(np.uint8)
    noise = Noise(0.1, "uniform")
    got = degrade_many(image, [POINT] * 3, noise=noise, seed=1, indices=[4, 5, 6])
    for index, pixels in zip((4, 5, 6), got, strict=True):
        exact = image + 25.5 * noise.draw(1, index, image.shape)
        assert np.array_equal(pixels, np.floor(np.clip(exact, 0, 255) + 0.5))


def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"noise 'gausian': expected one of .*; did you mean 'gaussian'\?"):
        Noise(0.01, "gausian")
    for sigma in (-0.1, 2.55, float("nan")):
        with pytest.raises(
            InputError, match=r"noise, sigma: expected from 0 to 1, in .* units, found .*; divide grey levels by 255"
        ):
            Noise(sigma)
    monkeypatch.setattr(NOISES.get("gaussian"), "draw", lambda self, seed, index, shape: np.zeros(3))
    with pytest.raises(InputError, match=r"noise 'gaussian': expected values of shape \(4, 4, 1\), found \(3,\)"):
        Noise(0.01).draw(0, 0, (4, 4, 1))
