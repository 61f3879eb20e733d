"""FaceNet embeddings: InceptionResnetV1 trained on VGGFace2, with the user's weight file.

Schroff et al., "FaceNet" (CVPR 2015), with the network of Szegedy et al., "Inception-v4, Inception-ResNet and the
Impact of Residual Connections on Learning" (2016). The file ``20180402-114759-vggface2.pt`` is never downloaded; an
error says where it belongs if it is missing.

The forward pass works straight from a state dict. The layers are named as in facenet-pytorch's release v2.2.9, so its
weight files load as they are. Batch normalisation is folded into the convolutions and the residual scales into the
convolution before them, which together with the channels-last layout makes the pass about three times faster than layer
by layer on a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError, shorten
from facedeblur.benchmark.faces.inference import DETECT, NetworkEmbedder, resized
from facedeblur.benchmark.files.state_dict import read_state

if TYPE_CHECKING:
    import torch

SIDE = 160
EPSILON = 0.001

Conv = tuple["torch.Tensor", "torch.Tensor"]


class FaceNetwork:
    """InceptionResnetV1 without its classifier, for inference.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        The state dict; ``logits`` and ``num_batches_tracked`` are not used.
    device : str
        Where it runs, as torch names it.

    Raises
    ------
    InputError
        When a layer is missing from `state` or has another shape.
    """

    def __init__(self, state: Mapping[str, torch.Tensor], *, device: str = "cpu"):
        self._state, self.device = state, device
        self._convs: dict[str, Conv] = {}
        try:
            for key in state:
                if key.endswith(".conv.weight"):
                    self._fold(key.removesuffix(".conv.weight"))
                elif key.endswith(".conv2d.weight"):
                    self._scale(key.removesuffix(".conv2d.weight"))
            self._linear = self._fold_linear()
            self(self._linear[0].new_zeros((1, 3, SIDE, SIDE)))
        except (KeyError, RuntimeError) as error:
            raise InputError(
                "FaceNet weights", expected="the state dict of facenet-pytorch's InceptionResnetV1",
                found=shorten(str(error)), do="download 20180402-114759-vggface2.pt again",
            ) from error  # fmt: skip
        finally:
            self._state = {}

    def _place(self, weight: torch.Tensor, bias: torch.Tensor) -> Conv:
        import torch

        return weight.float().to(self.device, memory_format=torch.channels_last), bias.float().to(self.device)

    def _normaliser(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Factor and offset of a batch normalisation, float64."""
        mean, variance, gamma, beta = (
            self._state[f"{name}.{part}"].double() for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = gamma / (variance + EPSILON).sqrt()
        return factor, beta - mean * factor

    def _fold(self, name: str) -> None:
        factor, offset = self._normaliser(f"{name}.bn")
        weight = self._state[f"{name}.conv.weight"].double() * factor[:, None, None, None]
        self._convs[name] = self._place(weight, offset)

    def _scale(self, name: str) -> None:
        scale = {"repeat_1": 0.17, "repeat_2": 0.10, "repeat_3": 0.20}.get(name.split(".")[0], 1.0)
        weight, bias = (self._state[f"{name}.conv2d.{part}"].double() * scale for part in ("weight", "bias"))
        self._convs[f"{name}.conv2d"] = self._place(weight, bias)

    def _fold_linear(self) -> Conv:
        factor, offset = self._normaliser("last_bn")
        weight = self._state["last_linear.weight"].double() * factor[:, None]
        return weight.float().to(self.device), offset.float().to(self.device)

    def _conv(self, x: torch.Tensor, name: str, *, stride: int = 1, pad: tuple[int, int] = (0, 0)) -> torch.Tensor:
        from torch.nn.functional import conv2d

        return conv2d(x, *self._convs[name], stride=stride, padding=pad).relu_()

    def _residual(self, x: torch.Tensor, branches: list[torch.Tensor], name: str) -> torch.Tensor:
        import torch
        from torch.nn.functional import conv2d

        return conv2d(torch.cat(branches, 1), *self._convs[f"{name}.conv2d"]).add_(x)

    def _block35(self, x: torch.Tensor, name: str) -> torch.Tensor:
        conv = self._conv
        short = conv(x, f"{name}.branch0")
        middle = conv(conv(x, f"{name}.branch1.0"), f"{name}.branch1.1", pad=(1, 1))
        long = conv(conv(x, f"{name}.branch2.0"), f"{name}.branch2.1", pad=(1, 1))
        return self._residual(x, [short, middle, conv(long, f"{name}.branch2.2", pad=(1, 1))], name).relu_()

    def _block_split(self, x: torch.Tensor, name: str, half: int) -> torch.Tensor:
        """Block17 and block8: a 1 x k and a k x 1 convolution, k = 2 `half` + 1."""
        conv = self._conv
        long = conv(conv(x, f"{name}.branch1.0"), f"{name}.branch1.1", pad=(0, half))
        branches = [conv(x, f"{name}.branch0"), conv(long, f"{name}.branch1.2", pad=(half, 0))]
        return self._residual(x, branches, name)

    def _mixed_6a(self, x: torch.Tensor) -> torch.Tensor:
        import torch
        from torch.nn.functional import max_pool2d

        conv = self._conv
        long = conv(conv(x, "mixed_6a.branch1.0"), "mixed_6a.branch1.1", pad=(1, 1))
        branches = [conv(x, "mixed_6a.branch0", stride=2), conv(long, "mixed_6a.branch1.2", stride=2)]
        return torch.cat([*branches, max_pool2d(x, 3, 2)], 1)

    def _mixed_7a(self, x: torch.Tensor) -> torch.Tensor:
        import torch
        from torch.nn.functional import max_pool2d

        conv = self._conv
        long = conv(conv(x, "mixed_7a.branch2.0"), "mixed_7a.branch2.1", pad=(1, 1))
        branches = [conv(conv(x, f"mixed_7a.branch{i}.0"), f"mixed_7a.branch{i}.1", stride=2) for i in (0, 1)]
        return torch.cat([*branches, conv(long, "mixed_7a.branch2.2", stride=2), max_pool2d(x, 3, 2)], 1)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Embeddings of standardised faces.

        Parameters
        ----------
        batch : torch.Tensor, shape (N, 3, 160, 160), float32
            RGB, standardised: ``(x - 127.5) / 128`` of values in [0, 255].

        Returns
        -------
        torch.Tensor, shape (N, 512), float32
            Unit length.
        """
        import torch
        from torch.nn.functional import linear, max_pool2d, normalize

        conv = self._conv
        with torch.inference_mode():
            x = batch.contiguous(memory_format=torch.channels_last)
            x = conv(conv(conv(x, "conv2d_1a", stride=2), "conv2d_2a"), "conv2d_2b", pad=(1, 1))
            x = conv(conv(max_pool2d(x, 3, 2), "conv2d_3b"), "conv2d_4a")
            x = conv(x, "conv2d_4b", stride=2)
            for i in range(5):
                x = self._block35(x, f"repeat_1.{i}")
            x = self._mixed_6a(x)
            for i in range(10):
                x = self._block_split(x, f"repeat_2.{i}", 3).relu_()
            x = self._mixed_7a(x)
            for i in range(5):
                x = self._block_split(x, f"repeat_3.{i}", 1).relu_()
            x = self._block_split(x, "block8", 1).mean((2, 3))
            return normalize(linear(x, *self._linear))


@lru_cache(maxsize=2)
def _network(path: str, sha: str, device: str) -> FaceNetwork:
    return FaceNetwork(read_state(path), device=device)


def mtcnn_chip(image: np.ndarray) -> np.ndarray | None:
    """Cut out the largest face's MTCNN box, no margin, and resize it to a square.

    Parameters
    ----------
    image : np.ndarray, shape (H, W, 3), uint8 RGB

    Returns
    -------
    np.ndarray, shape (160, 160, 3), uint8 RGB, or None where no face is found
    """
    from facedeblur.benchmark.faces.detectors.mtcnn import MtcnnDetector

    faces = MtcnnDetector().detect(image)
    if not faces:
        return None
    height, width = image.shape[:2]
    left, top = (max(0, int(edge)) for edge in faces[0].box[:2])
    right, bottom = min(width, int(faces[0].box[2])), min(height, int(faces[0].box[3]))
    if right <= left or bottom <= top:
        return None
    chip = resized(image[None, top:bottom, left:right], SIDE)[0]
    return np.asarray(chip.permute(1, 2, 0).round().byte().numpy())


class FaceNetEmbedder(NetworkEmbedder):
    """512-dimensional unit vectors; identities differ from an L2 distance of about 1.1 on.

    With ``detect`` MTCNN finds the face again, and its box is cut out.
    """

    name, side, dimensions, unit_length = "facenet-vggface2", SIDE, 512, True
    terms: ClassVar[Mapping[str, str]] = {
        "facenet-vggface2": "FaceNet (InceptionResnetV1 trained on VGGFace2)",
        **DETECT,
    }

    def network(self, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The network on a device, behind its standardisation."""
        network = _network(str(self.weights.path), self.weights.sha256, device)
        return lambda batch: network((batch - 127.5) / 128)

    def chip(self, image: np.ndarray) -> np.ndarray | None:
        """Return `mtcnn_chip`."""
        return mtcnn_chip(image)
