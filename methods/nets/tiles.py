"""Images of any size through a network that wants certain sizes: padding, and tiles that are blended.

The rule of padding is one for all networks: the image is mirrored at the bottom and at the right (its edge row twice,
as ``numpy.pad``'s ``symmetric``; again and again where it is smaller than what is missing) until height and width are
multiples of the network's ``multiple`` and reach its ``smallest``; the result is cut back. Differences from what
the authors' codes do with other sizes: Shen et al. 2018 resize every image to 128x128, DeblurGAN-v2 pads with zeros,
by 32 rows and columns even where none is missing. Networks that normalise by the picture (Shen 2018, UMSN,
DeblurGAN, DeblurGAN-v2) or estimate one kernel from it (Lin 2020) see the mirrored rows as part of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def whole_side(side: int, *, multiple: int, smallest: int = 1) -> int:
    """Smallest multiple of `multiple` that is `side` and `smallest` at least."""
    return -(-max(side, smallest) // multiple) * multiple


def mirror(images: Tensor, height: int, width: int) -> Tensor:
    """Continue (N, C, H, W) at the bottom and right, mirrored at its edges, to `height` and `width`."""
    for axis, side in ((2, height), (3, width)):
        have = int(images.shape[axis])
        if side > have:
            place = torch.arange(side, device=images.device) % (2 * have)
            images = images.index_select(axis, torch.minimum(place, 2 * have - 1 - place))
    return images


def restore_whole(
    run: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    multiple: int,
    smallest: int = 1,
    tile: int = 0,
    overlap: int = 32,
) -> Tensor:
    """Restore images of any size, in one piece or in tiles.

    Tiles overlap, and each counts less towards its borders: linearly over the pixels that it shares with the next,
    and nothing beyond. Only one tile (of every image of the batch) is in memory at a time.

    Parameters
    ----------
    run : callable
        The network: (N, C, H, W) to (N, 3, H, W), H and W multiples of `multiple` and `smallest` at least.
    images : (N, C, H, W) float
        RGB in [0, 1], and further channels if `run` reads some.
    multiple, smallest : int
        What the network takes.
    tile : int
        Side of a tile in pixels, raised to what the network takes; 0 is the whole image. An image that is no larger is
        restored in one piece.
    overlap : int
        Pixels that neighbouring tiles share at least, where the tiles are larger than that.

    Returns
    -------
    (N, 3, H, W) float32
    """
    height, width = (int(side) for side in images.shape[2:])
    tall, wide = (whole_side(side, multiple=multiple, smallest=smallest) for side in (height, width))
    images = mirror(images, tall, wide)
    side = whole_side(tile, multiple=multiple, smallest=smallest) if tile else max(tall, wide)
    if side >= max(tall, wide):
        return run(images)[:, :, :height, :width].float()
    rows, columns = (tile_starts(total, side, overlap, multiple) for total in (tall, wide))
    down, across = min(side, tall), min(side, wide)
    total = torch.zeros((images.shape[0], 3, tall, wide), dtype=torch.float32, device=images.device)
    weights = torch.zeros(tall, wide, dtype=torch.float32, device=images.device)
    for top in rows:
        for left in columns:
            part = run(images[:, :, top : top + down, left : left + across].contiguous()).float()
            weight = torch.outer(_ramp(top, down, tall, overlap), _ramp(left, across, wide, overlap)).to(images.device)
            total[:, :, top : top + down, left : left + across] += weight * part
            weights[top : top + down, left : left + across] += weight
    return (total / weights)[:, :, :height, :width]


def tile_starts(total: int, side: int, overlap: int, multiple: int) -> list[int]:
    """First pixels of the tiles of `side` that cover `total`; steps divide by `multiple`, the last ends at the end."""
    if side >= total:
        return [0]
    step = max(multiple, (side - overlap) // multiple * multiple)
    return [*range(0, total - side, step), total - side]


def _ramp(start: int, side: int, total: int, overlap: int) -> Tensor:
    """Weight of each pixel of a tile: 1 inside and at the border of the image, falling towards other tiles."""
    place = torch.arange(side, dtype=torch.float32)
    weight = torch.ones(side)
    if start > 0:
        weight = torch.minimum(weight, (place + 1) / (overlap + 1))
    if start + side < total:
        weight = torch.minimum(weight, (side - place) / (overlap + 1))
    return weight
