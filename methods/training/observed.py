"""Training on two blurred images of each face, without sharp ones: what the network makes of them.

Batches hold ``blurred``, ``kernels`` and ``edge`` of the first image, ``second_blurred``, ``second_kernels`` and
``second_edge`` of the second, and ``proxy_kernels`` and ``second_proxy_kernels``, by which the estimates are blurred
again. The network's outputs keep their names for the first image and begin with ``second_`` for the other one, with
``proxy_`` and ``second_proxy_`` for the estimates that were blurred again. Neither has ``sharp``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from facedeblur.methods.training.losses.observations import SIDES, blurred_by


def outputs_of_two(
    made: Callable[[Tensor, Tensor | None], dict[str, Tensor]], batch: Mapping[str, Tensor], sigma: float | None
) -> dict[str, Tensor]:
    """What a network makes of both images, and of its estimates that are blurred again.

    Each is a call of its own, so that batch norm sees them apart, as in the code of Xia and Chakrabarti.

    Parameters
    ----------
    made : callable
        The network: from images and their kernels, if the batch has them, to its outputs.
    batch : mapping of Tensor
    sigma : float, optional
        Standard deviation of the noise of the estimates that are blurred again, in [0, 1]; None makes none of them.
        The estimates have no gradient there, and are not clipped.
    """
    outputs: dict[str, Tensor] = {}
    for side in SIDES:
        found = made(batch[f"{side}blurred"], batch.get(f"{side}kernels"))
        outputs |= {f"{side}{name}": value for name, value in found.items()}
    if sigma is None:
        return outputs
    for side in SIDES:
        kernels = batch[f"{side}proxy_kernels"]
        with torch.no_grad():
            again = blurred_by(outputs[f"{side}restored"].detach(), kernels)
            again = again + sigma * torch.randn_like(again)
        outputs |= {f"{side}proxy_{name}": value for name, value in made(again, kernels).items()}
    return outputs
