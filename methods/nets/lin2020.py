"""Deblurring by sketch synthesis of Lin et al., AAAI 2020: sketch, kernel, Wiener filter, removal of artifacts.

Two of the four steps are closed forms: the blur kernel from the sketch (`estimate_kernel`) and the Wiener filter
(`wiener`). Both work on batches with one kernel per image, and gradients pass through all of it: the kernel, the edge
tapering, the division of spectra. Fourier transforms work in 32-bit floats at least, under autocast too.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.nets.blocks import ResBlock, check_images, check_until, conv, he_initialise, tracing

LUMA = (0.299, 0.587, 0.114)
ROUNDS = 3
BORDERS = ("circular", "taper")
SCALES = ("relative", "absolute")
SPACES = ("gradient", "intensity")
BETA = 0.1
"""Relative weight of eq. 8. Of weights from 0.0001 to 0.3 it restores best, by kernels of 21 to 51 pixels and with the
grey sharp image or a tone-preserving drawing of it for a sketch, 12 generated portraits and 12 CelebAMask-HQ faces,
none of which is in a test set."""

CUT = 0.05
"""Share of a kernel's largest value under which its values are noise."""

LEAST_POWER = 1e-12
"""Added to a relative weight, which is 0 for a flat sketch."""

LEAST_MASS = 1e-8
"""A kernel whose positive part sums to less says nothing; a delta takes its place."""


