"""DFPGnet: a deblurring stream guided by estimated deep features of a face-recognition network.

Jung, Lee and Heo, "Deep Feature Prior Guided Face Deblurring", supplementary material, section 1 and tables 1 to 3; for
the network with VGG-Face as its encoder, section 2.2 and table 5.
"""

from __future__ import annotations

from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.nets.blocks import AttentionBlock, check_images, conv
from facedeblur.methods.nets.vgg import Vgg, fill_vgg, thinned

GUIDES = ("priors", "encoder", "vgg-face")

LAYERS = ("relu1_2", "relu2_2", "relu3_3")
"""Of VGG-Face: what the priors estimate, with 64, 128 and 256 channels."""

SPREAD = 58.0
"""By what VGG-Face's features are divided to be of order 1: the spread of photographs in 0 to 255 (0.226 x 255)."""


class FeatureTransform(nn.Module):
    """Spatial feature transform: ``gamma(guide) * features + beta(guide)``.

    With `guide` the same as `features` it is the paper's SSFT (self-conditioned), table 2.
    Both branches are two 3x3 convolutions with a leaky ReLU between.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The paper does not say where gamma starts: from about one the features pass at first.
        self.gamma, self.beta = self._branch(channels, 1.0), self._branch(channels, 0.0)

    @staticmethod
    def _branch(channels: int, start: float) -> nn.Sequential:
        last = conv(channels, channels)
        if last.bias is not None:
            nn.init.constant_(last.bias, start)
        return nn.Sequential(conv(channels, channels), nn.LeakyReLU(0.2), last)

    def forward(self, features: Tensor, guide: Tensor) -> Tensor:
        """Two (N, C, H, W) to one."""
        transformed: Tensor = self.gamma(guide) * features + self.beta(guide)
        return transformed


class Prior(nn.Module):
    """Prior estimation sub-network P_i (table 2): self-conditioned SFT, then residual blocks."""

    def __init__(self, channels: int, *, blocks: int, reduction: int) -> None:
        super().__init__()
        self.transform = FeatureTransform(channels)
        self.blocks = _blocks(channels, blocks, reduction)

    def forward(self, features: Tensor) -> Tensor:
        """Encoder features E_i, (N, C_i, H_i, W_i), to the estimated deep features of the sharp image, same shape."""
        estimated: Tensor = self.blocks(self.transform(features, features))
        return estimated


class Encoder(nn.Module):
    """Encoder of the deblurring stream M_E (table 1)."""

    def __init__(self, *, width: int, blocks: int, reduction: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 1)
        self.stage1 = _blocks(width, blocks, reduction)
        self.down1 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.stage2 = _blocks(2 * width, blocks, reduction)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.stage3 = _blocks(4 * width, blocks, reduction)
        self.stage4 = _blocks(4 * width, blocks, reduction)

    def forward(self, blurred: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return E_0 to E_4: the full size twice, a half, a quarter twice."""
        e0 = self.first(blurred)
        e1 = self.stage1(e0)
        e2 = self.stage2(self.down1(e1))
        e3 = self.stage3(self.down2(e2))
        return e0, e1, e2, e3, self.stage4(e3)


class Decoder(nn.Module):
    """Decoder of the deblurring stream M_D (table 3)."""

    def __init__(self, *, width: int, blocks: int, reduction: int) -> None:
        super().__init__()
        self.transform3, self.stage3 = FeatureTransform(4 * width), _blocks(4 * width, blocks, reduction)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1)
        self.transform2, self.stage2 = FeatureTransform(2 * width), _blocks(2 * width, blocks, reduction)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.transform1, self.stage1 = FeatureTransform(width), _blocks(width, blocks, reduction)
        self.last = nn.Conv2d(width, 3, 1)

    def forward(self, deep: Tensor, first: Tensor, priors: list[Tensor]) -> Tensor:
        """E_4, E_0 and P_1 to P_3 to the restored image."""
        features = self.stage3(self.transform3(deep, priors[2]))
        features = self.stage2(self.transform2(self.up2(features), priors[1]))
        features = self.stage1(self.transform1(self.up1(features), priors[0]))
        restored: Tensor = self.last(features + first)
        return restored


