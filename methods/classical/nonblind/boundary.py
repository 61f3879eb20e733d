"""Borders for deconvolution by FFT: the image continued beyond its edge and made periodic.

``taper`` is the boundary adjustment that Lin et al. (2020) take over from Kruse, Rother & Schmidt
(2017): replicate by (k - 1) / 2 on every side, then three rounds of edge tapering, each of which mixes the
image with its own wrapped blur by a weight that falls towards the border.

``wrap`` is that of Liu & Jia (2008): the image is unchanged, and the padding leads smoothly, with
zero Laplacian, from each edge to the opposite one.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import one_of

ROUNDS = 3
BORDERS = ("taper", "wrap")


class Periodic:
    """One blurred image made periodic, with the transfer function of its kernel.

    Parameters
    ----------
    blurred : (H, W, C) float32
        Values in [0, 1], C is 3 for RGB and 1 for grey.
    kernel : (k, k) float64
        Point spread function of odd size and sum 1.
    rounds : int
        Rounds of edge tapering.
    border : {'taper', 'wrap'}
        See above; `rounds` applies to ``taper`` only.

    Attributes
    ----------
    image : (C, P, Q) float32
        Periodic image, channels first; P and Q are at least H + k - 1 and W + k - 1 and quick to transform.
    otf : (P, Q // 2 + 1) complex64
        Half-plane transform of the kernel with its centre at the origin.
    """

    def __init__(self, blurred: np.ndarray, kernel: np.ndarray, *, rounds: int = ROUNDS, border: str = "taper"):
        one_of("border", border, BORDERS)
        height, width = blurred.shape[:2]
        size = kernel.shape[0]
        self._margin = (size - 1) // 2 if border == "taper" else 0
        self._inside = (height, width)
        self.shape = shape = fast_shape((height, width), size)
        self.otf = transfer(kernel, shape).astype(np.complex64)
        if border == "wrap":
            self.image = wrap_pad(blurred, shape).transpose(2, 0, 1).astype(np.float32)
            return
        before = self._margin
        # Padding beyond (k - 1) / 2, up to the fast size, is replicated at the bottom and the right.
        spread = [(before, whole - side - before) for side, whole in zip((height, width), shape, strict=True)]
        self.image = np.pad(blurred.transpose(2, 0, 1).astype(np.float32, copy=False), [(0, 0), *spread], mode="edge")
        weight = taper_weight(kernel, self.shape)
        for _ in range(rounds):
            self.image += (1 - weight) * (self.convolve(self.image) - self.image)

    def transform(self, image: np.ndarray) -> np.ndarray:
        """Half-plane Fourier transform of (C, P, Q) float32."""
        return fft.rfft2(image)

    def inverse(self, spectrum: np.ndarray) -> np.ndarray:
        """Inverse of `transform`."""
        return fft.irfft2(spectrum, s=self.shape)

    def convolve(self, image: np.ndarray) -> np.ndarray:
        """Circular convolution of (C, P, Q) with the kernel."""
        return self.inverse(self.transform(image) * self.otf)

    def correlate(self, image: np.ndarray) -> np.ndarray:
        """Circular correlation, the adjoint of `convolve`."""
        return self.inverse(self.transform(image) * self.otf.conj())

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Cut (C, P, Q) back to the (H, W, C) of the blurred image."""
        height, width = self._inside
        at = self._margin
        return image[:, at : at + height, at : at + width].transpose(1, 2, 0)


def fast_shape(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Least shape quick to transform that holds (H, W) and `size` - 1 pixels more each way."""
    height, width = (fft.next_fast_len(side + size - 1, real=True) for side in shape)
    return height, width


def wrap_pad(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Continue an image to a larger, periodic one (Liu & Jia 2008).

    Parameters
    ----------
    image : (H, W) or (H, W, C) float
    shape : (P, Q)
        At least (H, W); see `fast_shape`.

    Returns
    -------
    (P, Q) or (P, Q, C) float64
        The image at the top left, unchanged. Right of it and below, zero Laplacian between its opposite
        edges; in the corner, between the two strips. Repeated, it has no step that the image does not have.

    Raises
    ------
    InputError
        When `shape` is smaller than the image.
    """
    height, width = image.shape[:2]
    if shape[0] < height or shape[1] < width:
        raise InputError("padding", expected=f"at least {width}x{height}", found=f"{shape[1]}x{shape[0]}")
    out = np.zeros((*shape, *image.shape[2:]))
    out[:height, :width] = image
    below, right = shape[0] - height, shape[1] - width
    if right:
        first = _between(out[0, width - 1], out[0, 0], right)
        last = _between(out[height - 1, width - 1], out[height - 1, 0], right)
        out[0, width:] = first
        out[height - 1, width:] = last
        if height > 2:
            sides = out[1 : height - 1, width - 1], out[1 : height - 1, 0]
            out[1 : height - 1, width:] = _harmonic(first, last, *sides)
    if below:
        first = _between(out[height - 1, 0], out[0, 0], below)
        last = _between(out[height - 1, width - 1], out[0, width - 1], below)
        out[height:, 0] = first
        out[height:, width - 1] = last
        if width > 2:
            out[height:, 1 : width - 1] = _harmonic(out[height - 1, 1 : width - 1], out[0, 1 : width - 1], first, last)
    if below and right:
        edges = out[height - 1, width:], out[0, width:], out[height:, width - 1], out[height:, 0]
        out[height:, width:] = _harmonic(*edges)
    return out


def _between(start: np.ndarray, end: np.ndarray, count: int) -> np.ndarray:
    """(count, ...) values on the straight line between two that lie outside it."""
    weight = (np.arange(1, count + 1) / (count + 1)).reshape(-1, *[1] * np.ndim(start))
    return np.asarray((1 - weight) * start + weight * end)


def _harmonic(top: np.ndarray, bottom: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve the discrete Laplace equation in a rectangle.

    Parameters
    ----------
    top, bottom : (n, ...)
        Values above and below it.
    left, right : (m, ...)
        Values left and right of it.

    Returns
    -------
    (m, n, ...) float64
        By sine transforms, in which the five-point Laplacian is diagonal.
    """
    m, n = len(left), len(top)
    given = np.zeros((m, n, *top.shape[1:]))
    given[0] += top
    given[-1] += bottom
    given[:, 0] += left
    given[:, -1] += right
    rows = 2 - 2 * np.cos(np.pi * np.arange(1, m + 1) / (m + 1))
    columns = 2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))
    eigen = (rows[:, None] + columns).reshape(m, n, *[1] * (top.ndim - 1))
    return np.asarray(fft.idstn(fft.dstn(given, type=1, axes=(0, 1)) / eigen, type=1, axes=(0, 1)))


def transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Half-plane transform, complex128, of `kernel` in zeros of `shape`, its centre moved to the origin."""
    room = np.zeros(shape)
    size = kernel.shape[0]
    room[:size, :size] = kernel
    centre = (size - 1) // 2
    return np.asarray(fft.rfft2(np.roll(room, (-centre, -centre), axis=(0, 1))))


def gradient_power(shape: tuple[int, int]) -> np.ndarray:
    """Power spectrum of both circular forward differences, (P, Q // 2 + 1) float64."""
    rows = 4 * np.sin(np.pi * np.arange(shape[0]) / shape[0]) ** 2
    columns = 4 * np.sin(np.pi * np.arange(shape[1] // 2 + 1) / shape[1]) ** 2
    return np.asarray(rows[:, None] + columns)


def taper_weight(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Weight of the image itself in edge tapering, (P, Q) float32 in [0, 1], 1 away from the border.

    On each axis it is 1 less the autocorrelation of the kernel's projection, at the distance from
    the border and normalised to 1 there; the two axes multiply.
    """
    sides = []
    for axis, side in enumerate(shape):
        spectrum = np.abs(fft.rfft(kernel.sum(axis=1 - axis), n=side - 1)) ** 2
        correlation = fft.irfft(spectrum, n=side - 1)
        # Period side - 1: both outermost rows are at distance 0.
        closed = np.append(correlation, correlation[0]) / correlation.max()
        sides.append(np.clip(1 - closed, 0, 1))
    return np.outer(*sides).astype(np.float32)
