"""Losses in the feature spaces of VGG networks: perceptual losses, and DFPGnet's feature priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.methods.nets.vgg import WIDTHS, Vgg, fill_vgg, thinned
from facedeblur.methods.training.losses.base import Loss, fetch, fetch_target


class FeatureLoss(Loss):
    """What the losses in a feature space share: the network, and the weighted sum over its layers.

    Parameters
    ----------
    network : str
        ``"vgg16"``, ``"vgg19"`` or ``"vgg-face"``.
    layers : sequence of str
        Names as ``relu1_2``, ``conv3_3`` (before the ReLU), ``pool5``.
    layer_weights : sequence of float, optional
        One for each layer; all 1 without.
    distance : {"l1", "l2"}
        Absolute or squared differences.
    weights : str, optional
        Of the network: see `facedeblur.methods.nets.vgg.fill_vgg`.
    normalise : str, optional
        Of the images: see `facedeblur.methods.nets.vgg.Vgg`.
    bgr : bool
        Whether the network wants blue first.
    widths : sequence of int
        Channels of its five blocks.
    **options
        Of `Loss`. ``reduction = "mean"`` averages within each layer, ``"sum"`` adds up a
        layer's values and averages over the batch; the layers are added in both.
    """

    def __init__(
        self, *, network: str, layers: Sequence[str], layer_weights: Sequence[float] | None = None,
        distance: str = "l1", weights: str | None = None, normalise: str | None = None, bgr: bool = False,
        widths: Sequence[int] = WIDTHS, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.distance = one_of("distance", distance, ("l1", "l2"))
        self.layer_weights = tuple(layer_weights) if layer_weights is not None else (1.0,) * len(layers)
        if len(self.layer_weights) != len(layers):
            raise InputError("layer_weights", expected=f"{len(layers)} numbers", found=str(len(self.layer_weights)))
        self.features = Vgg(network, layers=layers, normalise=normalise, bgr=bgr, widths=widths)
        fill_vgg(self.features, weights)

    def compare(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        """Weighted sum over the layers of the reduced differences, a scalar."""
        loss = torch.zeros((), device=theirs[0].device)
        for weight, mine, other in zip(self.layer_weights, ours, theirs, strict=True):
            error = mine.float() - other.float()
            loss = loss + weight * self.reduce(error.abs() if self.distance == "l1" else error.square())
        return loss


class Perceptual(FeatureLoss):
    """Perceptual loss ``sum_l ||phi_l(y) - phi_l(y_GT)||``.

    SHEN eq. 8: L1 of VGG-Face ``pool2`` and ``pool5`` (the default but for the network).
    UMSN eq. 5: squared L2 of VGG-Face ``relu1_2``; its code: mean L1 of ``relu1_2``,
    ``relu2_2`` and ``relu5_3``, weight 0.00018. DeblurGAN, its code: mean squared error of
    VGG19 ``conv3_3``, ``normalise = "symmetric"``.

    Parameters
    ----------
    network, layers, **options
        Of `FeatureLoss`.
    """

    def __init__(self, *, network: str = "vgg16", layers: Sequence[str] = ("pool2", "pool5"), **options: Any) -> None:
        super().__init__(network=network, layers=layers, **options)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        with torch.no_grad():
            theirs = self.features(target)
        return self.compare(list(self.features(output).values()), list(theirs.values()))


class FeaturePriors(FeatureLoss):
    """DFPGnet's prior loss: estimated deep features against VGG-Face's of the sharp image.

    The estimates are outputs ``priors1``, ``priors2``, ..., one for each layer; by default
    ``relu1_2`` (64 channels), ``relu2_2`` (128, half size) and ``relu3_3`` (256, a quarter),
    compared by L1 (DFPG, supplement section 2.1, which does not repeat how the main paper's eq. 7
    weighs the terms). A network that is narrower than the paper's estimates every so many-th channel of each layer.

    Parameters
    ----------
    scale : float
        What VGG's features are divided by. Those of VGG-Face are as large as its images, of 0 to 255.
    network, layers, **options
        Of `FeatureLoss`; `of` is what the outputs' names begin with.
    """

    def __init__(
        self, *, network: str = "vgg-face", layers: Sequence[str] = ("relu1_2", "relu2_2", "relu3_3"),
        of: str = "priors", scale: float = 1.0, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(network=network, layers=layers, of=of, **options)
        if not scale > 0:
            raise InputError("scale of loss 'feature-priors'", expected="a number above 0", found=str(scale))
        self.scale = scale
        self.channels: tuple[int, ...] = ()

    def bind(self, net: nn.Module) -> None:
        """Take how many channels of each layer the network estimates: its ``prior_channels``, where it has them."""
        self.channels = tuple(getattr(net, "prior_channels", ()))

    @torch.no_grad()
    def priors(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the estimates should be, by their names: the features of the sharp image, float32."""
        return self.of_images(fetch_target(batch, self.target, self.halving))

    @torch.no_grad()
    def of_images(self, images: Tensor) -> dict[str, Tensor]:
        """The features of any images, (N, 3, H, W) in [0, 1], as `priors` has those of the sharp ones."""
        found = [value.float() / self.scale for value in self.features(images).values()]
        for at, channels in enumerate(self.channels[: len(found)]):
            found[at] = thinned(found[at], channels)
        return {f"{self.of}{at}": value for at, value in enumerate(found, 1)}

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        theirs = self.priors(batch)
        ours = [fetch(outputs, name, "network output") for name in theirs]
        for mine, (name, other), layer in zip(ours, theirs.items(), self.features.layers, strict=True):
            if mine.shape != other.shape:
                raise InputError(
                    f"output '{name}'", expected=f"the shape of {layer}, {tuple(other.shape)}",
                    found=str(tuple(mine.shape)),
                )  # fmt: skip
        return self.compare(ours, list(theirs.values()))
