"""Semantic face deblurring of Shen et al., CVPR 2018: a face parser, then two scales of residual blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import Halve, check_images, check_until, conv, he_initialise
from facedeblur.methods.nets.shen.mat import shen_state
from facedeblur.methods.nets.shen.parser import SemanticMaps, ShenParser


def require_odd(option: str, side: int) -> None:
    """Raise InputError unless `side` is the side of a convolution that keeps the size."""
    if side < 1 or side % 2 == 0:
        raise InputError(f"option '{option}'", expected="an odd number, at least 1", found=f"{side}")


class OneScale(nn.Module):
    """One scale of the deblurring network: 3 convolutions, residual blocks, 3 convolutions to RGB.

    The first convolution is 11x11, or of another size, all others 5x5; ReLU, no normalisation, no activation at the end
    and no skip from the input. The sum that the residual blocks carry on stays without ReLU; what
    each block reads is its ReLU.

    Parameters
    ----------
    inputs : int
        Channels of the input.
    width : int
        Channels of every hidden layer.
    resblocks : int
        Residual blocks, two convolutions each.
    first_kernel : int
        Side of the first convolution, odd.
    """

    def __init__(self, inputs: int, *, width: int, resblocks: int, first_kernel: int = 11):
        super().__init__()
        require_odd("first_kernel", first_kernel)
        self.head = nn.ModuleList([conv(inputs, width, first_kernel), conv(width, width, 5), conv(width, width, 5)])
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(conv(width, width, 5), nn.ReLU(inplace=True), conv(width, width, 5))
                for _ in range(resblocks)
            ]
        )
        self.tail = nn.ModuleList([conv(width, width, 5), conv(width, width, 5)])
        self.last = conv(width, 3, 5)
        he_initialise(self)
        # Not in the paper: without normalisation a sum of full branches grows, and the first steps overshoot.
        with torch.no_grad():
            for name in (*(f"blocks.{at}.2" for at in range(resblocks)), "last"):
                self.get_parameter(f"{name}.weight").mul_(0.1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 3, H, W)."""
        features = images
        for layer in self.head:
            features = F.relu(layer(features))
        total = features
        for block in self.blocks:
            total = total + block(features)
            features = F.relu(total)
        for layer in self.tail:
            features = F.relu(layer(features))
        return self.last(features)


