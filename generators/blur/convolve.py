"""Blur by true convolution with a stated border.

    blurred[y, x, c] = sum_ij kernel[i, j] image[y + r - i, x + r - j, c],   r = (size - 1) / 2

for each channel. Motion kernels are sparse (about 90 of 27 x 27 values are non-zero), so a direct sum over the
non-zero values beats every transform; and its order is fixed, so float64 results do not depend on the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import check_kernel
from facedeblur.benchmark.options import checked, one_of

BORDERS = ("valid", "reflect", "replicate", "zero", "circular")
"""What is outside an image: nothing, so that the result is smaller ('valid'); the image mirrored at the middle of its
edge pixels ('reflect', numpy's name for it); its edge pixels ('replicate'); zeros; the image again ('circular')."""

FUSED = 8
"""Values of a kernel summed in one pass over a row."""

_DENSE = 250


def check_border(border: str, height: int, width: int, size: int) -> None:
    """Raise InputError where `border` is unknown or a kernel of `size` is larger than the image."""
    one_of("border", border, BORDERS)
    if size > min(height, width):
        raise InputError(
            f"kernel of {size}x{size}",
            expected="at most the size of the image",
            found=f"an image of {width}x{height}",
            do="use a smaller kernel or a larger image",
        )


def border_index(n: int, radius: int, border: str) -> np.ndarray:
    """Index of the image row (or column) at each of ``n + 2 radius`` padded places; -1 for zero."""
    place = np.arange(-radius, n + radius)
    if border == "reflect":
        return (n - 1) - np.abs((n - 1) - np.abs(place))
    if border == "replicate":
        return np.clip(place, 0, n - 1)
    if border == "circular":
        return place % n
    return np.where((place >= 0) & (place < n), place, -1)


@njit(cache=True, error_model="numpy")
def pad_rows(image: Any, rows: Any, columns: Any, out: Any) -> None:
    """Copy `image` (H, W, C) to `out` (len(rows), len(columns) * C) by index, -1 giving zero; converts to its type."""
    height, width, channels = image.shape
    above, left = (len(rows) - height) // 2, (len(columns) - width) // 2
    for y in range(height):
        source, target = image[y], out[above + y]
        for x in range(left):
            for c in range(channels):
                first, last = columns[x], columns[left + width + x]
                target[x * channels + c] = source[first, c] if first >= 0 else 0
                target[(left + width + x) * channels + c] = source[last, c] if last >= 0 else 0
        flat, middle = source.reshape(width * channels), target[left * channels : (left + width) * channels]
        for x in range(width * channels):
            middle[x] = flat[x]
    for y in range(len(rows)):
        if not above <= y < above + height:
            # Not an assignment of a whole row: its check of shapes takes 2 s to compile.
            for x in range(out.shape[1]):
                out[y, x] = out[above + rows[y], x] if rows[y] >= 0 else 0


@njit(cache=True, error_model="numpy")
def find_taps(kernel: Any, radius: Any, channels: Any, stride: Any, place: Any, weight: Any) -> Any:
    """List the non-zero values of a kernel, flipped, and their places in an image padded by `radius`.

    `stride` is the length of a padded row. The list is filled up with zero weights to a multiple of ``FUSED``; its
    length is returned.
    """
    size = len(kernel)
    first = radius - size // 2
    n = 0
    for i in range(size):
        for j in range(size):
            value = kernel[size - 1 - i, size - 1 - j]
            if value != 0.0:
                place[n], weight[n] = (first + i) * stride + (first + j) * channels, value
                n += 1
    while n % FUSED:
        place[n], weight[n] = place[0], 0.0
        n += 1
    return n


@njit(cache=True, error_model="numpy", forceinline=True)
def convolve_row(flat: Any, start: Any, place: Any, weight: Any, acc: Any) -> None:
    """Sum the taps of the output row that begins at `start` into `acc`: eight together, then onto what is there."""
    for i in range(len(acc)):
        acc[i] = 0
    for k in range(0, len(weight), FUSED):
        w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
        w4, w5, w6, w7 = weight[k + 4], weight[k + 5], weight[k + 6], weight[k + 7]
        # Unsigned, so that no index counts from the end and the loop vectorises.
        p0, p1 = np.uint64(start + place[k]), np.uint64(start + place[k + 1])
        p2, p3 = np.uint64(start + place[k + 2]), np.uint64(start + place[k + 3])
        p4, p5 = np.uint64(start + place[k + 4]), np.uint64(start + place[k + 5])
        p6, p7 = np.uint64(start + place[k + 6]), np.uint64(start + place[k + 7])
        for i in range(len(acc)):
            c: Any = np.uint64(i)
            low = w0 * flat[p0 + c] + w1 * flat[p1 + c] + w2 * flat[p2 + c] + w3 * flat[p3 + c]
            acc[i] += low + (w4 * flat[p4 + c] + w5 * flat[p5 + c] + w6 * flat[p6 + c] + w7 * flat[p7 + c])


@njit(cache=True, error_model="numpy")
def _convolve(rows: Any, kernel: Any, radius: Any, channels: Any, weight: Any, out: Any) -> None:
    place = np.empty(len(weight), np.int64)
    stride = rows.shape[1]
    n = find_taps(kernel, radius, channels, stride, place, weight)
    for y in range(len(out)):
        convolve_row(rows.ravel(), y * stride, place[:n], weight[:n], out[y])


@checked
def blur(image: np.ndarray, kernel: np.ndarray, *, border: str = "reflect") -> np.ndarray:
    """Convolve an image with a kernel.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) float64 or float32
        RGB or grey in [0, 1]. Float64 gives the same bits on every machine; float32 is for training, and a kernel with
        more than 250 non-zero values then goes through OpenCV.
    kernel : (size, size) array
        Point spread function: odd size, at least 0, sum 1.
    border : {'valid', 'reflect', 'replicate', 'zero', 'circular'}
        See ``BORDERS``.

    Returns
    -------
    array of the type of `image`
        Its shape, or with 'valid' ``size - 1`` less in height and width.

    Raises
    ------
    InputError
        If the image or the kernel is not usable, the kernel larger than the image, or the border unknown.

    Examples
    --------
    >>> import facedeblur as fd
    >>> from skimage import data
    >>> kernel = fd.kernels("27", per_size=1).kernel("ker01_k27")
    >>> fd.blur(data.astronaut() / 255, kernel).shape
    (512, 512, 3)
    >>> fd.blur(data.astronaut() / 255, kernel, border="valid").shape
    (486, 486, 3)
    """
    kernel = check_kernel(kernel)
    if image.ndim not in (2, 3) or image.dtype not in (np.float32, np.float64) or image.size == 0:
        raise InputError(
            "image to blur",
            expected="(H, W) or (H, W, 3) of float32 or float64 in [0, 1]",
            found=f"{image.shape} of {image.dtype}",
            do="convert it, for 8-bit images with image / 255",
        )
    height, width = image.shape[:2]
    check_border(border, height, width, len(kernel))
    radius = len(kernel) // 2
    stack = np.ascontiguousarray(image[:, :, None] if image.ndim == 2 else image)
    channels = stack.shape[2]
    padding = 0 if border == "valid" else radius
    rows = np.empty((height + 2 * padding, (width + 2 * padding) * channels), image.dtype)
    pad_rows(stack, border_index(height, padding, border), border_index(width, padding, border), rows)
    shape = (height + 2 * padding - 2 * radius, width + 2 * padding - 2 * radius, channels)
    taps = int(np.count_nonzero(kernel))
    if image.dtype == np.float32 and taps > _DENSE:
        out = _opencv(rows.reshape(len(rows), -1, channels), kernel, radius)
    else:
        out = np.empty((shape[0], shape[1] * channels), image.dtype)
        weight = np.empty(taps + FUSED, image.dtype)
        _convolve(rows, kernel, radius, channels, weight, out)
    return out.reshape(shape)[:, :, 0] if image.ndim == 2 else out.reshape(shape)


def _opencv(padded: np.ndarray, kernel: np.ndarray, radius: int) -> np.ndarray:
    import cv2

    full = cv2.filter2D(padded, -1, np.ascontiguousarray(kernel[::-1, ::-1]), borderType=cv2.BORDER_CONSTANT)
    full = full.reshape(padded.shape)
    return np.ascontiguousarray(full[radius : len(full) - radius, radius : full.shape[1] - radius])
