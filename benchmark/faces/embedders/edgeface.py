"""EdgeFace embeddings: small networks for aligned faces, with the user's weight file.

George et al., "EdgeFace: Efficient Face Recognition Model for Edge Devices" (IEEE T-BIOM 2024), whose backbone is Maaz
et al., "EdgeNeXt" (ECCV Workshops 2022). The files ``edgeface_xs_q.pt`` and ``edgeface_xxs_q.pt`` are never downloaded;
an error says where a missing one belongs.

The layers are named as in the published files; how many there are, and how wide, is read from the file. The 8-bit
weights are turned back to float32 and so are the sums: the published program also rounds every linear layer's input to
8 bits, which ties a vector to its processor and its batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.faces.embedders.arcface import SIDE, ArcFaceEmbedder
from facedeblur.benchmark.faces.inference import DETECT
from facedeblur.benchmark.files.state_dict import read_torch

if TYPE_CHECKING:
    import torch

DIMENSIONS, STAGES = 512, 4
EPSILON = 1e-6
PERIOD = 10000.0
PACKED = "._packed_params._packed_params"


def dequantised(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Every layer's ``weight`` and ``bias`` as float32, the quantised ones unpacked.

    Parameters
    ----------
    state : mapping
        Tensors by name; a dynamically quantised linear layer is one pair (weight, bias) there.

    Returns
    -------
    dict of str to torch.Tensor
    """
    import torch

    out = {}
    for key, value in state.items():
        if key.endswith(PACKED):
            weight, bias = value
            name = key.removesuffix(PACKED)
            out[f"{name}.weight"], out[f"{name}.bias"] = weight.dequantize(), bias.detach().float()
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            out[key] = value.detach().float()
    # The scales next to the pairs are placeholders: inputs are rounded by their own range.
    return {key.removeprefix("model."): value for key, value in out.items() if not key.endswith(".scale")}