class TwoScale(nn.Module):
    """Deblurring network G of two scales.

    The first restores at half size; a 4x4 transposed convolution of stride 2 brings its result (three
    channels) to full size, where it joins the input of the second, as the first three channels.

    Parameters
    ----------
    inputs : int
        Channels of the input: 3 (image), 14 (image and 11 class maps), 17 (also the coarse image).
    width, resblocks, first_kernel : int
        See `OneScale`.
    """

    def __init__(self, inputs: int, *, width: int = 64, resblocks: int = 5, first_kernel: int = 11):
        super().__init__()
        self.small = OneScale(inputs, width=width, resblocks=resblocks, first_kernel=first_kernel)
        self.up = nn.ConvTranspose2d(3, 3, 4, stride=2, padding=1)
        self.large = OneScale(inputs + 3, width=width, resblocks=resblocks, first_kernel=first_kernel)

    def forward(self, images: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
        """Restore at both scales.

        Parameters
        ----------
        images : (N, inputs, H, W) float
            Input at full size.
        halves : (N, inputs, H / 2, W / 2) float
            The same at half size.

        Returns
        -------
        full, half : (N, 3, H, W) and (N, 3, H / 2, W / 2)
        """
        half = self.small(halves)
        return self.large(torch.cat([self.up(half), images], 1)), half


class Shen2018(nn.Module):
    """Deep semantic face deblurring (Shen, Lai, Xu, Kautz, Yang, CVPR 2018), as its test code runs it.

    The parser P reads the blurred image; the softmax of its classes joins the image as the input of
    the deblurring network G, max-pooled to half size for G's first scale. The authors' code scales
    every image to 128x128; here any multiple of 32 goes.

    Parameters published: 14.8 M (Shen et al. 2020, Table 12). Ours: 3,891,300 (P 772,363, G 3,118,937), which are
    14.84 MiB of 32-bit numbers: the column mixes numbers and file sizes. The width 64 is the text's, the
    weights being lost.

    Parameters
    ----------
    classes : int
        Semantic classes.
    width, parser_width : int
        Channels of the hidden layers of G and of P.
    resblocks : int
        Residual blocks per scale; the code of 2018 has 5.
    first_kernel : int
        Side of the first convolution of each scale.
    semantics : {'predicted', 'true', 'none'}
        Where G's class maps come from: P, labels that are given with the image, or nowhere, so that G reads the image
        alone (Shen et al. 2020, Table 2). There is no P but for the first.
    compat : bool
        P normalises each image by its own moments in evaluation, as the authors' code does. Otherwise by
        the running moments of the training, as is usual.
    """

    name = "shen2018"
    multiple = 32

    def __init__(
        self,
        *,
        classes: int = len(HELEN),
        width: int = 64,
        parser_width: int = 64,
        resblocks: int = 5,
        first_kernel: int = 11,
        semantics: str = "predicted",
        compat: bool = True,
    ):
        super().__init__()
        self.maps = SemanticMaps(semantics, classes)
        predicted = self.maps.kind == "predicted"
        self.parts = ("parser", "deblur") if predicted else ("deblur",)
        self.takes_labels = self.maps.kind == "true"
        if predicted:
            self.parser = ShenParser(classes=classes, width=parser_width, own_moments=compat)
        # The moments of one image need more than one value at the deepest scale.
        self.smallest = 2 * self.multiple if compat and predicted else self.multiple
        self.deblur = TwoScale(3 + self.maps.channels, width=width, resblocks=resblocks, first_kernel=first_kernel)
        self.halve = Halve()

    @staticmethod
    def read_released(parser: Path, deblurring: Path) -> tuple[dict[str, Any], State]:
        """Read ``net_P_P_S_F.mat`` and ``net_G_P_S_F.mat`` of joanshen0508/Deep-Semantic-Face-Deblurring.

        Raises
        ------
        InputError
            When they are not these.
        """
        config, state = shen_state(parser, deblurring)
        return config, lambda net: state

    def forward(self, blurred: Tensor, labels: Tensor | None = None) -> Tensor:
        """Restore (N, 3, H, W) RGB in [0, 1]; same shape and range, not clipped. For `labels` see `outputs`."""
        return self.outputs(blurred, labels=labels)["restored"]

    def outputs(
        self,
        blurred: Tensor,
        *,
        labels: Tensor | None = None,
        kernels: Tensor | None = None,
        until: str | None = None,
    ) -> dict[str, Tensor]:
        """Restore, with what the losses read.

        Parameters
        ----------
        blurred : (N, 3, H, W) float
            RGB in [0, 1], H and W multiples of 32.
        labels : (N, H, W) int, optional
            Helen's classes of the sharp image, which ``semantics = "true"`` needs; read by that only.
        kernels : Tensor, optional
            Not read by this network.
        until : str, optional
            ``"parsing"`` stops there; the blurred image is then returned as the restored one.

        Returns
        -------
        dict
            ``restored`` (N, 3, H, W), ``restored_half`` (N, 3, H / 2, W / 2) and, where predicted, ``parsing`` logits
            (N, classes, H, W).
        """
        check_images(blurred, net=self.name, multiple=self.multiple)
        check_until(until, net=self.name, parts=("parsing",) if "parser" in self.parts else ())
        found = {"parsing": self.parser(blurred)} if "parser" in self.parts else {}
        if until == "parsing":
            return found | {"restored": blurred}
        full, small = self.maps(blurred, found.get("parsing"), labels)
        restored, half = self.deblur(torch.cat([blurred, *full], 1), torch.cat([self.halve(blurred), *small], 1))
        return found | {"restored": restored, "restored_half": half}
