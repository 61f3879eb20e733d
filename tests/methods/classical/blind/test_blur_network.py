"""The classifier of blurred images: its layers, its derivative by differences, and the weights in the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from blurred_pictures import pictures, stroke
from scipy import signal

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.classical.blind import blur_network
from facedeblur.methods.classical.blind.blur_network import BlurClassifier, blurriness, classifier
from facedeblur.methods.classical.blind.li_2018 import Li2018


@pytest.fixture(scope="module")
def small() -> BlurClassifier:
    """A narrow classifier of random weights, in double precision."""
    torch.manual_seed(0)
    return BlurClassifier(width=4).double()


def test_layers_are_as_wide_and_many_as_stated() -> None:
    network = BlurClassifier()
    assert sum(one.numel() for one in network.parameters()) == Li2018.parameters
    assert network(torch.rand(3, 1, 24, 17)).shape == (3,)
    # Global average pooling: the mean of the last map.
    image = torch.rand(1, 1, 24, 16)
    torch.testing.assert_close(network(image)[0], network.layers(image).mean())


def test_slope_is_that_of_differences(small: BlurClassifier) -> None:
    image = np.random.default_rng(0).random((16, 19))
    value, slope = blurriness(image, small)
    assert 0 < value < 1
    assert slope.shape == image.shape and slope.dtype == np.float64
    for at in ((0, 0), (7, 9), (15, 3), (8, 18)):
        near = [image.copy(), image.copy()]
        near[0][at] += 1e-6
        near[1][at] -= 1e-6
        numeric = (blurriness(near[0], small)[0] - blurriness(near[1], small)[0]) / 2e-6 * image.size
        assert slope[at] == pytest.approx(numeric, rel=1e-3, abs=1e-7)
    assert np.abs(slope).max() > 1e-3


def test_the_shipped_classifier_tells_blurred_from_sharp() -> None:
    right, falls = [], []
    for picture in pictures():
        sharp = blurriness(picture[10:-10, 10:-10], classifier())[0]
        right.append(sharp < 0.5)
        for number, size in enumerate((11, 15, 21)):
            blurred = signal.fftconvolve(picture, stroke(size, 0.4 + number), "same")[10:-10, 10:-10]
            value = blurriness(np.clip(blurred, 0, 1), classifier())[0]
            right.append(value > 0.5)
            falls.append(value > sharp)
    assert np.mean(right) > 0.75
    assert all(falls)


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (".safetensors", ".json"):
        shutil.copy(blur_network.SHIPPED.with_suffix(end), tmp_path)
    file = tmp_path / blur_network.SHIPPED.name
    file.write_bytes(file.read_bytes()[:-2] + b"xx")
    monkeypatch.setattr(blur_network, "SHIPPED", file)
    with pytest.raises(InputError, match="sha256"):
        classifier.__wrapped__()
