"""Face parsing network of Shen et al. 2018 and 2020."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.nets.blocks import PictureNorm, conv, he_initialise, tracing


class ShenParser(nn.Module):
    """Face parsing network P: encoder and decoder of six and five stages with additive skips.

    Six convolutions (3x3, the third 5x5), each with normalisation and ReLU, a 2x2 max-pool behind the
    first five; five stages of a 4x4 transposed convolution of stride 2 and a 3x3 convolution with
    normalisation and ReLU, to which the encoder's activation of the same size is added (not at the
    last); a 3x3 convolution to the classes. 772,363 parameters in the published layout.

    Parameters
    ----------
    classes : int
        Semantic classes. Shen et al. 2020 print 14 in one place and 11 maps in another; Helen has 11.
    width : int
        Channels of every hidden layer.
    own_moments : bool
        Normalise each image by its own moments in evaluation, see `PictureNorm`.
    """

    multiple = 32

    def __init__(self, *, classes: int = len(HELEN), width: int = 64, own_moments: bool = False):
        super().__init__()
        self.own_moments = own_moments
        norm = PictureNorm if own_moments else nn.BatchNorm2d

        def unit(inputs: int, size: int) -> nn.Sequential:
            return nn.Sequential(conv(inputs, width, size), norm(width, eps=1e-4), nn.ReLU(inplace=True))

        self.encoder = nn.ModuleList([unit(3 if at == 0 else width, 5 if at == 2 else 3) for at in range(6)])
        self.ups = nn.ModuleList([nn.ConvTranspose2d(width, width, 4, stride=2, padding=1) for _ in range(5)])
        self.decoder = nn.ModuleList([unit(width, 3) for _ in range(5)])
        self.classify = conv(width, classes)
        he_initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to logits (N, classes, H, W).

        Raises
        ------
        InputError
            If normalisation would have a single value per channel.
        """
        alone = self.own_moments and not self.training
        if not tracing() and (self.training or alone):
            values = images.shape[2] * images.shape[3] // self.multiple**2 * (1 if alone else images.shape[0])
            if values < 2:
                raise InputError(
                    "input of the face parser",
                    expected=f"more than {self.multiple}x{self.multiple} pixels, for the moments of normalisation",
                    found=f"{tuple(images.shape)}",
                    do="give larger images, or more of them while training",
                )
        features, skips = images, []
        for at, unit in enumerate(self.encoder):
            features = unit(features if at == 0 else F.max_pool2d(features, 2))
            skips.append(features)
        for at, (up, unit) in enumerate(zip(self.ups, self.decoder, strict=True)):
            features = unit(up(features))
            if at < 4:
                features = features + skips[4 - at]
        return self.classify(features)


SEMANTICS = ("predicted", "true", "none")


class SemanticMaps(nn.Module):
    """The class maps that a deblurring network reads next to the image: at full size, and max-pooled to half.

    Parameters
    ----------
    kind : {'predicted', 'true', 'none'}
        Softmax of the parser's logits, one-hot maps of given labels, or no maps.
    classes : int

    Attributes
    ----------
    channels : int
        `classes`, or 0.
    """

    def __init__(self, kind: str, classes: int):
        super().__init__()
        self.kind = one_of("semantics", kind, SEMANTICS)
        self.classes, self.channels = classes, 0 if kind == "none" else classes

    def forward(
        self, images: Tensor, parsing: Tensor | None, labels: Tensor | None
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Make the maps at both sizes, in sequences of one element, or of none where there are no maps.

        Parameters
        ----------
        images : (N, 3, H, W) float
        parsing : (N, classes, H, W) float, optional
            Logits; needed by ``predicted``.
        labels : (N, H, W) int, optional
            Needed by ``true``; a value that is no class belongs to no map.

        Raises
        ------
        InputError
            When labels are needed and missing, or of another size.
        """
        if self.kind == "none":
            return (), ()
        if self.kind == "predicted":
            assert parsing is not None
            maps = parsing.softmax(1)
        else:
            wanted = tuple(int(side) for side in (images.shape[0], *images.shape[2:]))
            if labels is None or tuple(labels.shape) != wanted:
                raise InputError(
                    "a network with semantics 'true' reads the labels of each face", expected=f"labels {wanted}",
                    found="none" if labels is None else f"{tuple(labels.shape)}",
                )  # fmt: skip
            known = torch.arange(self.classes, device=labels.device).view(1, -1, 1, 1)
            maps = (labels.unsqueeze(1) == known).to(images.dtype)
        return (maps,), (F.max_pool2d(maps, 2),)
