"""Channel weights next to the printed shares, and their figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedeblur.methods.training.channel_weights import ChannelWeights
from facedeblur.reports.channel_weights import draw, shares


@pytest.fixture
def found() -> ChannelWeights:
    rng = np.random.default_rng(0)
    weights = tuple(rng.beta(0.5, 0.5, width) for width in (8, 128, 256))
    layers = ("relu1_2", "relu2_2", "relu3_3")
    return ChannelWeights(layers, weights, True, 12, "mspl-center", Path("1-whole.safetensors"), "whole", 7000, 9000)


def test_shares_stand_next_to_the_printed_ones(found: ChannelWeights) -> None:
    rows = shares(found)
    assert [(one.printed_high, one.printed_low) for one in rows] == [
        ("39.1", "34.4"), ("32.3", "39.84"), ("37.5", "36.7"),
    ]  # fmt: skip
    assert [(one.channels, one.printed_channels) for one in rows] == [(8, 64), (128, 128), (256, 256)]
    for row, weights in zip(rows, found.weights, strict=True):
        assert row.high == sum(one > 0.8 for one in weights.tolist()) / len(weights)
        assert row.low == sum(one < 0.2 for one in weights.tolist()) / len(weights)
    (other,) = shares(replace(found, layers=("pool1",), weights=found.weights[:1]))
    assert (other.printed_high, other.printed_channels) == ("", 0)


def test_the_figure_shows_each_layer_in_descending_order(found: ChannelWeights) -> None:
    pytest.importorskip("matplotlib")
    axes = draw(found).axes[0]
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    assert [line.get_label() for line in lines] == [
        "relu1_2 (8 channels)", "relu2_2 (128 channels)", "relu3_3 (256 channels)",
    ]  # fmt: skip
    for line, weights in zip(lines, found.weights, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), sorted(weights, reverse=True))
        across = np.asarray(line.get_xdata())
        np.testing.assert_allclose(across, 100 * (np.arange(len(weights)) + 0.5) / len(weights))
    assert {float(line.get_ydata()[0]) for line in axes.lines if line not in lines} == {0.2, 0.8}
    told = [text.get_text() for figure in (draw(found), draw(replace(found, learned=False))) for text in figure.texts]
    assert "12 blurred images of mspl-center; step 7,000 of 9,000" in told[0] and "all channels alike" in told[
        1
    ].replace("\n", " ")
