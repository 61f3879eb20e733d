"""The network of Jin et al. for faces, as we read it: convolutions on a rearranged image, instance normalisation.

Jin, Hirsch, Favaro: "Learning Face Deblurring Fast and Wide", CVPR Workshops 2018. No program is known to be published.
Of the paper we had the abstract. The layout is taken from the code for a related paper, whose abstract also names
a large receptive field by resampling: Jin, Meishvili, Favaro, "Learning to Extract a Video Sequence from a Single
Motion-Blurred Image", CVPR 2018.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.nets.blocks import Plain, check_images, conv


class Activated(nn.Sequential):
    """Instance normalisation with a scale and a shift, ReLU, and a convolution without biases.

    Parameters
    ----------
    taken, made : int
        Channels.
    size : int
        Side of the convolution, odd.
    dilation : int
        Distance of its taps.
    """

    def __init__(self, taken: int, made: int, size: int = 3, *, dilation: int = 1):
        padding = dilation * (size // 2)
        super().__init__(
            nn.InstanceNorm2d(taken, affine=True),
            nn.ReLU(),
            nn.Conv2d(taken, made, size, padding=padding, dilation=dilation, bias=False),
        )


class Block(nn.Module):
    """The sum of the features, of a 1x1 convolution of them, and of two 3x3 convolutions in sequence.

    Parameters
    ----------
    channels : int
        Width of input, middle and output.
    dilations : tuple of int
        Of the two 3x3 convolutions.
    """

    def __init__(self, channels: int, dilations: tuple[int, int] = (1, 1)):
        super().__init__()
        first, second = dilations
        self.point = Activated(channels, channels, 1)
        self.body = nn.Sequential(
            Activated(channels, channels, dilation=first), Activated(channels, channels, dilation=second)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return features + self.point(features) + self.body(features)


class Fuse(nn.Module):
    """The sum of a 1x1 and a 3x3 convolution of the features: what a group of blocks adds to the rearranged image.

    Parameters
    ----------
    taken, made : int
        Channels.
    """

    def __init__(self, taken: int, made: int):
        super().__init__()
        self.point, self.body = Activated(taken, made, 1), Activated(taken, made)

    def forward(self, features: Tensor) -> Tensor:
        """(N, taken, H, W) to (N, made, H, W)."""
        return self.point(features) + self.body(features)


class Jin2018(Plain):
    """Network with a wide receptive field from its first layer; our reading, see the assumptions below.

    1,413,792 parameters. Stated in the abstract: an operation called resampling convolution gives a wide receptive
    field from the first layers at little cost, and instance normalisation takes the place of batch normalisation.

    Assumed, since not known:

    * Resampling moves each square of 4x4 pixels into 16 channels (`torch.nn.PixelUnshuffle`) in front of a 5x5
      convolution, which so sees 20x20 pixels, and moves them back behind the last block.
    * The layout is that of the first author's code for videos (its ``centerEsti``): each colour by itself through the
      same weights; four groups of three blocks, the dilations of whose middle two groups rise to 8 and fall again; a
      convolution of each group is added to the rearranged colour; the three colours pass a last block of `joint`
      channels, whose result is added to the blurred image. Norm and ReLU come before each convolution but the first
      one of either part; there are no biases.
    * The width, 144 in that code, is 74, with which the parameters come nearest to the 1.4 M in SHEN's table 12. That
      column has megabytes for two other networks (see `srn` and `deblurgan`); if it does here, too, the network had
      about 350,000 parameters, which this one has with a width of 32.

    Parameters
    ----------
    width : int
        Channels of the convolutions on the rearranged image.
    joint : int
        Channels of the last block, on all three colours at full size.

    Raises
    ------
    InputError
        For a width below 1.
    """

    multiple = 4
    smallest = 8  # a single position has no variance
    parts = ("first", "groups", "fuses", "last")

    def __init__(self, *, width: int = 74, joint: int = 64) -> None:
        super().__init__()
        for name, value in (("width", width), ("joint", joint)):
            if value < 1:
                raise InputError(f"{name} of jin2018", expected="1 or more", found=str(value))
        squares = self.multiple**2
        dilations = [
            [(1, 1), (1, 1), (1, 1)],
            [(1, 2), (2, 4), (4, 8)],
            [(8, 4), (4, 2), (2, 1)],
            [(1, 1), (1, 1), (1, 1)],
        ]
        self.first = conv(squares, width, 5, bias=False)
        self.groups = nn.ModuleList(nn.Sequential(*(Block(width, each) for each in group)) for group in dilations)
        self.fuses = nn.ModuleList(Fuse(width, squares) for _ in dilations)
        self.last = nn.Sequential(conv(3, joint, bias=False), Block(joint), Activated(joint, 3))

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels, a height or width that is not a multiple of 4, or one below 8.
        """
        check_images(blurred, net="jin2018", multiple=self.multiple, smallest=self.smallest)
        # Colours become images of the batch: instance normalisation keeps them apart.
        colours = blurred.reshape(-1, 1, *blurred.shape[2:])
        restored = functional.pixel_unshuffle(colours, self.multiple)
        features = self.first(restored)
        for group, fuse in zip(self.groups, self.fuses, strict=True):
            features = group(features)
            restored = restored + fuse(features)
        return blurred + self.last(functional.pixel_shuffle(restored, self.multiple).reshape(blurred.shape))
