"""The networks that UMSN consists of, as the authors' code has them, and their blocks.

F-Net encodes the picture with one class, S-Net finds the four classes, B-Net restores the picture, and the confidence
network weighs the classes in training. Yasarla, Perazzi, Patel, TIP 2020, sections III-A to III-E, and the authors'
code for what only it says. Unless stated otherwise pictures are (N, 3, H, W) in [-1, 1]; "half" means every second
pixel of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.methods.nets.blocks import PictureNorm

CLASSES = 4
"""Background, skin, parts (brows, eyes, nose, lips, teeth), hair."""

EXPANSION = 3
"""Width inside a block, in multiples of the channels that it adds, as in the code."""


class Smoothing(nn.Module):
    """One 3x3 kernel for all channels before a dilated convolution, against gridding (Fig. 4); first the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.zeros(1, 1, 3, 3))
        nn.init.dirac_(self.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Smooth (N, C, H, W)."""
        return functional.conv2d(features, self.weight.expand(self.channels, 1, 3, 3), padding=1, groups=self.channels)


class DenseBlock(nn.Module):
    """UMSN's ResBlock (Fig. 4): norm-ReLU-1x1, then norm-ReLU-3x3 for every dilation; no biases.

    Parameters
    ----------
    inputs, outputs : int
        Channels that come in and that the block adds or makes.
    dilations : tuple of int
        Of the 3x3 convolutions.
    smooth : int
        How many of the last convolutions `Smoothing` precedes, at most 2.
    shortcut : bool
        Whether a 1x1 convolution of the input is added to the result.
    dense : bool
        Whether the input is put before the result, ``inputs + outputs`` channels.
    expansion : float
        Width inside, in multiples of `outputs`.
    batch_norm : bool
        `PictureNorm` in place of instance normalisation without parameters: the authors leave S-Net in training mode
        at test.
    """

    def __init__(
        self, inputs: int, outputs: int, *, dilations: tuple[int, ...] = (1, 1, 1), smooth: int = 0,
        shortcut: bool = True, dense: bool = True, expansion: float = EXPANSION, batch_norm: bool = False,
    ):  # fmt: skip
        super().__init__()
        inside, norm = round(expansion * outputs), PictureNorm if batch_norm else nn.InstanceNorm2d
        self.dense = dense
        self.expand = nn.Conv2d(inputs, inside, 1, bias=False)
        self.norms = nn.ModuleList([norm(inputs), *(norm(inside) for _ in dilations)])
        self.convs = nn.ModuleList(
            nn.Conv2d(inside, outputs if last else inside, 3, padding=dilation, dilation=dilation, bias=False)
            for last, dilation in zip([False] * (len(dilations) - 1) + [True], dilations, strict=True)
        )
        self.smooth_before = Smoothing(inside) if smooth > 1 else None
        self.smooth = Smoothing(inside) if smooth else None
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if shortcut else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs or inputs + outputs, H, W)."""
        inner = self.expand(functional.relu(self.norms[0](features)))
        for place, conv in enumerate(self.convs, start=1):
            inner = functional.relu(self.norms[place](inner))
            smooth = {len(self.convs): self.smooth, len(self.convs) - 1: self.smooth_before}.get(place)
            if smooth is not None:
                inner = smooth(inner)
            inner = conv(inner)
        if self.shortcut is not None:
            inner = inner + self.shortcut(features)
        return torch.cat([features, inner], 1) if self.dense else inner


class Transition(nn.Module):
    """Norm-ReLU-1x1, then the size kept, halved by averages, or doubled (by repetition, or linearly and a 3x3)."""

    def __init__(self, inputs: int, outputs: int, *, resize: str = "keep"):
        super().__init__()
        self.resize = resize
        self.norm = nn.InstanceNorm2d(inputs)
        self.project = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.refine = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False) if resize == "linear" else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        features = self.project(functional.relu(self.norm(features)))
        if self.resize == "half":
            return functional.avg_pool2d(features, 2)
        if self.resize == "repeat":
            return functional.interpolate(features, scale_factor=2.0, mode="nearest")
        if self.refine is not None:
            return self.refine(functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=True))
        return features


class Step(nn.Module):
    """A `DenseBlock` that adds `growth` channels, and the `Transition` after it."""

    def __init__(
        self, inputs: int, growth: int, outputs: int, *, kind: str = "plain", resize: str = "keep",
        batch_norm: bool = False, expansion: float = EXPANSION,
    ):  # fmt: skip
        super().__init__()
        self.block = block_of(inputs, growth, kind, batch_norm=batch_norm, expansion=expansion)
        self.transition = Transition(inputs + growth, outputs, resize=resize)

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        return self.transition(self.block(features))


