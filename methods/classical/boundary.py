"""Borders for deconvolution by FFT: the image continued beyond its edge and made periodic.

After the boundary adjustment that Lin et al. (2020) take over from Kruse, Rother & Schmidt (2017):
replicate by (k - 1) / 2 on every side, then three rounds of edge tapering, each of which mixes the
image with its own wrapped blur by a weight that falls towards the border.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

ROUNDS = 3


class Periodic:
    """One blurred image made periodic, with the transfer function of its kernel.

    Parameters
    ----------
    blurred : (H, W, 3) float32
        RGB in [0, 1].
    kernel : (k, k) float64
        Point spread function of odd size and sum 1.
    rounds : int
        Rounds of edge tapering.

    Attributes
    ----------
    image : (3, P, Q) float32
        Tapered image, channels first; P and Q are at least H + k - 1 and W + k - 1 and quick to transform.
    otf : (P, Q // 2 + 1) complex64
        Half-plane transform of the kernel with its centre at the origin.
    """

    def __init__(self, blurred: np.ndarray, kernel: np.ndarray, *, rounds: int = ROUNDS):
        height, width = blurred.shape[:2]
        size = kernel.shape[0]
        self._margin = (size - 1) // 2
        self._inside = (height, width)
        shape = tuple(fft.next_fast_len(side + size - 1, real=True) for side in (height, width))
        self.shape = (shape[0], shape[1])
        before = self._margin
        # What the quick size asks beyond (k - 1) / 2 is replicated at the bottom and the right.
        spread = [(before, whole - side - before) for side, whole in zip((height, width), shape, strict=True)]
        self.image = np.pad(blurred.transpose(2, 0, 1).astype(np.float32, copy=False), [(0, 0), *spread], mode="edge")
        self.otf = transfer(kernel, self.shape)
        weight = taper_weight(kernel, self.shape)
        for _ in range(rounds):
            self.image += (1 - weight) * (self.convolve(self.image) - self.image)

    def transform(self, image: np.ndarray) -> np.ndarray:
        """Half-plane Fourier transform of (3, P, Q) float32."""
        return fft.rfft2(image)

    def inverse(self, spectrum: np.ndarray) -> np.ndarray:
        """Inverse of `transform`."""
        return fft.irfft2(spectrum, s=self.shape)

    def convolve(self, image: np.ndarray) -> np.ndarray:
        """Circular convolution of (3, P, Q) with the kernel."""
        return self.inverse(self.transform(image) * self.otf)

    def correlate(self, image: np.ndarray) -> np.ndarray:
        """Circular correlation, the adjoint of `convolve`."""
        return self.inverse(self.transform(image) * self.otf.conj())

    def crop(self, image: np.ndarray) -> np.ndarray:
        """Cut (3, P, Q) back to the (H, W, 3) of the blurred image."""
        height, width = self._inside
        at = self._margin
        return image[:, at : at + height, at : at + width].transpose(1, 2, 0)


def transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Half-plane transform, complex64, of `kernel` in zeros of `shape`, its centre moved to the origin."""
    room = np.zeros(shape)
    size = kernel.shape[0]
    room[:size, :size] = kernel
    centre = (size - 1) // 2
    return fft.rfft2(np.roll(room, (-centre, -centre), axis=(0, 1))).astype(np.complex64)


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
