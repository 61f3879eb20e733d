"""Blur that differs from place to place: the mean of what a moving, turning camera sees of a flat scene.

    H_t = K (R_t + T_t (0 0 1)) K^-1        sharp to pose t; R from the axis-angle vector, T in units of the distance
    K = [f 0 cx; 0 f cy; 0 0 1]             f the focal length, (cx, cy) the principal point, pixels
    mean(p) = mean_t sharp(H_t^-1 p)        bilinear

Whyte et al., *Non-uniform deblurring for shaken images*, CVPR 2010, here with translation. Coordinates are offsets from
the principal point. All sums are taken in a fixed order in float64, so results do not depend on the machine.

Parameters are those of the code of Lai et al., *A comparative study for single image blind deblurring*, CVPR 2016. It
pads by 20 pixels first, so that f = longer side + 40, and repeats the edge pixels there. Its first axis runs down the
rows: what it calls (RX, RY, RZ, TX, TY) is (-RY, -RX, -RZ, TY, TX) here. It halves every rotation, leaves TZ out, and
its middle is half a pixel nearer to the first row and column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of
from facedeblur.generators.blur.convolve import BORDERS, border_index, pad_rows
from facedeblur.generators.blur.degrade import ROUNDINGS, check_pairs
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.random.philox import cosine_sine

PAD = 20
"""Pixels around the image in Lai's code, which lengthen the focal length."""


