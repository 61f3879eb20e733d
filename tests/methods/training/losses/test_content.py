"""The losses between images, and what all losses share, against loops over the pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.losses.base import halved, make_loss
from facedeblur.methods.training.losses.registry import LOSSES


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random values in [0, 1], float64."""
    return torch.from_numpy(np.random.default_rng(seed).random(shape))


OUTPUT, SHARP = images(2, 3, 5, 4, seed=1), images(2, 3, 5, 4, seed=2)


def summed(value) -> float:
    """Sum of value(output, target) over one image after the other, in loops; mean over the batch."""
    total = 0.0
    for n in range(2):
        for c in range(3):
            for i in range(5):
                for j in range(4):
                    total += value(float(OUTPUT[n, c, i, j]), float(SHARP[n, c, i, j]))
    return total / 2


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [
        ("l1", {}, lambda y, x: abs(y - x)),
        ("l2", {}, lambda y, x: (y - x) ** 2),
        ("charbonnier", {"eps": 0.3}, lambda y, x: math.sqrt((y - x) ** 2 + 0.09)),
    ],
)
def test_pixelwise(name, options, value):
    batch = {"sharp": SHARP}
    sums = make_loss(name, {**options, "reduction": "sum"})({"restored": OUTPUT}, batch)
    means = make_loss(name, options)({"restored": OUTPUT}, batch)
    assert sums.shape == means.shape == ()
    assert float(sums) == pytest.approx(summed(value), rel=1e-12)
    assert float(means) == pytest.approx(summed(value) / 60, rel=1e-12)


@pytest.mark.parametrize("magnitude", [False, True])
def test_gradient_l1(magnitude):
    y, x = OUTPUT.numpy(), SHARP.numpy()
    across, down = 0.0, 0.0

    def differ(a, b):
        return abs(abs(a) - abs(b)) if magnitude else abs(a - b)

    for n in range(2):
        for c in range(3):
            for i in range(5):
                for j in range(4):
                    if j < 3:
                        across += differ(y[n, c, i, j + 1] - y[n, c, i, j], x[n, c, i, j + 1] - x[n, c, i, j])
                    if i < 4:
                        down += differ(y[n, c, i + 1, j] - y[n, c, i, j], x[n, c, i + 1, j] - x[n, c, i, j])
    outputs, batch = {"restored": OUTPUT}, {"sharp": SHARP}
    mean = make_loss("gradient-l1", {"magnitude": magnitude})(outputs, batch)
    assert float(mean) == pytest.approx(across / (2 * 3 * 5 * 3) + down / (2 * 3 * 4 * 4), rel=1e-12)
    total = make_loss("gradient-l1", {"magnitude": magnitude, "reduction": "sum"})(outputs, batch)
    assert float(total) == pytest.approx((across + down) / 2, rel=1e-12)


def test_an_edge_of_the_wrong_sign_costs_nothing_by_magnitude():
    edge = torch.zeros(1, 3, 4, 4)
    edge[..., 2:] = 1
    outputs, batch = {"restored": 1 - edge}, {"sharp": edge}
    assert float(make_loss("gradient-l1", {"magnitude": True})(outputs, batch)) == 0
    assert float(make_loss("gradient-l1")(outputs, batch)) == pytest.approx(2 / 3)