class EdgeFaceNetwork:
    """EdgeFace for inference.

    Parameters
    ----------
    state : mapping
        The state dict as it was loaded.
    device : str
        Where it runs, as torch names it.

    Raises
    ------
    InputError
        When a layer is missing from `state` or has another shape.
    """

    def __init__(self, state: Mapping[str, Any], *, device: str = "cpu"):
        import torch

        try:
            self._state = {key: value.to(device) for key, value in dequantised(state).items()}
            self._depths = [self._depth(stage) for stage in range(STAGES)]
            shape = tuple(self(torch.zeros((1, 3, SIDE, SIDE), device=device)).shape)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise self._other(shorten(str(error))) from error
        if shape != (1, DIMENSIONS):
            raise self._other(f"vectors of {shape[1]} numbers")

    @staticmethod
    def _other(found: str) -> InputError:
        return InputError("EdgeFace weights", expected="the state dict of EdgeFace XS or XXS, quantised", found=found)

    def _depth(self, stage: int) -> int:
        start = f"stages.{stage}.blocks."
        return 1 + max(int(key.removeprefix(start).split(".")[0]) for key in self._state if key.startswith(start))

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Vectors of faces.

        Parameters
        ----------
        batch : torch.Tensor, shape (N, 3, 112, 112), float32 RGB in [-1, 1]

        Returns
        -------
        torch.Tensor, shape (N, 512), float32
            Of any length.
        """
        import torch

        with torch.inference_mode():
            # Channels stay last: all but the depthwise convolutions work along them.
            x = self._norm("stem.1", self._conv("stem.0", batch.permute(0, 2, 3, 1), stride=4))
            for stage, depth in enumerate(self._depths):
                name = f"stages.{stage}"
                if stage:
                    x = self._conv(f"{name}.downsample.1", self._norm(f"{name}.downsample.0", x), stride=2)
                for number in range(depth):
                    x = self._block(f"{name}.blocks.{number}", x)
            return self._linear("head.fc", self._norm("head.norm", x.mean((1, 2))))

    def _block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """A residual block: mixes the pixels in one of two ways, then each pixel's channels."""
        from torch.nn.functional import gelu

        mixed = self._attended(name, x) if f"{name}.gamma_xca" in self._state else self._depthwise(f"{name}.conv_dw", x)
        hidden = gelu(self._linear(f"{name}.mlp.fc1", self._norm(f"{name}.norm", mixed)))
        return x + self._state[f"{name}.gamma"] * self._linear(f"{name}.mlp.fc2", hidden)

    def _attended(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Split depthwise transpose attention (EdgeNeXt, section 3): a cascade of convolutions, then attention."""
        import torch

        count = sum(key.startswith(f"{name}.convs.") and key.endswith(".weight") for key in self._state)
        *groups, last = x.chunk(count + 1, dim=3)
        done: list[torch.Tensor] = []
        for number, group in enumerate(groups):
            done.append(self._depthwise(f"{name}.convs.{number}", group + done[-1] if done else group))
        x = torch.cat([*done, last], dim=3)
        if f"{name}.pos_embd.token_projection.weight" in self._state:
            x = x + self._places(f"{name}.pos_embd.token_projection", x.shape[1], x.shape[2])
        attention = self._cross_covariance(f"{name}.xca", self._norm(f"{name}.norm_xca", x).flatten(1, 2))
        return x + self._state[f"{name}.gamma_xca"] * attention.reshape(x.shape)

    def _cross_covariance(self, name: str, tokens: torch.Tensor) -> torch.Tensor:
        """Attention between channels, not pixels (El-Nouby et al., XCiT, 2021): (N, pixels, C) to the same."""
        from torch.nn.functional import normalize

        temperature = self._state[f"{name}.temperature"]
        n, pixels, channels = tokens.shape
        parts = self._linear(f"{name}.qkv", tokens).transpose(1, 2)
        query, key, value = parts.reshape(n, 3, len(temperature), -1, pixels).unbind(1)
        weights = normalize(query, dim=3) @ normalize(key, dim=3).transpose(2, 3)
        mixed = (weights * temperature).softmax(dim=3) @ value
        return self._linear(f"{name}.proj", mixed.reshape(n, channels, pixels).transpose(1, 2))

    def _places(self, name: str, height: int, width: int) -> torch.Tensor:
        """Fourier code of every pixel's place, projected to the channels: (height, width, C)."""
        import torch

        weight = self._state[f"{name}.weight"].flatten(1)
        half = weight.shape[1] // 2
        steps = torch.arange(half // 2, device=weight.device)
        codes = []
        for size in (height, width):
            place = torch.arange(1, size + 1, device=weight.device) / (size + EPSILON) * 2 * math.pi
            angles = place[:, None] / PERIOD ** (2 * steps / half)
            codes.append(torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1))
        rows, columns = codes[0] @ weight[:, :half].T, codes[1] @ weight[:, half:].T
        return rows[:, None] + columns[None] + self._state[f"{name}.bias"]

    def _conv(self, name: str, x: torch.Tensor, *, stride: int) -> torch.Tensor:
        from torch.nn.functional import conv2d

        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return conv2d(x.permute(0, 3, 1, 2), weight, bias, stride=stride).permute(0, 2, 3, 1)

    def _depthwise(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import conv2d

        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        padding = weight.shape[2] // 2
        return conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=padding, groups=len(weight)).permute(0, 2, 3, 1)

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        return layer_norm(x, x.shape[-1:], self._state[f"{name}.weight"], self._state[f"{name}.bias"], EPSILON)

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import linear

        return linear(x, self._state[f"{name}.weight"], self._state[f"{name}.bias"])


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> EdgeFaceNetwork:
    with warnings.catch_warnings():
        # torch tells that it will drop quantised tensors one day; nothing the user could change.
        warnings.simplefilter("ignore", UserWarning)
        state = read_torch(path)
    if not isinstance(state, dict):
        raise InputError(path, expected="a state dict", found=type(state).__name__, do="download it again")
    return EdgeFaceNetwork(state, device=device)


class EdgeFaceEmbedder(ArcFaceEmbedder):
    """512-dimensional unit vectors; identities differ below a cosine of about 0.27 (L2 distance 1.2)."""

    dimensions = DIMENSIONS

    def network(self, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The network on a device, behind its standardisation."""
        from torch.nn.functional import normalize

        network = _network(str(self.weights.path), self.weights.sha256, device)
        return lambda batch: normalize(network((batch - 127.5) / 127.5))


class EdgeFaceXs(EdgeFaceEmbedder):
    """EdgeFace-XS, the larger of the two networks."""

    name = "edgeface-xs"
    terms: ClassVar[Mapping[str, str]] = {"edgeface-xs": "the EdgeFace-XS network", **DETECT}


class EdgeFaceXxs(EdgeFaceEmbedder):
    """EdgeFace-XXS, the smaller of the two networks."""

    name = "edgeface-xxs"
    terms: ClassVar[Mapping[str, str]] = {"edgeface-xxs": "the EdgeFace-XXS network", **DETECT}
