"""Deblurring without pairs by disentangled representations: what an image shows apart from how it is blurred.

Lu, Chen, Chellappa: "Unsupervised Domain-Specific Deblurring via Disentangled Representations", CVPR 2019.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import check_images, normal_initialise


class Block(nn.Module):
    """Residual block: reflected borders, conv3, instance norm, ReLU, the same without ReLU, plus its input."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), nn.InstanceNorm2d(channels),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, H, W) to the same shape."""
        summed: Tensor = features + self.body(features)
        return summed


class Content(nn.Module):
    """Encoders of what sharp and blurred images show, with a last block in common."""

    def __init__(self, width: int):
        super().__init__()
        self.sharp, self.blurred, self.shared = self._own(width), self._own(width), Block(4 * width)

    @staticmethod
    def _own(width: int) -> nn.Sequential:
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.LeakyReLU()]
        for wide in (2 * width, 4 * width):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(wide // 2, wide, 3, 2), nn.InstanceNorm2d(wide), nn.ReLU()]
        return nn.Sequential(*layers, *(Block(4 * width) for _ in range(3)))

    def forward(self, images: Tensor, *, sharp: bool) -> Tensor:
        """(N, 3, H, W) to (N, 4 width, H / 4, W / 4); in training with noise of standard deviation 1."""
        features: Tensor = self.shared((self.sharp if sharp else self.blurred)(images))
        return features + torch.randn_like(features) if self.training else features


class PooledBlock(nn.Module):
    """Residual block of two conv3 with leaky ReLU 0.2 before each, then the mean of 2x2 pixels."""

    def __init__(self, taken: int, made: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.2), nn.ReflectionPad2d(1), nn.Conv2d(taken, taken, 3),
            nn.LeakyReLU(0.2), nn.ReflectionPad2d(1), nn.Conv2d(taken, made, 3), nn.AvgPool2d(2),
        )  # fmt: skip
        self.short = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(taken, made, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, taken, H, W) to (N, made, H / 2, W / 2)."""
        summed: Tensor = self.body(features) + self.short(features)
        return summed


class Blur(nn.Module):
    """Encoder of how an image is blurred: mean and logarithm of the variance of a normal distribution."""

    def __init__(self, width: int, values: int):
        super().__init__()
        widths = [width, 2 * width, 3 * width, 4 * width]
        blocks = (PooledBlock(taken, made) for taken, made in pairwise(widths))
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(3, width, 4, 2), *blocks, nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1)
        )
        self.mean, self.log_variance = nn.Linear(widths[-1], values), nn.Linear(widths[-1], values)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to (N, values) twice."""
        features = self.body(images).flatten(1)
        return self.mean(features), self.log_variance(features)


class Generator(nn.Module):
    """From content and blur to images: a block in common, then layers for sharp images and for blurred ones."""

    def __init__(self, width: int, values: int):
        super().__init__()
        self.shared = Block(4 * width)
        self.sharp, self.blurred = self._own(4 * width + values, values), self._own(4 * width + values, values)

    @staticmethod
    def _own(wide: int, values: int) -> nn.ModuleList:
        steps: list[nn.Module] = [nn.Sequential(*(Block(wide) for _ in range(3)))]
        for _ in range(2):
            taken = wide + values
            wide = taken // 2
            up = nn.ConvTranspose2d(taken, wide, 3, stride=2, padding=1, output_padding=1)
            # Over all values of an image: the layer norm of the authors.
            steps.append(nn.Sequential(up, nn.GroupNorm(1, wide), nn.ReLU()))
        steps.append(nn.Sequential(nn.ConvTranspose2d(wide + values, 3, 1), nn.Tanh()))
        return nn.ModuleList(steps)

    def forward(self, content: Tensor, blur: Tensor, *, sharp: bool) -> Tensor:
        """(N, 4 width, H / 4, W / 4) and (N, values) to images (N, 3, H, W) in (-1, 1)."""
        features: Tensor = self.shared(content)
        for step in self.sharp if sharp else self.blurred:
            plane = blur[:, :, None, None].expand(-1, -1, features.shape[2], features.shape[3])
            features = step(torch.cat([features, plane], 1))
        return features