def block_of(
    inputs: int, growth: int, kind: str, *, batch_norm: bool = False, expansion: float = EXPANSION
) -> DenseBlock:
    """A `DenseBlock` that adds `growth` channels.

    Parameters
    ----------
    inputs, growth : int
    kind : {"plain", "dilated", "smoothed", "wide", "printed"}
        ``printed`` is that of Fig. 4; the others are those of the code: three 3x3 convolutions, the second with
        dilation 2, the last two with it, and two of four times the width.
    batch_norm : bool
        For ``wide``.
    expansion : float
        Of all but ``wide``.
    """
    if kind == "wide":
        return DenseBlock(inputs, growth, dilations=(2, 2), smooth=1, expansion=4, batch_norm=batch_norm)
    dilations, smooth = {
        "plain": ((1, 1, 1), 0), "dilated": ((1, 2, 1), 0), "smoothed": ((1, 2, 2), 1), "printed": ((1, 2, 2), 2),
    }[kind]  # fmt: skip
    return DenseBlock(inputs, growth, dilations=dilations, smooth=smooth, expansion=expansion)


class Sides(nn.Module):
    """One-channel summaries of inner features at full size, last features first (dense skips of Fig. 3)."""

    def __init__(self, widths: list[int]):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in widths)

    def forward(self, top: Tensor, features: list[Tensor]) -> Tensor:
        """Put the summaries behind `top`, (N, C, H, W): (N, C + len(features), H, W)."""
        maps = [
            functional.interpolate(functional.leaky_relu(conv(each), 0.2), size=top.shape[-2:], mode="nearest")
            for conv, each in zip(self.convs, features, strict=True)
        ]
        return torch.cat([top, *reversed(maps)], 1)


class Finish(nn.Module):
    """What turns features into a picture: ``x - tanh(conv(f))``, then 7x7 and 3x3 convolutions and tanh."""

    def __init__(self, inputs: int):
        super().__init__()
        self.residual = nn.Conv2d(inputs, 3, 3, padding=1)
        self.clean1 = nn.Conv2d(3, 8, 7, padding=3)
        self.clean2 = nn.Conv2d(8, 3, 3, padding=1)

    def blur_in(self, features: Tensor) -> Tensor:
        """The residual, (N, 3, H, W): what the blur put into the picture."""
        return torch.tanh(self.residual(features))

    def clean(self, picture: Tensor) -> Tensor:
        """The picture of which the residual has been taken, (N, 3, H, W), made clean."""
        return torch.tanh(self.clean2(functional.leaky_relu(self.clean1(picture), 0.2)))


def difference(plus: Tensor, minus: Tensor) -> Tensor:
    """Nested residual (section III-C): the first features less the second, each after leaky ReLU 0.2."""
    return functional.leaky_relu(plus, 0.2) - functional.leaky_relu(minus, 0.2)


def _blur(finish: Finish, skip: nn.Conv2d | None, given: Tensor, features: Tensor) -> Tensor:
    """What the blur put into the picture; without nested residuals (no `skip`) it is that of the features alone."""
    if skip is None:
        return finish.blur_in(functional.leaky_relu(features, 0.2))
    return finish.blur_in(difference(skip(given), features))


class Restored(NamedTuple):
    """What B-Net makes: pictures at full and at half size in [-1, 1], and what it adds to the blurred one."""

    whole: Tensor
    half: Tensor | None
    added: Tensor


