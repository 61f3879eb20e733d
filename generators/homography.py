"""What a moving camera sees of a flat scene: homographies of its poses, and the mean over them.

    H_t = K (R_t + T_t (0 0 1)) K^-1        sharp to pose t; R from the axis-angle vector, T in units of the distance
    K = [f 0 cx; 0 f cy; 0 0 1]             f the focal length, (cx, cy) the principal point, pixels
    mean(p) = mean_t sharp(H_t^-1 p)        bilinear

Whyte et al., *Non-uniform deblurring for shaken images*, CVPR 2010, here with translation. Coordinates are offsets from
the principal point. All sums are made in a fixed order of float64, so results do not depend on the machine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from facedeblur.generators.philox import cosine_sine


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
def response(poses: Any, focal: Any, dx: Any, dy: Any, out: Any) -> None:
    """Write what a point at an offset from the middle becomes around itself."""
    size = len(out)
    a = np.empty((3, 3))
    for t in range(len(poses)):
        _back(poses[t], focal, a)
        for i in range(size):
            for j in range(size):
                x, y = dx + (j - size // 2), dy + (i - size // 2)
                w = a[2, 0] * x + a[2, 1] * y + a[2, 2]
                fx = 1.0 - abs((a[0, 0] * x + a[0, 1] * y + a[0, 2]) / w - dx)
                fy = 1.0 - abs((a[1, 0] * x + a[1, 1] * y + a[1, 2]) / w - dy)
                if fx > 0.0 and fy > 0.0:
                    out[i, j] += fx * fy
    for i in range(size):
        for j in range(size):
            out[i, j] /= len(poses)