class Lu2019(nn.Module):
    """Encoders of content and of blur, and generators of sharp and of blurred images.

    19,926,902 parameters (79.7 MB in float32): encoders 10,362,192, generators 9,564,710. DFPG's table 6 prints 53.0 M,
    which are 53,011,586 with the four discriminators of the training (`lu2019` among the discriminators). To restore,
    the content of the blurred image and its blur go through the generator of sharp images.

    In training, blur is drawn from the distribution that its encoder estimates, and content has noise added; otherwise
    the mean is taken, which the authors' test draws, too. The network works in [-1, 1]; that conversion is inside.

    Parameters
    ----------
    width : int
        Channels of the first convolutions.
    values : int
        Numbers that describe a blur, even.

    Raises
    ------
    InputError
        For a width below 1, or an odd number of values or one below 2.
    """

    multiple = 4
    smallest = 16
    parts = ("content", "blur", "generator")

    def __init__(self, *, width: int = 64, values: int = 8) -> None:
        super().__init__()
        if width < 1:
            raise InputError("width of lu2019", expected="1 or more", found=str(width))
        if values < 2 or values % 2:
            raise InputError("values of lu2019", expected="an even number, 2 or more", found=str(values))
        self.content, self.blur, self.generator = Content(width), Blur(width, values), Generator(width, values)
        normal_initialise(self)

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range.

        Raises
        ------
        InputError
            For other channels, or a height or width that is under 16 or not a multiple of 4.
        """
        return self.outputs(blurred)["restored"]

    def outputs(
        self,
        blurred: Tensor,
        *,
        labels: Tensor | None = None,
        kernels: Tensor | None = None,
        sharp: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the restored images, and with sharp ones what their training compares.

        Parameters
        ----------
        blurred : (N, 3, H, W) float RGB in [0, 1]
        labels, kernels : ignored
        sharp : (N, 3, H, W) float RGB in [0, 1], optional
            Sharp images, of other faces or the same.

        Returns
        -------
        dict
            ``restored``; and with `sharp`, images like it: ``reblurred``, the sharp ones with the blur of the
            blurred ones; ``restored_random`` and ``reblurred_random``, both with a blur drawn from a normal
            distribution; ``sharp_self`` and ``blurred_self``, from an image's own content; ``sharp_cycle`` and
            ``blurred_cycle``, restored again from ``reblurred`` and blurred again from ``restored``. (N, values) each:
            ``blur_mean`` and ``blur_log_variance``, ``blur_drawn``, and ``blur_found`` in what it blurred.

        Raises
        ------
        InputError
            As `forward`.
        """
        check_images(blurred, net="lu2019", multiple=self.multiple, smallest=self.smallest)
        images = 2 * blurred - 1
        content = self.content(images, sharp=False)
        mean, log_variance = self.blur(images)
        blur = self._drawn(mean, log_variance)
        if sharp is None:
            return {"restored": (self.generator(content, blur, sharp=True) + 1) / 2}
        shown = self.content(2 * sharp - 1, sharp=True)
        drawn = torch.randn_like(mean)
        blurs = torch.cat([blur, blur, drawn])
        clear = self.generator(torch.cat([content, shown, content]), blurs, sharp=True).chunk(3)
        soft = self.generator(torch.cat([shown, content, shown]), blurs, sharp=False).chunk(3)
        again = self._drawn(*self.blur(soft[0]))
        cycles = {
            "sharp_cycle": self.generator(self.content(soft[0], sharp=False), again, sharp=True),
            "blurred_cycle": self.generator(self.content(clear[0], sharp=True), again, sharp=False),
        }
        names = ("restored", "sharp_self", "restored_random"), ("reblurred", "blurred_self", "reblurred_random")
        made = dict(zip(names[0], clear, strict=True)) | dict(zip(names[1], soft, strict=True)) | cycles
        return {name: (image + 1) / 2 for name, image in made.items()} | {
            "blur_mean": mean, "blur_log_variance": log_variance,
            "blur_drawn": drawn, "blur_found": self.blur(soft[2])[0],
        }  # fmt: skip

    def _drawn(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return mean + torch.randn_like(mean) * (log_variance / 2).exp() if self.training else mean
