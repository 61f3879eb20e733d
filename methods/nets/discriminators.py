"""Discriminators of the papers.

All return scores without a sigmoid: an adversarial loss that speaks of probabilities applies it (which is exact in half
precision, where the logarithm of a sigmoid is not), a critic's takes them as they are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.nets.blocks import channel_weights, check_images, normal_initialise

NORMS = ("instance", "batch", "none")


class PatchGan(nn.Module):
    """PatchGAN: a map of scores, each of a patch of the image.

    Parameters
    ----------
    channels : int
        Of the images; 6 for a pair, 1 for a sketch.
    width : int
        Channels after the first convolution, doubled by each up to eightfold.
    layers : int
        Strided convolutions; 3 make patches of 70x70, 5 of 286x286.
    norm : {"instance", "batch", "none"}
        Behind all convolutions but the first and the last. Batch norm and a gradient penalty do not go together.
    padding : {2, 1}
        2 in DeblurGAN's code (a 256x256 image gives 35x35 scores), 1 in pix2pix (30x30).

    Raises
    ------
    InputError
        For an unknown norm or padding.

    Notes
    -----
    conv4 of stride 2 and leaky ReLU 0.2, `layers` times; conv4 of stride 1 twice. Isola et al., CVPR 2017,
    section 6.1.2; DeblurGAN's critic (CVPR 2018, section 3.2; 2,764,737 parameters) and LIN's critic of
    sketches (AAAI 2020, section 2.1). Weights start from N(0, 0.02).
    """

    def __init__(
        self, *, channels: int = 3, width: int = 64, layers: int = 3, norm: str = "instance", padding: int = 2
    ) -> None:
        super().__init__()
        one_of("norm", norm, NORMS)
        if padding not in (1, 2):
            raise InputError("padding of a PatchGAN", expected="1 or 2", found=str(padding))
        self.channels, self.smallest = channels, 2 if padding == 2 else 3 << layers
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=padding), nn.LeakyReLU(0.2)]
        before = width
        for i in range(1, layers + 1):
            after, stride = width * min(2**i, 8), 2 if i < layers else 1
            body += [
                nn.Conv2d(before, after, 4, stride=stride, padding=padding, bias=norm != "batch"),
                _norm(norm, after),
                nn.LeakyReLU(0.2),
            ]
            before = after
        self.body = nn.Sequential(*body, nn.Conv2d(before, 1, 4, padding=padding))
        normal_initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, H, W) float to scores (N, 1, h, w), about an eighth of the size with three layers.

        Raises
        ------
        InputError
            For other channels, or an image too small to give a score.
        """
        check_images(images, net="patchgan", multiple=1, channels=self.channels, smallest=self.smallest)
        scores: Tensor = self.body(images)
        return scores


class Double(nn.Module):
    """DeblurGAN-v2's double-scale discriminator: one of patches (70x70) and one of the whole image (286x286).

    Kupyn et al., ICCV 2019, section 3.2. 13,919,106 parameters: 2,764,737 and 11,154,369. Both see the same
    image; in the authors' code the losses of the two are averaged.

    Parameters
    ----------
    channels, width, norm
        As of `PatchGan`.
    """

    def __init__(self, *, channels: int = 3, width: int = 64, norm: str = "instance") -> None:
        super().__init__()
        self.patch = PatchGan(channels=channels, width=width, layers=3, norm=norm)
        self.full = PatchGan(channels=channels, width=width, layers=5, norm=norm)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, channels, H, W) float to the scores of both, (N, 1, h, w) each."""
        return self.patch(images), self.full(images)


class Dcgan(nn.Module):
    """SHEN's discriminator after DCGAN: one score per image, by strided convolutions and ReLU.

    Parameters
    ----------
    width : int
        Channels after the first convolution, doubled by each.
    size : int
        Side of the images, a power of two; 128 makes six convolutions.
    channels : int
        Of the images.
    norm : bool
        Batch norm behind all convolutions but the first and the last.

    Raises
    ------
    InputError
        For another size.

    Notes
    -----
    Shen et al., IJCV 2020, section 3.3: 128x128 images, six strided convolutions with ReLU, a sigmoid at the
    end. Kernel, widths and norm are not stated; they are DCGAN's (Radford et al., ICLR 2016): 4x4, from 64
    doubled to 1024, batch norm. The sixth convolution takes the last 4x4 values whole. 11,164,481 parameters.
    Weights start from N(0, 0.02).
    """

    def __init__(self, *, width: int = 64, size: int = 128, channels: int = 3, norm: bool = True) -> None:
        super().__init__()
        if size < 16 or size & (size - 1):
            raise InputError("size of a DCGAN discriminator", expected="a power of two, at least 16", found=str(size))
        self.channels, self.size = channels, size
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.ReLU()]
        for _ in range(size.bit_length() - 4):
            body += [
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=not norm),
                _norm("batch" if norm else "none", 2 * width),
                nn.ReLU(),
            ]
            width *= 2
        self.body = nn.Sequential(*body, nn.Conv2d(width, 1, 4, stride=2))
        normal_initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, size, size) float to scores (N, 1, 1, 1).

        Raises
        ------
        InputError
            For other channels or another size.
        """
        check_size(images, net="dcgan", size=self.size, channels=self.channels)
        scores: Tensor = self.body(images)
        return scores