class SketchGenerator(nn.Module):
    """Sketch generator G: U-Net of 10 convolutions, 2 transposed ones, 6 residual blocks and 2 skips (section 2.1).

    c7-64, c3-64, d128, c3-128, d256, c3-256, six residual blocks of 256, u128, c3-128, u64, c3-64,
    c3-64, c7-1: d is a convolution of stride 2, u a transposed one. What c3-128 and c3-64 of the decoder
    read is joined with the encoder's features of that size. First and last filters are 7x7, all others
    3x3. Instance normalisation and ReLU behind every (transposed) convolution but the last, behind
    which there is a sigmoid. Widths and order are ours: the text and the caption of Figure 3 give the
    numbers of layers only.

    Parameters
    ----------
    width : int
        Channels at full size; twice and four times as many below.
    resblocks : int
        Residual blocks at a quarter of the size.
    channels : int
        Of what it draws: 1 for a sketch, 3 for a photograph.
    """

    def __init__(self, *, width: int = 64, resblocks: int = 6, channels: int = 1):
        super().__init__()
        double, most = 2 * width, 4 * width

        def behind(layer: nn.Module, channels: int) -> nn.Sequential:
            return nn.Sequential(layer, nn.InstanceNorm2d(channels), nn.ReLU(inplace=True))

        def plain(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
            # No biases: instance normalisation takes the mean away again.
            return behind(conv(inputs, outputs, size, stride=stride, bias=False), outputs)

        def up(inputs: int, outputs: int) -> nn.Sequential:
            layer = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)
            return behind(layer, outputs)

        self.first = nn.Sequential(plain(3, width, 7), plain(width, width))
        self.down1 = nn.Sequential(plain(width, double, stride=2), plain(double, double))
        self.down2 = nn.Sequential(plain(double, most, stride=2), plain(most, most))
        self.trunk = nn.Sequential(
            *(ResBlock(most, activation=nn.ReLU, norm=nn.InstanceNorm2d) for _ in range(resblocks))
        )
        self.up2 = up(most, double)
        self.join2 = plain(2 * double, double)
        self.up1 = up(double, width)
        self.join1 = nn.Sequential(plain(2 * width, width), plain(width, width))
        self.last = conv(width, channels, 7)
        he_initialise(self)

    def forward(self, blurred: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to a sketch, (N, `channels`, H, W) in [0, 1]."""
        full = self.first(blurred)
        half = self.down1(full)
        features = self.trunk(self.down2(half))
        features = self.join2(torch.cat([self.up2(features), half], 1))
        features = self.join1(torch.cat([self.up1(features), full], 1))
        return torch.sigmoid(self.last(features))


class DeArtifact(nn.Module):
    """De-artifact network A: 7 convolutions, 1 transposed one, 5 residual blocks, 2 residual connections.

    c3-64, c3-64, d128, c3-128, five residual blocks of 128, c3-128, u64, c3-64, c3-3, with a PReLU behind every one
    (section 2.1). One residual connection goes round the residual blocks and the convolution behind
    them, the other from the initial image to the output. Widths and places are ours (the paper gives numbers
    of layers). The last convolution starts near 0, so that training begins at the Wiener result.

    Parameters
    ----------
    width : int
        Channels at full size; twice as many below.
    resblocks : int
        Residual blocks at half size.
    sketch : bool
        Whether it sees the sketch.
    """

    def __init__(self, *, width: int = 64, resblocks: int = 5, sketch: bool = True):
        super().__init__()
        double = 2 * width

        def plain(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(conv(inputs, outputs, stride=stride), nn.PReLU())

        self.first = nn.Sequential(plain(3 + sketch, width), plain(width, width))
        self.down = nn.Sequential(plain(width, double, stride=2), plain(double, double))
        self.trunk = nn.Sequential(
            *(ResBlock(double, activation=nn.PReLU) for _ in range(resblocks)), plain(double, double)
        )
        self.up = nn.Sequential(nn.ConvTranspose2d(double, width, 3, stride=2, padding=1, output_padding=1), nn.PReLU())
        end = conv(width, 3)
        self.last = nn.Sequential(plain(width, width), end, nn.PReLU())
        he_initialise(self)
        nn.init.normal_(end.weight, std=1e-3)

    def forward(self, initial: Tensor, sketch: Tensor | None = None) -> Tensor:
        """Clean (N, 3, H, W), by the sketch (N, 1, H, W) if it sees one; same shape, not clipped."""
        features = self.down(self.first(initial if sketch is None else torch.cat([initial, sketch], 1)))
        features = features + self.trunk(features)
        return initial + self.last(self.up(features))


class Lin2020(nn.Module):
    """Learning to deblur face images via sketch synthesis (Lin, Zhang, Pan, Liu, Wang, Chen, Ren, AAAI 2020).

    G draws a sketch of the sharp face from the blurred one; the kernel follows from the gradients of
    both (eq. 9), the initial image from the kernel (eq. 11); A removes its artifacts by the sketch. The
    paper works on 240x200 with kernels up to 51x51.

    Parameters published: none. Ours: 11,003,990 (G 9,007,361, A 1,996,629), 44.0 MB of 32-bit numbers; the
    closed forms have none. Numbers of layers are the paper's, widths ours.

    Parameters
    ----------
    width, resblocks : int
        See `SketchGenerator`.
    clean_width, clean_resblocks : int
        See `DeArtifact`.
    kernel_size : int
        Side of the estimated kernel, odd; images must be as large at least.
    beta, beta_scale, border, space
        Of the kernel, see `estimate_kernel`; ``beta = 0.01, beta_scale = "absolute"`` is what is printed.
    gamma : float
        Weight of eq. 10.
    sketch_to_artifact : bool
        Whether A sees the sketch (Table 2, "A w/o s", where it does not).
    naive : bool
        A generator like G restores the image itself, without sketch, kernel or A (Table 2, "Naive E2E"). The other
        settings but `width` and `resblocks` are not used then.
    """

    name = "lin2020"
    multiple = 4
    parts: tuple[str, ...] = ("generator", "deartifact")
    smallest = 1

    def __init__(
        self,
        *,
        width: int = 64,
        resblocks: int = 6,
        clean_width: int = 64,
        clean_resblocks: int = 5,
        kernel_size: int = 51,
        beta: float = BETA,
        beta_scale: str = "relative",
        gamma: float = 0.01,
        border: str = "taper",
        space: str = "gradient",
        sketch_to_artifact: bool = True,
        naive: bool = False,
    ):
        super().__init__()
        self.naive, self.sketch_to_artifact, self.gamma = naive, sketch_to_artifact, gamma
        self.kernel_options: dict[str, Any] = {
            "size": kernel_size,
            "beta": beta,
            "scale": one_of("beta_scale", beta_scale, SCALES, of="network 'lin2020'"),
            "border": one_of("border", border, BORDERS, of="network 'lin2020'"),
            "space": one_of("space", space, SPACES, of="network 'lin2020'"),
        }
        self.generator = SketchGenerator(width=width, resblocks=resblocks, channels=3 if naive else 1)
        if naive:
            self.parts = ("generator",)
        else:
            self.deartifact = DeArtifact(width=clean_width, resblocks=clean_resblocks, sketch=sketch_to_artifact)
            self.smallest = kernel_size

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore (N, 3, H, W) RGB in [0, 1]; same shape and range, not clipped."""
        return self.outputs(blurred)["restored"]

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
            RGB in [0, 1], H and W multiples of 4 and `kernel_size` at least.
        labels, kernels : Tensor, optional
            Not read: the paper estimates the kernel in training, too.
        until : str, optional
            ``"sketch"`` stops there, for the first training stage; the blurred image is then the restored one.

        Returns
        -------
        dict
            ``sketch`` (N, 1, H, W) in [0, 1], ``kernel`` (N, k, k), ``initial`` and ``restored`` (N, 3, H, W); of the
            naive network ``restored`` alone.
        """
        check_images(blurred, net=self.name, multiple=self.multiple)
        if until is not None and self.naive:
            raise InputError(f"network '{self.name}' with 'naive' has no stages, so it cannot stop after '{until}'")
        check_until(until, net=self.name, parts=("sketch",))
        sketch = self.generator(blurred)
        if self.naive:
            return {"restored": sketch}
        if until == "sketch":
            return {"sketch": sketch, "restored": blurred}
        kernel = estimate_kernel(grey(blurred), sketch, **self.kernel_options)
        # Back to what the weights have when the whole network was cast to 16 bits.
        initial = wiener(blurred, kernel, gamma=self.gamma).to(blurred.dtype)
        return {
            "sketch": sketch,
            "kernel": kernel,
            "initial": initial,
            "restored": self.deartifact(initial, sketch.to(blurred.dtype) if self.sketch_to_artifact else None),
        }


class Lin2020Small(Lin2020):
    """The network of Lin et al. at a quarter of its widths, for the kernels of `shen2020`: what a processor can train.

    Sketch, kernel, Wiener filter and removal of artifacts are those of `Lin2020`. Ours: 525,284 parameters
    (G 417,857, A 107,427), with weights that come with the toolkit: see ``weights/lin2020-small.md``.

    Parameters
    ----------
    width, resblocks, clean_width, clean_resblocks, kernel_size : int
        See `Lin2020`.
    """

    name = "lin2020-small"

    def __init__(
        self,
        *,
        width: int = 16,
        resblocks: int = 4,
        clean_width: int = 16,
        clean_resblocks: int = 4,
        kernel_size: int = 29,
    ):
        super().__init__(
            width=width,
            resblocks=resblocks,
            clean_width=clean_width,
            clean_resblocks=clean_resblocks,
            kernel_size=kernel_size,
        )


def grey(images: Tensor) -> Tensor:
    """Luma (BT.601) of (N, 3, H, W) RGB, as (N, 1, H, W)."""
    red, green, blue = images.split(1, 1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def estimate_kernel(
    blurred: Tensor,
    sketch: Tensor,
    *,
    size: int = 51,
    beta: float = BETA,
    scale: str = "relative",
    border: str = "taper",
    space: str = "gradient",
) -> Tensor:
    """Blur kernels by which the gradients of a sketch best explain those of a blurred image (eq. 9).

    Forward differences in both directions; the least-squares kernel has the size of the image. Its
    centre moves to the middle and `size` is cut out around it. As in Pan et al., "Deblurring face images
    with exemplars", ECCV 2014, and in their code, values under a twentieth of the largest go to 0, and the
    rest is divided by its sum.

    Parameters
    ----------
    blurred, sketch : (N, 1, H, W) float
        Grey values in [0, 1].
    size : int
        Side of the kernels, odd, at most H and W.
    beta : float
        Weight of the squared norm of the kernel (eq. 8).
    scale : {'relative', 'absolute'}
        What `beta` is a multiple of. ``relative``: the mean power of the sketch's gradients over all
        frequencies, so that neither contrast nor size of the images matters. ``absolute``: 1, for
        transforms without a factor, as the formula has it; the 0.01 that is printed is hardly any weight
        then, and noise is amplified where the sketch has no structure.
    border : {'circular', 'taper'}
        What the differences are at the border, of which the paper says nothing. ``circular``: those of
        the image on the torus, whose jump from edge to edge is no blurred version of the sharp image's
        unless the blur wraps, too. ``taper``: none across the edge, and rising linearly to their full
        value over `size` // 4 pixels.
    space : {'gradient', 'intensity'}
        What is compared: gradients, or the grey values less their mean ("Intensity" in Table 2).

    Returns
    -------
    (N, size, size) float, 32 bits or more
        Not negative, sum 1. Where no value was positive (a flat image or sketch) a delta.

    Raises
    ------
    InputError
        For an even size or one larger than the images, images of unlike shape, or beta not over 0.
    """
    if not tracing():
        _check_pair(blurred, sketch, size=size)
    if not beta > 0:
        raise InputError("kernel estimate, 'beta'", expected="a number above 0", found=f"{beta}")
    one_of("scale", scale, SCALES, of="the kernel estimate")
    one_of("border", border, BORDERS, of="the kernel estimate")
    one_of("space", space, SPACES, of="the kernel estimate")
    blurred, sketch = _wide(blurred[:, 0]), _wide(sketch[:, 0])
    height, width = int(blurred.shape[1]), int(blurred.shape[2])
    weight = _ramp(blurred, size // 4) if border == "taper" else torch.ones_like(blurred[0])
    cross: Tensor | float = 0.0
    power: Tensor | float = 0.0
    energy: Tensor | float = 0.0
    for seen, drawn in zip(_compared(blurred, border, space), _compared(sketch, border, space), strict=True):
        given, found = torch.fft.rfft2(weight * seen), torch.fft.rfft2(weight * drawn)
        cross = cross + found.conj() * given
        power = power + found.real**2 + found.imag**2
        # Parseval: the mean power over all frequencies is the sum of squares.
        energy = energy + (weight * drawn).square().sum((1, 2), keepdim=True)
    least = beta if scale == "absolute" else beta * energy + LEAST_POWER
    whole = torch.fft.irfft2(cross / (power + least), s=(height, width))
    # The kernel's centre is at the origin of the torus: fftshift brings it to (H // 2, W // 2).
    whole = whole.roll((height // 2, width // 2), (1, 2))
    top, left = height // 2 - size // 2, width // 2 - size // 2
    kernels = F.relu(whole[:, top : top + size, left : left + size])
    kernels = torch.where(kernels < CUT * kernels.amax((1, 2), keepdim=True), torch.zeros_like(kernels), kernels)
    mass = kernels.sum((1, 2), keepdim=True)
    delta = torch.zeros_like(kernels)
    delta[:, size // 2, size // 2] = 1
    # The divisor is bounded in both branches: a division by zero would give NaN gradients even where it is not chosen.
    return torch.where(mass > LEAST_MASS, kernels / mass.clamp_min(LEAST_MASS), delta)


def wiener(blurred: Tensor, kernels: Tensor, *, gamma: float = 0.01, rounds: int = ROUNDS) -> Tensor:
    """Restore by conj(K) Y / (|K|^2 + gamma) (eq. 11), after the boundary adjustment of Kruse et al. 2017.

    The image is replicated by (k - 1) / 2 on every side and tapered towards its own wrapped blur;
    the result is cut back. `methods/classical/wiener.py` is the same in numpy, for known kernels.

    Parameters
    ----------
    blurred : (N, C, H, W) float
        Each channel is restored on its own.
    kernels : (N, k, k) float
        Odd size, sum 1.
    gamma : float
        Weight of the squared norm of the image (eq. 10).
    rounds : int
        Rounds of edge tapering.

    Returns
    -------
    (N, C, H, W) float, 32 bits or more
        Not clipped.

    Raises
    ------
    InputError
        For kernels that are not square, odd and one per image, or gamma not over 0.
    """
    if not tracing() and (
        kernels.dim() != 3
        or kernels.shape[0] != blurred.shape[0]
        or kernels.shape[1] != kernels.shape[2]
        or kernels.shape[1] % 2 == 0
    ):
        raise InputError(
            "Wiener restoration, kernels",
            expected=f"({blurred.shape[0]}, k, k) with odd k",
            found=f"{tuple(kernels.shape)}",
        )
    if not gamma > 0:
        raise InputError("Wiener restoration, 'gamma'", expected="a number above 0", found=f"{gamma}")
    image, otf, margin = tapered(blurred, kernels, rounds=rounds)
    inverse = otf.conj() / (otf.real**2 + otf.imag**2 + gamma)
    restored = torch.fft.irfft2(torch.fft.rfft2(image) * inverse, s=image.shape[2:])
    return restored[:, :, margin : margin + int(blurred.shape[2]), margin : margin + int(blurred.shape[3])]


def tapered(blurred: Tensor, kernels: Tensor, *, rounds: int = ROUNDS) -> tuple[Tensor, Tensor, int]:
    """Images made periodic for a deconvolution by Fourier transforms, as in `wiener`.

    Parameters
    ----------
    blurred : (N, C, H, W) float
    kernels : (N, k, k) float
        Odd size, sum 1.
    rounds : int
        Rounds of edge tapering.

    Returns
    -------
    image : (N, C, P, Q) float, 32 bits or more
    otf : (N, 1, P, Q // 2 + 1) complex
        Transforms of the kernels with their centres at the origin.
    margin : int
        Row and column of the image at which the blurred one begins.
    """
    blurred, kernels = _wide(blurred), _wide(kernels)
    height, width = int(blurred.shape[2]), int(blurred.shape[3])
    margin = int(kernels.shape[1]) // 2
    spread = [quick_size(side + 2 * margin) for side in (height, width)]
    bottom, right = spread[0] - height - margin, spread[1] - width - margin
    image = F.pad(blurred, (margin, right, margin, bottom), mode="replicate")
    otf = _transfer(kernels, spread)[:, None]
    weight = taper_weight(kernels, spread)[:, None]
    for _ in range(rounds):
        wrapped = torch.fft.irfft2(torch.fft.rfft2(image) * otf, s=spread)
        image = weight * image + (1 - weight) * wrapped
    return image, otf, margin


def taper_weight(kernels: Tensor, spread: list[int]) -> Tensor:
    """Weight of the image itself in edge tapering: 1 inside, falling to 0 at the border.

    On each axis 1 less the autocorrelation of the kernel's projection at the distance from the
    border, 1 at distance 0; the axes multiply.

    Parameters
    ----------
    kernels : (N, k, k) float
        Not negative.
    spread : two ints
        Height P and width Q of the padded image.

    Returns
    -------
    (N, P, Q) float
    """
    sides = []
    for axis, side in enumerate(spread):
        spectrum = torch.fft.rfft(kernels.sum(2 - axis), n=side - 1)
        correlation = torch.fft.irfft(spectrum.real**2 + spectrum.imag**2, n=side - 1)
        closed = torch.cat([correlation, correlation[:, :1]], 1) / correlation[:, :1]
        sides.append(1 - closed)
    return sides[0][:, :, None] * sides[1][:, None, :]


def quick_size(side: int) -> int:
    """Smallest whole number that is `side` at least and has no prime factor over 5: quick to transform."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1


def _difference(images: Tensor, axis: int, border: str) -> Tensor:
    """Forward differences of (N, H, W) along `axis`; the last across the edge, or 0."""
    if border == "circular":
        return images.roll(-1, axis) - images
    inside = images.diff(dim=axis)
    return torch.cat([inside, torch.zeros_like(images.narrow(axis, 0, 1))], axis)


def _compared(images: Tensor, border: str, space: str) -> list[Tensor]:
    """What the kernel estimate compares of (N, H, W): two gradients, or the grey values around their mean."""
    if space == "intensity":
        return [images - images.mean((1, 2), keepdim=True)]
    return [_difference(images, axis, border) for axis in (1, 2)]


def _ramp(images: Tensor, length: int) -> Tensor:
    """Weights (H, W) for (N, H, W): 1 inside, falling linearly over `length` pixels at each border."""
    sides = []
    for axis in (1, 2):
        place = torch.arange(1, int(images.shape[axis]) + 1, device=images.device, dtype=images.dtype)
        sides.append((torch.minimum(place, place.flip(0)) / max(length, 1)).clamp_max(1))
    return sides[0][:, None] * sides[1][None, :]


def _transfer(kernels: Tensor, spread: list[int]) -> Tensor:
    """Half-plane transforms of (N, k, k) kernels in zeros of size `spread`, centres at the origin."""
    size = int(kernels.shape[1])
    room = F.pad(kernels, (0, spread[1] - size, 0, spread[0] - size))
    return torch.fft.rfft2(room.roll((-(size // 2), -(size // 2)), (1, 2)))


def _wide(values: Tensor) -> Tensor:
    """Values in 32 bits where they have fewer: FFTs take no bfloat16, and half precision loses the kernel."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _check_pair(blurred: Tensor, sketch: Tensor, *, size: int) -> None:
    if blurred.dim() != 4 or blurred.shape[1] != 1 or blurred.shape != sketch.shape:
        raise InputError(
            "kernel estimate, images",
            expected="blurred and sketch of one shape (N, 1, H, W)",
            found=f"{tuple(blurred.shape)} and {tuple(sketch.shape)}",
        )
    most = min(blurred.shape[2:])
    if size % 2 == 0 or not 1 <= size <= most:
        raise InputError(
            "kernel estimate, 'size'",
            expected=f"an odd number of pixels, {most} at most for these images",
            found=f"{size}",
            do="set a smaller kernel size or give larger images",
        )
