"""The layout of Levin et al. (2009), distributed as PNG files: ``NAME.png`` is sharp, ``KERNEL.png`` a kernel and
``NAME_KERNEL_img.png`` blurred. Grey pictures become RGB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from facedeblur.benchmark.errors import MissingFile
from facedeblur.benchmark.files.images import to_uint8
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.metrics.fidelity.shift import best_shift
from facedeblur.generators.given.layout import Couple, Layout, Listing
from facedeblur.generators.kernels.files import read_bank

REACH = 8
"""Largest displacement between a blurred and a sharp picture, in pixels."""
_BLURRED = re.compile(r"(?P<image>.+)_(?P<kernel>[^_]+)_img")


class Levin2009(Layout):
    """Levin et al. 2009: 4 grey pictures, each photographed under 8 shakes of a camera, with measured kernels."""

    shape = "NAME.png, KERNEL.png and NAME_KERNEL_img.png"
    complete = True

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair every picture with its blurred versions, one for each kernel.

        Raises
        ------
        InputError
            When a picture of the grid is missing.
        """
        stems = {source[:-4] for source in sources if source.endswith(".png") and "/" not in source}
        blurred = [match for match in map(_BLURRED.fullmatch, sorted(stems)) if match]
        if not blurred:
            return Listing((), others=tuple(sources))
        names = sorted({match["image"] for match in blurred})
        kernels = sorted({match["kernel"] for match in blurred})
        needed = [*names, *kernels, *(_blurred(name, kernel) for name in names for kernel in kernels)]
        for stem in needed:
            if stem not in stems:
                raise MissingFile(root / f"{stem}.png", do="copy or download the whole folder again")
        couples = tuple(
            Couple(
                f"{_blurred(name, kernel)}.png", (f"{name}.png",), name, blur_kind="uniform", kernel=kernel,
                border="valid", pair_id=f"{name}_{kernel}",
            )
            for name in names
            for kernel in kernels
        )  # fmt: skip
        return Listing(couples)

    @classmethod
    def bank(cls, root: Path, couples: Sequence[Couple], photo: Callable[[str], np.ndarray]) -> Bank | None:
        """The kernels as convolution kernels; files may show them turned by 180 degrees."""
        kernels, turned = dict[str, np.ndarray](), []
        for name in dict.fromkeys(couple.kernel for couple in couples):
            read = read_bank(root / f"{name}.png")
            kernel = read.kernel(read.ids[0])
            choices = kernel, kernel[::-1, ::-1].copy()
            shown = [(photo(one.sharp[0]), photo(one.blurred)) for one in couples if one.kernel == name]
            misfits = [sum(_misfit(sharp, one, blurred) for sharp, blurred in shown) for one in choices]
            which = int(misfits[1] < misfits[0])
            kernels[name] = choices[which]
            turned += [name] * which
        return Bank.of(list(kernels), list(kernels.values()), {"source": root.resolve().name, "turned": turned})


def _blurred(name: str, kernel: str) -> str:
    return f"{name}_{kernel}_img"


def _misfit(sharp: np.ndarray, kernel: np.ndarray, blurred: np.ndarray) -> float:
    """Squared error between the blurred picture and the sharp one convolved, at the best shift by whole pixels."""
    crop = len(kernel) // 2 + REACH
    made = np.stack([fftconvolve(sharp[..., c] / 255, kernel, "same") for c in range(3)], axis=2)
    return best_shift(to_uint8(made), blurred, crop=crop, reach=REACH, step=1).squared_error
