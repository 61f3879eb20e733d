"""Classical methods on one 128x128 RGB image, next to the times that papers print.

Printed times are of other machines: SHEN Table 12 (ten images of 128x128, 3.4 GHz i7; C++ for Shan, Cho-Lee and Xu,
MATLAB for the others), and "less than 3 s" for one megapixel in the abstract of Krishnan & Fergus 2009.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from common import PeerMissing, Ratio, interleave
from scipy import signal
from skimage import data

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.kernels.boracchi_foi import STANDARD
from facedeblur.methods.base import METHODS

SIZE = 27
PRINTED = {
    "shan-2008": 16.32, "cho-lee-2009": 0.41, "krishnan-2011": 2.52, "xu-2013": 0.31, "zhong-2013": 8.07,
    "pan-2014-faces": 8.11, "pan-2017": 10.55,
}  # fmt: skip
"""Seconds in SHEN Table 12."""
MEGAPIXEL = 3.0
EXEMPLARS = 60
TIMES_FASTER = 3.0


def blurred(kernel: np.ndarray) -> np.ndarray:
    """A face of 128x128 under `kernel`, noise 0.01; (1, 128, 128, 3) float32."""
    radius = len(kernel) // 2
    wide = data.astronaut()[60 - radius : 188 + radius, 160 - radius : 288 + radius] / 255
    image = np.stack([signal.fftconvolve(wide[..., c], kernel, "valid") for c in range(3)], axis=2)
    noisy = image + np.random.default_rng(0).normal(0, 0.01, image.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)[None]


def with_exemplars(folder: Path) -> Any:
    """Pan et al. 2014 with crops of one portrait: their number, not what they show, is what takes time."""
    rng = np.random.default_rng(1)
    for at in range(EXEMPLARS):
        down, right = rng.integers(-12, 13, 2)
        crop = data.astronaut()[30 + down : 222 + down, 130 + right : 322 + right]
        write_png(folder / f"{at}.png", cv2.resize(np.ascontiguousarray(crop), (128, 128)))
    try:
        return METHODS.get("pan-2014-faces")(exemplars=str(folder), size=SIZE)
    except InputError as error:
        raise PeerMissing(f"dlib ({error})") from error


def run() -> list[Ratio]:
    """Blind methods with size 27, then the hyper-Laplacian prior on a megapixel."""
    cv2.setNumThreads(1)
    kernel = STANDARD.draw(0, SIZE, 1)[0]
    image = blurred(kernel)
    methods = {name: METHODS.get(name)(size=SIZE) for name in (*PRINTED, "pan-2016") if name != "pan-2014-faces"}
    with tempfile.TemporaryDirectory() as room:
        methods["pan-2014-faces"] = with_exemplars(Path(room))
    seconds = interleave({name: lambda one=one: one.restore(image) for name, one in methods.items()}, rounds=5)
    rows = [
        Ratio(
            "T12",
            f"{name}, N={SIZE}, 128x128",
            seconds[name],
            printed,
            TIMES_FASTER,
            "printed: Shen et al. 2020, table 12",
        )
        for name, printed in PRINTED.items()
    ]
    # SHEN's Pan 2017a is another method; there is no printed time of this one.
    rows.append(
        Ratio("own", f"pan-2016, N={SIZE}, 128x128", seconds["pan-2016"], seconds["xu-2013"], 0.05, "our xu-2013")
    )
    large = np.tile(image[..., 1:2], (1, 8, 8, 1))[:, :1000, :1000]
    oracle = METHODS.get("krishnan-fergus-2009")()
    alone = interleave({"megapixel": lambda: oracle.restore(large, [kernel])}, rounds=3)["megapixel"]
    peer = "printed: Krishnan & Fergus 2009, abstract"
    rows.append(Ratio("KF09", "krishnan-fergus-2009, one grey megapixel", alone, MEGAPIXEL, TIMES_FASTER, peer))
    return rows