class Nah2017(nn.Module):
    """The discriminator of Nah et al.: one score per image, by ten convolutions.

    Parameters
    ----------
    width : int
        Of the network that it goes with: half of it after the first convolution, eight times as many channels at last.
    size : int
        Side of the images, a power of two of 64 or more.

    Raises
    ------
    InputError
        For another size.

    Notes
    -----
    Nah et al., CVPR 2017, table 1, for images of 256: 5x5 convolutions of strides 1, 2, 1, 2, 1, 4, 1, 4, 1, leaky
    ReLU 0.2 and no biases, a 4x4 one that leaves one value of each channel, and a 1x1 one in place of the fully
    connected layer. Smaller images leave fewer values to the last but one, whose kernel shrinks with them.
    """

    def __init__(self, *, width: int = 64, size: int = 256) -> None:
        super().__init__()
        if size < 64 or size & (size - 1):
            raise InputError("size of discriminator 'nah2017'", expected="a power of two, 64 or more", found=str(size))
        self.size = size
        body: list[nn.Module] = []
        before = 3
        for after, stride in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 4), (8, 1), (8, 4), (16, 1)):
            body += [nn.Conv2d(before, after * width // 2, 5, stride, 2, bias=False), nn.LeakyReLU(0.2)]
            before = after * width // 2
        self.body = nn.Sequential(*body, nn.Conv2d(before, before, size // 64, bias=False), nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(before, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, size, size) float to scores (N, 1, 1, 1).

        Raises
        ------
        InputError
            For other channels or another size.
        """
        check_size(images, net="nah2017", size=self.size)
        scores: Tensor = self.last(self.body(images))
        return scores


class Lu2019(nn.Module):
    """The four discriminators of Lu et al., each of which sees its image at three sizes.

    Lu, Chen, Chellappa, CVPR 2019, and their code: 33,084,684 parameters. At each size four 4x4 convolutions of stride
    2 from 64 channels to 512, reflected borders, leaky ReLU 0.01, and a 1x1 convolution to scores; smaller images are
    means of 3x3 pixels. Weights start from N(0, 0.02).

    Parameters
    ----------
    width : int
        Channels after the first convolution.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.judges = nn.ModuleList(nn.ModuleList(self._one(width) for _ in range(3)) for _ in range(4))
        self.shrink = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        normal_initialise(self)

    @staticmethod
    def _one(width: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        before = 3
        for after in (width, 2 * width, 4 * width, 8 * width):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(before, after, 4, 2), nn.LeakyReLU()]
            before = after
        return nn.Sequential(*layers, nn.Conv2d(before, 1, 1))

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Four times (N, 3, H, W) float, sides of 64 or more, to twelve maps of scores (N, 1, h, w).

        Raises
        ------
        InputError
            For another number of images, other channels or smaller sides.
        """
        if len(images) != len(self.judges):
            raise InputError("input of network 'lu2019'", expected="four batches of images", found=str(len(images)))
        scores: list[Tensor] = []
        for image, judges in zip(images, self.judges, strict=True):
            check_images(image, net="lu2019", multiple=1, smallest=64)
            for judge in judges:  # type: ignore[attr-defined]  # a list of them
                scores.append(judge(image))
                image = self.shrink(image)
        return tuple(scores)


class Equal(nn.Module):
    """Weighs all channels alike: (N, channels, H, W) to ones of shape (N, channels, 1, 1)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the weights."""
        return torch.ones_like(features[..., :1, :1])


class Dfpg(nn.Module):
    """DFPGnet's channel-attention feature discriminator D^c, of three levels of deep features.

    Parameters
    ----------
    width : int
        Channels of the first level; the others have two and four times as many.
    reduction : int
        Of the channel attention.
    attention : bool
        Whether channels are weighed. Without it all count alike, with a weight of 1: B5 of the main paper, as section
        2.1 of the supplement describes it.

    Notes
    -----
    Jung, Lee and Heo, supplementary material, section 1.2 and table 4; 4,637,021 parameters. Read as follows:
    spectral norm on every convolution of the trunk; leaky ReLU 0.2 where the table has it (not behind the
    strided convolutions, though the text says all); the third strided convolution halves, so that the head
    sees an eighth of the size (the table repeats W/4); the head's first 4x4 convolution has stride 1 and keeps
    the size, its last has stride 2. The attention's 3x3 kernels, on one value a channel, are 1x1.
    """

    def __init__(self, *, width: int = 64, reduction: int = 16, attention: bool = True) -> None:
        super().__init__()
        self.widths = (width, 2 * width, 4 * width)
        self.attentions = nn.ModuleList(
            channel_weights(each, reduction=reduction) if attention else Equal() for each in self.widths
        )
        taken = (width, 3 * width, 6 * width)
        self.levels = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(before, after, 3, padding=1)),
                nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(after, after, 4, stride=2, padding=1)),
            )
            for before, after in zip(taken, self.widths, strict=True)
        )
        self.head = spectral_norm(nn.Conv2d(4 * width, 8 * width, 4))
        self.last = spectral_norm(nn.Conv2d(8 * width, 1, 4, stride=2, padding=1))

    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Features at three sizes to a map of scores.

        Parameters
        ----------
        first, second, third : torch.Tensor
            (N, 64, H, W), (N, 128, H/2, W/2) and (N, 256, H/4, W/4): VGGFace's relu1_2, relu2_2 and relu3_3 of the
            sharp image, or DFPGnet's ``priors1`` to ``priors3``. H and W are multiples of 16.

        Returns
        -------
        torch.Tensor
            (N, 1, H/16, W/16).

        Raises
        ------
        InputError
            For other shapes.
        """
        levels = (first, second, third)
        if first.dim() == 4 and first.shape[1] != self.widths[0]:
            do = f"write config = {{width = {first.shape[1]}}} under [stage.adversary] of the recipe"
            found = str(first.shape[1])
            raise InputError("channels for network 'dfpg'", expected=str(self.widths[0]), found=found, do=do)
        check_images(first, net="dfpg", multiple=16, channels=self.widths[0])
        for i, features in enumerate(levels):
            wanted = (first.shape[0], self.widths[i], first.shape[2] >> i, first.shape[3] >> i)
            if tuple(features.shape) != wanted:
                raise InputError(
                    f"features {i + 1} for network 'dfpg'", expected=str(wanted), found=str(tuple(features.shape))
                )
        trunk = first[:, :0]  # nothing goes before the first level
        for features, attention, level in zip(levels, self.attentions, self.levels, strict=True):
            trunk = level(torch.cat([trunk, features * attention(features)], 1))
        # A kernel of even side: one row and column before, two behind.
        scores: Tensor = self.last(F.leaky_relu(self.head(F.pad(trunk, (1, 2, 1, 2))), 0.2))
        return scores


def check_size(images: Tensor, *, net: str, size: int, channels: int = 3) -> None:
    """Raise InputError unless `images` are (N, channels, size, size) float."""
    check_images(images, net=net, multiple=1, channels=channels)
    if tuple(images.shape[2:]) != (size, size):
        height, width = images.shape[2:]
        raise InputError(
            f"input of network '{net}'", expected=f"{size}x{size}", found=f"{height}x{width}",
            do=f"crop the images, or set its size to {height}" if height == width else "crop the images",
        )  # fmt: skip


def _norm(norm: str, channels: int) -> nn.Module:
    return {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d, "none": nn.Identity}[norm](channels)
