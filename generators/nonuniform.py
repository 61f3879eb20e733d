"""Blur that differs from place to place: the mean of what a moving, turning camera sees of a flat scene.

The geometry is in `homography`. Parameters are those of the code of Lai et al., *A comparative study for single image
blind deblurring*, CVPR 2016, which pads by 20 pixels first, so that f = longer side + 40, and repeats the edge pixels
there. Its first axis runs down the rows: what it calls (RX, RY, RZ, TX, TY) is (-RY, -RX, -RZ, TY, TX) here. It halves
every rotation, leaves TZ out, and its middle is half a pixel nearer to the first row and column.
"""

from __future__ import annotations

import math

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.blur import BORDERS, border_index, pad_rows
from facedeblur.generators.homography import average, response, span

PAD = 20
"""Pixels around the image in Lai's code, which lengthen the focal length."""


def check_poses(poses: np.ndarray) -> np.ndarray:
    """Return `poses` as (T, 6) float64, or raise InputError where they are no poses."""
    values = np.ascontiguousarray(poses, np.float64)
    if values.ndim != 2 or values.shape[1] != 6 or len(values) == 0:
        raise InputError("poses", expected="(T, 6): RX RY RZ TX TY TZ", found=str(values.shape), do="make them again")
    turned = np.sqrt((values[:, :3] ** 2).sum(1)).max()
    if not np.isfinite(values).all() or turned > math.pi / 2 or values[:, 5].min() <= -1:
        raise InputError(
            "poses",
            expected="finite, turned by at most pi/2 radians, before the scene (TZ over -1)",
            found=f"turned by {turned:.3g}, TZ from {values[:, 5].min():.3g}",
            do="use radians, and distances in units of the scene's",
        )
    return values


def _camera(
    height: int, width: int, focal: float | None, centre: tuple[float, float] | None
) -> tuple[float, float, float]:
    """Focal length and middle of an image in pixels."""
    chosen = float(max(height, width) + 2 * PAD) if focal is None else float(focal)
    if not 0 < chosen < math.inf:
        raise InputError("focal length", expected="a positive number of pixels", found=f"{chosen:g}", do="change it")
    cx, cy = ((width - 1) / 2, (height - 1) / 2) if centre is None else centre
    return chosen, float(cx), float(cy)


def _reach(poses: np.ndarray, focal: float, cx: float, cy: float, height: int, width: int) -> int:
    """How many pixels beyond its edges an image is read."""
    corners = np.array([(x - cx, y - cy) for x in (0, width - 1) for y in (0, height - 1)])
    seen = np.empty(4)
    if not span(poses, focal, corners, seen):
        raise InputError(
            "poses", expected="the whole image before the camera", found="a part behind it", do="turn less"
        )
    beyond = max(-(seen[0] + cx), seen[1] + cx - (width - 1), -(seen[2] + cy), seen[3] + cy - (height - 1), 0.0)
    # One more for the neighbour to the right, and for a sum that rounds to the pixel beyond.
    return math.ceil(min(beyond, 1e9)) + 1


def reach(poses: np.ndarray, shape: tuple[int, int], *, focal: float | None = None) -> int:
    """How far beyond an image the poses look.

    Parameters
    ----------
    poses : (T, 6) float64
    shape : (height, width)
        Of the blurred image.
    focal : float, optional
        As in `blur_poses`.

    Returns
    -------
    int
        Pixels.
    """
    return _reach(check_poses(poses), *_camera(*shape, focal, None), *shape)


def blur_poses(
    image: np.ndarray,
    poses: np.ndarray,
    *,
    border: str = "replicate",
    margin: int | None = None,
    focal: float | None = None,
    centre: tuple[float, float] | None = None,
) -> np.ndarray:
    """Average an image as it is seen from every pose.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array
        RGB or grey, in any range. With ``border='valid'`` it is larger than the result by `margin` on every side.
    poses : (T, 6) float64
        RX, RY, RZ in radians, TX, TY, TZ in units of the distance to the scene; see `poses.poses`.
    border : {'valid', 'reflect', 'replicate', 'zero', 'circular'}
        What lies outside the image, see ``blur.BORDERS``.
    margin : int, optional
        For 'valid' only, pixels: how far the poses may reach.
    focal : float, optional
        Focal length in pixels; by default the longer side of the result + 40, as in Lai's code.
    centre : (float, float), optional
        Column and row of the principal point in the result; its middle by default.

    Returns
    -------
    (h, w) or (h, w, 3) float64

    Raises
    ------
    InputError
        When the image, the poses or an option is not usable, or the poses reach further than there are pixels.
    """
    image, moves = np.asarray(image), check_poses(poses)
    if image.ndim not in (2, 3) or image.size == 0 or image.dtype.kind not in "fu":
        raise InputError(
            "image to blur",
            expected="(H, W) or (H, W, 3) of float or uint8",
            found=f"{image.shape} of {image.dtype}",
            do="convert it",
        )
    if border not in BORDERS:
        raise InputError(f"border '{border}'", expected=f"one of {', '.join(BORDERS)}", do=suggest(border, BORDERS))
    if (margin is None) == (border == "valid"):
        raise InputError(
            "margin", expected="a number with border 'valid', and none with others", found=f"{margin}", do="change one"
        )
    spare = int(margin or 0)
    height, width = image.shape[0] - 2 * spare, image.shape[1] - 2 * spare
    if spare < 0 or height < 2 or width < 2:
        raise InputError("margin", expected="at least 0, and under half the image", found=str(spare), do="change it")
    length, cx, cy = _camera(height, width, focal, centre)
    reach = _reach(moves, length, cx, cy, height, width)
    limit = spare if border == "valid" else min(height, width) - 1
    if reach > limit:
        raise InputError(
            "poses",
            expected=f"a reach of at most {limit} px beyond the image",
            found=f"{reach} px",
            do="give a larger crop" if border == "valid" else "use poses that move less",
        )
    stack = np.ascontiguousarray(image[:, :, None] if image.ndim == 2 else image)
    channels, padding = stack.shape[2], 0 if border == "valid" else reach
    rows = np.empty((stack.shape[0] + 2 * padding, (stack.shape[1] + 2 * padding) * channels))
    vertical, horizontal = (border_index(n, padding, border) for n in stack.shape[:2])
    pad_rows(stack, vertical, horizontal, rows)
    out = np.empty((height, width * channels))
    average(rows, channels, moves, length, cx, cy, padding + spare, padding + spare, out)
    return out.reshape(height, width) if image.ndim == 2 else out.reshape(height, width, channels)


def local_kernel(
    poses: np.ndarray,
    x: float,
    y: float,
    size: int,
    *,
    shape: tuple[int, int],
    focal: float | None = None,
    centre: tuple[float, float] | None = None,
) -> np.ndarray:
    """The point spread function at a pixel: what a single white pixel becomes, cut out around it.

    Parameters
    ----------
    poses : (T, 6) float64
    x, y : float
        Column and row of the pixel.
    size : int
        Odd side of the cut in pixels.
    shape : (height, width)
        Of the image.
    focal, centre
        As in `blur_poses`.

    Returns
    -------
    (size, size) float64
        Its sum is 1 where the poses neither tilt nor approach the scene, near 1 otherwise; less what lies outside.

    Raises
    ------
    InputError
        When the poses are not usable or the size is even.
    """
    if size < 1 or size % 2 == 0:
        raise InputError("size of a local kernel", expected="an odd number", found=str(size), do="add 1")
    length, cx, cy = _camera(*shape, focal, centre)
    out = np.zeros((size, size))
    response(check_poses(poses), length, float(x) - cx, float(y) - cy, out)
    return out
