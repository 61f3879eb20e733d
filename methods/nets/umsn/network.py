"""UMSN: uncertainty guided multi-stream semantic networks (Yasarla, Perazzi, Patel, TIP 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.classes import GROUPS
from facedeblur.methods.nets.base import State
from facedeblur.methods.nets.blocks import check_images, check_until
from facedeblur.methods.nets.umsn.keys import idle_shapes, umsn_state
from facedeblur.methods.nets.umsn.parts import (
    CLASSES,
    EXPANSION,
    BaseNet,
    ConfidenceNet,
    FirstStage,
    SegmentationNet,
    Smoothing,
)
from facedeblur.methods.nets.umsn.printed import PrintedNet, PrintedStage

PRESETS = ("code", "paper")
SMALLEST = 16


class Umsn(nn.Module):
    """S-Net, four F-Nets, B-Net and the confidence network.

    14,382,261 parameters (57.5 MB): 8,189,933 of the deblurring network and 6,192,328 of S-Net; published 14.4 M
    (DFPG table 6). The figure counts the confidence network (340,643 as the code makes it), which only training uses,
    and 116,048 weights that the code makes and never applies, 113,664 of them in the confidence network. The preset
    ``code`` has those as `idle`, without a gradient, so that the count and the released files fit; they do nothing.

    The preset ``code`` is the network of the authors' code, which the released weights fit. The preset ``paper``
    (13,194,232 parameters) is the network as printed:

    - ResBlock: 1x1, 3x3, and two 3x3 convolutions of dilation 2, each behind a smoothing one, everywhere (Fig. 4,
      section III-A). ``code`` has five kinds: the last two of three 3x3 convolutions with dilation 1 and 1, 2 and 1, or
      2 and 2 with smoothing before the last; in S-Net two dilated ones; and plain ones of two.
    - B-Net (Appendix A): RB(3, 64) on the picture, average pooling, six RB(64, 64), upsampling, RB(64, 16), Conv 3x3.
      ``code`` gives it the masks as well, 7 channels, joins its features across a U, summarises them in one channel
      each at the end, and restores at half size, too.
    - F-Net (Appendix A): five blocks, the last an RB(16, 8). ``code`` has four, 16 channels and a skip.
    - F-Nets join B-Net behind its first block, with 4 x 8 channels next to 64; in ``code`` fused to 32 next to 32.
    - Nested residual (section III-C): a 1x1 convolution of picture and masks is added to the last features, and a 3x3
      convolution of the sum to the picture. ``code`` subtracts a 3x3 convolution of the features from one of the input,
      takes tanh of a third off the picture, and sends what is left through two more.
    - S-Net: instance normalisation (Fig. 3) and softmax, for cross entropy (section IV-A); in ``code`` batch
      normalisation in six blocks and sigmoid, each class by itself.
    - Confidence: one number C_i per class (eq. 4), from four blocks; in ``code`` one per colour channel, and the third
      block is applied twice.
    - First weights are not stated, so torch's; in ``code`` normal ones, and those of torch 0.4.1 in S-Net.

    ``paper`` is not as printed, or the paper leaves a choice, in this: F-Net's first block reads 4 channels, picture
    and mask, which the text feeds to it, where Appendix A prints RB(3, 16). Section III-C takes the last block away
    from F-Net; Appendix A, which is followed, does not. The block behind the joint reads 96 channels, where RB(64, 64)
    is printed. "Densely connected" is read as in the code: the output of a block is put behind its input, and a 1x1
    convolution makes the channels of RB of both. As in the code are also the width inside a block (three times what it
    adds), bilinear upsampling, the layout of S-Net between its blocks, and the blocks of the confidence network.

    The network works in [-1, 1]; that conversion is inside. Freeze ``segmentation`` while other parts train, as the
    authors do: the F-Nets normalise the masks, which makes S-Net's gradient through them huge where a mask is flat.

    Parameters
    ----------
    preset : {"code", "paper"}
    width, segmentation_width, stream_width : int
        Channels of B-Net, S-Net and each F-Net. `width` and `segmentation_width` are multiples of 4.
    masks, nrl, streams, confidence : bool
        What Table VI adds to B-Net one after the other: S-Net and its masks, nested residual learning, the F-Nets
        (which need masks), and the confidence network. The preset ``paper`` has them all.
    expansion : float
        Channels inside B-Net's blocks, in multiples of those that a block adds. The paper gives B-Net alone as many
        parameters as UMSN by these channels (section IV-C).

    Raises
    ------
    InputError
        For another preset, widths that do not divide or are too small, and parts that the network cannot be without.
    """

    multiple = 4
    smallest = SMALLEST
    fixed = ("idle",)

    def __init__(
        self, *, preset: str = "code", width: int = 64, segmentation_width: int = 64, stream_width: int = 16,
        masks: bool = True, nrl: bool = True, streams: bool = True, confidence: bool = True,
        expansion: float = EXPANSION,
    ) -> None:  # fmt: skip
        super().__init__()
        code = one_of("preset", preset, PRESETS, of="umsn") == "code"
        for name, value, step, least in (
            ("width", width, 4, 8), ("segmentation_width", segmentation_width, 4, 4),
            ("stream_width", stream_width, 2, 4),
        ):  # fmt: skip
            if value % step or value < least:
                raise InputError(
                    f"{name} of umsn", expected=f"a multiple of {step}, at least {least}", found=str(value)
                )
        usual = masks and nrl and streams and confidence and expansion == EXPANSION
        if not code and not usual:
            raise InputError("the variants of umsn are those of preset 'code'", do="leave 'preset' out")
        if streams and not masks:
            raise InputError("the streams of umsn need masks", do="set streams = false as well")
        if not 0.5 <= expansion <= 16:
            raise InputError("expansion of umsn", expected="from 0.5 to 16", found=str(expansion))
        self.preset, self.nrl = preset, nrl
        self.segmentation = SegmentationNet(width=segmentation_width, printed=not code) if masks else None
        # Before anything else is drawn, so that S-Net starts with the same weights in every variant.
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight)  # as torch 0.4.1 does, with which the authors trained it
        make_stage: Any = partial(FirstStage, nrl=nrl) if code else PrintedStage
        self.streams = nn.ModuleList(make_stage(width=stream_width) for _ in range(CLASSES)) if streams else None
        self.base: nn.Module = PrintedNet(width=width, stream=stream_width // 2)
        if code:
            self.base = BaseNet(
                width=width, stream=stream_width if streams else 0, masks=masks, nrl=nrl, expansion=expansion
            )
        self.confidence = None
        if confidence:
            self.confidence = ConfidenceNet(width=stream_width, values=3 if code else 1, repeat=code)
        have = {"segmentation": masks, "streams": streams, "base": True, "confidence": confidence}
        self.parts = tuple(name for name, there in have.items() if there)
        self.idle = nn.ParameterDict()
        if code:
            # The authors' first weights of all but S-Net (`weights_init` of their misc.py).
            for name, module in self.named_modules():
                if isinstance(module, nn.Conv2d | Smoothing) and not name.startswith("segmentation."):
                    nn.init.normal_(module.weight, 0.0, 0.02)
            if usual and (width, segmentation_width, stream_width) == (64, 64, 16):
                for name, shape in idle_shapes().items():
                    self.idle[name] = nn.Parameter(torch.zeros(shape), requires_grad=False)

    @staticmethod
    def read_released(segmentation: Path, deblurring: Path) -> tuple[dict[str, Any], State]:
        """Read ``SMaps_Best.pth`` and ``Deblur_epoch_N.pth`` of rajeevyasarla/UMSN-Face-Deblurring.

        Raises
        ------
        InputError
            When they are not these.
        """
        state = umsn_state(read_state(segmentation), read_state(deblurring))
        return {}, lambda net: state

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored pictures, same shape and range.

        Raises
        ------
        InputError
            For other channels, sides that are not multiples of 4 or smaller than 16.
        """
        picture, logits, _ = self._parsed(blurred)
        guide = None if logits is None else self._guide(logits)
        streams = [net(picture, mask) for net, mask in self._classes(guide)]
        return _to_unit(self.base(picture, _half(picture), guide, streams).whole)

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None,
        sharp: Tensor | None = None, until: str | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Everything that a loss needs.

        Parameters
        ----------
        blurred : (N, 3, H, W) float RGB in [0, 1]
        labels : (N, H, W) int, optional
            Helen's 11 classes, for ``masks``; the restoration is always guided by S-Net's masks of `blurred`.
        kernels : ignored
        sharp : (N, 3, H, W) float RGB in [0, 1], optional
            What the confidences are about; without it, none are returned. With ``until="classes"`` each F-Net sees the
            sharp picture blurred in its own class only, as section IV-A.2a trains it.
        until : {"parsing", "classes"}, optional
            Stop there, to train S-Net or the first stages; the blurred picture is then returned as the restored one.

        Returns
        -------
        dict
            ``restored`` (N, 3, H, W) and, preset ``code``, ``restored_half`` (its target is every second pixel of the
            sharp picture), in [0, 1]; with `nrl` ``nrl`` (N, 3, H, W), what the nested residual adds to the blurred
            picture, 0.5 for nothing. With `masks` ``parsing`` (N, 4, H, W) and ``parsing_half``, S-Net's logits of the
            blurred picture, and ``masks`` (N, 4, H, W) in [0, 1] without a gradient, of `labels`, else S-Net's of
            `sharp`, else of `blurred`. With `streams` ``class1`` to ``class4`` (N, 3, H, W) in [0, 1], the first
            stages' pictures, and with `nrl` ``nrl1`` to ``nrl4``, what their residuals add. With `confidence` and
            `sharp`, ``confidence`` (N, 4, 3) or, preset ``paper``, (N, 4, 1).

        Raises
        ------
        InputError
            As `forward`, for labels or sharp pictures of another size, and for an unknown place to stop at.
        """
        places = {"parsing": self.segmentation, "classes": self.streams}
        check_until(until, net="umsn", parts=[name for name, part in places.items() if part is not None])
        picture, logits, small = self._parsed(blurred)
        if sharp is not None and sharp.shape != blurred.shape:
            raise InputError("sharp pictures for umsn", expected=f"{(*blurred.shape,)}", found=f"{(*sharp.shape,)}")
        found = {"restored": blurred}
        guide = None
        if logits is not None and small is not None:
            found |= {"parsing": logits, "parsing_half": small}
            if until == "parsing":
                return found
            guide = self._guide(logits)
            found["masks"] = self._loss_masks(guide, labels, sharp)
        streams: list[Tensor] = []
        for i, (net, mask) in enumerate(self._classes(guide)):
            seen = picture
            if until == "classes" and sharp is not None:
                own = found["masks"][:, i : i + 1]
                seen = own * picture + (1 - own) * _to_signed(sharp)
            streams.append(net(seen, mask))
            made, taken = net.picture(seen, mask, streams[-1])
            found[f"class{i + 1}"] = _to_unit(made)
            if self.nrl:
                found[f"nrl{i + 1}"] = _to_unit(-taken)
        if until == "classes":
            return found
        restored = self.base(picture, _half(picture), guide, streams)
        found["restored"] = _to_unit(restored.whole)
        if restored.half is not None:
            found["restored_half"] = _to_unit(restored.half)
        if self.nrl:
            found["nrl"] = _to_unit(restored.added)
        if sharp is not None and self.confidence is not None:
            found["confidence"] = self.confidences(found["restored"], sharp, found["masks"])
        return found

    def confidences(self, restored: Tensor, sharp: Tensor, masks: Tensor) -> Tensor:
        """How well each class is restored: C_i of eq. 4, in (0, 1).

        Parameters
        ----------
        restored, sharp : (N, 3, H, W) float RGB in [0, 1]
        masks : (N, 4, H, W) float in [0, 1]

        Returns
        -------
        (N, 4, 3) or, preset ``paper``, (N, 4, 1)
        """
        if self.confidence is None:
            raise InputError("this umsn has no confidence network", do="set confidence = true, or take another loss")
        each = [self.confidence(mask * restored, mask * sharp, mask) for mask in masks.split(1, 1)]
        return torch.stack(each, 1)

    def masks(self, pictures: Tensor) -> Tensor:
        """S-Net's masks (N, 4, H, W) in [0, 1] of (N, 3, H, W) float RGB in [0, 1], without a gradient.

        Raises
        ------
        InputError
            Without S-Net.
        """
        with torch.no_grad():
            logits = self._parsed(pictures)[1]
            if logits is None:
                raise InputError("this umsn has no S-Net", do="set masks = true")
            return self._guide(logits)

    def _parsed(self, blurred: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The picture in [-1, 1] and S-Net's logits at both sizes."""
        check_images(blurred, net="umsn", multiple=self.multiple, smallest=SMALLEST)
        picture = _to_signed(blurred)
        if self.segmentation is None:
            return picture, None, None
        return (picture, *self.segmentation(picture, _half(picture)))

    def _guide(self, logits: Tensor) -> Tensor:
        assert self.segmentation is not None
        return self.segmentation.probabilities(logits)

    def _classes(self, guide: Tensor | None) -> Iterator[tuple[Any, Tensor]]:
        """Each F-Net and the mask of its class; none without F-Nets."""
        if guide is not None and self.streams is not None:
            yield from zip(self.streams, guide.split(1, 1), strict=True)

    def _loss_masks(self, guide: Tensor, labels: Tensor | None, sharp: Tensor | None) -> Tensor:
        if labels is None:
            return guide.detach() if sharp is None else self.masks(sharp)
        wanted = (guide.shape[0], *guide.shape[2:])
        if labels.shape != wanted:
            raise InputError("labels for umsn", expected=f"{wanted}", found=f"{(*labels.shape,)}")
        masks = [torch.isin(labels, labels.new_tensor(group)) for group in GROUPS["umsn4"].values()]
        return torch.stack(masks, 1).to(guide.dtype)


def _half(picture: Tensor) -> Tensor:
    return picture[:, :, ::2, ::2]


def _to_signed(picture: Tensor) -> Tensor:
    return 2 * picture - 1


def _to_unit(picture: Tensor) -> Tensor:
    return (picture + 1) / 2
