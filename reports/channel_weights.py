"""Channel weights of DFPGnet's discriminator next to what the paper prints, and their figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.methods.training.channel_weights import ChannelWeights
from facedeblur.reports.figures.style import COLOURS as LINES
from facedeblur.reports.figures.style import COLUMN, GREY, MARKERS, axes_of, legend, note, styled
from facedeblur.reports.tables.published.values import published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGH, LOW = 0.8, 0.2
SECTION = ("dfpgnet", "Section 2.1")


@dataclass(frozen=True)
class LayerShares:
    """Shares of a layer's channels of high and low weight, as measured and as the paper prints them.

    Attributes
    ----------
    layer : str
    channels : int
    high, low : float
        Shares of channels whose weight is over 0.8 and under 0.2, in [0, 1].
    printed_channels : int
    printed_high, printed_low : str
        Per cent as printed; empty where the paper has none.
    """

    layer: str
    channels: int
    high: float
    low: float
    printed_channels: int = 0
    printed_high: str = ""
    printed_low: str = ""


def shares(found: ChannelWeights) -> list[LayerShares]:
    """The shares of each layer next to the printed ones (supplement, section 2.1)."""
    printed: dict[str, dict[str, str]] = {}
    counts: dict[str, int] = {}
    for value in published().table(*SECTION):
        layer, _, channels = value.condition.partition(" (")
        printed.setdefault(layer, {})[value.metric.rpartition("_weight_")[2]] = value.printed
        counts[layer] = int(channels.removesuffix("ch)"))
    return [
        LayerShares(
            layer, len(weights), high, low, counts.get(layer, 0),
            printed.get(layer, {}).get("gt_0.8", ""), printed.get(layer, {}).get("lt_0.2", ""),
        )
        for layer, weights, high, low in zip(
            found.layers, found.weights, found.over(HIGH), found.under(LOW), strict=True
        )
    ]  # fmt: skip


def draw(found: ChannelWeights, *, width: float = COLUMN) -> Figure:
    """Draw the weights of each layer in descending order, as Fig. 1 of the supplement shows them.

    The layers have different numbers of channels, so the axis is the share of a layer's channels: where a curve
    crosses 0.8 and 0.2 the shares of the text can be read off.

    Parameters
    ----------
    found : ChannelWeights
    width : float
        Inches.

    Raises
    ------
    InputError
        When matplotlib is not installed.
    """
    with styled():
        figure, axes = axes_of(width, 0.72)
        for bound in (HIGH, LOW):
            axes.axhline(bound, color=GREY, linewidth=0.6, linestyle=(0, (1, 1.5)))
        for place, (layer, weights) in enumerate(zip(found.layers, found.descending(), strict=True)):
            # A channel is a step as wide as its share; the mark is in the middle of it.
            across = 100 * (np.arange(len(weights)) + 0.5) / len(weights)
            axes.plot(
                across, weights, color=LINES[place], marker=MARKERS[place], markersize=3, clip_on=False,
                markevery=(place * len(weights) // 30, max(1, len(weights) // 8)),
                label=f"{layer} ({len(weights)} channels)",
            )  # fmt: skip
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, LOW, 0.4, 0.6, HIGH, 1])
        axes.set_xlabel("channels, by descending weight (%)")
        axes.set_ylabel("mean weight")
        legend(axes)
        told = f"mean over {found.images:,} blurred images of {found.set_name}; "
        told += f"step {found.step:,} of {found.steps:,} of the training"
        note(axes, told if found.learned else f"{told}; this discriminator weighs all channels alike")
    return figure