class VggFaceEncoder(nn.Module):
    """VGG-Face in the place of the encoder: its features of the blurred image; no stage trains it.

    Parameters
    ----------
    width : int
        Channels at full size, twice and four times as many at a half and a quarter; fewer than VGG-Face's 64 are every
        so many-th of them.
    weights : str
        What it begins with, see `facedeblur.methods.nets.vgg.fill_vgg`; empty for none, which a file will bring.
    """

    def __init__(self, *, width: int, weights: str) -> None:
        super().__init__()
        if width < 1 or 64 % width:
            raise InputError("width of network 'dfpgnet' with VGG-Face", expected="a divisor of 64", found=str(width))
        self.widths = (width, 2 * width, 4 * width)
        self.features = Vgg("vgg-face", layers=LAYERS)
        if weights:
            fill_vgg(self.features, weights)

    def forward(self, blurred: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] to relu1_2, relu2_2 and relu3_3: the full size, a half, a quarter."""
        found = self.features(blurred).values()
        return [thinned(each, width) / SPREAD for each, width in zip(found, self.widths, strict=True)]


class Dfpgnet(nn.Module):
    """DFPGnet's generator.

    Parameters
    ----------
    width : int
        Channels at full size; twice and four times as many at a half and a quarter. 64 is what the
        priors need to be compared with VGGFace's relu1_2, relu2_2 and relu3_3.
    blocks, prior_blocks : int
        Residual blocks per stage of the deblurring stream and of a prior sub-network.
    reduction : int
        Of the channel attention in each residual block.
    guide : {"priors", "encoder", "vgg-face"}
        What guides the decoder: the estimated priors; without priors, the encoder's own features E_1 to E_3 (B1 of the
        main paper); or VGG-Face's features of the blurred image, which also stand for the encoder (table 5).
    encoder_weights : str
        With ``guide = "vgg-face"``: what the encoder begins with, ``"vgg-face"`` for the user's file of that name, a
        file, or ``"random"``. Weights that were trained hold it already.

    Raises
    ------
    InputError
        For an unknown guide, weights that are not found, or a width that does not divide VGG-Face's.

    Notes
    -----
    44,659,843 parameters (178.6 MB in float32): encoder 14,401,180, priors 18,702,488, decoder 11,556,175.
    The paper prints 44.7 M (table 6). Read as follows: the last residual block of table 3 is five blocks, as
    in the other stages (one would make 44.36 M); the branches of SFT and SSFT are two convolutions each (41.6 M
    with one, 47.8 M with three); SFT_2 and SFT_3 take the up-sampled features. The strided convolutions have
    no activation, the image is not shifted or scaled.

    Without priors 25,957,355 parameters are left. With VGG-Face 11,556,175 of the decoder are trained, and 1,735,488 of
    VGG-Face's first seven convolutions are not; relu3_3 is the decoder's input D_1, and relu1_2 is added before the
    last convolution in the place of E_0. The paper prints no number for either.
    """

    multiple = 4
    starts_from = ("encoder_weights",)

    def __init__(
        self, *, width: int = 64, blocks: int = 5, prior_blocks: int = 10, reduction: int = 16, guide: str = "priors",
        encoder_weights: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.guide = one_of("guide", guide, GUIDES, of="network 'dfpgnet'")
        if encoder_weights and guide != "vgg-face":
            raise InputError("encoder_weights of network 'dfpgnet'", "only VGG-Face as its encoder has any",
                             do='set guide = "vgg-face", or leave it out')  # fmt: skip
        self.parts: tuple[str, ...] = ("encoder", "decoder")
        self.fixed: tuple[str, ...] = ()
        if guide == "vgg-face":
            self.encoder: nn.Module = VggFaceEncoder(width=width, weights=encoder_weights)
            self.parts, self.fixed = ("decoder",), ("encoder",)
        else:
            self.encoder = Encoder(width=width, blocks=blocks, reduction=reduction)
        if guide == "priors":
            self.parts, self.prior_channels = ("encoder", "priors", "decoder"), (width, 2 * width, 4 * width)
            self.priors = nn.ModuleList(
                Prior(channels, blocks=prior_blocks, reduction=reduction) for channels in self.prior_channels
            )
        self.decoder = Decoder(width=width, blocks=blocks, reduction=reduction)

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped.

        Raises
        ------
        InputError
            For other channels, or a height or width that is not a multiple of 4.
        """
        return self.outputs(blurred)["restored"]

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """``restored`` and, where there are any, the estimated deep features ``priors1`` to ``priors3``.

        Parameters
        ----------
        blurred : torch.Tensor, shape (N, 3, H, W)
        labels, kernels : ignored
            The network uses neither.

        Returns
        -------
        dict of str to torch.Tensor
            ``priors1`` is (N, 64, H, W), ``priors2`` (N, 128, H/2, W/2), ``priors3`` (N, 256, H/4, W/4).

        Raises
        ------
        InputError
            As `forward`.
        """
        check_images(blurred, multiple=self.multiple, net="dfpgnet")
        if self.guide == "vgg-face":
            full, half, quarter = self.encoder(blurred)
            return {"restored": self.decoder(quarter, full, [full, half, quarter])}
        e0, e1, e2, e3, e4 = self.encoder(blurred)
        if self.guide == "encoder":
            return {"restored": self.decoder(e4, e0, [e1, e2, e3])}
        priors = [prior(features) for prior, features in zip(self.priors, (e1, e2, e3), strict=True)]
        restored = self.decoder(e4, e0, priors)
        return {"restored": restored, **{f"priors{i}": prior for i, prior in enumerate(priors, 1)}}


def _blocks(channels: int, count: int, reduction: int) -> nn.Sequential:
    return nn.Sequential(*(AttentionBlock(channels, reduction=reduction) for _ in range(count)))
