"""The classical methods against the literal formula, scikit-image, and the blurred input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal
from skimage import restoration

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.blurred import Blurred
from facedeblur.methods.classical.nonblind.boundary import Periodic
from facedeblur.methods.classical.nonblind.richardson_lucy import RichardsonLucy
from facedeblur.methods.classical.nonblind.wiener import Wiener
from facedeblur.methods.classical.unsharp import Unsharp


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((np.clip(a, 0, 1).astype(np.float64) - b) ** 2)))


@pytest.mark.parametrize("method", [Wiener(), RichardsonLucy()], ids=["wiener", "richardson-lucy"])
def test_oracles_gain_over_three_decibels(method, pairs):
    gains = []
    for sharp, blurred, kernel in pairs:
        restored = method.restore(blurred[None], [kernel])
        assert restored.shape == (1, *blurred.shape)
        assert restored.dtype == np.float32
        gains.append(psnr(restored[0], sharp) - psnr(blurred, sharp))
    assert np.mean(gains) > 3
    assert min(gains) > 1


def test_the_kernel_is_a_convolution_kernel_and_not_a_correlation_kernel(pairs):
    sharp, blurred, kernel = pairs[3]
    right = psnr(Wiener().restore(blurred[None], [kernel])[0], sharp)
    turned = psnr(Wiener().restore(blurred[None], [kernel[::-1, ::-1]])[0], sharp)
    assert right > turned + 3


def test_blurred_is_the_input_and_unsharp_the_formula(pairs):
    sharp, blurred, _ = pairs[0]
    assert np.array_equal(Blurred().restore(blurred[None])[0], blurred)
    wanted = np.empty(blurred.shape)
    for c in range(3):
        smooth = ndimage.gaussian_filter(blurred[..., c].astype(np.float64), 3.0, mode="reflect")
        wanted[..., c] = blurred[..., c] + 0.5 * (blurred[..., c] - smooth)
    assert np.abs(Unsharp().restore(blurred[None])[0] - wanted).max() < 1e-5
    assert psnr(Unsharp().restore(blurred[None])[0], sharp) > psnr(blurred, sharp)


def test_wiener_without_a_border_is_the_literal_formula(pairs):
    """A periodic image needs no taper: then LIN's equation 11 in float64 must come out."""
    rng = np.random.default_rng(0)
    kernel = pairs[2][2]
    image = rng.random((40, 48, 3)).astype(np.float32)
    ground = Periodic(image, kernel, rounds=0)
    padded = ground.image.astype(np.float64)
    room = np.zeros(ground.shape)
    half = (len(kernel) - 1) // 2
    for y in range(len(kernel)):
        for x in range(len(kernel)):
            room[(y - half) % room.shape[0], (x - half) % room.shape[1]] += kernel[y, x]
    transfer = np.fft.fft2(room)
    wanted = np.fft.ifft2(np.fft.fft2(padded) * transfer.conj() / (np.abs(transfer) ** 2 + 0.01)).real
    got = ground.inverse(
        ground.transform(ground.image) * (ground.otf.conj() / (np.abs(ground.otf) ** 2 + np.float32(0.01)))
    )
    assert np.abs(got - wanted).max() < 2e-5
    assert ground.crop(ground.image) == pytest.approx(image)


def test_richardson_lucy_agrees_with_scikit_image_inside(pairs):
    """scikit-image continues the image by zeros and starts flat: far from the border 30 steps come near ours."""
    sharp, blurred, kernel = pairs[0]
    ours = RichardsonLucy(iterations=30).restore(blurred[None], [kernel])[0]
    peer = np.stack([restoration.richardson_lucy(blurred[..., c], kernel, num_iter=30) for c in range(3)], axis=2)
    inside = slice(40, -40)
    distance = np.sqrt(np.mean((ours[inside, inside] - peer[inside, inside]) ** 2))
    assert distance < 0.01
    assert psnr(ours, sharp) > psnr(peer, sharp)


def test_one_richardson_lucy_step_is_the_literal_formula(pairs):
    kernel = pairs[1][2]
    rng = np.random.default_rng(2)
    image = (0.2 + 0.6 * rng.random((32, 32, 3))).astype(np.float32)
    ground = Periodic(image, kernel)
    seen = ground.image.astype(np.float64)
    half = (len(kernel) - 1) // 2
    wanted = np.empty_like(seen)
    for c in range(3):
        once = signal.convolve2d(np.pad(seen[c], half, mode="wrap"), kernel, "valid")
        ratio = np.pad(seen[c] / once, half, mode="wrap")
        wanted[c] = seen[c] * signal.correlate2d(ratio, kernel, "valid")
    got = RichardsonLucy(iterations=1).restore(image[None], [kernel])[0]
    assert np.abs(got - ground.crop(wanted)).max() < 1e-5


def test_the_result_does_not_depend_on_the_batch(pairs):
    blurred = np.stack([pair[1] for pair in pairs])
    kernels = [pair[2] for pair in pairs]
    for method in (Wiener(), RichardsonLucy(iterations=2)):
        whole = method.restore(blurred, kernels)
        alone = method.restore(blurred[5:6], kernels[5:6])
        assert np.array_equal(whole[5], alone[0])


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match="gamma"):
        Wiener(gamma=0)
    with pytest.raises(InputError, match="iterations"):
        RichardsonLucy(iterations=0)
    with pytest.raises(InputError, match="sigma"):
        Unsharp(sigma=-1)
