"""Faces from facial components and from exemplars: Song, Zhang, Gong, He, Bao, Pan, Yang and Yang, in our reading.

"Joint Face Hallucination and Deblurring via Structure Generation and Detail Enhancement", IJCV 127, 2019
(arXiv:1811.09019). Of the paper we had the abstract, and that of its forerunner: Song et al., "Learning to Hallucinate
Face Images via Component Generation and Enhancement", IJCAI 2017. What the authors publish is not known here, so no
weights of theirs are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.nets.blocks import ResBlock, check_images, check_until, conv, he_initialise
from facedeblur.methods.nets.shen.parser import ShenParser

COMPONENTS: dict[str, tuple[str, ...]] = {
    "eyes": ("left brow", "right brow", "left eye", "right eye"),
    "nose": ("nose",),
    "mouth": ("upper lip", "inner mouth", "lower lip"),
    "rest": ("background", "skin", "hair"),
}
"""Facial components and their classes of Helen; the last is what is left."""

SAME = 0.01
"""Mean absolute difference below which an exemplar is the face in training itself."""

FAR = 1e6
"""Distance of an exemplar that must not be chosen."""


class Structure(nn.Module):
    """Encoder and decoder that change the blurred image, given the maps of its components.

    A 7x7 convolution, two 3x3 ones of stride 2 that double the channels, residual blocks, two 4x4 transposed ones whose
    results are added to the encoder's features of their size, and a 3x3 convolution. Instance normalisation and ReLU
    behind all but the last.

    Parameters
    ----------
    width : int
        Channels at full size.
    blocks : int
        Residual blocks at a quarter of the size.
    """

    def __init__(self, *, width: int, blocks: int):
        super().__init__()

        def behind(layer: nn.Module, made: int) -> nn.Sequential:
            return nn.Sequential(layer, nn.InstanceNorm2d(made), nn.ReLU())

        # No biases: instance normalisation takes the mean away again.
        self.first = behind(conv(3 + len(COMPONENTS), width, 7, bias=False), width)
        self.down = nn.ModuleList(
            behind(conv(taken, 2 * taken, stride=2, bias=False), 2 * taken) for taken in (width, 2 * width)
        )
        self.trunk = nn.Sequential(
            *(ResBlock(4 * width, activation=nn.ReLU, norm=nn.InstanceNorm2d) for _ in range(blocks))
        )
        self.up = nn.ModuleList(
            behind(nn.ConvTranspose2d(2 * made, made, 4, stride=2, padding=1, bias=False), made)
            for made in (2 * width, width)
        )
        self.last = conv(width, 3)
        he_initialise(self)
        # Training begins near the blurred image.
        nn.init.normal_(self.last.weight, std=1e-3)

    def forward(self, blurred: Tensor, maps: Tensor) -> Tensor:
        """(N, 3, H, W) RGB and (N, components, H, W) to the base images (N, 3, H, W), not clipped."""
        full = self.first(torch.cat([blurred, maps], 1))
        half = self.down[0](full)
        features = self.up[0](self.trunk(self.down[1](half))) + half
        change: Tensor = self.last(self.up[1](features) + full)
        return blurred + change


class Exemplars(nn.Module):
    """A dictionary of sharp faces, and what it adds to a base image.

    For each component the exemplars are chosen whose own base images are the most like the base image there: by the
    squared difference around its mean, over the pixels of the component. What their base images lack of the sharp
    faces is averaged, the nearer ones counting more, and added in the component, times a gain that is learned.

    Parameters
    ----------
    count : int
        Exemplars.
    side : int
        Height and width at which they are stored; they are resized to the image.
    nearest : int
        How many are averaged.

    Attributes
    ----------
    sharp, soft : (count, 3, side, side) uint8
        The exemplars, and what the structure network made of them when they were blurred.
    filled : () int64
        How many there are.
    gain : (components,) float
    """

    sharp: Tensor
    soft: Tensor
    filled: Tensor

    def __init__(self, count: int, *, side: int, nearest: int):
        super().__init__()
        self.nearest = min(nearest, count)
        self.gain = nn.Parameter(torch.full((len(COMPONENTS),), 0.5))
        for name in ("sharp", "soft"):
            self.register_buffer(name, torch.zeros(count, 3, side, side, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def take(self, sharp: Tensor, soft: Tensor) -> None:
        """Add faces (N, 3, H, W) in [0, 1] and their base images, as long as there is room; none twice."""
        for clear, base in zip(*(self._resized(each) for each in (sharp, soft)), strict=True):
            place = int(self.filled)
            if place == len(self.sharp):
                return
            if (distances_of(clear[None], self.sharp[:place] / 255) > SAME).all():
                for kept, image in ((self.sharp, clear), (self.soft, base)):
                    kept[place] = (image * 255).round().clamp(0, 255).to(torch.uint8)
                self.filled += 1

    def forward(self, base: Tensor, maps: Tensor, sharp: Tensor | None = None) -> Tensor:
        """What is added to base images (N, 3, H, W), in these components.

        Parameters
        ----------
        base : (N, 3, H, W) float
        maps : (N, components, H, W) float
            Share of each component in each pixel.
        sharp : (N, 3, H, W) float, optional
            In training the faces themselves, which are not chosen as exemplars.
        """
        with torch.no_grad(), torch.autocast(base.device.type, enabled=False):
            clear, soft = (
                functional.interpolate(each.float() / 255, size=base.shape[2:], mode="bilinear", align_corners=False)
                for each in (self.sharp, self.soft)
            )
            usable = (torch.arange(len(clear), device=base.device) < self.filled).expand(len(base), -1)
            if sharp is not None:
                usable = usable & (distances_of(self._resized(sharp), self.sharp / 255) > SAME)
            masks, own, theirs = (each.float().flatten(2) for each in (maps, base, soft))
            apart = torch.where(usable[:, None], component_distances(own, theirs, masks), FAR)
            near, places = apart.topk(self.nearest, dim=2, largest=False)
            shares = (-near / near[..., :1].clamp_min(1e-6)).softmax(2) * (near < FAR)
            chosen = torch.zeros_like(apart).scatter(2, places, shares)
            details = torch.einsum("nck,kxp->ncxp", chosen, (clear - soft).flatten(2)) * masks[:, :, None]
        return (self.gain.float()[None, :, None, None] * details).sum(1).reshape(base.shape)

    def _resized(self, images: Tensor) -> Tensor:
        size = self.sharp.shape[2:]
        return functional.interpolate(images.float(), size=size, mode="bilinear", align_corners=False)


def distances_of(images: Tensor, others: Tensor) -> Tensor:
    """Return mean absolute differences (N, K) of images (N, 3, H, W) and others (K, 3, H, W)."""
    return torch.cdist(images.flatten(1), others.flatten(1), p=1) / images[0].numel()


def component_distances(images: Tensor, others: Tensor, masks: Tensor) -> Tensor:
    """How unlike images are in each component, whatever their mean colour there.

    The sum over pixels and colours of ``m (d - e)^2``, over the sum of m: d is the difference of two images, m the mask
    of the component and e the mean of d in it.

    Parameters
    ----------
    images : (N, 3, P) float
    others : (K, 3, P) float
    masks : (N, C, P) float
        In [0, 1].

    Returns
    -------
    (N, C, K) float
    """
    mass = masks.sum(2)[..., None].clamp_min(1e-6)
    weighted = masks[:, :, None] * images[:, None]
    squares = (weighted * images[:, None]).sum((2, 3))[..., None]
    squares = squares + torch.einsum("ncp,kp->nck", masks, others.square().sum(1))
    squares = squares - 2 * torch.einsum("ncxp,kxp->nck", weighted, others)
    sums = weighted.sum(3)[:, :, None] - torch.einsum("ncp,kxp->nckx", masks, others)
    return ((squares - sums.square().sum(3) / mass) / mass).clamp_min(0)


class Song2019(nn.Module):
    """Base images from facial components, and details from exemplars; our reading, see the assumptions below.

    11,257,234 parameters: 772,363 of the parser, 10,484,867 of the structure network, 4 gains. The exemplars are no
    parameters; 200 of them add 19.7 MB to the weights. Stated in the abstracts: a convolutional network that is guided
    by facial components restores a base image; the components are generated from the input image itself; since such a
    network does not handle details well, they are added from exemplars by matching facial components (2019), which
    come from sharp training images (2017).

    Assumed, since not known:

    * Components are eyes with brows, nose, mouth, and the rest. Their maps are those of the parser of Shen et al. 2018,
      which needs labelled faces in training.
    * The structure network is an encoder and decoder with 64 channels and 8 residual blocks, and reads the blurred
      image with the maps. It adds its result to the blurred image.
    * Exemplars are faces of the training itself, the first that its last stage sees, so **the weights contain training
      faces**: pass them on only where you may pass on these. Faces have to be framed alike, as they are in a set.
    * A component is matched as a whole and at its place, and what the three most similar exemplars have beyond their
      own base images is averaged (`Exemplars`). The authors' matching within components is not known. The gain of each
      component is learned, and may turn out small: what is added is of other people.
    * The paper's input is of low resolution, too. Here it is a blurred face at full size; enlarge a smaller one first.

    Parameters
    ----------
    width, blocks : int
        See `Structure`.
    parser_width : int
        Channels of the parser.
    exemplars, side, nearest : int
        See `Exemplars`.

    Raises
    ------
    InputError
        For a setting below 1.
    """

    name = "song2019"
    multiple = ShenParser.multiple
    smallest = 2 * ShenParser.multiple
    parts = ("components", "structure", "details")
    restores: ClassVar[Mapping[str, tuple[str, ...]]] = {"base": ("components", "structure")}

    def __init__(
        self,
        *,
        width: int = 64,
        blocks: int = 8,
        parser_width: int = 64,
        exemplars: int = 200,
        side: int = 128,
        nearest: int = 3,
    ) -> None:
        super().__init__()
        settings = {"width": width, "blocks": blocks, "parser_width": parser_width, "exemplars": exemplars,
                    "side": side, "nearest": nearest}  # fmt: skip
        for key, value in settings.items():
            if value < 1:
                raise InputError(f"{key} of song2019", expected="1 or more", found=str(value))
        self.components = ShenParser(width=parser_width, own_moments=True)
        self.structure = Structure(width=width, blocks=blocks)
        self.details = Exemplars(exemplars, side=side, nearest=nearest)

    def forward(self, blurred: Tensor) -> Tensor:
        """(N, 3, H, W) float RGB in [0, 1] to the restored images, same shape and range, not clipped."""
        return self.outputs(blurred)["restored"]

    def outputs(
        self,
        blurred: Tensor,
        *,
        labels: Tensor | None = None,
        kernels: Tensor | None = None,
        sharp: Tensor | None = None,
        until: str | None = None,
    ) -> dict[str, Tensor]:
        """Restore, with what the losses read.

        Parameters
        ----------
        blurred : (N, 3, H, W) float
            RGB in [0, 1], H and W multiples of 32, 64 at least.
        labels, kernels : Tensor, optional
            Not used.
        sharp : (N, 3, H, W) float, optional
            In training the sharp faces, of which the dictionary is filled.
        until : {'parsing', 'base'}, optional
            Stop there. After the parser the blurred image is the restored one.

        Returns
        -------
        dict
            ``parsing`` (N, 11, H, W), scores of Helen's classes; ``base`` and ``restored`` (N, 3, H, W).

        Raises
        ------
        InputError
            For other channels or sizes.
        """
        check_images(blurred, net=self.name, multiple=self.multiple, smallest=self.smallest)
        check_until(until, net=self.name, parts=("parsing", "base"))
        parsing = self.components(blurred)
        if until == "parsing":
            return {"parsing": parsing, "restored": blurred}
        maps = component_maps(parsing)
        base = self.structure(blurred, maps)
        if until == "base":
            return {"parsing": parsing, "base": base, "restored": base}
        # A stage that trains the other parts has this one in evaluation mode.
        given = sharp if self.details.training else None
        if given is not None:
            self.details.take(given, base)
        added = self.details(base, maps, given).to(base.dtype)
        return {"parsing": parsing, "base": base, "restored": base + added}


def component_maps(parsing: Tensor, components: Sequence[Sequence[str]] = tuple(COMPONENTS.values())) -> Tensor:
    """Share of each component in each pixel, (N, components, H, W), from scores of Helen's classes (N, 11, H, W)."""
    classes = parsing.softmax(1)
    return torch.stack([classes[:, [HELEN.index(name) for name in names]].sum(1) for names in components], 1)
