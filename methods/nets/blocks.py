"""What several networks share: outputs and the check of the input, convolutions, norms, residual blocks, halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of


def tracing() -> bool:
    """Return whether ``torch.jit.trace`` runs: sizes are then tensors, and the example has been checked before."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined]  # public, but not in __all__


def check_images(images: Tensor, *, net: str, multiple: int, channels: int = 3, smallest: int = 1) -> None:
    """Refuse what a network cannot take.

    Parameters
    ----------
    images : (N, C, H, W) float
        Input of the network.
    net : str
        Its name, for the error line.
    multiple : int
        H and W must be multiples of it.
    channels : int
        C.
    smallest : int
        H and W must not be under it.

    Raises
    ------
    InputError
        For another number of axes or channels, sizes that do not divide, or integers.
    """
    if tracing():
        return
    found = f"{tuple(images.shape)} {str(images.dtype).removeprefix('torch.')}"
    if images.dim() != 4 or images.shape[1] != channels or not images.is_floating_point():
        raise InputError(f"input of network '{net}'", expected=f"(N, {channels}, H, W) float", found=found)
    height, width = images.shape[2:]
    if height % multiple or width % multiple or min(height, width) < max(1, smallest):
        least = f", {smallest} or more" if smallest > multiple else ""
        raise InputError(
            f"input of network '{net}'",
            expected=f"height and width that are multiples of {multiple}{least}",
            found=f"{height}x{width}",
            do=f"pad the images to a multiple of {multiple} and crop the result",
        )


def check_until(until: str | None, *, net: str, parts: Sequence[str]) -> None:
    """Refuse a name that is none of the `parts` of a network after which its ``outputs`` can stop.

    Raises
    ------
    InputError
        With the nearest of `parts`.
    """
    if until is not None:
        one_of("until", until, parts, of=f"network '{net}'")


class PartWay(nn.Module):
    """A network that was trained only as far as one of its parts, and restores with what comes until there.

    Parameters
    ----------
    net : nn.Module
        ``restores`` of its class maps each place where its ``outputs`` can stop with a picture to the parts that make
        that picture; the other parts are removed.
    until : str
        One of these places.
    """

    def __init__(self, net: nn.Module, until: str):
        super().__init__()
        restores: dict[str, tuple[str, ...]] = net.restores  # type: ignore[assignment]
        needed = restores[until]
        for part in [part for part in net.parts if part not in needed]:  # type: ignore[union-attr]
            delattr(net, part)
        self.net, self.multiple, self.smallest = net, net.multiple, getattr(net, "smallest", 1)
        # The first place where that picture is ready: a parser behind it, say, adds nothing.
        self.until = next(place for place, parts in restores.items() if parts == needed)

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the picture that is restored until there."""
        return self.outputs(blurred)["restored"]

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return what the network has made until there; arguments as of its own ``outputs``."""
        outputs_of: Any = self.net.outputs
        found: dict[str, Tensor] = outputs_of(blurred, labels=labels, kernels=kernels, until=self.until)
        return found


class Plain(nn.Module):
    """Base of the networks that return the restored picture alone; a subclass implements ``forward``."""

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``restored`` alone, with the errors of ``forward``; `labels` and `kernels` are not used."""
        return {"restored": self(blurred)}


def conv(inputs: int, outputs: int, size: int = 3, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """Convolution of odd `size`, zero-padded so that stride 1 keeps height and width."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=bias)


