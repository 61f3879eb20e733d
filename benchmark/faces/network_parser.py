"""Face parsing by networks: facedeblur's own, which comes with it, and BiSeNet with the user's weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facedeblur.benchmark.batches import as_tensor
from facedeblur.benchmark.classes import CLASS_LISTS, HELEN
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.faces import chips
from facedeblur.benchmark.faces.base import as_batch, no_more, unpinned
from facedeblur.benchmark.state_dict import load_exactly, read_state
from facedeblur.benchmark.weights import Located, locate, sha256_of

if TYPE_CHECKING:
    import torch

OWN_SIDE, BISENET_SIDE = 128, 512
BATCH = 8
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class OwnParser:
    """facedeblur's own parser: all 11 classes of Helen, trained on 1,898 faces of CelebAMask-HQ.

    Images are resized so that the shorter side has 128 pixels and the scores are resized back; the face is expected to
    fill the image as the crops of the templates do. What it was trained on and what it reaches stands in its model
    card, ``facedeblur/benchmark/faces/weights/parser.md``.

    Parameters
    ----------
    weights : Located
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    device: str = "cpu"
    classes: tuple[str, ...] = HELEN

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return (f"facedeblur@{self.weights.short}",)

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 places in ``classes``.

        Raises
        ------
        InputError
            When `faces` is no batch of RGB images, or the device is not there.
        """
        device = chips.torch_device(self.device)
        network = _own_network(str(self.weights.path), self.weights.sha256, device)
        return _parsed(network, faces, OWN_SIDE, 16, device)


@dataclass(frozen=True)
class BiSeNetParser:
    """BiSeNet for face parsing, its 19 classes of CelebAMask-HQ taken together to the 11 of Helen.

    Images are resized so that the shorter side has 512 pixels, what the published weights were trained on.

    Parameters
    ----------
    weights : Located
        ``79999_iter.pth`` of zllrunning/face-parsing.PyTorch, or a file of its layout.
    device : str
        Where the network runs: cpu, cuda, auto.
    """

    weights: Located
    device: str = "cpu"
    classes: tuple[str, ...] = HELEN

    @property
    def definition(self) -> tuple[str, ...]:
        """Name and options, complete, as they stand in a signature."""
        return (f"bisenet@{self.weights.short}",)

    def parse(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB to (N, H, W) uint8 places in ``classes``.

        Raises
        ------
        InputError
            When `faces` is no batch of RGB images, the weight file is not BiSeNet's, or the device is not there.
        """
        device = chips.torch_device(self.device)
        network = _bisenet(str(self.weights.path), self.weights.sha256, device)
        found = _parsed(network, faces, BISENET_SIDE, 32, device, standardise=True)
        return np.array(CLASS_LISTS["bisenet19"], np.uint8)[found]


def _parsed(
    network: torch.nn.Module, faces: np.ndarray, side: int, multiple: int, device: str, *, standardise: bool = False
) -> np.ndarray:
    """Best class of every pixel, (N, H, W) uint8, in whatever order the network has."""
    import torch
    from torch.nn.functional import interpolate, pad

    faces = as_batch(faces)
    height, width = faces.shape[1:3]
    scale = side / min(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    beyond = tuple(multiple * math.ceil(n / multiple) - n for n in inner)
    labels = np.empty(faces.shape[:3], np.uint8)
    with torch.inference_mode():
        for start in range(0, len(faces), BATCH):
            x = as_tensor(faces[start : start + BATCH], device=device) / 255
            if inner != (height, width):
                x = interpolate(x, inner, mode="bilinear", antialias=True, align_corners=False)
            if standardise:
                x = (x - x.new_tensor(_MEAN).view(1, 3, 1, 1)) / x.new_tensor(_DEVIATION).view(1, 3, 1, 1)
            scores = network(pad(x, (0, beyond[1], 0, beyond[0]), mode="replicate"))[..., : inner[0], : inner[1]]
            if inner != (height, width):
                scores = interpolate(scores, (height, width), mode="bilinear", align_corners=False)
            labels[start : start + BATCH] = scores.argmax(1).to(torch.uint8).cpu().numpy()
    return labels


@lru_cache(maxsize=2)
def _own_network(path: str, sha: str, device: str) -> torch.nn.Module:
    from facedeblur.benchmark.faces.parsing_network import ParsingNetwork

    return _loaded(ParsingNetwork(), read_state(path), path, device)


@lru_cache(maxsize=2)
def _bisenet(path: str, sha: str, device: str) -> torch.nn.Module:
    from facedeblur.benchmark.faces.bisenet_network import BiSeNet

    # The two other heads serve training only.
    heads = ("conv_out16.", "conv_out32.")
    state = {name: one for name, one in read_state(path).items() if not name.startswith(heads)}
    return _loaded(BiSeNet(), state, path, device)


def _loaded(network: torch.nn.Module, state: dict[str, torch.Tensor], path: str, device: str) -> torch.nn.Module:
    load_exactly(network, state, path, "give its own weights")
    return network.eval().requires_grad_(False).to(device)


def _sha_of(kind: str, options: Sequence[str]) -> str | None:
    sha, rest = unpinned(kind, options)
    no_more(kind, rest, "none")
    return sha


def own_parser(*options: str, device: str = "cpu") -> OwnParser:
    """Make facedeblur's own parser; ``@1234abcd`` pins its weights.

    Raises
    ------
    InputError
        For another option, or weights of another hash.
    """
    pinned = _sha_of("facedeblur", options)
    path = Path(__file__).with_name("weights") / "parser.safetensors"
    found = Located("facedeblur-parser", path, sha256_of(path))
    if pinned is not None and (len(pinned) < 4 or not found.sha256.startswith(pinned.lower())):
        raise InputError(
            "parser 'facedeblur'", expected=f"weights whose sha256 begins with {pinned}", found=found.short,
            do="install the version of facedeblur that the scores were made with",
        )  # fmt: skip
    return OwnParser(found, device)


def bisenet_parser(*options: str, device: str = "cpu") -> BiSeNetParser:
    """Make BiSeNet with the user's weights; ``@1234abcd`` pins them.

    Raises
    ------
    InputError
        For another option, or where the weights are missing or others.
    """
    return BiSeNetParser(locate("bisenet-celebamask", sha=_sha_of("bisenet", options)), device)
