"""UMSN: uncertainty guided multi-stream semantic networks (Yasarla, Perazzi, Patel, TIP 2020)."""

from __future__ import annotations

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
from facedeblur.methods.nets.umsn.parts import CLASSES, BaseNet, ConfidenceNet, FirstStage, SegmentationNet

PRESETS = ("code", "paper")
SMALLEST = 16


class Umsn(nn.Module):
    """S-Net, four F-Nets, B-Net and the confidence network.

    14,382,261 parameters (57.5 MB): 8,189,933 of the deblurring network and 6,192,328 of S-Net; published 14.4 M
    (DFPG table 6). The figure counts the confidence network (340,643 as the code makes it), which only training uses,
    and 116,048 weights that the code makes and never applies, 113,664 of them in the confidence network. The preset
    ``code`` has those as `idle`, without a gradient, so that the count and the released files fit; they do nothing.

    Both presets have the topology of the authors' code. Where text and code disagree:

    | | ``code`` | ``paper`` (14,211,133 parameters) |
    |---|---|---|
    | masks | sigmoid, each class by itself (BCE) | softmax (cross entropy, section IV-A) |
    | S-Net | batch normalisation in six blocks | instance normalisation (Fig. 3) |
    | confidence | 3 numbers, one per colour channel | 1 number C_i (eq. 4) |
    | confidence network | third block twice | four blocks |
    | first-stage tail | RB(16, 16) | RB(16, 8) (Fig. 5) |
    | idle weights | yes | none |

    The network works in [-1, 1]; that conversion is inside. Freeze ``segmentation`` while other parts train, as the
    authors do: the F-Nets normalise the masks, which makes S-Net's gradient through them huge where a mask is flat.

    Parameters
    ----------
    preset : {"code", "paper"}
    width, segmentation_width, stream_width : int
        Channels of B-Net, S-Net and each F-Net. `width` and `segmentation_width` are multiples of 4.

    Raises
    ------
    InputError
        For another preset, or widths that do not divide or are too small.
    """

    multiple = 4
    smallest = SMALLEST
    parts = ("segmentation", "streams", "base", "confidence")
    fixed = ("idle",)

    def __init__(
        self, *, preset: str = "code", width: int = 64, segmentation_width: int = 64, stream_width: int = 16
    ) -> None:
        super().__init__()
        one_of("preset", preset, PRESETS, of="umsn")
        for name, value, step, least in (
            ("width", width, 4, 8), ("segmentation_width", segmentation_width, 4, 4),
            ("stream_width", stream_width, 2, 4),
        ):  # fmt: skip
            if value % step or value < least:
                raise InputError(
                    f"{name} of umsn", expected=f"a multiple of {step}, at least {least}", found=str(value)
                )
        code = preset == "code"
        self.preset = preset
        self.segmentation = SegmentationNet(width=segmentation_width, batch_norm=code)
        tail = stream_width if code else stream_width // 2
        self.streams = nn.ModuleList(FirstStage(width=stream_width, tail=tail) for _ in range(CLASSES))
        self.base = BaseNet(width=width, stream=stream_width)
        self.confidence = ConfidenceNet(width=stream_width, values=3 if code else 1, repeat=code)
        self.idle = nn.ParameterDict()
        if code and (width, segmentation_width, stream_width) == (64, 64, 16):
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
        guide = self.segmentation.probabilities(logits)
        streams = [net(picture, mask) for net, mask in zip(self.streams, guide.split(1, 1), strict=True)]
        return _to_unit(self.base(picture, _half(picture), guide, streams)[0])

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
            ``restored`` (N, 3, H, W) and ``restored_half`` (its target is every second pixel of the sharp picture),
            in [0, 1]; ``parsing`` (N, 4, H, W) and ``parsing_half``, S-Net's logits of the blurred picture; ``class1``
            to ``class4`` (N, 3, H, W) in [0, 1], the first stages' pictures; ``masks`` (N, 4, H, W) in [0, 1] without
            a gradient, of `labels`, else S-Net's of `sharp`, else of `blurred`; with `sharp`, ``confidence``
            (N, 4, 3) or, preset ``paper``, (N, 4, 1).

        Raises
        ------
        InputError
            As `forward`, for labels or sharp pictures of another size, and for an unknown place to stop at.
        """
        check_until(until, net="umsn", parts=("parsing", "classes"))
        picture, logits, small = self._parsed(blurred)
        if sharp is not None and sharp.shape != blurred.shape:
            raise InputError("sharp pictures for umsn", expected=f"{(*blurred.shape,)}", found=f"{(*sharp.shape,)}")
        found = {"restored": blurred, "parsing": logits, "parsing_half": small}
        if until == "parsing":
            return found
        guide = self.segmentation.probabilities(logits)
        found["masks"] = self._loss_masks(guide, labels, sharp)
        streams = []
        for i, (net, mask) in enumerate(zip(self.streams, guide.split(1, 1), strict=True)):
            seen = picture
            if until == "classes" and sharp is not None:
                own = found["masks"][:, i : i + 1]
                seen = own * picture + (1 - own) * _to_signed(sharp)
            streams.append(net(seen, mask))
            assert isinstance(net, FirstStage)
            found[f"class{i + 1}"] = _to_unit(net.picture(seen, mask, streams[-1]))
        if until == "classes":
            return found
        restored, half = self.base(picture, _half(picture), guide, streams)
        found |= {"restored": _to_unit(restored), "restored_half": _to_unit(half)}
        if sharp is not None:
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
        each = [self.confidence(mask * restored, mask * sharp, mask) for mask in masks.split(1, 1)]
        return torch.stack(each, 1)

    def masks(self, pictures: Tensor) -> Tensor:
        """S-Net's masks (N, 4, H, W) in [0, 1] of (N, 3, H, W) float RGB in [0, 1], without a gradient."""
        with torch.no_grad():
            return self.segmentation.probabilities(self._parsed(pictures)[1])

    def _parsed(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The picture in [-1, 1] and S-Net's logits at both sizes."""
        check_images(blurred, net="umsn", multiple=self.multiple, smallest=SMALLEST)
        picture = _to_signed(blurred)
        return (picture, *self.segmentation(picture, _half(picture)))

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