def check_poses(poses: np.ndarray) -> np.ndarray:
    """Return `poses` as (T, 6) float64, or raise InputError if they are not poses."""
    values = np.ascontiguousarray(poses, np.float64)
    if values.ndim != 2 or values.shape[1] != 6 or len(values) == 0:
        raise InputError("poses", expected="(T, 6): RX RY RZ TX TY TZ", found=str(values.shape), do="make them again")
    turned = np.sqrt((values[:, :3] ** 2).sum(1)).max()
    if not np.isfinite(values).all() or turned > math.pi / 2 or values[:, 5].min() <= -1:
        raise InputError(
            "poses",
            expected="finite values, angles of at most pi/2 radians, the camera in front of the scene (TZ over -1)",
            found=f"an angle of {turned:.3g}, TZ of {values[:, 5].min():.3g}",
            do="give angles in radians, and distances in units of the scene's distance",
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
        raise InputError("poses", "a part of the image is behind the camera", do="use smaller angles")
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
        What is outside the image, see ``blur.BORDERS``.
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
        If the image, the poses or an option is not usable, or the poses reach further than there are pixels.
    """
    image, moves = np.asarray(image), check_poses(poses)
    if image.ndim not in (2, 3) or image.size == 0 or image.dtype.kind not in "fu":
        raise InputError(
            "image to blur",
            expected="(H, W) or (H, W, 3) of float or uint8",
            found=f"{image.shape} of {image.dtype}",
            do="convert it",
        )
    one_of("border", border, BORDERS)
    if (margin is None) == (border == "valid"):
        raise InputError(
            "margin", "border 'valid' needs a margin, other borders have none", do="change the margin or the border"
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


@njit(cache=True, error_model="numpy")
def _back(pose: Any, focal: Any, a: Any) -> None:
    """Write to `a` what takes pixels of a pose back to the sharp image, offsets from the middle on both sides."""
    angle = math.sqrt(pose[0] * pose[0] + pose[1] * pose[1] + pose[2] * pose[2])
    p = np.eye(3)
    if angle > 0.0:
        x, y, z = pose[0] / angle, pose[1] / angle, pose[2] / angle
        c, s = cosine_sine(angle)
        d = 1.0 - c
        p[0, 0], p[0, 1], p[0, 2] = c + x * x * d, x * y * d - z * s, x * z * d + y * s
        p[1, 0], p[1, 1], p[1, 2] = x * y * d + z * s, c + y * y * d, y * z * d - x * s
        p[2, 0], p[2, 1], p[2, 2] = x * z * d - y * s, y * z * d + x * s, c + z * z * d
    for i in range(3):
        p[i, 2] += pose[3 + i]
    for i in range(3):
        for j in range(3):
            # Cofactors, transposed; the determinant cancels in the quotient.
            i1, i2, j1, j2 = (j + 1) % 3, (j + 2) % 3, (i + 1) % 3, (i + 2) % 3
            a[i, j] = p[i1, j1] * p[i2, j2] - p[i1, j2] * p[i2, j1]
    a[0, 2] *= focal
    a[1, 2] *= focal
    a[2, 0] /= focal
    a[2, 1] /= focal
    # Divided once here, so that a pose at rest gives exactly the identity.
    scale = a[2, 2]
    for i in range(3):
        for j in range(3):
            a[i, j] /= scale


@njit(cache=True, error_model="numpy")
def span(poses: Any, focal: Any, corners: Any, out: Any) -> Any:
    """Write least and most column and row that are read, as offsets; return whether all corners are in view."""
    a = np.empty((3, 3))
    out[0], out[1], out[2], out[3] = math.inf, -math.inf, math.inf, -math.inf
    fine = True
    for t in range(len(poses)):
        _back(poses[t], focal, a)
        for k in range(len(corners)):
            x, y = corners[k, 0], corners[k, 1]
            w = a[2, 0] * x + a[2, 1] * y + a[2, 2]
            # Far behind counts as behind: no exposure turns that far.
            fine &= w > 1e-3
            u, v = (a[0, 0] * x + a[0, 1] * y + a[0, 2]) / w, (a[1, 0] * x + a[1, 1] * y + a[1, 2]) / w
            out[0], out[1], out[2], out[3] = min(out[0], u), max(out[1], u), min(out[2], v), max(out[3], v)
    return fine


@njit(cache=True, error_model="numpy", forceinline=True)
def _look(flat: Any, stride: Any, corner: Any, c: Any, ax: Any, ay: Any) -> Any:
    """Bilinear value of channel `c` in the cell whose first sample is at `corner`; `stride` is a row's length."""
    at = corner + np.uint64(c)
    p, q = flat[at], flat[at + stride[0]]
    p += ax * (flat[at + stride[1]] - p)
    q += ax * (flat[at + stride[0] + stride[1]] - q)
    return p + ay * (q - p)


@njit(cache=True, error_model="numpy")
def average(rows: Any, channels: Any, poses: Any, focal: Any, cx: Any, cy: Any, left: Any, top: Any, out: Any) -> None:
    """Average the padded `rows`, seen from all poses, in `out` (H, W * channels); offsets count from (cx, cy).

    (left, top) is what must be added to a place in the image to get the place in `rows`.
    """
    height, width = out.shape[0], out.shape[1] // channels
    a = np.empty((3, 3))
    flat, line = rows.ravel(), rows.shape[1]
    # Unsigned, so that no index counts from the end.
    stride = (np.uint64(line), np.uint64(channels))
    corner, ax, ay = np.empty(width, np.int64), np.empty(width), np.empty(width)
    out[:] = 0.0
    for t in range(len(poses)):
        _back(poses[t], focal, a)
        a00, a10, a20 = a[0, 0], a[1, 0], a[2, 0]
        for y in range(height):
            dy = y - cy
            u0, v0, w0 = a[0, 1] * dy + a[0, 2], a[1, 1] * dy + a[1, 2], a[2, 1] * dy + a[2, 2]
            # Places first, in a loop that vectorises, then the pixels there.
            for x in range(width):
                dx = x - cx
                w = 1.0 / (a20 * dx + w0)
                u = (a00 * dx + u0) * w + (cx + left)
                v = (a10 * dx + v0) * w + (cy + top)
                fu, fv = np.floor(u), np.floor(v)
                ax[x], ay[x] = u - fu, v - fv
                corner[x] = np.int32(fv) * line + np.int32(fu) * channels
            target = out[y]
            if channels == 3:
                for x in range(width):
                    k, s, f, g = np.uint64(corner[x]), 3 * x, ax[x], ay[x]
                    target[s] += _look(flat, stride, k, 0, f, g)
                    target[s + 1] += _look(flat, stride, k, 1, f, g)
                    target[s + 2] += _look(flat, stride, k, 2, f, g)
            else:
                for x in range(width):
                    for c in range(channels):
                        target[x * channels + c] += _look(flat, stride, np.uint64(corner[x]), c, ax[x], ay[x])
    for y in range(height):
        for x in range(width * channels):
            out[y, x] /= len(poses)


@njit(cache=True, error_model="numpy")
def _levels(grey: Any, z: Any, scale: Any, half: Any, out: Any) -> None:
    """Add noise, clip and round, sample by sample."""
    for i in range(len(grey)):
        out[i] = np.uint8(math.floor(min(max(grey[i] + scale * np.float64(z[i]), 0.0), 255.0) + half))


def degrade_nonuniform(
    sharp: np.ndarray,
    poses: Sequence[np.ndarray] | np.ndarray,
    *,
    noise: Noise,
    seed: int,
    indices: Sequence[int] | np.ndarray,
    border: str = "replicate",
    margin: int | None = None,
    rounding: str = "round",
    focal: float | None = None,
) -> np.ndarray:
    """Blur one image by several exposures of a moving camera, add noise, clip and round.

    Parameters
    ----------
    sharp : (H, W, 3) or (H, W) uint8
        RGB or grey. With ``border='valid'`` it is larger than the result by `margin` on every side.
    poses : (n, T, 6) array or sequence of (T, 6) arrays
        Of each exposure; see `poses.poses`.
    noise : Noise
        Its scale and law.
    seed : int
        Seed of the noise, from 0 to 2**64 - 1.
    indices : sequence of int
        Number of each pair, which with the seed gives its noise, the same as `degrade.degrade_many` gives.
    border, margin, focal
        As in `nonuniform.blur_poses`.
    rounding : {'round', 'truncate'}
        To the nearest level, or towards zero.

    Returns
    -------
    (n, h, w, 3) or (n, h, w) uint8

    Raises
    ------
    InputError
        If the image, the poses or an option is not usable.

    Notes
    -----
    Grey levels are floor(clip(255 sigma z + mean of the poses' grey levels, 0, 255) + 1/2) in float64, z the noise
    at unit scale.
    """
    sharp = np.asarray(sharp)
    check_pairs(sharp, poses, "exposures", indices, rounding)
    made = []
    for index, moves in zip(indices, poses, strict=True):
        grey = blur_poses(sharp, moves, border=border, margin=margin, focal=focal)
        z = noise.draw(seed, index, (*grey.shape, 1)[:3])
        out = np.empty(grey.shape, np.uint8)
        _levels(grey.ravel(), z.ravel(), 255.0 * float(noise.sigma), ROUNDINGS[rounding], out.ravel())
        made.append(out)
    return np.array(made)