class FirstStage(nn.Module):
    """F-Net of one class and the tail that makes a picture of its features when it is trained by itself.

    Parameters
    ----------
    width : int
        Channels of the features, 16 in the paper.
    nrl : bool
        Whether the tail has nested residuals, as in `BaseNet`.
    """

    features = ("enter", "deep1", "deep2", "merge")
    """F-Net: what makes features; the rest is the tail."""

    def __init__(self, *, width: int = 16, nrl: bool = True):
        super().__init__()
        self.enter = Step(4, 2 * width - 4, width, resize="half")
        self.deep1 = Step(width, width, width, kind="smoothed")
        self.deep2 = Step(width, width, width, kind="smoothed")
        self.merge = Step(2 * width, width, width, kind="smoothed")
        self.last = Step(width, width, width, resize="linear")
        self.subtract = nn.Conv2d(width, width, 3, padding=1)
        self.skip = nn.Conv2d(4, width, 3, padding=1) if nrl else None
        self.finish = Finish(width)

    def forward(self, picture: Tensor, mask: Tensor) -> Tensor:
        """Features (N, width, H/2, W/2) of a picture and the (N, 1, H, W) mask of the class."""
        first = self.enter(torch.cat([picture, mask], 1))
        return self.merge(torch.cat([self.deep2(self.deep1(first)), first], 1))

    def picture(self, picture: Tensor, mask: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The picture that the features represent, and the residual that is taken off for it, (N, 3, H, W) each."""
        blur = _blur(self.finish, self.skip, torch.cat([picture, mask], 1), self.subtract(self.last(features)))
        return self.finish.clean(picture - blur), blur


class SegmentationNet(nn.Module):
    """S-Net: logits of the four classes at full and at half size.

    Parameters
    ----------
    width : int
        Channels of the trunk, 64 in the paper.
    printed : bool
        The ResBlock of Fig. 4 with instance normalisation everywhere, and softmax. Otherwise batch normalisation in six
        smoothed blocks, and sigmoid, as in the code.
    """

    def __init__(self, *, width: int = 64, printed: bool = False):
        super().__init__()
        kind, other = ("printed", "printed") if printed else ("wide", "dilated")

        def step(inputs: int, resize: str = "keep") -> Step:
            return Step(inputs, width, width, kind=kind, resize=resize, batch_norm=True)

        self.enter = Step(3, width - 3, width, kind=other, resize="half")
        self.down = step(width + 3, "half")
        self.deep = nn.ModuleList(step(width) for _ in range(3))
        self.climb = step(2 * width, "repeat")
        self.merge = block_of(2 * width, width, kind, batch_norm=True)
        self.up = Transition(3 * width + CLASSES, width, resize="repeat")
        self.last = Step(width, width, width // 4, kind=other)
        self.sides = Sides([width] * 7)
        self.squeeze = nn.Conv2d(width // 4 + 7, width // 4, 3, padding=1)
        self.squeeze_half = nn.Conv2d(3 * width, width // 4, 3, padding=1)
        self.logits = nn.Conv2d(width // 4, CLASSES, 3, padding=1)
        self.logits_half = nn.Conv2d(width // 4, CLASSES, 3, padding=1)
        self.exclusive = printed

    def probabilities(self, logits: Tensor) -> Tensor:
        """Masks (N, 4, H, W) in [0, 1]: the code's sigmoid, each class by itself, or the softmax of cross-entropy."""
        return torch.softmax(logits, 1) if self.exclusive else torch.sigmoid(logits)

    def forward(self, picture: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, 4, H, W) and (N, 4, H/2, W/2) of a picture, with `half` its half."""
        first = self.enter(picture)
        features = [first, self.down(torch.cat([first, half], 1))]
        for step in self.deep:
            features.append(step(features[-1]))
        features.append(self.climb(torch.cat([features[-1], features[1]], 1)))
        merged = self.merge(torch.cat([features[-1], first], 1))
        small = self.logits_half(functional.leaky_relu(self.squeeze_half(merged), 0.2))
        features.append(self.up(torch.cat([merged, self.probabilities(small)], 1)))
        dense = self.sides(self.last(features[-1]), features)
        return self.logits(functional.leaky_relu(self.squeeze(dense), 0.2)), small


class BaseNet(nn.Module):
    """B-Net: the restored picture, from the blurred one, its masks and the features of the four F-Nets.

    Parameters
    ----------
    width : int
        Channels of the trunk, 64 in the paper.
    stream : int
        Channels of the features of each F-Net, 16 in the paper; 0 for a B-Net without F-Nets.
    masks : bool
        Whether it is given the masks with the picture.
    nrl : bool
        Nested residuals (section III-C): what is taken off the picture comes from the difference of features of the
        input and of the last layers. Otherwise it comes from the last layers alone.
    expansion : float
        See `DenseBlock`.
    """

    def __init__(
        self, *, width: int = 64, stream: int = 16, masks: bool = True, nrl: bool = True, expansion: float = EXPANSION
    ):
        super().__init__()
        inputs = 3 + CLASSES * masks

        def step(inputs: int, kind: str = "plain", outputs: int = width, resize: str = "keep") -> Step:
            return Step(inputs, width, outputs, kind=kind, resize=resize, expansion=expansion)

        self.fuse = None
        if stream:
            self.fuse = DenseBlock(CLASSES * stream, width // 2, dilations=(1, 1), dense=False, expansion=expansion)
        # The features of the F-Nets and of the picture are half of what follows each.
        first = width // 2 if stream else width
        self.enter = Step(inputs, width - inputs, first, resize="half", expansion=expansion)
        self.deep = nn.ModuleList([step(width + 3, "dilated"), *(step(width, "smoothed") for _ in range(4))])
        self.merge = block_of(2 * width, width, "dilated", expansion=expansion)
        self.up = Transition(3 * width + 3, width, resize="linear")
        self.last = step(width + inputs, outputs=width // 4)
        self.sides = Sides([width] * 7)
        self.skip = nn.Conv2d(inputs, width // 4, 3, padding=1) if nrl else None
        self.subtract = nn.Conv2d(width // 4 + 7, width // 4, 3, padding=1)
        self.skip_half = nn.Conv2d(3, width // 4, 3, padding=1) if nrl else None
        self.subtract_half = nn.Conv2d(3 * width, width // 4, 3, padding=1)
        self.finish = Finish(width // 4)

    def forward(self, picture: Tensor, half: Tensor, masks: Tensor | None, streams: Sequence[Tensor]) -> Restored:
        """Restore.

        Parameters
        ----------
        picture, half : (N, 3, H, W) and (N, 3, H/2, W/2)
            Blurred.
        masks : (N, 4, H, W), optional
            Of the classes.
        streams : sequence of 4 (N, stream, H/2, W/2)
            Features of the F-Nets; empty without them.
        """
        guided = picture if masks is None else torch.cat([picture, masks], 1)
        first = self.enter(guided)
        classes = [] if self.fuse is None else [self.fuse(torch.cat(list(streams), 1))]
        features = [torch.cat([first, *classes], 1)]
        inner = torch.cat([first, half, *classes], 1)
        for step in self.deep:
            inner = step(inner)
            features.append(inner)
        merged = self.merge(torch.cat([inner, first, *classes], 1))
        blur_half = _blur(self.finish, self.skip_half, half, self.subtract_half(merged))
        features.append(self.up(torch.cat([merged, blur_half], 1)))
        dense = self.sides(self.last(torch.cat([features[-1], guided], 1)), features)
        blur = _blur(self.finish, self.skip, guided, self.subtract(dense))
        return Restored(self.finish.clean(picture - blur), self.finish.clean(half - blur_half), -blur)


class ConfidenceNet(nn.Module):
    """CN (section III-E): how well a class is restored, a number in (0, 1) (or one per colour channel).

    Parameters
    ----------
    width : int
        Channels after each step.
    values : int
        Numbers per class: 3 in the code, one per colour channel; 1 in eq. 4.
    repeat : bool
        The code applies its third block twice and leaves the fourth out; without `repeat` there is a fourth.
    """

    def __init__(self, *, width: int = 16, values: int = 3, repeat: bool = True):
        super().__init__()
        self.enter = nn.Conv2d(6, width, 3, padding=1)
        self.downs = nn.ModuleList(Transition(inputs, width, resize="half") for inputs in (width, 2 * width, 2 * width))
        self.blocks = nn.ModuleList(
            DenseBlock(width, 2 * width, dilations=(1, 1), shortcut=False, dense=False)
            for _ in range(2 if repeat else 3)
        )
        self.last = Transition(2 * width, width)
        self.values = nn.Conv2d(width, values, 1)

    def forward(self, restored: Tensor, sharp: Tensor, mask: Tensor | None = None) -> Tensor:
        """Confidence (N, values) of the restored picture in one class.

        Parameters
        ----------
        restored, sharp : (N, 3, H, W) float RGB in [0, 1]
            Masked: m x^ and m x.
        mask : (N, 1, H, W) float in [0, 1], optional
            By which they were multiplied: with it, what is outside is 0 after the change to [-1, 1], as in the code.
        """
        # m (2 x - 1) of the masked m x.
        outside: Tensor | float = 1.0 if mask is None else mask
        features = self.downs[0](self.enter(torch.cat([2 * restored - outside, 2 * sharp - outside], 1)))
        features = self.downs[1](self.blocks[0](features))
        features = self.downs[2](self.blocks[1](features))
        features = self.last(self.blocks[-1](features))
        return torch.sigmoid(self.values(torch.sigmoid(features.mean((2, 3), keepdim=True)))).flatten(1)
