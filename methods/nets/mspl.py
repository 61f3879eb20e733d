"""MSPL: progressive semantic face deblurring (Lee, Jung, Heo, IEEE Access 8, 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import AttentionBlock, check_images

STEPS = 4


class _UNet(nn.Module):
    """One step: two halvings by 4x4 convolutions, attention blocks between, sums for skips; width kept throughout."""

    def __init__(self, width: int, *, blocks: int, reduction: int):
        super().__init__()

        def chain(count: int) -> nn.Sequential:
            return nn.Sequential(*(AttentionBlock(width, reduction=reduction) for _ in range(count)))

        self.falling = nn.ModuleList(chain(2) for _ in range(2))
        self.downs = nn.ModuleList(nn.Conv2d(width, width, 4, stride=2, padding=1) for _ in range(2))
        self.middle = chain(blocks)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1) for _ in range(2))
        self.rising = nn.ModuleList(chain(2) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        skips = []
        for encode, down in zip(self.falling, self.downs, strict=True):
            skips.append(encode(features))
            features = down(skips[-1])
        features = features + self.middle(features)
        for up, decode in zip(self.ups, self.rising, strict=True):
            features = decode(up(features) + skips.pop())
        return features


class Mspl(nn.Module):
    """Four U-shaped networks in a row, each with a picture of its own.

    18,471,308 parameters (73.9 MB), as printed (18.5 M in DFPG table 6). The layout is that of the
    authors' generator: 1x1 convolution to 128 channels; four times two attention blocks at each of two scales down,
    four at a quarter, two at each of two scales up; after each U a 1x1 convolution and tanh. There is no skip from the
    blurred picture to the restored one. Discriminator and adversarial term gave the generator no gradient in the
    authors' training: their script detaches the restored picture there.

    The network works in [-1, 1]; that conversion is inside.

    Parameters
    ----------
    width : int
        Channels throughout.
    blocks : int
        Attention blocks at a quarter of the size.
    reduction : int
        Of the attention's hidden layer.

    Raises
    ------
    InputError
        For numbers below 1.
    """

    multiple = 4
    parts = ("enter", "steps", "pictures")

    def __init__(self, *, width: int = 128, blocks: int = 4, reduction: int = 16) -> None:
        super().__init__()
        for name, value in (("width", width), ("blocks", blocks), ("reduction", reduction)):
            if value < 1:
                raise InputError(f"{name} of mspl", expected="1 or more", found=str(value))
        self.enter = nn.Conv2d(3, width, 1)
        self.steps = nn.ModuleList(_UNet(width, blocks=blocks, reduction=reduction) for _ in range(STEPS))
        self.pictures = nn.ModuleList(nn.Conv2d(width, 3, 1) for _ in range(STEPS))

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored pictures, same shape, in (0, 1).

        Raises
        ------
        InputError
            For other channels or sides that are not multiples of 4.
        """
        return self._picture(-1, self._features(blurred)[-1])

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``restored`` and the pictures of the first three steps.

        Parameters
        ----------
        blurred : (N, 3, H, W) float RGB in [0, 1]
        labels, kernels : ignored

        Returns
        -------
        dict
            ``step1``, ``step2``, ``step3`` and ``restored``, each (N, 3, H, W) in (0, 1). A loss compares the first
            three with the sharp picture in one class each (classes 1 to 3 of the authors' four, 0 the background).

        Raises
        ------
        InputError
            As `forward`.
        """
        names = [*(f"step{i}" for i in range(1, STEPS)), "restored"]
        features = self._features(blurred)
        return {name: self._picture(i, each) for i, (name, each) in enumerate(zip(names, features, strict=True))}

    def _features(self, blurred: Tensor) -> list[Tensor]:
        check_images(blurred, net="mspl", multiple=self.multiple)
        features, found = self.enter(2 * blurred - 1), []
        for step in self.steps:
            features = step(features)
            found.append(features)
        return found

    def _picture(self, step: int, features: Tensor) -> Tensor:
        return (torch.tanh(self.pictures[step](features)) + 1) / 2