def imresized(image: np.ndarray) -> np.ndarray:
    """``imresize(image, 0.5)`` of MATLAB along both axes, weight by weight; the image goes on mirrored."""

    def cubic(t: float) -> float:
        t = abs(t)
        if t <= 1:
            return 1.5 * t**3 - 2.5 * t**2 + 1
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0

    for _ in range(2):
        length = image.shape[0]
        small = np.zeros((length // 2, image.shape[1]))
        for i in range(length // 2):
            centre, total = 2 * i + 0.5, 0.0
            for at in range(2 * i - 5, 2 * i + 7):
                weight = cubic((at - centre) / 2)
                mirrored = -1 - at if at < 0 else 2 * length - 1 - at if at >= length else at
                small[i] += weight * image[mirrored]
                total += weight
            small[i] /= total
        image = small.T
    return image


@pytest.mark.parametrize("half", ["bicubic", "area", "nearest"])
def test_the_half_size_target_is_made_from_the_whole_one(half):
    sharp, output = images(1, 3, 12, 16, seed=3), images(1, 3, 6, 8, seed=4)
    wanted = np.zeros((3, 6, 8))
    for c in range(3):
        plane = sharp[0, c].numpy()
        if half == "bicubic":
            wanted[c] = np.clip(imresized(plane), 0, 1)
        for i in range(6):
            for j in range(8):
                if half == "area":
                    wanted[c, i, j] = plane[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].sum() / 4
                elif half == "nearest":
                    wanted[c, i, j] = plane[2 * i, 2 * j]
    np.testing.assert_allclose(halved(sharp, half)[0].numpy(), wanted, atol=1e-6)
    loss = make_loss("l1", {"of": "restored_half", "target": "sharp_half", "half": half})
    expected = np.abs(wanted - output[0].numpy()).mean()
    assert float(loss({"restored_half": output}, {"sharp": sharp})) == pytest.approx(expected, abs=1e-6)
    given = loss({"restored_half": output}, {"sharp": sharp, "sharp_half": output})
    assert float(given) == 0


def test_every_registered_loss_can_be_looked_up_and_l1_is_differentiable():
    assert {"l1", "local-structural", "parsing", "confidence-guided", "class-streams", "perceptual",
            "feature-priors"} <= set(LOSSES)  # fmt: skip
    for name in LOSSES:
        assert callable(LOSSES.get(name))
    output = OUTPUT.clone().requires_grad_()
    make_loss("l1")({"restored": output}, {"sharp": SHARP}).backward()
    np.testing.assert_allclose(output.grad.numpy(), np.sign((OUTPUT - SHARP).numpy()) / 120)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("l1x", {}, "did you mean 'l1'"),
        ("l1", {"reductoin": "sum"}, "did you mean 'reduction'"),
        ("l1", {"reduction": "total"}, "one of mean, sum"),
        ("l1", {"half": "linear"}, "one of bicubic, area"),
        ("charbonnier", {"eps": 0}, "above 0"),
        ("charbonnier", {"eps": "small"}, "invalid value"),
        ("charbonnier", {"options": {}}, "expected one of eps, of, target"),
    ],
)
def test_a_wrong_recipe_is_told_in_one_line(name, options, words):
    with pytest.raises(InputError, match=words) as caught:
        make_loss(name, options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "batch", "words"),
    [
        ({"coarse": OUTPUT}, {"sharp": SHARP}, "network output 'restored'"),
        ({"restored": OUTPUT}, {"blurred": SHARP}, "batch entry 'sharp'"),
        ({"restored": OUTPUT[..., :2]}, {"sharp": SHARP}, "the shape of 'sharp'"),
    ],
)
def test_wrong_tensors_are_told(outputs, batch, words):
    with pytest.raises(InputError, match=words):
        make_loss("l1")(outputs, batch)


def test_mixed_precision_does_not_round_the_half_size_target():
    sharp = images(1, 3, 12, 16).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = halved(sharp)
    assert found.dtype == torch.float32
    assert torch.equal(found, halved(sharp))


def test_an_odd_target_has_no_half():
    with pytest.raises(InputError, match="even height"):
        make_loss("l1", {"target": "sharp_half"})({"restored": OUTPUT}, {"sharp": SHARP})


def test_the_target_at_a_quarter_of_the_size_is_halved_twice():
    sharp, small = images(1, 3, 16, 24), images(1, 3, 4, 6, seed=1)
    loss = make_loss("l2", {"of": "small", "target": "sharp_quarter", "half": "nearest"})
    expected = (small - sharp[..., ::4, ::4]).square().mean()
    torch.testing.assert_close(loss({"small": small}, {"sharp": sharp}), expected)
    with pytest.raises(InputError, match="sharp_third"):
        make_loss("l2", {"of": "small", "target": "sharp_third"})({"small": small}, {"sharp": sharp})
