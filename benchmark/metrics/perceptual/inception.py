"""InceptionV3 as the Frechet inception distance has it: TensorFlow's network of 2015-12-05 in pytorch-fid's weights.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016). It differs from torchvision's
in three places: average pooling leaves the padding out, the last block takes maxima, and images are resized without
antialiasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.faces.base import Embedder, as_batch
from facedeblur.benchmark.files.state_dict import read_state
from facedeblur.benchmark.options import PIN, fill, pin_of
from facedeblur.benchmark.tensors import as_tensor, filled
from facedeblur.benchmark.weights import Located, locate

if TYPE_CHECKING:
    import torch

SIDE, DIMENSIONS, BATCH = 299, 2048, 8
EPSILON = 1e-3
"""Of the batch normalisation."""

VALID = {"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"}
"""Convolutions of the stem without padding; further on only those of stride 2 have none."""


class Branch(NamedTuple):
    """A branch of a block: its convolutions (none: one without a number), and the number of a fork at its end."""

    name: str
    length: int = 0
    fork: str = ""


BLOCK_5 = (Branch("branch1x1"), Branch("branch5x5", 2), Branch("branch3x3dbl", 3))
REDUCE_6 = (Branch("branch3x3"), Branch("branch3x3dbl", 3))
BLOCK_6 = (Branch("branch1x1"), Branch("branch7x7", 3), Branch("branch7x7dbl", 5))
REDUCE_7 = (Branch("branch3x3", 2), Branch("branch7x7x3", 4))
BLOCK_7 = (Branch("branch1x1"), Branch("branch3x3", 1, "2"), Branch("branch3x3dbl", 2, "3"))


class InceptionNetwork:
    """The network up to its last pooling, with every batch normalisation folded into its convolution.

    Parameters
    ----------
    state : mapping
        ``NAME.conv.weight`` and ``NAME.bn.*`` of every convolution, as torchvision names them.
    device : str
        Where it runs, as torch names it.

    Raises
    ------
    KeyError
        When a layer is missing.
    """

    def __init__(self, state: Any, *, device: str = "cpu"):
        import torch

        self._layers: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for key in [key for key in state if key.endswith(".conv.weight")]:
            name = key.removesuffix(".conv.weight")
            scale, shift, mean, variance = (
                state[f"{name}.bn.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = scale / (variance + EPSILON).sqrt()
            weight = (state[key].double() * factor.view(-1, 1, 1, 1)).float().to(device)
            folded = (shift - mean * factor).float().to(device)
            self._layers[name] = (weight.contiguous(memory_format=torch.channels_last), folded)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features of images.

        Parameters
        ----------
        images : torch.Tensor, shape (N, 3, H, W), float32 RGB in [0, 1]

        Returns
        -------
        torch.Tensor, shape (N, 2048), float32
        """
        import torch
        from torch.nn.functional import interpolate, max_pool2d

        with torch.inference_mode():
            x = interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1
            x = self._chain(x.contiguous(memory_format=torch.channels_last), "Conv2d_1a_3x3", stride=2)
            x = max_pool2d(self._chain(x, "Conv2d_2a_3x3", "Conv2d_2b_3x3"), 3, 2)
            x = max_pool2d(self._chain(x, "Conv2d_3b_1x1", "Conv2d_4a_3x3"), 3, 2)
            for letter in "bcd":
                x = self._block(f"Mixed_5{letter}", x, BLOCK_5)
            x = self._reduce("Mixed_6a", x, REDUCE_6)
            for letter in "bcde":
                x = self._block(f"Mixed_6{letter}", x, BLOCK_6)
            x = self._reduce("Mixed_7a", x, REDUCE_7)
            x = self._block("Mixed_7c", self._block("Mixed_7b", x, BLOCK_7), BLOCK_7, largest=True)
            return x.mean((2, 3))

    def _chain(self, x: torch.Tensor, *names: str, stride: int = 1) -> torch.Tensor:
        """One convolution after the other; `stride` is the last one's."""
        from torch.nn.functional import conv2d

        for name in names:
            weight, bias = self._layers[name]
            step = stride if name == names[-1] else 1
            padded = step == 1 and name not in VALID
            padding = tuple(side // 2 for side in weight.shape[2:]) if padded else 0
            x = conv2d(x, weight, bias, stride=step, padding=padding).relu_()
        return x

    def _branch(self, block: str, branch: Branch, x: torch.Tensor, *, stride: int = 1) -> list[torch.Tensor]:
        whole = f"{block}.{branch.name}"
        x = self._chain(x, *([f"{whole}_{at + 1}" for at in range(branch.length)] or [whole]), stride=stride)
        return [self._chain(x, f"{whole}_{branch.fork}{side}") for side in "ab"] if branch.fork else [x]

    def _block(
        self, name: str, x: torch.Tensor, branches: tuple[Branch, ...], *, largest: bool = False
    ) -> torch.Tensor:
        import torch
        from torch.nn.functional import avg_pool2d, max_pool2d

        found = [part for branch in branches for part in self._branch(name, branch, x)]
        pooled = max_pool2d(x, 3, 1, 1) if largest else avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([*found, self._chain(pooled, f"{name}.branch_pool")], 1)

    def _reduce(self, name: str, x: torch.Tensor, branches: tuple[Branch, ...]) -> torch.Tensor:
        import torch
        from torch.nn.functional import max_pool2d

        found = [part for branch in branches for part in self._branch(name, branch, x, stride=2)]
        return torch.cat([*found, max_pool2d(x, 3, 2)], 1)


@lru_cache(maxsize=2)
def _network(path: str, sha256: str, device: str) -> InceptionNetwork:
    import torch

    try:
        network = InceptionNetwork(read_state(path), device=device)
        network(torch.zeros(1, 3, 8, 8, device=device))
    except (KeyError, RuntimeError) as error:  # a layer that is missing, or of another shape
        raise InputError(
            path, expected="pytorch-fid's InceptionV3", found=shorten(str(error)), do="download it again"
        ) from error
    return network


@dataclass(frozen=True)
class InceptionFeatures(Embedder):
    """The 2048 features of InceptionV3 before its classifier, of whole images.

    Parameters
    ----------
    weights : Located
        pytorch-fid's ``pt_inception-2015-12-05-6726825d.pth``.
    device : str
        Where the network runs, as torch names it.
    """

    weights: Located
    device: str = "cpu"

    name = "inception"

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the embedder; ``@6726825d`` pins its weights."""
        (pin,) = fill("features 'inception'", options, PIN)
        return cls(locate("inception-fid", sha=pin_of(pin)))

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and the hash of the weights, as they appear in a signature."""
        return (f"inception@{self.weights.short}",)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, 2048) float32; the same for an image alone and in a batch."""
        network, found = _network(str(self.weights.path), self.weights.sha256, self.device), []
        for batch, count in filled(as_batch(faces), BATCH):
            found.append(network(as_tensor(batch, device=self.device) / 255)[:count].cpu().numpy())
        return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *found])
