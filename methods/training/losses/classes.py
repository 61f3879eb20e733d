"""Losses over the semantic classes of a face: SHEN's local structural loss and the parsing losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.sets.classes import HELEN, groups_of
from facedeblur.methods.training.losses.base import Loss, fetch

PARTS = HELEN[2:10]
"""SHEN's eight components (section 3.3): brows, eyes, nose, lips, and the inner mouth that it calls teeth."""

_LEAST = 1e-8
"""Least probability under a logarithm."""


def group_masks(labels: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """One mask for each group of label values.

    Parameters
    ----------
    labels : Tensor
        (N, H, W) integers of `HELEN`; other values are in no group.
    groups : sequence of sequences of int
        The label values of each group.

    Returns
    -------
    Tensor
        (N, M, H, W) float32, zeros and ones.
    """
    if labels.ndim != 3 or labels.is_floating_point():
        raise InputError(
            "labels of the batch", expected="integers of shape (N, H, W)", found=f"{labels.dtype} {tuple(labels.shape)}"
        )
    table = torch.zeros(len(groups), 256, device=labels.device)
    for row, values in enumerate(groups):
        table[row, list(values)] = 1
    # One look-up per pixel: a value outside 0..255 falls on 255, which no group has.
    index = labels.long()
    index = torch.where((index < 0) | (index > 255), 255, index)
    return table[:, index].transpose(0, 1)


def blur_masks(masks: Tensor, kernels: Tensor) -> Tensor:
    """Convolve the masks of each image with its kernel; beyond the image is what is at its border.

    Parameters
    ----------
    masks : Tensor
        (N, M, H, W) float in [0, 1].
    kernels : Tensor
        (N, K, K) float of sum 1, K odd.

    Returns
    -------
    Tensor
        (N, M, H, W) float in [0, 1].
    """
    count, classes = masks.shape[:2]
    edge = kernels.shape[-1] // 2
    padded = functional.pad(masks, (edge,) * 4, mode="replicate").flatten(0, 1)[None]
    weights = kernels.flip(-1, -2).repeat_interleave(classes, 0)[:, None].to(masks.dtype)
    # Mixed precision would move the edges of what is cut at a threshold.
    with torch.autocast(masks.device.type, enabled=False):
        blurred = functional.conv2d(padded, weights, groups=count * classes)
    return blurred[0].unflatten(0, (count, classes))


class LocalStructural(Loss):
    """SHEN's local structural loss ``sum_k w_k ||M_k y - M_k y_GT||_1`` (eq. 6).

    ``M_k`` is the mask of the k-th component from the true labels; the norm is over channels
    and pixels. A component that an image does not have is skipped there. For an output of half
    size the masks are max-pooled, as the network's own label maps are in the authors' code. With
    ``reduction = "mean"`` the sum of an image is divided by channels times pixels of the whole image.

    Parameters
    ----------
    weights : {"adaptive", "equal"}
        ``w_k = c / A_k`` with ``A_k`` the pixels of the component (eq. 7), or ``w_k = c``: 1 in
        Shen et al. 2018.
    c : float
        The constant of eq. 7.
    parts : sequence of str
        Components, names of `facedeblur.benchmark.sets.classes.HELEN`.
    labels : str
        Name of the labels in the batch, (N, H, W) integers.
    **options
        Of `Loss`.
    """

    def __init__(
        self, *, weights: str = "adaptive", c: float = 1.0, parts: Sequence[str] = PARTS, labels: str = "labels",
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        for part in parts:
            one_of("part", part, HELEN)
        self.weights = one_of("weights", weights, ("adaptive", "equal"))
        self.c, self.labels = float(c), labels
        self.groups = tuple((HELEN.index(part),) for part in parts)

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        output, target = self.pair(outputs, batch)
        masks = group_masks(fetch(batch, self.labels, "batch entry"), self.groups)
        if masks.shape[-2:] != output.shape[-2:]:
            masks = functional.max_pool2d(masks, 2)
        if masks.shape[-2:] != output.shape[-2:]:
            raise InputError(
                f"output '{self.of}'", expected="the size of the labels or half of it", found=str(tuple(output.shape))
            )
        error = (output - target).abs().float().sum(1)
        norms = torch.einsum("nkhw,nhw->nk", masks, error)
        if self.weights == "adaptive":
            # An absent component has norm 0: its size only has to be no zero divisor.
            norms = norms / masks.sum((2, 3)).clamp(min=1)
        loss = self.c * norms.sum(1).mean()
        return loss / target[0].numel() if self.reduction == "mean" else loss


class ParsingLoss(Loss):
    """Cross-entropy of a face parsing: SHEN eq. 4 and UMSN's S-Net.

    SHEN: ``-sum_k p_GT^(k) log p^(k)`` summed over pixels. Pixels whose label is in no class
    count nothing. ``reduction = "mean"`` averages over the labelled pixels (and for
    ``"sigmoid"`` over the classes).

    Parameters
    ----------
    of : str
        The parsing among the outputs, (N, M, H, W). At half the size of the labels it is
        compared with every second label along both axes.
    partition : str
        Key of `facedeblur.benchmark.sets.classes.GROUPS`: ``"helen11"`` (SHEN) or ``"umsn4"``.
    form : {"softmax", "sigmoid"}
        One class per pixel (SHEN eq. 4), or a binary cross-entropy per class, as UMSN's code has it
        for its sigmoid maps.
    logits : bool
        Whether the output is before that softmax or sigmoid; False: it is probabilities.
    blurred : float, optional
        For ``"sigmoid"``: the truth is what the blur makes of it. The mask of each class is blurred by the kernel of
        the pair (``kernels`` of the batch) and reaches as far as it is more than this, as UMSN's code has it with 0.49
        (``seg_train.py``). Beyond the image is what is at its border.
    labels : str
        Name of the labels in the batch, (N, H, W) integers.
    reduction : {"mean", "sum"}
        Of `Loss`.
    """

    def __init__(
        self, *, of: str = "parsing", partition: str = "helen11", form: str = "softmax", logits: bool = True,
        labels: str = "labels", reduction: str = "mean", blurred: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(of=of, target=labels, reduction=reduction)
        if blurred is not None and not (form == "sigmoid" and 0 < blurred < 1):
            raise InputError(
                "loss 'parsing', option 'blurred'", expected="a number between 0 and 1, with form 'sigmoid'",
                found=f"{blurred} with form '{form}'",
            )  # fmt: skip
        self.blurred = blurred
        self.form = one_of("form", form, ("softmax", "sigmoid"))
        self.logits, self.partition = logits, partition
        self.groups = tuple(groups_of(partition).values())

    def forward(self, outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss, a scalar."""
        parsing = fetch(outputs, self.of, "network output")
        labels = fetch(batch, self.target, "batch entry")
        masks = group_masks(labels, self.groups)
        labelled = masks.sum(1, keepdim=True)
        if self.blurred is not None:
            masks = (blur_masks(masks, fetch(batch, "kernels", "batch entry")) > self.blurred).to(masks.dtype)
        if labels.shape[-1] == 2 * parsing.shape[-1]:
            masks, labelled = masks[..., ::2, ::2], labelled[..., ::2, ::2]
        if masks.shape != parsing.shape:
            raise InputError(
                f"output '{self.of}'", expected=f"shape {tuple(masks.shape)} for '{self.partition}'",
                found=str(tuple(parsing.shape)), do="name the partition the network was made for",
            )  # fmt: skip
        entropy = -(self._logarithms(parsing.float(), masks) * labelled).sum((1, 2, 3))
        if self.reduction == "sum":
            return entropy.mean()
        terms = labelled.sum() * (masks.shape[1] if self.form == "sigmoid" else 1)
        return entropy.sum() / terms.clamp(min=1)

    def _logarithms(self, parsing: Tensor, masks: Tensor) -> Tensor:
        """Logarithm of the probability given to the truth, by class and pixel; 0 where a class adds none."""
        if self.form == "softmax":
            logs = functional.log_softmax(parsing, 1) if self.logits else parsing.clamp(min=_LEAST).log()
            return masks * logs
        if self.logits:
            return functional.logsigmoid(parsing * (2 * masks - 1))
        return torch.where(masks > 0, parsing, 1 - parsing).clamp(min=_LEAST).log()
