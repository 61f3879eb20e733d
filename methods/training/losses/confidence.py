"""UMSN's class losses: the error of every semantic class by itself, weighted by an estimated confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.classes import groups_of
from facedeblur.methods.nets.umsn.parts import CLASSES
from facedeblur.methods.training.losses.base import Loss, fetch, fetch_target
from facedeblur.methods.training.losses.classes import group_masks

_LEAST = 1e-8
"""Added under the logarithm, as in UMSN's code."""


@dataclass(frozen=True)
class Preset:
    """Weights of UMSN's classes and of ``-log C``."""

    class_weights: tuple[float, ...]
    log_weight: float


PRESETS = {
    "paper": Preset((1.0, 1.0, 1.0, 1.0), 0.01),
    "code": Preset((1.2, 1.2, 3.6, 1.2), 0.06 / 4),
}
"""What UMSN's paper and its released training code state; the code's class weights are not in the paper."""


class ConfidenceGuided(Loss):
    """UMSN's confidence-guided loss ``sum_i a_i C_i L(m_i x^, m_i x) - lambda log C_i`` (eqs. 3 and 4).

    ``L`` is the absolute error, reduced over the whole image as `reduction` says. The released
    code writes ``C_i L`` as ``L1(C m x^ + (1 - C) m x, m x)``, which is the same for C >= 0;
    ``log C_i`` is averaged over images (and channels).

    ``C_i`` in [0, 1] is output `confidence` where the network gives it, otherwise what the method
    ``confidences(restored, sharp, masks)`` of the network in training returns (its fig. 6: the
    confidence network sees the masked restored and sharp images). Either is (N, M), or (N, M, 3)
    with one value per colour channel, as in the code; further axes of length 1 are allowed. Their
    means over the batch, ``C_1`` to ``C_M``, are logged.

    Parameters
    ----------
    preset : {"paper", "code"}
        Gives the next two where they are not given.
    class_weights : sequence of float, optional
        ``a_i``, one for each class.
    log_weight : float, optional
        ``lambda``.
    confidence : str
        Name of that output. ``"none"``: all C_i are 1, the plain class loss of eq. 3.
    masks : str, optional
        Name among the outputs or in the batch of (N, M, H, W) masks in [0, 1], such as S-Net's
        of the sharp image; without it they are made from the labels.
    labels : str
        Name of the labels in the batch, (N, H, W) integers.
    partition : str
        Key of `facedeblur.benchmark.sets.classes.GROUPS`.
    **options
        Of `Loss`.
    """

    def __init__(
        self, *, preset: str = "paper", class_weights: Sequence[float] | None = None, log_weight: float | None = None,
        confidence: str = "confidence", masks: str | None = None, labels: str = "labels", partition: str = "umsn4",
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.groups = tuple(groups_of(partition).values())
        self.class_weights = _class_weights(preset, class_weights, len(self.groups))
        self.log_weight = PRESETS[preset].log_weight if log_weight is None else log_weight
        self.confidence, self.masks, self.labels = confidence, masks, labels
        self.notes = () if confidence == "none" else tuple(f"C_{at}" for at in range(1, len(self.groups) + 1))
        self._estimate: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None

    def bind(self, net: nn.Module) -> None:
        """Take the network's confidence estimate, where it has one."""
        self._estimate = getattr(net, "confidences", None)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        masks = self._masks(outputs, batch, output)
        error = masks[:, :, None] * (output - target).abs()[:, None]
        if self.confidence == "none":
            return self._weighted(error)
        confidence = self._confidence(outputs, output, target, masks)
        logs = (confidence + _LEAST).log().mean((0, 2, 3, 4)).sum()
        return self._weighted(confidence * error) - self.log_weight * logs

    def noted(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the mean confidence of each class over the batch (and the colour channels)."""
        if not self.notes:
            return ()
        with torch.no_grad():
            output, target = self.pair(outputs, batch)
            values = self._confidence(outputs, output, target, self._masks(outputs, batch, output))
            return values.mean((0, 2, 3, 4)).unbind()

    def _weighted(self, error: Tensor) -> Tensor:
        """Sum over the classes of the reduced errors (N, M, C, H, W)."""
        terms = [weight * self.reduce(error[:, at]) for at, weight in enumerate(self.class_weights)]
        return torch.stack(terms).sum()

    def _masks(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor], output: Tensor) -> Tensor:
        if self.masks is None:
            name, masks = self.labels, group_masks(fetch(batch, self.labels, "batch entry"), self.groups)
        else:
            name, masks = self.masks, fetch({**batch, **outputs}, self.masks, "network output or batch entry")
        wanted = (output.shape[0], len(self.groups), *output.shape[-2:])
        if tuple(masks.shape) != wanted:
            raise InputError(f"masks from '{name}'", expected=f"shape {wanted}", found=str(tuple(masks.shape)))
        return masks

    def _confidence(
        self, outputs: Mapping[str, Tensor], output: Tensor, target: Tensor, masks: Tensor
    ) -> Tensor:  # fmt: skip
        """C as (N, M, 1 or channels, 1, 1)."""
        if self._estimate is not None and self.confidence not in outputs:
            values = self._estimate(output, target, masks)
        else:
            values = fetch(outputs, self.confidence, "network output")
        images, channels = output.shape[:2]
        per_class = values.numel() // max(images * len(self.groups), 1)
        if tuple(values.shape[:2]) != (images, len(self.groups)) or per_class not in (1, channels):
            raise InputError(
                f"output '{self.confidence}'", expected=f"({images}, {len(self.groups)}) or with {channels} more each",
                found=str(tuple(values.shape)),
            )  # fmt: skip
        return values.reshape(images, len(self.groups), per_class, 1, 1)


class ClassStreams(Loss):
    """Loss of UMSN's first stages ``sum_i a_i L(x_i, x)``: each class's own image against the sharp one.

    Section IV-A: each F-Net is first trained on images of which only the region of its class is
    blurred, with the L1 norm (and a perceptual loss); the code weighs the classes as in
    `ConfidenceGuided`.

    Parameters
    ----------
    of : str
        What the names of the classes' images begin with: outputs ``class1``, ``class2``, ..., (N, 3, H, W) each.
    preset, class_weights
        See `ConfidenceGuided`.
    **options
        Of `Loss`.
    """

    def __init__(
        self, *, of: str = "class", preset: str = "paper", class_weights: Sequence[float] | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(of=of, **options)
        self.class_weights = _class_weights(preset, class_weights, CLASSES)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        target = fetch_target(batch, self.target, self.halving)
        loss = target.new_zeros(())
        for at, weight in enumerate(self.class_weights, 1):
            image = fetch(outputs, f"{self.of}{at}", "network output")
            if image.shape != target.shape:
                raise InputError(
                    f"output '{self.of}{at}'", expected=f"shape {tuple(target.shape)}", found=str(tuple(image.shape))
                )
            loss = loss + weight * self.reduce((image - target).abs())
        return loss


def _class_weights(preset: str, given: Sequence[float] | None, count: int) -> tuple[float, ...]:
    one_of("preset", preset, PRESETS)
    weights = PRESETS[preset].class_weights if given is None else tuple(given)
    if len(weights) != count:
        raise InputError("class_weights", expected=f"{count} numbers, one per class", found=str(len(weights)))
    return weights