def he_initialise(net: nn.Module) -> None:
    """Draw the weights of all (transposed) convolutions as He et al. 2015 do for ReLU; zero biases."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def normal_initialise(net: nn.Module, *, std: float = 0.02) -> None:
    """Draw the weights of all (transposed) convolutions from N(0, std), as DCGAN and DeblurGAN's code do; zero biases.

    Scales of batch norm are drawn from N(1, std), their shifts are zero.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class PictureNorm(nn.BatchNorm2d):
    """Batch normalisation that uses each picture's own moments when not in training.

    The published test codes of Shen et al. 2018 and of UMSN restore one picture at a time and normalise by the moments
    of that picture. This gives their result for a batch of any size. The running moments are kept up, so that weights
    move between this and ordinary batch normalisation, but not used.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        if self.training:
            return super().forward(features)
        return F.instance_norm(features, weight=self.weight, bias=self.bias, eps=self.eps)


class ResBlock(nn.Module):
    """Two 3x3 convolutions around which the input is carried, with an activation after the sum (He et al. 2016).

    Parameters
    ----------
    channels : int
        Width of input, middle and output.
    activation : callable
        Makes a new activation.
    norm : callable, optional
        Makes the normalisation of `channels` behind each convolution, whose biases it makes superfluous.
    """

    def __init__(
        self,
        channels: int,
        *,
        activation: Callable[[], nn.Module],
        norm: Callable[[int], nn.Module] | None = None,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            layers.append(conv(channels, channels, bias=norm is None))
            if norm is not None:
                layers.append(norm(channels))
            if not last:
                layers.append(activation())
        self.body = nn.Sequential(*layers)
        self.activation = activation()

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return self.activation(features + self.body(features))


class Residual(nn.Module):
    """Two convolutions with a ReLU between them, and their input added: no normalisation, nothing behind the sum.

    The block of Nah et al. 2017, SRN-DeblurNet and DMPHN.

    Parameters
    ----------
    channels : int
        Width of input, middle and output.
    size : int
        Side of the convolutions, odd.
    """

    def __init__(self, channels: int, *, size: int = 3):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels, size), nn.ReLU(), conv(channels, channels, size))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return features + self.body(features)


class Halve(nn.Module):
    """Images at half their size, by eight taps on each axis, the image continued symmetrically.

    A plain strided convolution: it exports everywhere and its gradient is the same in every run, which is
    not so for torch's bicubic interpolation on a GPU.

    Parameters
    ----------
    kind : {"bicubic", "gaussian"}
        The antialiased bicubic filter of MATLAB's ``imresize(image, 0.5)``, Keys's cubic with a = -1/2; or a step of
        scikit-image's ``pyramid_gaussian``, a Gaussian of standard deviation 2/3 and the mean of 2 x 2 pixels.
    """

    taps: Tensor

    def __init__(self, kind: str = "bicubic") -> None:
        super().__init__()
        if one_of("kind", kind, ("bicubic", "gaussian")) == "bicubic":
            distance = torch.tensor([1.75, 1.25, 0.75, 0.25], dtype=torch.float64)
            near = 1.5 * distance**3 - 2.5 * distance**2 + 1
            far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
            side = torch.where(distance <= 1, near, far)
            taps = torch.cat([side, side.flip(0)])
        else:
            smooth = torch.exp(-(torch.arange(-3, 4, dtype=torch.float64) ** 2) / (2 * (2 / 3) ** 2))
            taps = F.pad(smooth, (0, 1)) + F.pad(smooth, (1, 0))
        taps = torch.outer(taps, taps) / taps.sum() ** 2
        self.register_buffer("taps", taps.float()[None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W), H and W even and at least 4, to (N, C, H / 2, W / 2)."""
        for axis in (2, 3):
            first = images.narrow(axis, 0, 3).flip(axis)
            last = images.narrow(axis, images.shape[axis] - 3, 3).flip(axis)
            images = torch.cat([first, images, last], axis)
        channels = int(images.shape[1])  # a number while tracing, too: exporters ask for the shape of the filter
        return F.conv2d(images, self.taps.to(images.dtype).expand(channels, 1, 8, 8), stride=2, groups=channels)


def channel_weights(channels: int, *, reduction: int = 16) -> nn.Sequential:
    """Squeeze and excitation (Hu et al. 2018): (N, channels, H, W) to weights (N, channels, 1, 1) in (0, 1)."""
    hidden = max(1, channels // reduction)
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(channels, hidden, 1),
        nn.ReLU(),
        nn.Conv2d(hidden, channels, 1),
        nn.Sigmoid(),
    )


class AttentionBlock(nn.Module):
    """Residual block with channel attention: 3x3, leaky ReLU 0.2, 3x3, squeeze and excitation, the input added.

    DFPGnet's and MSPL's block: biases, no normalisation, no activation behind the sum.

    Parameters
    ----------
    channels : int
        Width.
    reduction : int
        Channels over those of the attention's hidden layer, which has at least one.
    """

    def __init__(self, channels: int, *, reduction: int = 16):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), nn.LeakyReLU(0.2), conv(channels, channels))
        self.attention = channel_weights(channels, reduction=reduction)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        change = self.body(features)
        return features + self.attention(change) * change
