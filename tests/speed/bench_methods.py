"""Simple deconvolution of one 128x128 RGB image, against scikit-image and the usual script in float64."""

from __future__ import annotations

import numpy as np
from common import Ratio, interleave
from skimage import data, restoration

from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.methods.classical.nonblind.boundary import ROUNDS, taper_weight
from facedeblur.methods.classical.nonblind.richardson_lucy import RichardsonLucy
from facedeblur.methods.classical.nonblind.wiener import Wiener

SIZE = 27
ITERATIONS = 30
SCRIPT = "the same in float64 with {numpy}"


def padded_by(peer, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Replicate the edge, restore each channel, cut: the least that a script with scikit-image does."""
    radius = len(kernel) // 2
    wide = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), "edge")
    planes = [peer(np.ascontiguousarray(wide[..., c]), kernel) for c in range(3)]
    return np.stack(planes, -1)[radius:-radius, radius:-radius]


def script_wiener(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Three rounds of edge tapering and the Wiener filter by complex FFTs in float64."""
    room = np.zeros(plane.shape)
    room[: len(kernel), : len(kernel)] = kernel
    transfer = np.fft.fft2(np.roll(room, (-(len(kernel) // 2),) * 2, (0, 1)))
    weight = taper_weight(kernel, plane.shape)
    plane = plane.astype(np.float64)
    for _ in range(ROUNDS):
        plane = weight * plane + (1 - weight) * np.fft.ifft2(np.fft.fft2(plane) * transfer).real
    return np.fft.ifft2(np.fft.fft2(plane) * transfer.conj() / (np.abs(transfer) ** 2 + 0.01)).real


def run() -> list[Ratio]:
    """Wiener and Richardson-Lucy; scikit-image's Wiener does no tapering, so it has a quarter of the work."""
    kernel = STANDARD.draw(0, SIZE, 1)[0]
    image = (data.astronaut()[60:188, 180:308] / 255).astype(np.float32)
    ours = {"wiener": Wiener(), "richardson-lucy": RichardsonLucy(iterations=ITERATIONS)}
    narrow = kernel.astype(np.float32)
    jobs = {name: lambda method=method: method.restore(image[None], [kernel]) for name, method in ours.items()}
    jobs["script wiener"] = lambda: padded_by(script_wiener, image, kernel)
    jobs["skimage wiener"] = lambda: padded_by(lambda y, k: restoration.wiener(y, k, 0.1), image, narrow)
    jobs["skimage richardson-lucy"] = lambda: padded_by(
        lambda y, k: restoration.richardson_lucy(y, k, num_iter=ITERATIONS), image, narrow
    )
    seconds = interleave(jobs, rounds=15)
    return [
        Ratio("own", "wiener, N=27, 128x128", seconds["wiener"], seconds["script wiener"], 2.0, SCRIPT),
        Ratio(
            "own",
            "wiener, N=27, 128x128",
            seconds["wiener"],
            seconds["skimage wiener"],
            0.5,
            "{scikit-image}, no tapering",
        ),
        Ratio(
            "own",
            "richardson-lucy, 30 iterations, N=27, 128x128",
            seconds["richardson-lucy"],
            seconds["skimage richardson-lucy"],
            1.5,
            "{scikit-image}",
        ),
    ]
