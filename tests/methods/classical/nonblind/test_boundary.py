"""Images made periodic: circular convolution, tapered and wrapped borders."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.nonblind.boundary import Periodic, fast_shape, taper_weight, wrap_pad


def test_circular_convolution_and_its_adjoint(pairs):
    rng = np.random.default_rng(1)
    kernel = pairs[3][2]
    ground = Periodic(rng.random((30, 33, 3)).astype(np.float32), kernel, rounds=0)
    half = (len(kernel) - 1) // 2
    tiled = np.pad(ground.image[0].astype(np.float64), half, mode="wrap")
    assert np.abs(ground.convolve(ground.image)[0] - signal.convolve2d(tiled, kernel, "valid")).max() < 1e-5
    a, b = (rng.random((3, *ground.shape)).astype(np.float32) for _ in range(2))
    assert np.vdot(ground.convolve(a), b) == pytest.approx(np.vdot(a, ground.correlate(b)), rel=1e-4)


def test_the_taper_weight_is_one_inside_and_falls_to_the_border(pairs):
    kernel = pairs[3][2]
    weight = taper_weight(kernel, (90, 80))
    assert weight.shape == (90, 80)
    assert weight.min() >= 0
    assert np.all(weight[27:-27, 27:-27] > 0.999)
    assert np.allclose(weight[0], 0, atol=1e-6)
    assert np.allclose(weight[:, -1], 0, atol=1e-6)
    assert np.allclose(weight, weight[::-1, ::-1], atol=1e-6)


def test_tapering_makes_the_image_periodic(pairs):
    _, blurred, kernel = pairs[3]

    def jump(image: np.ndarray) -> float:
        return float(np.abs(image[:, 0] - image[:, -1]).mean() + np.abs(image[:, :, 0] - image[:, :, -1]).mean())

    assert jump(Periodic(blurred, kernel).image) < 0.5 * jump(Periodic(blurred, kernel, rounds=0).image)


def test_wrapping_keeps_the_image_and_joins_its_edges_smoothly(pairs):
    blurred = pairs[3][1]
    height, width = blurred.shape[:2]
    shape = fast_shape((height, width), 27)
    assert shape[0] >= height + 26
    assert shape[1] >= width + 26
    padded = wrap_pad(blurred, shape)
    assert np.array_equal(padded[:height, :width], blurred)
    outside = np.ones(shape, bool)
    outside[:height, :width] = False
    steps = [np.abs(np.roll(padded, -1, axis) - padded) for axis in (0, 1)]
    replicated = np.pad(blurred, [(0, shape[0] - height), (0, shape[1] - width), (0, 0)], mode="edge")
    for axis, step in enumerate(steps):
        wrapped = np.abs(np.roll(replicated, -1, axis) - replicated)
        assert step[outside].max() < 0.25 * wrapped[outside].max()
    # Nothing overshoots: a harmonic function has its extremes on the edge.
    assert padded.min() >= blurred.min() - 1e-9
    assert padded.max() <= blurred.max() + 1e-9
    laplacian = sum(np.roll(padded, s, a) for s in (-1, 1) for a in (0, 1)) - 4 * padded
    assert np.abs(laplacian[1 : height - 1, width:]).max() < 1e-9
    assert np.abs(laplacian[height:, 1 : width - 1]).max() < 1e-9
    assert np.abs(laplacian[height:, width:]).max() < 1e-9


def test_wrapping_one_channel_alone_and_nothing_at_all():
    image = np.random.default_rng(5).random((6, 9, 2))
    whole = wrap_pad(image, (10, 14))
    assert np.allclose(whole[..., 1], wrap_pad(image[..., 1], (10, 14)))
    assert np.array_equal(wrap_pad(image, (6, 9)), image)
    assert np.allclose(wrap_pad(np.full((1, 2), 0.4), (4, 5)), 0.4)
    with pytest.raises(InputError, match="at least 9x6"):
        wrap_pad(image, (5, 14))
