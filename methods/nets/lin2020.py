"""Deblurring by sketch synthesis of Lin et al., AAAI 2020: sketch, kernel, Wiener filter, removal of artifacts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facedeblur.methods.nets.blocks import ResBlock, check_images, check_until, conv, he_initialise
from facedeblur.methods.nets.sketch_deblur import estimate_kernel, grey, wiener


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
    """

    def __init__(self, *, width: int = 64, resblocks: int = 6):
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
        self.last = conv(width, 1, 7)
        he_initialise(self)

    def forward(self, blurred: Tensor) -> Tensor:
        """Map (N, 3, H, W) RGB in [0, 1] to a sketch, (N, 1, H, W) grey in [0, 1]."""
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
    """

    def __init__(self, *, width: int = 64, resblocks: int = 5):
        super().__init__()
        double = 2 * width

        def plain(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(conv(inputs, outputs, stride=stride), nn.PReLU())

        self.first = nn.Sequential(plain(4, width), plain(width, width))
        self.down = nn.Sequential(plain(width, double, stride=2), plain(double, double))
        self.trunk = nn.Sequential(
            *(ResBlock(double, activation=nn.PReLU) for _ in range(resblocks)), plain(double, double)
        )
        self.up = nn.Sequential(nn.ConvTranspose2d(double, width, 3, stride=2, padding=1, output_padding=1), nn.PReLU())
        end = conv(width, 3)
        self.last = nn.Sequential(plain(width, width), end, nn.PReLU())
        he_initialise(self)
        nn.init.normal_(end.weight, std=1e-3)

    def forward(self, initial: Tensor, sketch: Tensor) -> Tensor:
        """Clean (N, 3, H, W) by the sketch (N, 1, H, W); same shape, not clipped."""
        features = self.down(self.first(torch.cat([initial, sketch], 1)))
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
    beta, gamma : float
        Weights of eq. 8 and eq. 10.
    border : {'circular', 'taper'}
        See `sketch_deblur.estimate_kernel`.
    """

    name = "lin2020"
    multiple = 4
    parts = ("generator", "deartifact")

    def __init__(
        self,
        *,
        width: int = 64,
        resblocks: int = 6,
        clean_width: int = 64,
        clean_resblocks: int = 5,
        kernel_size: int = 51,
        beta: float = 0.01,
        gamma: float = 0.01,
        border: str = "circular",
    ):
        super().__init__()
        self.generator = SketchGenerator(width=width, resblocks=resblocks)
        self.deartifact = DeArtifact(width=clean_width, resblocks=clean_resblocks)
        self.smallest = kernel_size
        self.kernel_size, self.beta, self.gamma, self.border = kernel_size, beta, gamma, border

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
            ``"sketch"`` stops there, for the first training stage; the blurred image then stands for the restored one.

        Returns
        -------
        dict
            ``sketch`` (N, 1, H, W) in [0, 1], ``kernel`` (N, k, k), ``initial`` and ``restored`` (N, 3, H, W).
        """
        check_images(blurred, net=self.name, multiple=self.multiple)
        check_until(until, net=self.name, parts=("sketch",))
        sketch = self.generator(blurred)
        if until == "sketch":
            return {"sketch": sketch, "restored": blurred}
        kernel = estimate_kernel(grey(blurred), sketch, size=self.kernel_size, beta=self.beta, border=self.border)
        # Back to what the weights have when the whole network was cast to 16 bits.
        initial = wiener(blurred, kernel, gamma=self.gamma).to(blurred.dtype)
        return {
            "sketch": sketch,
            "kernel": kernel,
            "initial": initial,
            "restored": self.deartifact(initial, sketch.to(blurred.dtype)),
        }
