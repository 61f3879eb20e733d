"""Hyper-Laplacian deconvolution and total variation against slow literal versions."""

from __future__ import annotations

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.nonblind.boundary import Periodic
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import (
    ALPHAS,
    BETAS,
    KrishnanFergus,
    checked_kernel,
    hyper_laplacian,
    shrink,
    shrunk_divergence,
    threshold,
)
from facedeblur.methods.classical.nonblind.richardson_lucy import RichardsonLucy, curvature
from facedeblur.methods.classical.nonblind.wiener import Wiener


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((np.clip(a, 0, 1).astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize(("alpha", "power"), ALPHAS.values(), ids=ALPHAS)
@pytest.mark.parametrize("beta", [1.0, 8.0, 181.0, 2e4])
def test_the_shrunk_gradient_is_the_brute_force_minimiser(alpha, power, beta):
    limit = threshold(alpha, beta)
    values = np.random.default_rng(3).uniform(-1.5, 1.5, 40)
    values = np.r_[values, limit * np.array([0.5, 0.999, 1.001, 1.05, -1.3, -4])].astype(np.float32)
    got = [float(shrink(value, power, np.float32(beta), np.float32(limit))) for value in values]
    part = np.linspace(0, 1, 100_001)
    for value, w in zip(values.astype(np.float64), got, strict=True):
        grid = part * abs(value)
        cost = grid**alpha + beta / 2 * (grid - abs(value)) ** 2
        ours = abs(w) ** alpha + beta / 2 * (w - value) ** 2
        assert ours <= cost.min() * (1 + 1e-5) + 1e-9
        assert w == 0 or np.sign(w) == np.sign(value)
        # At the threshold itself both minima are equally low: there only the cost can be compared.
        if abs(abs(value) - limit) > 1e-2 * limit:
            assert abs(w) == pytest.approx(grid[cost.argmin()], abs=2e-5 * max(1, abs(value)))


def test_the_divergence_is_the_literal_one_and_of_any_shape():
    image = np.random.default_rng(4).random((2, 7, 5)).astype(np.float32)
    beta = np.float32(20)
    limit = np.float32(threshold(0.5, 20))
    each = np.vectorize(lambda value: shrink(np.float32(value), 2, beta, limit), otypes=[np.float32])
    right, down = each(np.roll(image, -1, 2) - image), each(np.roll(image, -1, 1) - image)
    wanted = np.roll(right, 1, 2) - right + np.roll(down, 1, 1) - down
    assert np.abs(shrunk_divergence(image, 2, beta, limit) - wanted).max() < 1e-6


def _literal(ground: Periodic, kernel: np.ndarray, alpha: float, weight: float) -> np.ndarray:
    """The published loop in float64, with full transforms and a grid search for every gradient."""
    room = np.zeros(ground.shape)
    half = len(kernel) // 2
    for y, x in np.ndindex(kernel.shape):
        room[(y - half) % room.shape[0], (x - half) % room.shape[1]] += kernel[y, x]
    across, along = np.zeros(ground.shape), np.zeros(ground.shape)
    across[0, 0] = along[0, 0] = -1
    across[0, -1] = along[-1, 0] = 1
    transfer, fx, fy = np.fft.fft2(room), np.fft.fft2(across), np.fft.fft2(along)
    part = np.linspace(0, 1, 2001)
    seen = ground.image.astype(np.float64)
    out = np.empty_like(seen)
    for c, image in enumerate(seen):
        estimate = image
        for beta in BETAS:
            shrunk = []
            for kernel_of_gradient in (fx, fy):
                v = np.fft.ifft2(np.fft.fft2(estimate) * kernel_of_gradient).real
                grid = np.abs(v)[..., None] * part
                cost = grid**alpha + beta / 2 * (grid - np.abs(v)[..., None]) ** 2
                best = np.take_along_axis(grid, cost.argmin(-1)[..., None], -1)[..., 0]
                shrunk.append(np.fft.fft2(np.sign(v) * best))
            above = weight / beta * transfer.conj() * np.fft.fft2(image)
            above = above + fx.conj() * shrunk[0] + fy.conj() * shrunk[1]
            below = weight / beta * np.abs(transfer) ** 2 + np.abs(fx) ** 2 + np.abs(fy) ** 2
            estimate = np.fft.ifft2(above / below).real
        out[c] = estimate
    return out


@pytest.mark.parametrize("alpha", [exponent for exponent, _ in ALPHAS.values()], ids=ALPHAS)
def test_the_whole_method_is_the_literal_loop(pairs, alpha):
    _, blurred, kernel = pairs[0]
    crop = blurred[40:72, 40:68, :1]
    ground = Periodic(crop, kernel, rounds=4)
    wanted = ground.crop(_literal(ground, kernel, alpha, 2000.0))
    assert np.abs(hyper_laplacian(crop, kernel, alpha=alpha) - wanted).max() < 2e-3


@pytest.mark.parametrize("alpha", ALPHAS)
def test_it_beats_the_wiener_filter_on_faces(pairs, alpha):
    gains = []
    for sharp, blurred, kernel in pairs:
        restored = KrishnanFergus(alpha=alpha).restore(blurred[None], [kernel])[0]
        assert restored.dtype == np.float32
        gains.append(psnr(restored, sharp) - psnr(Wiener().restore(blurred[None], [kernel])[0], sharp))
    assert np.mean(gains) > 0.3


@pytest.mark.parametrize("border", ["taper", "wrap"])
def test_every_form_of_input_gives_the_same(pairs, border):
    stack = np.stack([pair[1] for pair in pairs[:3]])
    kernels = [pair[2] for pair in pairs[:3]]
    whole = hyper_laplacian(stack, kernels, border=border)
    alone = hyper_laplacian(stack[1].astype(np.float64), 7 * kernels[1], border=border)
    grey = hyper_laplacian(stack[1, ..., 2:], kernels[1], border=border)
    assert np.abs(whole[1] - alone).max() < 1e-6
    assert np.abs(whole[1, ..., 2:] - grey).max() < 1e-6


def test_constant_saturated_and_small_images_stay_finite():
    kernel = np.full((31, 31), 1 / 961)
    for image in (np.full((40, 33, 3), 0.3), np.ones((16, 16, 3)), np.zeros((9, 20, 3))):
        blurred = image.astype(np.float32)
        methods = [RichardsonLucy(tv=0.002), *(KrishnanFergus(alpha=alpha) for alpha in ALPHAS)]
        for method in methods:
            restored = method.restore(blurred[None], [kernel])
            assert np.abs(restored - blurred).max() < 0.02
    spike = np.zeros((64, 64, 3), np.float32)
    spike[30:34, 30:34] = 1
    assert np.isfinite(KrishnanFergus(alpha="1/2").restore(spike[None], [kernel])).all()


def test_the_wrapped_border_deconvolves_as_well_inside(pairs):
    sharp, blurred, kernel = pairs[2]
    inside = slice(24, -24)
    one, other = (hyper_laplacian(blurred, kernel, border=border)[inside, inside] for border in ("taper", "wrap"))
    assert abs(psnr(one, sharp[inside, inside]) - psnr(other, sharp[inside, inside])) < 1.5


def test_total_variation_is_the_literal_divisor_and_calms_noise(pairs):
    sharp, blurred, kernel = pairs[0]
    image = np.random.default_rng(6).random((1, 5, 6)).astype(np.float32)
    got = curvature(image)[0]
    x = image[0].astype(np.float64)

    def unit(i: int, j: int, axis: int) -> float:
        i, j = i % 5, j % 6
        along = x[i, (j + 1) % 6] - x[i, j], x[(i + 1) % 5, j] - x[i, j]
        return along[axis] / np.hypot(np.hypot(*along), 1e-4)

    for i in range(5):
        for j in range(6):
            wanted = unit(i, j, 0) - unit(i, j - 1, 0) + unit(i, j, 1) - unit(i - 1, j, 1)
            assert got[i, j] == pytest.approx(wanted, abs=1e-5)
    noisy = np.clip(blurred + np.random.default_rng(7).normal(0, 0.02, blurred.shape), 0, 1).astype(np.float32)
    plain = RichardsonLucy(iterations=60).restore(noisy[None], [kernel])[0]
    calm = RichardsonLucy(iterations=60, tv=0.01).restore(noisy[None], [kernel])[0]
    assert psnr(calm, sharp) > psnr(plain, sharp) + 0.5


def test_what_cannot_be_done_is_refused(pairs):
    blurred, kernel = pairs[0][1], pairs[0][2]
    with pytest.raises(InputError, match="1/2, 2/3, 1"):
        KrishnanFergus(alpha="0.9")
    with pytest.raises(InputError, match="alpha"):
        hyper_laplacian(blurred, kernel, alpha=0.8)
    with pytest.raises(InputError, match="weight"):
        hyper_laplacian(blurred, kernel, weight=0)
    with pytest.raises(InputError, match="one of taper, wrap"):
        hyper_laplacian(blurred, kernel, border="mirror")
    with pytest.raises(InputError, match="tv"):
        RichardsonLucy(tv=0.25)
    for bad in (np.zeros((5, 5)), np.ones((4, 4)), np.full((3, 3), np.nan), np.ones((3, 5))):
        with pytest.raises(InputError, match="kernel"):
            checked_kernel(bad)
